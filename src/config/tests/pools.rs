//! Tests of pools: their descriptions and their errors.

use super::*;
use crate::keeper::{Intent, OnShutdown};

#[test]
fn a_pool_is_described_with_what_each_of_its_sessions_gets() {
    let text = "region = \"eu-west-1\"\n[defaults]\nmargin = \"40%\"\n\
        [pools.agents]\ntoken_dir = \"/run/tokens/\"\nintent = \"lapse\"\n";
    let variables = [("SESSION_KEEPALIVE_POOLS__AGENTS__TOUCH", "get")];
    let loaded = load(text, &variables).unwrap();
    let described = loaded.describe();
    let (pool, _) = described.split_once("\nhttp\n").unwrap();
    insta::assert_snapshot!(pool, @r"
    pool agents
      tokens           files in /run/tokens        line 5 of config.toml
      api              https://api.mypurecloud.ie  line 1 of config.toml
      intent           lapse                       line 6 of config.toml
      margin           40% of the idle timeout     line 3 of config.toml
      idle timeout     as reported by the server   default
      touch            get                         SESSION_KEEPALIVE_POOLS__AGENTS__TOUCH
      verify every     each touch                  default
      on shutdown      leave                       default for lapse
      lifetime         as the source reports       default
      sink             none                        default
      signal           none                        default
      on removal       leave                       default
    ");
}

#[test]
fn a_pool_may_come_from_variables_alone() {
    let layers = Layers {
        environment: variables(&[
            ("SESSION_KEEPALIVE_REGION", "eu-west-1"),
            ("SESSION_KEEPALIVE_POOLS__AGENTS__TOKEN_DIR", "/run/tokens"),
            ("SESSION_KEEPALIVE_POOLS__AGENTS__ON_REMOVAL", "revoke"),
        ]),
        ..Layers::default()
    };
    let config = crate::config::load(layers).unwrap().config;
    let pool = config.pools.values().next().unwrap();
    assert_eq!(pool.token_dir(), Path::new("/run/tokens"));
    assert_eq!(pool.on_removal(), OnShutdown::Revoke);
    let session = pool.session("alice");
    assert_eq!(session.token.to_string(), "file /run/tokens/alice");
    assert_eq!(session.policy.intent, Intent::Keep);
    assert!(config.sessions.is_empty());
}

#[test]
fn what_is_wrong_with_a_pool_is_shown_with_its_place() {
    let text = r#"
region = "eu-west-1"
[pools.agents]
token_dri = "/run/tokens"
[pools.crm]
token_dir = "tokens"
[pools.one]
token_dir = "/run/tokens"
margin = "2s"
idle_timeout = "2s"
[pools.two]
token_dir = "/run/./tokens/"
on_removal = "revok"
[pools.Three]
token_dir = "x9Rk2mPq_7sT-wYb4NcVh8LdFg3JzKa1"
token = { file = "/a" }
"#;
    insta::assert_snapshot!(rendered_errors(text), @r#"
    error: pools.agents: no token_dir
     --> /etc/session-keepalive/config.toml:3:8
      |
    3 | [pools.agents]
      |        ^^^^^^ the pool has no directory
      |
      = help: write token_dir = "/run/tokens"

    error: pools.agents.token_dri: there is no such key
     --> /etc/session-keepalive/config.toml:4:1
      |
    4 | token_dri = *************
      | ^^^^^^^^^ did you mean token_dir?
      |
      = help: the keys in pools.agents are token_dir, on_removal, region, api, intent, margin, idle_timeout, touch, verify_every, lifetime, on_shutdown, sink, signal

    error: pools.crm.token_dir: `tokens` is not an absolute path
     --> /etc/session-keepalive/config.toml:6:13
      |
    6 | token_dir = "tokens"
      |             ^^^^^^^^ the absolute path of a directory, such as "/run/tokens"

    error: pools.one.margin: margin 2s must be shorter than the idle timeout 2s
      --> /etc/session-keepalive/config.toml:9:10
       |
     9 | margin = "2s"
       |          ^^^^ too long
    10 | idle_timeout = "2s"
       |                ---- the idle timeout

    error: pools.two.token_dir: the directory of pool `one`
      --> /etc/session-keepalive/config.toml:12:13
       |
     8 | token_dir = "/run/tokens"
       |             ------------- the other pool's
    ...
    12 | token_dir = "/run/./tokens/"
       |             ^^^^^^^^^^^^^^^^ a token belongs to one session

    error: pools.two.on_removal: `revok` is not a choice
      --> /etc/session-keepalive/config.toml:13:14
       |
    13 | on_removal = "revok"
       |              ^^^^^^^ one of "revoke", "leave"
       |
       = help: did you mean "revoke"?

    error: pools.Three: is not a pool's name
      --> /etc/session-keepalive/config.toml:14:8
       |
    14 | [pools.Three]
       |        ^^^^^
       |
       = help: a session name is 1 to 64 of a-z, 0-9, '.', '_' and '-', and starts with a letter or digit

    error: pools.Three.token_dir: looks like a token itself, and is hidden
      --> /etc/session-keepalive/config.toml:15:13
       |
    15 | token_dir = "********************************"
       |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ the absolute path of a directory, such as "/run/tokens"

    error: pools.Three.token: there is no such key
      --> /etc/session-keepalive/config.toml:16:1
       |
    16 | token = { file = **** }
       | ^^^^^ each file in token_dir is the token of one session
       |
       = help: the keys in pools.Three are token_dir, on_removal, region, api, intent, margin, idle_timeout, touch, verify_every, lifetime, on_shutdown, sink, signal
    "#);
}

#[test]
fn a_pool_is_a_table_with_a_directory() {
    let variables = [("SESSION_KEEPALIVE_POOLS__ONE__TOKEN_DRI", "/run/tokens")];
    insta::assert_snapshot!(rendered_errors_with("region = \"eu-west-1\"\n", &variables), @r#"
    error: SESSION_KEEPALIVE_POOLS__ONE__TOKEN_DRI: no token_dir
    --> environment:1:1
     |
     | SESSION_KEEPALIVE_POOLS__ONE__TOKEN_DRI=***********
     | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ the pool has no directory
     |
     = help: write token_dir = "/run/tokens"

    error: SESSION_KEEPALIVE_POOLS__ONE__TOKEN_DRI: there is no such variable
    --> environment:1:1
     |
     | SESSION_KEEPALIVE_POOLS__ONE__TOKEN_DRI=***********
     | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ did you mean SESSION_KEEPALIVE_POOLS__ONE__TOKEN_DIR?
    "#);
    insta::assert_snapshot!(rendered_errors("pools = 3\n"), @r"
    error: pools: a number where a table belongs
     --> /etc/session-keepalive/config.toml:1:9
      |
    1 | pools = *
      |         ^ not a table
      |
      = help: each is a table of its own: [pools.NAME]
    ");
}
