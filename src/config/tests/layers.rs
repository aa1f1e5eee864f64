//! Tests of the precedence of layers, and of the description of a configuration.

use super::*;
use crate::keeper::Margin;
use crate::token::Source;
const FILE: &str = r#"region = "eu-central-1"

[defaults]
margin = "40%"

[sessions.wallboard]
token = { credential = "wallboard" }

[sessions.crm]
token = { file = "crm-token" }
api = "http://127.0.0.1:8085"
intent = "lapse"
idle_timeout = "30m"
"#;

#[test]
fn a_configuration_says_what_it_means() {
    let variables = [
        ("SESSION_KEEPALIVE_SHUTDOWN__GRACE", "1m 30s"),
        (
            "SESSION_KEEPALIVE_HTTP__PROXY",
            "http://me:secret@proxy:3128",
        ),
        ("SESSION_KEEPALIVE_DEFAULTS__VERIFY_EVERY", "20"),
    ];
    let loaded = load(FILE, &variables).unwrap();
    insta::assert_snapshot!(loaded.describe(), @r"
    session crm
      token            file /etc/session-keepalive/crm-token  line 10 of config.toml
      api              http://127.0.0.1:8085                  line 11 of config.toml
      intent           lapse                                  line 12 of config.toml
      margin           40% of the idle timeout                line 4 of config.toml
      idle timeout     30m                                    line 13 of config.toml
      touch            auto                                   default
      verify every     20 touches                             SESSION_KEEPALIVE_DEFAULTS__VERIFY_EVERY
      on shutdown      leave                                  default for lapse
      lifetime         as the source reports                  default
      sink             none                                   default
      signal           none                                   default

    session wallboard
      token            systemd credential wallboard           line 7 of config.toml
      api              https://api.mypurecloud.de             line 1 of config.toml
      intent           keep                                   default
      margin           40% of the idle timeout                line 4 of config.toml
      idle timeout     as reported by the server              default
      touch            auto                                   default
      verify every     20 touches                             SESSION_KEEPALIVE_DEFAULTS__VERIFY_EVERY
      on shutdown      revoke                                 default for keep
      lifetime         as the source reports                  default
      sink             none                                   default
      signal           none                                   default

    http
      connect timeout  5s                                     default
      request timeout  15s                                    default
      in flight        at most 64                             default
      proxy            http://proxy:3128                      SESSION_KEEPALIVE_HTTP__PROXY
      roots            system                                 default
      ca file          none                                   default

    daemon
      timeout refresh  1h                                     default
      ready after      30s at the latest                      default
      shutdown grace   1m 30s                                 SESSION_KEEPALIVE_SHUTDOWN__GRACE
      log level        info                                   default
      log format       auto                                   default
      status listen    off                                    default
      status socket    in the runtime directory               default
      framed by        none                                   default
      metrics of each  up to 1000 sessions                    default
    ");
}

#[test]
fn the_proxy_in_force_is_shown_with_its_variable_and_the_apis_that_are_reached_without_it() {
    let text = "api = \"https://api.example\"\n[sessions.a]\ntoken = { file = \"/a\" }\n\
        [sessions.b]\ntoken = { file = \"/b\" }\napi = \"http://127.0.0.1:8085\"\n";
    let proxy = |environment: &[(&str, &str)]| {
        let shown = load(text, environment).unwrap().describe();
        let mut lines = shown.lines();
        let line = lines.find(|line| line.starts_with("  proxy ")).unwrap();
        line.split_whitespace()
            .skip(1)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let variable = ("HTTPS_PROXY", "user:hunter2@proxy.example:3128");
    assert_eq!(proxy(&[]), "none in the environment default");
    assert_eq!(
        proxy(&[variable]),
        "http://proxy.example:3128 (HTTPS_PROXY), not for http://127.0.0.1:8085 default"
    );
    assert_eq!(
        proxy(&[variable, ("NO_PROXY", "example")]),
        "http://proxy.example:3128 (HTTPS_PROXY), not for http://127.0.0.1:8085, https://api.example default"
    );
}

#[test]
fn no_file_is_needed() {
    let flags = Flags {
        region: Some("mypurecloud.de".into()),
        token_file: Some("/run/token".into()),
        intent: Some("lapse".into()),
        ..Flags::default()
    };
    let layers = Layers {
        flags,
        ..Layers::default()
    };
    let loaded = crate::config::load(layers).unwrap();
    insta::assert_snapshot!(loaded.describe(), @r"
    session default
      token            file /run/token             --token-file
      api              https://api.mypurecloud.de  --region
      intent           lapse                       --intent
      margin           50% of the idle timeout     default
      idle timeout     as reported by the server   default
      touch            auto                        default
      verify every     each touch                  default
      on shutdown      leave                       default for lapse
      lifetime         as the source reports       default
      sink             none                        default
      signal           none                        default

    http
      connect timeout  5s                          default
      request timeout  15s                         default
      in flight        at most 64                  default
      proxy            none in the environment     default
      roots            system                      default
      ca file          none                        default

    daemon
      timeout refresh  1h                          default
      ready after      30s at the latest           default
      shutdown grace   10s                         default
      log level        info                        default
      log format       auto                        default
      status listen    off                         default
      status socket    in the runtime directory    default
      framed by        none                        default
      metrics of each  up to 1000 sessions         default
    ");
}

#[test]
fn the_last_layer_has_the_last_word() {
    let variables = [
        ("SESSION_KEEPALIVE_API", "https://api.example"),
        ("SESSION_KEEPALIVE_DEFAULTS__MARGIN", "30%"),
        (
            "SESSION_KEEPALIVE_SESSIONS__WALLBOARD__TOKEN__ENV",
            "WALLBOARD_TOKEN",
        ),
    ];
    let loaded = load(FILE, &variables).unwrap();
    let session = |name| {
        let (_, session) = loaded
            .config
            .sessions
            .iter()
            .find(|(found, _)| found.as_str() == name)
            .unwrap();
        session
    };
    let wallboard = session("wallboard");
    assert_eq!(wallboard.api.as_str(), "https://api.example");
    assert_eq!(wallboard.policy.margin, Margin::Percent(30));
    assert_eq!(wallboard.token, Source::Env("WALLBOARD_TOKEN".to_owned()));
    assert_eq!(session("crm").api.as_str(), "http://127.0.0.1:8085");
}

#[test]
fn a_region_in_the_defaults_is_overruled_from_outside() {
    let text = "[defaults]\nregion = \"eu-west-1\"\n[sessions.a]\ntoken = { file = \"/a\" }\n";
    let api = |variables: &[(&str, &str)]| {
        let loaded = load(text, variables).unwrap();
        loaded.config.sessions.into_values().next().unwrap().api
    };
    assert_eq!(api(&[]).as_str(), "https://api.mypurecloud.ie");
    let outside = [("SESSION_KEEPALIVE_REGION", "us-east-1")];
    assert_eq!(api(&outside).as_str(), "https://api.mypurecloud.com");
}

#[test]
fn a_path_in_the_file_starts_at_its_folder_and_others_at_ours() {
    let text = "region = \"eu-west-1\"\n[sessions.a]\ntoken = { file = \"a\" }\n";
    let variables = [("SESSION_KEEPALIVE_TOKEN_FILE", "b")];
    let sources: Vec<_> = load(text, &variables)
        .unwrap()
        .config
        .sessions
        .into_values()
        .map(|session| session.token)
        .collect();
    let files = ["/etc/session-keepalive/a", "b"].map(|path| Source::File(path.into()));
    assert_eq!(sources, files);
}

#[test]
fn a_variable_that_holds_a_token_may_have_our_prefix() {
    let text =
        "region = \"eu-west-1\"\n[sessions.a]\ntoken = { env = \"SESSION_KEEPALIVE_TOKEN\" }\n";
    assert!(load(text, &[("SESSION_KEEPALIVE_TOKEN", "abc-secret")]).is_ok());
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_are_no_matter() {
    let text = format!("\u{feff}{}", FILE.replace('\n', "\r\n"));
    assert_eq!(
        load(&text, &[]).unwrap().config,
        load(FILE, &[]).unwrap().config
    );
}
