//! Tests of the errors of values that contradict each other.

use super::*;

#[test]
fn one_level_names_one_api() {
    let text = r#"
region = "eu-west-1"
api = "https://api.example"
[sessions.a]
token = { file = "/a" }
"#;
    insta::assert_snapshot!(rendered_errors(text), @r#"
    error: api: stands beside region
     --> /etc/session-keepalive/config.toml:3:7
      |
    2 | region = "eu-west-1"
      |          ----------- the first one
    3 | api = "https://api.example"
      |       ^^^^^^^^^^^^^^^^^^^^^ give one of them
    "#);
}

#[test]
fn a_session_has_a_token_and_an_api() {
    insta::assert_snapshot!(rendered_errors("[sessions.a]\nintent = \"lapse\"\n"), @r#"
    error: sessions.a: no region and no api
     --> /etc/session-keepalive/config.toml:1:11
      |
    1 | [sessions.a]
      |           ^ no API is configured
      |
      = help: write region = "eu-central-1" at the top, or another region

    error: sessions.a: no token
     --> /etc/session-keepalive/config.toml:1:11
      |
    1 | [sessions.a]
      |           ^ this session has no token source
      |
      = help: write one of
              token = { file = "/run/secrets/token" }
              token = { env = "NAME" }
              token = { credential = "NAME" }
              token = { command = ["/usr/bin/program", "argument"] }
              token = { mint = { client_id = "ID", client_secret = { credential = "NAME" } } }
    "#);
}

#[test]
fn a_session_has_one_token_source_of_a_sound_shape() {
    let text = r#"
region = "eu-west-1"
[sessions.a]
token = { file = "/a", env = "A" }
[sessions.b]
token = {}
[sessions.c]
token = { command = ["mint", "--secret"] }
[sessions.d]
token = { credential = "../d" }
"#;
    insta::assert_snapshot!(rendered_errors(text), @r#"
    error: sessions.a.token.env: stands beside sessions.a.token.file
     --> /etc/session-keepalive/config.toml:4:30
      |
    4 | token = { file = "/a", env = "A" }
      |                  ----        ^^^ a session has one token source
      |                  |
      |                  the first one

    error: sessions.b.token: does not say where the token is
     --> /etc/session-keepalive/config.toml:6:9
      |
    6 | token = {}
      |         ^^ empty
      |
      = help: write one of
              token = { file = "/run/secrets/token" }
              token = { env = "NAME" }
              token = { credential = "NAME" }
              token = { command = ["/usr/bin/program", "argument"] }
              token = { mint = { client_id = "ID", client_secret = { credential = "NAME" } } }

    error: sessions.c.token.command: the program's path is not absolute
     --> /etc/session-keepalive/config.toml:8:21
      |
    8 | token = { command = ["mint", **********] }
      |                     ^^^^^^^^^^^^^^^^^^^^ a list of words, such as ["/usr/bin/program", "argument"]

    error: sessions.d.token.credential: is not a plain file name
      --> /etc/session-keepalive/config.toml:10:24
       |
    10 | token = { credential = "../d" }
       |                        ^^^^^^ the name of a systemd credential: a file name without '/', at most 64
    "#);
}

#[test]
fn a_token_is_cared_for_once() {
    let text = r#"
region = "eu-west-1"
[sessions.wallboard]
token = { file = "token" }
[sessions.crm]
token = { file = "/etc/session-keepalive/./token" }
"#;
    insta::assert_snapshot!(rendered_errors(text), @r#"
    error: sessions.crm.token.file: the same token as that of session `wallboard`
     --> /etc/session-keepalive/config.toml:6:18
      |
    4 | token = { file = "token" }
      |                  ------- the other session's
    5 | [sessions.crm]
    6 | token = { file = "/etc/session-keepalive/./token" }
      |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ a token belongs to one session
    "#);
}

#[test]
fn a_margin_is_shorter_than_the_idle_timeout() {
    let text = r#"
region = "eu-west-1"
[defaults]
idle_timeout = "15m"
[sessions.a]
token = { file = "/a" }
margin = "900s"
[sessions.b]
token = { file = "/b" }
margin = "95%"
"#;
    insta::assert_snapshot!(rendered_errors(text), @r#"
    error: sessions.a.margin: margin 15m must be shorter than the idle timeout 15m
     --> /etc/session-keepalive/config.toml:7:10
      |
    4 | idle_timeout = "15m"
      |                ----- the idle timeout
    ...
    7 | margin = "900s"
      |          ^^^^^^ too long

    error: sessions.b.margin: `95%` is out of range
      --> /etc/session-keepalive/config.toml:10:10
       |
    10 | margin = "95%"
       |          ^^^^^ a share of the idle timeout from 1% to 90%
    "#);
}

#[test]
fn an_api_is_encrypted_and_a_region_known() {
    let text = r#"
api = "http://user:secret@api.example"
[sessions.a]
token = { file = "/a" }
[sessions.b]
token = { file = "/b" }
region = "eu-centrl-1"
"#;
    insta::assert_snapshot!(rendered_errors(text), @r#"
    error: api: `http://***********@api.example` must begin with https:// (http:// is allowed to 127.0.0.1 and [::1] only, since it shows the token to the network)
     --> /etc/session-keepalive/config.toml:2:7
      |
    2 | api = "http://***********@api.example"
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ the URL of an API: https:// and a host

    error: sessions.b.region: `eu-centrl-1` is not a region
     --> /etc/session-keepalive/config.toml:7:10
      |
    7 | region = "eu-centrl-1"
      |          ^^^^^^^^^^^^^ did you mean "eu-central-1"?
      |
      = help: the regions are
              us-east-1, us-east-2, us-west-2, ca-central-1, mx-central-1, sa-east-1,
              eu-west-1, eu-west-2, eu-central-1, eu-central-2, eusc-de-east-1, me-central-1,
              ap-south-1, ap-southeast-1, ap-southeast-2, ap-northeast-1, ap-northeast-2, ap-northeast-3;
              any other API is named by api = "https://…"
    "#);
}

const SHARDED: &str = "region = \"eu-west-1\"\n[sessions.a]\ntoken = { file = \"/a\" }\n";

#[test]
fn the_name_of_a_pod_selects_a_shard_and_its_tokens_are_left() {
    let text = format!("{SHARDED}[shard]\ncount = 8\ncopies = 2\n");
    let variables = [("SESSION_KEEPALIVE_SHARD__INDEX", "keepalive-3")];
    let config = load(&text, &variables).unwrap().config;
    let shard = config.shard.unwrap();
    assert_eq!((shard.index, shard.count, shard.copies), (3, 8, 2));
    let session = config.sessions.values().next().unwrap();
    assert_eq!(session.policy.on_shutdown, crate::keeper::OnShutdown::Leave);
}

#[test]
fn what_is_wrong_with_a_shard_is_named() {
    for (shard, reason) in [
        ("count = 8", "no index"),
        ("count = 8\nindex = \"8\"", "is not below count 8"),
        (
            "count = 8\nindex = \"pod\"",
            "neither a number nor a name that ends in one",
        ),
        ("count = 8\nindex = \"-1\"", "`-1` is neither a number nor"),
        (
            "count = 8\nindex = \"--1\"",
            "`--1` is neither a number nor",
        ),
        (
            "count = 2\nindex = \"0\"\ncopies = 3",
            "copies 3 exceed count 2",
        ),
        ("count = 0\nindex = \"0\"", "out of range"),
    ] {
        let errors = load(&format!("{SHARDED}[shard]\n{shard}\n"), &[]).unwrap_err();
        assert!(errors.render(false).contains(reason), "{shard}: {errors}");
    }
    let text = format!("{SHARDED}on_shutdown = \"revoke\"\n[shard]\nindex = \"0\"\ncount = 2\n");
    let errors = load(&text, &[]).unwrap_err().render(false);
    assert!(
        errors.contains("a shard stops while others touch"),
        "{errors}"
    );
}

/// Returns a home directory with a configuration of the official command line.
fn home_with_profiles(text: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".gc")).unwrap();
    std::fs::write(home.path().join(".gc/config.toml"), text).unwrap();
    home
}

#[test]
fn a_profile_gives_the_region_of_a_session_that_has_none() {
    let profiles =
        "[DEFAULT]\nenvironment = \"mypurecloud.ie\"\n[Test]\nenvironment = \"us-west-2\"\n";
    let home = home_with_profiles(profiles);
    let directory = home.path().to_str().unwrap();
    let session = |mint: &str| {
        let text = format!("[sessions.a]\ntoken = {{ mint = {{ {mint} }} }}\n");
        let loaded = load(&text, &[("HOME", directory)]).unwrap();
        let session = loaded.config.sessions.values().next().unwrap();
        let shown = format!("{} from {}", session.api.as_str(), session.token);
        shown.replace(directory, "HOME")
    };
    insta::assert_snapshot!([
        session("profile = \"DEFAULT\""),
        session("profile = \"test\""),
        session("file = \"~/.gc/config.toml\""),
    ].join("\n"), @"
    https://api.mypurecloud.ie from login host https://login.mypurecloud.ie for the client of profile DEFAULT of HOME/.gc/config.toml
    https://api.usw2.pure.cloud from login host https://login.usw2.pure.cloud for the client of profile test of HOME/.gc/config.toml
    https://api.mypurecloud.ie from login host https://login.mypurecloud.ie for the client of profile DEFAULT of HOME/.gc/config.toml
    ");
    let text =
        "region = \"eu-central-1\"\n[sessions.a]\ntoken = { mint = { profile = \"any\" } }\n";
    let loaded = load(text, &[("HOME", "/absent")]).unwrap();
    let session = loaded.config.sessions.values().next().unwrap();
    assert_eq!(session.api.as_str(), "https://api.mypurecloud.de");
}

#[test]
fn a_profile_that_gives_no_client_or_no_region_is_named_with_its_file() {
    let profiles =
        "[DEFAULT]\nenvironment = \"mypurecloud.at\"\n[none]\nclient_secret = \"hunter2\"\n";
    let home = home_with_profiles(profiles);
    let directory = home.path().to_str().unwrap();
    let text = r#"
[sessions.a]
token = { mint = { profile = "DEFAULT" } }
[sessions.b]
token = { mint = { profile = "none" } }
[sessions.c]
token = { mint = { profile = "absent" } }
[sessions.d]
token = { mint = { profile = "DEFAULT", file = "/absent" } }
[sessions.e]
token = { mint = { profile = "DEFAULT", client_id = "kiosk" } }
"#;
    let shown = rendered_errors_with(text, &[("HOME", directory)]);
    assert!(!shown.contains("hunter2"), "{shown}");
    insta::assert_snapshot!(shown.replace(directory, "HOME"), @r#"
    error: sessions.a.token.mint: `HOME/.gc/config.toml`: environment `mypurecloud.at` in line 2 is not a region or its domain
     --> /etc/session-keepalive/config.toml:3:11
      |
    3 | token = { mint = { profile = "DEFAULT" } }
      |           ^^^^ no region, no api, and no region in the profile
      |
      = help: write region = "eu-central-1" at the top, or another region

    error: sessions.b.token.mint: `HOME/.gc/config.toml`: profile none (line 3) has no environment
     --> /etc/session-keepalive/config.toml:5:11
      |
    5 | token = { mint = { profile = "none" } }
      |           ^^^^ no region, no api, and no region in the profile
      |
      = help: write region = "eu-central-1" at the top, or another region

    error: sessions.c.token.mint: `HOME/.gc/config.toml`: there is no profile absent; it has DEFAULT, none
     --> /etc/session-keepalive/config.toml:7:11
      |
    7 | token = { mint = { profile = "absent" } }
      |           ^^^^ no region, no api, and no region in the profile
      |
      = help: write region = "eu-central-1" at the top, or another region

    error: sessions.d.token.mint: cannot read `/absent`: No such file or directory (os error 2)
     --> /etc/session-keepalive/config.toml:9:11
      |
    9 | token = { mint = { profile = "DEFAULT", file = "/absent" } }
      |           ^^^^ no region, no api, and no region in the profile
      |
      = help: write region = "eu-central-1" at the top, or another region

    error: sessions.e.token.mint: `HOME/.gc/config.toml`: environment `mypurecloud.at` in line 2 is not a region or its domain
      --> /etc/session-keepalive/config.toml:11:11
       |
    11 | token = { mint = { profile = "DEFAULT", client_id = "kiosk" } }
       |           ^^^^ no region, no api, and no region in the profile
       |
       = help: write region = "eu-central-1" at the top, or another region

    error: sessions.e.token.mint.client_id: stands beside a profile
      --> /etc/session-keepalive/config.toml:11:41
       |
    11 | token = { mint = { profile = "DEFAULT", client_id = "kiosk" } }
       |                                         ^^^^^^^^^ the profile names the client
       |
       = help: write client_id and client_secret, or profile and file
    "#);
    let text = "region = \"eu-west-1\"\n[sessions.a]\ntoken = { mint = { profile = \"DEFAULT\" } }\n\
                [sessions.b]\ntoken = { mint = { client_id = \"kiosk\" } }\n\
                sink = { file = \"/etc/session-keepalive/gc.toml\" }\n\
                [sessions.c]\ntoken = { mint = { file = \"gc.toml\" } }\n";
    let shown = rendered_errors(text);
    for part in [
        "sessions.a.token.mint.profile: the directory of the user is not known",
        "HOME is not set to an absolute path",
        "sessions.b.token.mint: no client_secret",
        "or profile = \"DEFAULT\"",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let text = text.replace("client_id = \"kiosk\"", "file = \"other.toml\"");
    let text = text.replace("profile = \"DEFAULT\"", "file = \"a.toml\"");
    let shown = rendered_errors(&text);
    let conflict = "a sink is the file from which session c reads its client's secret";
    assert!(shown.contains(conflict), "{shown}");
}

#[test]
fn the_page_is_framed_by_origins_and_by_nothing_else() {
    let shown = |value: &str| {
        let text = format!(
            "region = \"eu-west-1\"\n[sessions.a]\ntoken = {{ file = \"/a\" }}\n[status]\n\
             frame_ancestors = {value}\n"
        );
        match load(&text, &[]) {
            Ok(loaded) => {
                let description = loaded.describe();
                let mut lines = description.lines();
                let line = lines.find(|line| line.starts_with("  framed by"));
                line.unwrap().trim().to_owned()
            }
            Err(errors) => errors.render(false),
        }
    };
    for (value, words) in [
        ("[]", "framed by        none"),
        (
            "[\"https://Signage.example/\", \"'self'\"]",
            "framed by        https://signage.example 'self'",
        ),
    ] {
        assert!(shown(value).starts_with(words), "{}", shown(value));
    }
    insta::assert_snapshot!(shown("\"https://signage.example\""), @r#"
    error: status.frame_ancestors: text where a list belongs
     --> /etc/session-keepalive/config.toml:5:19
      |
    5 | frame_ancestors = "https://signage.example"
      |                   ^^^^^^^^^^^^^^^^^^^^^^^^^ a list of origins and "'self'", such as ["https://signage.example", "http://10.0.0.7:8080"]
    "#);
    insta::assert_snapshot!(shown("[\"*\"]"), @r#"
    error: status.frame_ancestors: `*` holds a wildcard: each origin must be named
     --> /etc/session-keepalive/config.toml:5:19
      |
    5 | frame_ancestors = ["*"]
      |                   ^^^^^ a list of origins and "'self'", such as ["https://signage.example", "http://10.0.0.7:8080"]
    "#);
    insta::assert_snapshot!(shown("[\"self\"]"), @r#"
    error: status.frame_ancestors: `self` must be written "'self'", with single quotes inside the double ones
     --> /etc/session-keepalive/config.toml:5:19
      |
    5 | frame_ancestors = ["self"]
      |                   ^^^^^^^^ a list of origins and "'self'", such as ["https://signage.example", "http://10.0.0.7:8080"]
    "#);
    insta::assert_snapshot!(shown("[\"https://a; script-src *\", 7]"), @r#"
    error: status.frame_ancestors: holds something other than text
     --> /etc/session-keepalive/config.toml:5:19
      |
    5 | frame_ancestors = ["https://a; script-src *", *]
      |                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ a list of origins and "'self'", such as ["https://signage.example", "http://10.0.0.7:8080"]
    "#);
    insta::assert_snapshot!(shown("[\"https://u:hunter2@a\"]"), @r#"
    error: status.frame_ancestors: `https://*********@a` must be a scheme, a host and a port alone, without user, path, query or fragment
     --> /etc/session-keepalive/config.toml:5:19
      |
    5 | frame_ancestors = ["https://*********@a"]
      |                   ^^^^^^^^^^^^^^^^^^^^^^^ a list of origins and "'self'", such as ["https://signage.example", "http://10.0.0.7:8080"]
    "#);
}
