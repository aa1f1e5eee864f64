//! Tests of hooks: their descriptions and their errors.

use super::*;
use crate::config::Occasion;

const SESSION: &str = "region = \"eu-central-1\"\n[sessions.kiosk-1]\ntoken = { file = \"/a\" }\n";

#[test]
fn a_hook_says_when_it_is_run_and_what_and_for_whom() {
    let text = SESSION.to_owned()
        + "[hooks.page]\non = [\"lost\", \"at-risk\"]\ncommand = [\"/bin/page\", \"x\"]\n\
           [hooks.log]\non = [\"revoked\"]\ncommand = [\"/bin/log\"]\ntimeout = \"5s\"\nsessions = [\"kiosk-*\"]\n";
    let environment = [("SESSION_KEEPALIVE_HOOKS__PAGE__TIMEOUT", "2m")];
    let loaded = load(&text, &environment).unwrap();
    let described = loaded.describe();
    let (_, hooks) = described.split_once("hook log").unwrap();
    insta::assert_snapshot!(hooks, @r"

      on               revoked                     line 8 of config.toml
      command          /bin/log                    line 9 of config.toml
      batch            10s                         default
      timeout          5s                          line 10 of config.toml
      sessions         kiosk-*                     line 11 of config.toml

    hook page
      on               lost, at-risk               line 5 of config.toml
      command          /bin/page                   line 6 of config.toml
      batch            10s                         default
      timeout          2m                          SESSION_KEEPALIVE_HOOKS__PAGE__TIMEOUT
      sessions         all                         default
    ");
    let kiosk = loaded.config.sessions.keys().next().unwrap();
    let is_for = |occasion| {
        let hooks = loaded.config.hooks.iter();
        let hooks = hooks.filter(|(_, hook)| hook.is_for(occasion, kiosk));
        hooks.map(|(name, _)| name.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(is_for(Occasion::Lost), ["page"]);
    assert_eq!(is_for(Occasion::Revoked), ["log"]);
    assert!(is_for(Occasion::Blocked).is_empty());
}

#[test]
fn what_is_wrong_with_a_hook_is_shown_with_what_was_probably_meant() {
    let text = SESSION.to_owned()
        + r#"
[hooks.Page]
on = ["lots"]
command = ["page-me", "--key=hunter2"]
timeout = "1h"
sessions = ["*-1"]

[hooks.empty]
on = []
comand = []

[hooks.none]
"#;
    insta::assert_snapshot!(rendered_errors(&text), @r#"
    error: hooks.Page: is not a hook's name
     --> /etc/session-keepalive/config.toml:5:8
      |
    5 | [hooks.Page]
      |        ^^^^
      |
      = help: a hook's name is 1 to 64 of a-z, 0-9, '.', '_' and '-', and starts with a letter or digit

    error: hooks.Page.on: `lots` is no event
     --> /etc/session-keepalive/config.toml:6:6
      |
    6 | on = ["lots"]
      |      ^^^^^^^^ a list of "lost", "lapsed", "at-risk", "recovered", "blocked", "excluded", "rotated", "revoked", "expiring", "client-ending", "incident" and "incident-over"
      |
      = help: did you mean "lost"?

    error: hooks.Page.command: the program's path is not absolute
     --> /etc/session-keepalive/config.toml:7:11
      |
    7 | command = ["page-me", ***************]
      |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ a list of words, such as ["/usr/bin/program", "argument"]

    error: hooks.Page.timeout: `1h` is out of range
     --> /etc/session-keepalive/config.toml:8:11
      |
    8 | timeout = "1h"
      |           ^^^^ a duration from 1s to 10m, such as "2m 30s"

    error: hooks.Page.sessions: `*-1` cannot be a session
     --> /etc/session-keepalive/config.toml:9:12
      |
    9 | sessions = ["*-1"]
      |            ^^^^^^^ a list of sessions' names or beginnings of names, such as ["wallboard", "kiosk-*"]

    error: hooks.empty: no command
      --> /etc/session-keepalive/config.toml:11:8
       |
    11 | [hooks.empty]
       |        ^^^^^ what is run?
       |
       = help: write it like this:
               [hooks.page]
               on = ["lost", "at-risk"]
               command = ["/usr/local/bin/page-me", "argument"]

    error: hooks.empty.on: is empty
      --> /etc/session-keepalive/config.toml:12:6
       |
    12 | on = []
       |      ^^ a list of "lost", "lapsed", "at-risk", "recovered", "blocked", "excluded", "rotated", "revoked", "expiring", "client-ending", "incident" and "incident-over"

    error: hooks.empty.comand: there is no such key
      --> /etc/session-keepalive/config.toml:13:1
       |
    13 | comand = []
       | ^^^^^^ did you mean command?
       |
       = help: the keys in hooks.empty are on, command, batch, timeout, sessions

    error: hooks.none: no command
      --> /etc/session-keepalive/config.toml:15:8
       |
    15 | [hooks.none]
       |        ^^^^ what is run?
       |
       = help: write it like this:
               [hooks.page]
               on = ["lost", "at-risk"]
               command = ["/usr/local/bin/page-me", "argument"]

    error: hooks.none: no on
      --> /etc/session-keepalive/config.toml:15:8
       |
    15 | [hooks.none]
       |        ^^^^ the hook has no events
       |
       = help: write it like this:
               [hooks.page]
               on = ["lost", "at-risk"]
               command = ["/usr/local/bin/page-me", "argument"]
    "#);
}

#[test]
fn a_program_that_runs_in_a_hook_is_not_confused_by_its_variables() {
    let mut environment = vec![
        ("SESSION_KEEPALIVE_SESSION", "kiosk-1"),
        ("SESSION_KEEPALIVE_API", "https://elsewhere.example"),
        ("SESSION_KEEPALIVE_CORRELATION_ID", "x"),
    ];
    assert!(load(SESSION, &environment).is_err());
    environment.push(("SESSION_KEEPALIVE_EVENT", "lost"));
    let config = load(SESSION, &environment).unwrap().config;
    assert_eq!(config, load(SESSION, &[]).unwrap().config);
}

#[test]
fn one_hook_too_many_is_refused() {
    let hooks = |count: usize| {
        (0..count).fold(SESSION.to_owned(), |text, hook| {
            text + &format!("[hooks.h{hook}]\non = [\"lost\"]\ncommand = [\"/bin/true\"]\n")
        })
    };
    assert_eq!(load(&hooks(16), &[]).unwrap().config.hooks.len(), 16);
    assert!(rendered_errors(&hooks(18)).contains("at most 16"));
}
