//! Tests of the errors of variables, flags and the file as a whole.

use super::*;

#[test]
fn a_variable_is_named_with_its_value() {
    let shown = rendered_errors_with(
        "region = \"eu-west-1\"\n[sessions.a]\ntoken = { file = \"/a\" }\n",
        &[
            ("SESSION_KEEPALIVE_SHUTDOWN__GRACE", "20"),
            ("SESSION_KEEPALIVE_LOG_LEVEL", "debug"),
            ("SESSION_KEEPALIVE_TOKEN", "abc-hunter2"),
            ("SESSION_KEEPALIVE_SESSIONS__B__TOKEN", "abc-hunter2"),
        ],
    );
    assert!(!shown.contains("hunter2"), "{shown}");
    insta::assert_snapshot!(shown, @r#"
    error: SESSION_KEEPALIVE_LOG_LEVEL: there is no such variable
    --> environment:1:1
     |
     | SESSION_KEEPALIVE_LOG_LEVEL=*****
     | ^^^^^^^^^^^^^^^^^^^^^^^^^^^ did you mean SESSION_KEEPALIVE_LOG__LEVEL?

    error: SESSION_KEEPALIVE_SESSIONS__B__TOKEN: a token is never written here, only where it is
    --> environment:1:38
     |
     | SESSION_KEEPALIVE_SESSIONS__B__TOKEN=***********
     |                                      ^^^^^^^^^^^ hidden
     |
     = help: write one of
             token = { file = "/run/secrets/token" }
             token = { env = "NAME" }
             token = { credential = "NAME" }
             token = { command = ["/usr/bin/program", "argument"] }
             token = { mint = { client_id = "ID", client_secret = { credential = "NAME" } } }

    error: SESSION_KEEPALIVE_SHUTDOWN__GRACE: `20` has no unit
    --> environment:1:35
     |
     | SESSION_KEEPALIVE_SHUTDOWN__GRACE=20
     |                                   ^^ a duration from 1s to 10m, such as "2m 30s"

    error: SESSION_KEEPALIVE_TOKEN: there is no such variable
    --> environment:1:1
     |
     | SESSION_KEEPALIVE_TOKEN=***********
     | ^^^^^^^^^^^^^^^^^^^^^^^ sets nothing
     |
     = help: a variable is SESSION_KEEPALIVE_ and a key; two underscores lead into a table: SESSION_KEEPALIVE_SHUTDOWN__GRACE is shutdown.grace
    "#);
}

#[test]
fn a_proxy_of_the_environment_that_cannot_be_used_is_an_error_and_not_passed_over() {
    let text = "region = \"eu-west-1\"\n[sessions.a]\ntoken = { file = \"/a\" }\n";
    for value in [
        "\"http://user:hunter2@proxy:3128\"",
        "http://user:hunter2@proxy:3128\n",
        "http://user:hunter2@proxy:3128 ",
        "htp://user:hunter2@proxy:3128",
        "socks5://user:hunter2@proxy:3128",
    ] {
        let variables = [("HTTPS_PROXY", value)];
        let shown = rendered_errors_with(text, &variables);
        assert!(shown.contains("error: HTTPS_PROXY: "), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
        // The variable is not read if the configuration names the proxy or disables it.
        for proxy in ["none", "http://proxy:3128"] {
            let text = format!("{text}[http]\nproxy = \"{proxy}\"\n");
            assert!(load(&text, &variables).is_ok(), "{value:?}");
        }
    }
    let shown = rendered_errors_with(text, &[("ALL_PROXY", "http://proxy:3128\n")]);
    insta::assert_snapshot!(shown, @r#"
    error: ALL_PROXY: contains white space, a line end, a quote or another character that no URL has
    --> environment:1:11
     |
     | ALL_PROXY=…
     |           ^ the proxy for https
     |
     = help: correct the variable, unset it, or set http.proxy to "none" or to the URL of a proxy
    "#);
}

#[test]
fn a_flag_is_named_with_its_value() {
    let flags = Flags {
        region: Some("eu-central".into()),
        api: Some("api.example".into()),
        token_file: Some("/run/token".into()),
        grace: Some("1y".into()),
        ..Flags::default()
    };
    let layers = Layers {
        flags,
        ..Layers::default()
    };
    insta::assert_snapshot!(super::super::load(layers).unwrap_err(), @r#"
    error: --api: `api.example` is not an absolute URL such as https://api.mypurecloud.de
    --> command line:1:7
     |
     | --api api.example
     |       ^^^^^^^^^^^ the URL of an API: https:// and a host

    error: --grace: `1y` is not a duration
    --> command line:1:9
     |
     | --grace 1y
     |         ^^ a duration from 1s to 10m, such as "2m 30s"

    error: --region: stands beside api
    --> command line:1:10
     |
     | --region eu-central
     |          ^^^^^^^^^^ give one of them
     |
    ::: command line:1:7
     |
     | --api api.example
     |       ----------- the first one
    "#);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let load = |name: &str, contents: Option<&[u8]>| {
        let path = folder.path().join(name);
        if let Some(contents) = contents {
            std::fs::write(&path, contents).unwrap();
        }
        let layers = Layers {
            file: Some(&path),
            ..Layers::default()
        };
        let shown = super::super::load(layers).unwrap_err().render(false);
        shown.replace(&folder.path().display().to_string(), "FOLDER")
    };
    insta::assert_snapshot!(load("absent.toml", None), @r#"
    error: cannot read `FOLDER/absent.toml`: No such file or directory (os error 2)
    --> FOLDER/absent.toml
    "#);
    insta::assert_snapshot!(load("long.toml", Some(&vec![b'#'; (1 << 20) + 1])), @r#"
    error: `FOLDER/long.toml` is longer than 1 MiB
    --> FOLDER/long.toml
    "#);
    insta::assert_snapshot!(load("latin.toml", Some(b"# a\n# \xe4\n")), @r#"
    error: `FOLDER/latin.toml` is not UTF-8 text: see line 2
    --> FOLDER/latin.toml
    "#);
    insta::assert_snapshot!(load(".", None), @r#"
    error: cannot read `FOLDER/.`: it is a directory, not a file
    --> FOLDER/.
    "#);
}

#[test]
fn a_flood_of_errors_is_cut() {
    let text = (0..60).fold(String::new(), |text, number| {
        text + &format!("key{number} = 1\n")
    });
    assert!(rendered_errors(&text).ends_with("\n\nand 11 more"));
}
