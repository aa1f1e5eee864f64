//! The filter, the forms, and changes while the daemon runs.

use std::io;

use proptest::prelude::*;
use tracing::subscriber::with_default;
use tracing::{debug, error, info, trace, warn};

use super::super::TARGET;
use super::*;
use crate::status::fixture::{captured, lines, log_environment, wall_clock};

fn auto(is_terminal: bool, variables: &[(&str, &str)]) -> LineFormat {
    let log_environment = LogEnvironment::new(is_terminal, Some("8:1234"), |name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| OsString::from(value))
    });
    log_environment.form(LogFormat::Auto)
}

#[test]
fn auto_is_what_standard_error_leads_to() {
    assert_eq!(auto(true, &[]), LineFormat::Coloured);
    assert_eq!(auto(true, &[("NO_COLOR", "1")]), LineFormat::Plain);
    assert_eq!(auto(true, &[("NO_COLOR", "")]), LineFormat::Coloured);
    assert_eq!(auto(true, &[("TERM", "dumb")]), LineFormat::Plain);
    assert_eq!(auto(false, &[]), LineFormat::Plain);
    assert_eq!(
        auto(false, &[("JOURNAL_STREAM", "8:1234")]),
        LineFormat::Journal
    );
    assert_eq!(
        auto(false, &[("JOURNAL_STREAM", "8:99")]),
        LineFormat::Plain
    );
    let lost = LogEnvironment::new(false, None, |_| Some("8:1234".into()));
    assert_eq!(lost.form(LogFormat::Auto), LineFormat::Plain);
    assert_eq!(lost.form(LogFormat::Json), LineFormat::Json);
}

#[test]
fn other_crates_are_never_heard_below_info() {
    let output = lines(LogLevel::Trace, LogFormat::Plain, || {
        trace!(target: "h2::codec::framed_write", "authorization: Bearer a-secret");
        debug!(target: "hyper::proto", "authorization: Bearer a-secret");
        debug!(target: "session_keepalive_of_another", "a-secret");
        trace!(target: "rustls", "a-secret");
        info!(target: "reqwest", attempt = 2, "connected to {}", "a host");
        debug!(target: "session_keepalive::api::client", verdict = "alive", "asked the API");
        trace!("ours");
    });
    insta::assert_snapshot!(output, @r"
    2026-11-24T08:00:00.123Z INFO  reqwest: connected to a host attempt=2
    2026-11-24T08:00:00.123Z DEBUG session_keepalive::api::client: asked the API verdict=alive
    2026-11-24T08:00:00.123Z TRACE session_keepalive::log::install::tests: ours
    ");
}

#[test]
fn each_form_tells_the_same() {
    let log = || {
        warn!(target: TARGET, session = "wallboard", correlation_id = "5a0e", "a sentence");
        error!(target: TARGET, errors = "error: one\n  | two\r\x1b[1m", "refused");
        info!(target: "hyper", level = 3, text = "a \"b\"", none = "", ratio = f64::NAN, "x\ny");
    };
    let output = |form| {
        let (subscriber, _handle, written) = captured(LogLevel::Info, LogFormat::Auto, form);
        with_default(subscriber, log);
        written.take()
    };
    insta::assert_snapshot!(output(LineFormat::Plain), @r#"
    2026-11-24T08:00:00.123Z WARN  a sentence correlation_id=5a0e
    2026-11-24T08:00:00.123Z ERROR refused
        error: one
          | two\r\u{1b}[1m
    2026-11-24T08:00:00.123Z INFO  hyper: x\ny level=3 text="a \"b\"" none="" ratio=null
    "#);
    insta::assert_snapshot!(output(LineFormat::Journal), @r#"
    <4>a sentence correlation_id=5a0e
    <3>refused
    <3>    error: one
    <3>      | two\r\u{1b}[1m
    <6>hyper: x\ny level=3 text="a \"b\"" none="" ratio=null
    "#);
    insta::assert_snapshot!(output(LineFormat::Json), @r#"
    {"timestamp":"2026-11-24T08:00:00.123Z","level":"WARN","message":"a sentence","session":"wallboard","correlation_id":"5a0e"}
    {"timestamp":"2026-11-24T08:00:00.123Z","level":"ERROR","message":"refused","errors":"error: one\n  | two\r\u001b[1m"}
    {"timestamp":"2026-11-24T08:00:00.123Z","level":"INFO","target":"hyper","message":"x\ny","field.level":3,"text":"a \"b\"","none":"","ratio":null}
    "#);
    insta::assert_snapshot!(output(LineFormat::Coloured).escape_debug().to_string().replace("\\n", "\n"), @r#"
    \u{1b}[2m2026-11-24T08:00:00.123Z\u{1b}[0m \u{1b}[33mWARN \u{1b}[0m a sentence correlation_id=5a0e
    \u{1b}[2m2026-11-24T08:00:00.123Z\u{1b}[0m \u{1b}[31mERROR\u{1b}[0m refused
        error: one
          | two\\r\\u{1b}[1m
    \u{1b}[2m2026-11-24T08:00:00.123Z\u{1b}[0m \u{1b}[32mINFO \u{1b}[0m hyper: x\
    y level=3 text=\"a \\\"b\\\"\" none=\"\" ratio=null
    "#);
}

#[test]
fn level_and_form_change_while_the_daemon_runs() {
    let (subscriber, handle, written) =
        captured(LogLevel::Warn, LogFormat::Plain, LineFormat::Plain);
    with_default(subscriber, || {
        let log = || info!(target: TARGET, "told");
        log();
        assert_eq!(written.take(), "");
        handle.reload(LogConfig {
            level: LogLevel::Debug,
            format: LogFormat::Json,
        });
        log();
        assert!(written.take().starts_with("{\"timestamp\":"));
        handle.reload(LogConfig {
            level: LogLevel::Error,
            format: LogFormat::Plain,
        });
        log();
        assert_eq!(written.take(), "");
    });
}

#[test]
fn a_level_that_is_off_builds_nothing() {
    let calls = std::cell::Cell::new(0);
    let count = || {
        calls.set(calls.get() + 1);
        "told"
    };
    lines(LogLevel::Info, LogFormat::Plain, || {
        debug!(target: TARGET, "{}", count());
    });
    assert_eq!(calls.get(), 0);
}

/// A pipe without a reader, or a full disk.
struct Broken;

impl io::Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

#[test]
fn a_line_that_cannot_be_written_stops_nobody() {
    let (config, stream) = (LogConfig::default(), Stream::new(|| Broken, || true));
    let log_environment = log_environment(LineFormat::Plain);
    let (subscriber, _handle) = subscriber(config, log_environment, wall_clock, stream);
    with_default(subscriber, || error!("nobody reads this"));
}

proptest! {
    #[test]
    fn an_event_is_one_line_whatever_is_in_it(text in any::<String>(), other in any::<String>()) {
        let log = || {
            info!(target: TARGET, correlation_id = &*other, "{text}");
            info!(target: "another", other, message = &*text);
        };
        let plain = lines(LogLevel::Info, LogFormat::Plain, log);
        prop_assert_eq!(plain.lines().count(), 2);
        prop_assert!(plain.lines().all(|line| !line.contains(char::is_control)));
        let json = lines(LogLevel::Info, LogFormat::Json, || {
            info!(target: TARGET, correlation_id = &*other, "{text}");
        });
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(json.matches('\n').count(), 1);
        prop_assert_eq!(read["message"].as_str(), Some(&*text));
        prop_assert_eq!(read["correlation_id"].as_str(), Some(&*other));
    }
}
