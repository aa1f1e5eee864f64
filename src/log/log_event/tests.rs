//! The log lines of the daemon's own events.

use std::io;

use super::*;
use crate::config::{LogFormat, LogLevel};
use crate::status::fixture::{NamesFixture, lines, seconds};

fn logged(format: LogFormat, events: &[LogEvent<'_>]) -> String {
    let output = lines(LogLevel::Info, format, || {
        events.iter().for_each(log_event);
    });
    output.replace("2026-11-24T08:00:00.123Z ", "")
}

#[test]
fn the_daemon_starts_reloads_and_stops() {
    let errors = "error: unknown key `tokn`\n --> /etc/keepalive.toml:3:1\n";
    let stopped = |not_revoked| LogEvent::Stopped {
        revoked: 1,
        left: 1,
        not_revoked,
    };
    let stopping = |revoke| LogEvent::Stopping {
        signal: "SIGTERM",
        revoke,
        leave: 1,
        grace: seconds(10),
    };
    let three = ["a", "b", "c"].map(|token| Fingerprint::of(token.as_bytes()));
    insta::assert_snapshot!(logged(LogFormat::Plain, &[
        LogEvent::Started { version: "0.1.0", kept: 3, lapsing: 1, shard: None },
        LogEvent::Reloaded { added: 1, removed: 0, changed: 2 },
        LogEvent::ReloadRefused(errors),
        stopping(&three),
        stopping(&[]),
        stopped(0),
        stopped(2),
        LogEvent::NotStarted(&io::Error::other("no certificates")),
    ]), @r"
    INFO  started: session-keepalive 0.1.0 keeps 3 sessions alive and lets 1 lapse
    INFO  reloaded: 1 session added, 0 removed, 2 changed
    WARN  reload refused: the configuration has errors; the earlier one stays in force
        error: unknown key `tokn`
         --> /etc/keepalive.toml:3:1
    INFO  stopping on SIGTERM: 3 tokens to revoke within 10s (ca978112, 3e23e816, 2e7d2c03), 1 to leave
    INFO  stopping on SIGTERM: 0 tokens to revoke within 10s, 1 to leave
    INFO  stopped: 1 token revoked, 1 left as is
    ERROR stopped: 2 tokens not revoked, revoke them by hand; 1 revoked, 1 left as is
    ERROR not started: no certificates
    ");
    insta::assert_snapshot!(logged(LogFormat::Json, &[LogEvent::ReloadRefused(errors)]), @r#"{"timestamp":"2026-11-24T08:00:00.123Z","level":"WARN","message":"reload refused: the configuration has errors; the earlier one stays in force","event":"reload_refused","errors":"error: unknown key `tokn`\n --> /etc/keepalive.toml:3:1\n"}"#);
}

#[test]
fn a_start_that_waits_for_another_daemon_says_so() {
    let kiosk = SessionName::new("kiosk").unwrap();
    let waiting = |is_stopping, at_most| LogEvent::WaitingForDaemon {
        session: &kiosk,
        fingerprint: Fingerprint::of(b"a"),
        other: "pid 712 (session kiosk)",
        is_stopping,
        at_most: seconds(at_most),
    };
    insta::assert_snapshot!(logged(LogFormat::Plain, &[
        waiting(false, 2),
        waiting(true, 30),
        LogEvent::StoppedBeforeStart { signal: "SIGTERM" },
    ]), @r"
    INFO  kiosk: another daemon that holds the token ca978112 is running: the start waits in case it is about to stop, 2s at most: pid 712 (session kiosk)
    INFO  kiosk: another daemon that holds the token ca978112 is stopping: the start waits for its end, 30s at most: pid 712 (session kiosk)
    INFO  stopped on SIGTERM before the start: no token is revoked
    ");
}

#[test]
fn a_stop_names_the_tokens_that_are_to_be_revoked_up_to_a_limit() {
    let many: Vec<_> = (0..32)
        .map(|number: u8| Fingerprint::of(&[number]))
        .collect();
    let output = logged(
        LogFormat::Json,
        &[LogEvent::Stopping {
            signal: "SIGTERM",
            revoke: &many,
            leave: 0,
            grace: seconds(10),
        }],
    );
    let line: serde_json::Value = serde_json::from_str(&output).unwrap();
    let shown: Vec<_> = many.iter().take(20).map(ToString::to_string).collect();
    let tokens = format!("{} and 12 more", shown.join(", "));
    assert_eq!(line["tokens"], tokens);
    assert_eq!(line["revoke"], 32);
    assert_eq!(
        line["message"],
        format!("stopping on SIGTERM: 32 tokens to revoke within 10s ({tokens}), 0 to leave")
    );
}

#[test]
fn a_start_on_a_terminal_says_what_ctrl_c_does() {
    let ctrl_c = |revokes, leaves| LogEvent::CtrlC { revokes, leaves };
    insta::assert_snapshot!(logged(LogFormat::Plain, &[
        ctrl_c(true, false),
        ctrl_c(true, true),
        ctrl_c(false, true),
    ]), @r#"
    INFO  Ctrl-C revokes the tokens and stops; Ctrl-\ stops and leaves them alive, and so does Ctrl-C with on_shutdown = "leave"
    INFO  Ctrl-C revokes the tokens of sessions without on_shutdown = "leave" and stops; Ctrl-\ stops and leaves them all as they are
    INFO  Ctrl-C stops and leaves the tokens as they are
    "#);
}

#[test]
fn the_world_around_the_daemon_changes() {
    let back = SignedDuration::from_millis(-90_500);
    let refused = io::Error::from(io::ErrorKind::PermissionDenied);
    insta::assert_snapshot!(logged(LogFormat::Plain, &[
        LogEvent::Slept(seconds(25_930)),
        LogEvent::ClockStepped(back),
        LogEvent::ClockStepped(-back),
        LogEvent::NetworkChanged { sooner: 2 },
        LogEvent::NetworkNotWatched { cause: &refused, retry_within: seconds(30) },
        LogEvent::ManagerNotTold(&refused),
    ]), @r"
    INFO  the machine slept for 7h 12m: tokens continued to idle
    INFO  the clock was set back by 1m 30s: no deadline changes
    INFO  the clock was set forward by 1m 30s: no deadline changes
    INFO  the network may not be watched (netlink: permission denied): after an outage the next attempt comes within 30s instead of at once
    WARN  the service manager cannot be reached at NOTIFY_SOCKET: permission denied
    ");
}

#[test]
fn a_pool_changes() {
    let names = NamesFixture::new();
    let (pool, directory) = (
        SessionName::new("agents").unwrap(),
        Path::new("/run/tokens"),
    );
    let away = |sessions| PoolEvent::Away {
        why: "directory /run/tokens does not exist".to_owned(),
        sessions,
    };
    let many = |count| {
        (0..count)
            .map(|number| format!("`File {number}`"))
            .collect()
    };
    let pool_events = [
        away(0),
        away(1),
        away(12),
        PoolEvent::Back { sessions: 12 },
        PoolEvent::Strange(many(1)),
        PoolEvent::Strange(many(7)),
        PoolEvent::Taken(vec!["crm".to_owned()]),
        PoolEvent::Full,
    ];
    let mut events: Vec<_> = pool_events
        .iter()
        .map(|event| LogEvent::Pool(&pool, directory, event))
        .collect();
    let session = names.named();
    events.extend([
        LogEvent::FileGone(&session, OnShutdown::Leave),
        LogEvent::FileGone(&session, OnShutdown::Revoke),
        LogEvent::Renamed {
            old: &pool,
            new: &session,
        },
    ]);
    insta::assert_snapshot!(logged(LogFormat::Plain, &events), @r"
    INFO  pool agents: directory /run/tokens does not exist; waiting for it
    WARN  pool agents: directory /run/tokens does not exist; nothing counts as removed, its session continues with its token until /run/tokens is back
    WARN  pool agents: directory /run/tokens does not exist; nothing counts as removed, its 12 sessions continue with their tokens until /run/tokens is back
    INFO  pool agents: /run/tokens is available
    WARN  pool agents: 1 file of /run/tokens ignored, since a session's name is 1 to 64 of a-z, 0-9, '.', '_' and '-' and starts with a letter or digit: `File 0`
    WARN  pool agents: 7 files of /run/tokens ignored, since a session's name is 1 to 64 of a-z, 0-9, '.', '_' and '-' and starts with a letter or digit: `File 0`, `File 1`, `File 2`, `File 3`, `File 4` and 2 more
    WARN  pool agents: 1 file of /run/tokens ignored, since another session has the same name: crm; rename one of them
    WARN  pool agents: /run/tokens has more than 1000000 files, the limit of a pool: others are ignored, and none counts as removed
    INFO  wallboard: file /run/wallboard/token was removed: the session ends, its token is left to idle out
    INFO  wallboard: file /run/wallboard/token was removed: the session ends, its token is revoked
    INFO  agents is now called wallboard: its token is in file /run/wallboard/token
    ");
}

#[test]
fn a_source_has_no_token_or_should_be_looked_at() {
    let names = NamesFixture::new();
    let (source, session) = (names.source.clone(), names.named());
    let not_readable = SourceError::NotReadable {
        place: source.clone(),
        cause: io::ErrorKind::PermissionDenied.into(),
    };
    let exposed = Warning::ReadableByAll("/run/wallboard/token".into(), 0o644);
    let trouble = WatchTrouble::Refused {
        directory: "/run/wallboard".into(),
        cause: io::ErrorKind::PermissionDenied.into(),
    };
    let holder = SessionName::new("crm").unwrap();
    let shared = |intent| LogEvent::Shared {
        fingerprint: Fingerprint::of(b"abc"),
        one: (&names.name, Intent::Keep),
        other: (&holder, intent),
    };
    insta::assert_snapshot!(logged(LogFormat::Plain, &[
        LogEvent::Waiting(&session, &SourceError::Absent(source)),
        LogEvent::SourceFailed(&session, &not_readable),
        LogEvent::SourceExposed(&session, &exposed),
        LogEvent::SourceGone(&session),
        LogEvent::WatchTrouble(&trouble),
        shared(Intent::Keep),
        shared(Intent::Lapse),
    ]), @r"
    INFO  wallboard absent: file /run/wallboard/token does not exist; waiting for it
    WARN  wallboard: no token could be read: file /run/wallboard/token cannot be read: permission denied
    WARN  wallboard: file /run/wallboard/token has mode 0644: everyone on this machine can read it; it is used anyway, but mode 0600 would do
    WARN  wallboard: file /run/wallboard/token is gone; its token stays in use
    WARN  directory /run/wallboard is not watched, its tokens are only read at each touch: permission denied
    WARN  wallboard and crm have the same token ba7816bf: crm keeps it alive and wallboard does not take it on; each needs its own
    WARN  wallboard and crm have the same token ba7816bf: crm lets it lapse and wallboard does not take it on; each needs its own
    ");
}
