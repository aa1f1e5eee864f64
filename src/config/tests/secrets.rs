//! Property tests: no input makes the program panic, and no token is shown.

use proptest::prelude::*;

use super::*;
const TOKEN: &str = "x9Rk2mPq_7sT-wYb4NcVh8LdFg3JzKa1";

/// Generates texts that resemble a configuration, with a token in arbitrary places.
fn toml_like() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "[sessions.a]",
        "[sessions.a.token]",
        "[defaults]",
        "[http]",
        "token",
        "region",
        "api",
        "margin",
        "proxy",
        "file",
        "env",
        "command",
        "sessions.b.token",
        " = ",
        "{ ",
        " }",
        "[",
        "]",
        "\"",
        "'",
        "\"\"\"",
        "\n",
        "\n",
        "\n",
        ", ",
        "#",
        "10",
        "\"5s\"",
        "50%",
        "é",
        "\u{1f600}",
        "\u{1b}",
        "\\u0040",
        "@",
        "://",
        "\r\n",
        "\t",
        TOKEN,
        "\"x9Rk2mPq_7sT-wYb4NcVh8LdFg3JzKa1\"",
    ]);
    prop::collection::vec(words, 0..40).prop_map(|words| words.concat())
}

/// Returns everything that is shown of a configuration.
fn shown(result: Result<Loaded, Errors>) -> String {
    match result {
        Ok(loaded) => loaded.describe(),
        Err(errors) => {
            assert!(errors.len() > 0);
            errors.render(true) + &errors.render(false)
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in any::<String>()) {
        shown(load(&text, &[]));
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, bytes).unwrap();
        shown(crate::config::load(Layers { file: Some(&path), ..Layers::default() }));
    }

    #[test]
    fn a_token_is_shown_nowhere(
        text in toml_like(),
        name in prop::sample::select(super::super::schema::variables("a")),
    ) {
        let variables = [(name.as_str(), TOKEN)];
        let shown = shown(load(&text, &[])) + &shown(load(&text, &variables));
        prop_assert!(!shown.contains(TOKEN), "{shown}");
    }

    #[test]
    fn any_variable_is_read_without_panic(
        name in prop::sample::select(super::super::schema::variables("a")),
        value in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        use std::os::unix::ffi::OsStringExt;
        let value = std::ffi::OsString::from_vec(value);
        let environment = vec![(name.into(), value)];
        shown(crate::config::load(Layers { environment, ..Layers::default() }));
    }

    #[test]
    fn any_name_of_a_variable_is_read_without_panic(rest in any::<String>(), value in any::<String>()) {
        let environment = vec![(format!("SESSION_KEEPALIVE_{rest}").into(), value.into())];
        shown(crate::config::load(Layers { environment, ..Layers::default() }));
    }
}

#[test]
fn a_password_written_with_an_escape_is_hidden() {
    let text = r#"[http]
proxy = "ftp://me:hunter2\u0040proxy"
"#;
    let shown = rendered_errors(text);
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_token_in_the_path_of_its_file_is_hidden() {
    let text =
        format!("region = \"eu-west-1\"\n[sessions.a]\ntoken = {{ file = \"/run/{TOKEN}\" }}\n");
    let other = format!("/run/other/{TOKEN}");
    let variables = [("SESSION_KEEPALIVE_TOKEN_FILE", &*other)];
    let shown = load(&text, &variables).unwrap().describe();
    assert!(shown.contains("session default"), "{shown}");
    assert!(!shown.contains(TOKEN), "{shown}");
}

#[test]
fn a_deep_file_is_refused_without_overflow() {
    for text in [
        "[".repeat(500_000),
        "a.".repeat(500_000),
        "a={".repeat(300_000),
        format!("[{}a]", "a.".repeat(400_000)),
    ] {
        shown(load(&text, &[]));
    }
}

#[test]
fn thousands_of_sessions_are_read_and_described() {
    let sessions = |source: &str| {
        (0..12_000).fold("region = \"eu-west-1\"\n".to_owned(), |text, number| {
            text + &format!("[sessions.s{number}]\ntoken = {{ {source}{number}\" }}\n")
        })
    };
    let loaded = load(&sessions("file = \"/run/"), &[]).unwrap();
    assert_eq!(loaded.config.sessions.len(), 12_000);
    assert!(loaded.describe().len() > 1 << 20);
    shown(load(&sessions("fiel = \"/run/"), &[]));
}
