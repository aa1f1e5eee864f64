//! Tests of the errors of a configuration file.

use super::*;

#[test]
fn everything_that_is_wrong_is_shown_at_once_in_the_order_of_the_text() {
    let text = r#"
regoin = "eu-central-1"
timeout_refresh = 30

[shutdown]
grace = "20"

[http]
in_flight_max = 0
proxy = "ftp://me:hunter2@proxy"

[sessions.Wall]
intent = "keeep"
"#;
    insta::assert_snapshot!(rendered_errors(text), @r#"
    error: regoin: there is no such key
     --> /etc/session-keepalive/config.toml:2:1
      |
    2 | regoin = **************
      | ^^^^^^ did you mean region?
      |
      = help: the keys here are region, api, timeout_refresh, ready_after, defaults, sessions, pools, http, shard, shutdown, log, status, metrics, hooks

    error: timeout_refresh: a number without a unit
     --> /etc/session-keepalive/config.toml:3:19
      |
    3 | timeout_refresh = 30
      |                   ^^ a duration from 1m to 24h, such as "6h"

    error: shutdown.grace: `20` has no unit
     --> /etc/session-keepalive/config.toml:6:9
      |
    6 | grace = "20"
      |         ^^^^ a duration from 1s to 10m, such as "2m 30s"

    error: http.in_flight_max: the number is out of range
     --> /etc/session-keepalive/config.toml:9:17
      |
    9 | in_flight_max = 0
      |                 ^ a whole number from 1 to 1024

    error: http.proxy: `ftp://**********@proxy` must begin with http:// or https:// (SOCKS is not supported)
      --> /etc/session-keepalive/config.toml:10:9
       |
    10 | proxy = "ftp://**********@proxy"
       |         ^^^^^^^^^^^^^^^^^^^^^^^^ "environment", "none" or the URL of a proxy: "http://proxy.example:3128"

    error: sessions.Wall: is not a session name
      --> /etc/session-keepalive/config.toml:12:11
       |
    12 | [sessions.Wall]
       |           ^^^^
       |
       = help: a session name is 1 to 64 of a-z, 0-9, '.', '_' and '-', and starts with a letter or digit

    error: sessions.Wall: no region and no api
      --> /etc/session-keepalive/config.toml:12:11
       |
    12 | [sessions.Wall]
       |           ^^^^ no API is configured
       |
       = help: write region = "eu-central-1" at the top, or another region

    error: sessions.Wall: no token
      --> /etc/session-keepalive/config.toml:12:11
       |
    12 | [sessions.Wall]
       |           ^^^^ this session has no token source
       |
       = help: write one of
               token = { file = "/run/secrets/token" }
               token = { env = "NAME" }
               token = { credential = "NAME" }
               token = { command = ["/usr/bin/program", "argument"] }
               token = { mint = { client_id = "ID", client_secret = { credential = "NAME" } } }

    error: sessions.Wall.intent: `keeep` is not a choice
      --> /etc/session-keepalive/config.toml:13:10
       |
    13 | intent = "keeep"
       |          ^^^^^^^ one of "keep", "lapse"
       |
       = help: did you mean "keep"?
    "#);
}

#[test]
fn a_syntax_error_is_marked() {
    insta::assert_snapshot!(rendered_errors("[shutdown]\ngrace = 10s\n"), @r#"
    error: the file is not TOML
     --> /etc/session-keepalive/config.toml:2:9
      |
    2 | grace = 10s
      |         ^^^ string values must be quoted, expected literal string
    "#);
    insta::assert_snapshot!(rendered_errors("[sessions.a]\ntoken = { file = \"/a\n"), @r#"
    error: the file is not TOML
     --> /etc/session-keepalive/config.toml:2:20
      |
    2 | token =*************
      |                    ^ unclosed inline table, expected `}`
    "#);
}

#[test]
fn a_key_is_written_once() {
    insta::assert_snapshot!(rendered_errors("region = \"eu-west-1\"\nregion = \"eu-west-2\"\n"), @r#"
    error: a key is written twice
     --> /etc/session-keepalive/config.toml:2:1
      |
    2 | region = "eu-west-2"
      | ^^^^^^ duplicate key
    "#);
}

#[test]
fn a_token_is_not_shown_where_it_does_not_belong() {
    let text = "region = \"eu-west-1\"\n[sessions.a]\ntoken = \"abc-hunter2\" # why not?\n";
    let shown = rendered_errors(text);
    assert!(!shown.contains("hunter2"), "{shown}");
    insta::assert_snapshot!(shown, @r#"
    error: sessions.a.token: a token is never written here, only where it is
     --> /etc/session-keepalive/config.toml:3:9
      |
    3 | token = ************* # why not?
      |         ^^^^^^^^^^^^^ hidden
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
fn no_session_is_no_configuration() {
    insta::assert_snapshot!(rendered_errors("region = \"eu-west-1\"\n"), @r#"
    error: no session is configured
    --> /etc/session-keepalive/config.toml
     = help: add one:
             [sessions.wallboard]
             token = { file = "/run/secrets/wallboard-token" }
    "#);
    let nothing = super::super::load(Layers::default()).unwrap_err();
    insta::assert_snapshot!(nothing, @r#"
    error: no session is configured
     |
     = help: no configuration was named, and /etc/session-keepalive/config.toml does not exist:
             name one with --config PATH, or a token with --region REGION --token-file PATH
    "#);
}

#[test]
fn a_value_of_another_kind_is_refused() {
    let text = r#"
region = ["eu-west-1"]
log = "debug"
[http]
connect_timeout = 1979-05-27
in_flight_max = "64"
[[sessions]]
token = { file = "/a" }
"#;
    insta::assert_snapshot!(rendered_errors(text), @r#"
    error: region: a list where text belongs
     --> /etc/session-keepalive/config.toml:2:10
      |
    2 | region = [***********]
      |          ^^^^^^^^^^^^^ the name of a region

    error: log: text where a table belongs
     --> /etc/session-keepalive/config.toml:3:7
      |
    3 | log = *******
      |       ^^^^^^^ not a table
      |
      = help: the keys of log are: level, format

    error: http.connect_timeout: a date where text belongs
     --> /etc/session-keepalive/config.toml:5:19
      |
    5 | connect_timeout = 1979-05-27
      |                   ^^^^^^^^^^ a duration from 100ms to 1m, such as "15s"

    error: http.in_flight_max: text where a number belongs
     --> /etc/session-keepalive/config.toml:6:17
      |
    6 | in_flight_max = "64"
      |                 ^^^^ a whole number from 1 to 1024

    error: sessions: a list where a table belongs
     --> /etc/session-keepalive/config.toml:7:3
      |
    7 | [[sessions]]
      |   ^^^^^^^^ not a table
      |
      = help: each is a table of its own: [sessions.NAME]
    "#);
}

#[test]
fn a_key_of_another_table_is_sent_there() {
    let text = "margin = \"50%\"\n[defaults]\ntoken = { file = \"/a\" }\n[stuff.x]\n";
    insta::assert_snapshot!(rendered_errors(text), @r#"
    error: margin: there is no such key
     --> /etc/session-keepalive/config.toml:1:1
      |
    1 | margin = *****
      | ^^^^^^ a key of [defaults] or of a session
      |
      = help: the keys here are region, api, timeout_refresh, ready_after, defaults, sessions, pools, http, shard, shutdown, log, status, metrics, hooks

    error: defaults.token: there is no such key
     --> /etc/session-keepalive/config.toml:3:1
      |
    3 | token = { file = **** }
      | ^^^^^ each session has its own
      |
      = help: the keys in defaults are region, api, intent, margin, idle_timeout, touch, verify_every, lifetime, on_shutdown, sink, signal

    error: stuff: there is no such key
     --> /etc/session-keepalive/config.toml:4:2
      |
    4 | [stuff.x]
      |  ^^^^^ unknown
      |
      = help: the keys here are region, api, timeout_refresh, ready_after, defaults, sessions, pools, http, shard, shutdown, log, status, metrics, hooks

    error: no session is configured
    --> /etc/session-keepalive/config.toml
     = help: add one:
             [sessions.wallboard]
             token = { file = "/run/secrets/wallboard-token" }
    "#);
}

#[test]
fn colour_is_asked_for() {
    let errors = load("", &[]).unwrap_err();
    assert!(errors.render(true).contains('\u{1b}'));
    assert!(!errors.render(false).contains('\u{1b}'));
}
