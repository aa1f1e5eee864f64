//! Tests of the plan for people, word for word.

use std::ffi::OsString;
use std::time::Duration;

use insta::assert_snapshot;

use super::page::page;
use super::report::PlanReport;
use crate::cli::text::TextStyle;
use crate::config::{Layers, Loaded, load};
use crate::daemon::sessions_now;

/// Loads a configuration of one region and these variables.
fn loaded(variables: &[(&str, &str)]) -> Loaded {
    let region = [("REGION", "eu-central-1")];
    let variables = region.iter().chain(variables);
    let environment = variables.map(|(name, value)| {
        let name = format!("SESSION_KEEPALIVE_{name}");
        (OsString::from(name), OsString::from(value))
    });
    let environment = environment.collect();
    load(Layers {
        environment,
        ..Layers::default()
    })
    .unwrap()
}

fn text(loaded: &Loaded, idle_timeout: Option<u64>, width: usize) -> String {
    let report = PlanReport::new(
        loaded,
        &sessions_now(&loaded.config),
        idle_timeout.map(Duration::from_secs),
    );
    let page = page(
        &report,
        TextStyle {
            width,
            is_coloured: false,
        },
    );
    for line in page.lines() {
        assert!(line.chars().count() <= width, "{line}");
    }
    page
}

const WALLBOARD: (&str, &str) = ("SESSIONS__WALLBOARD__TOKEN__FILE", "/run/wallboard");

#[test]
fn one_session_is_planned_for_with_four_idle_timeouts() {
    assert_snapshot!(text(&loaded(&[WALLBOARD]), None, 80), @"
    session wallboard: kept with HEAD or GET, margin 50%
      IDLE     TOUCH AFTER    THE LAST  REQUESTS  OUTAGE     TRIES IF
      TIMEOUT  AT EARLIEST   AT LATEST   AN HOUR  BUDGET      REFUSED
      5m             2m 4s      2m 21s      54.3  2m 30s     22 to 26
      15m           6m 34s      7m 21s      17.2  7m 30s     32 to 48
      1h           26m 49s     29m 51s      4.24     30m    77 to 147
      8h        3h 35m 49s  3h 59m 51s      0.53      4h  497 to 1071
      Each touch is proven by a peek 1s later. Where the answer to GET shows the
      moved deadline, nine in ten need no peek. A touch that fails is tried again
      after 1s, then ever later up to every 30s, and once more just before the
      deadline.
      At the stop: revoked.

    the load on the API
      IDLE     TOUCHES    PEEKS    READS      ALL      MEAN   IN STEP
      TIMEOUT  AN HOUR  AN HOUR  AN HOUR  AN HOUR  A SECOND  A SECOND
      5m          27.2     27.2        1     55.3      0.02      0.12
      15m         8.62     8.62        1     18.2      0.01      0.04
      1h          2.12     2.12        1     5.24     <0.01      0.01
      8h          0.26     0.26        1     1.53     <0.01     <0.01
      Start: 1 peek at once, at most 64 in flight.
      READS: each organisation's idle timeout (one for each API) every 1h.
      IN STEP: the worst case, while sessions that started together act together.
      Stop: revocations at once, at most 64 in flight, tried for 10s.
      A token makes at most 60 requests a minute; the API allows 300.

    It works.
    ");
}

#[test]
fn a_wide_terminal_shows_more() {
    let loaded = loaded(&[
        WALLBOARD,
        ("SESSIONS__CRM__TOKEN__FILE", "/run/crm"),
        ("SESSIONS__CRM__INTENT", "lapse"),
    ]);
    assert_snapshot!(text(&loaded, Some(1200), 120), @"
    session crm: left to lapse, only peeked at
      IDLE     PEEK AFTER  PEEKS AN HOUR  END SEEN AFTER  CONFIRMED
      TIMEOUT   AT LATEST   WHILE IN USE    THE DEADLINE      AFTER
      20m             15m        4 to 10              2s         6s
      At the stop: left as it is.

    session wallboard: kept with HEAD or GET, margin 50%
      IDLE     TOUCH AFTER   THE LAST  REQUESTS  OUTAGE  TRIES IF   TRIES IF  TOUCHES   PROOFS    EXCLUSION
      TIMEOUT  AT EARLIEST  AT LATEST   AN HOUR  BUDGET   REFUSED  THEY HANG  AN HOUR  AN HOUR  FOUND AFTER
      20m           8m 49s     9m 51s      12.9     10m  37 to 59   21 to 28     6.43     6.43       9m 52s
      Each touch is proven by a peek 1s later. Where the answer to GET shows the moved deadline, nine in ten need no peek. A
      touch that fails is tried again after 1s, then ever later up to every 30s, and once more just before the deadline.
      At the stop: revoked.

    the load of all 2 sessions on the API
      IDLE     TOUCHES    PEEKS    READS      ALL      MEAN   IN STEP
      TIMEOUT  AN HOUR  AN HOUR  AN HOUR  AN HOUR  A SECOND  A SECOND
      20m         6.43     16.4        1     23.9      0.01      1.03
      Start: 2 peeks at once, at most 64 in flight.
      READS: each organisation's idle timeout (one for each API) every 1h.
      IN STEP: the worst case, while sessions that started together act together.
      Stop: revocations at once, at most 64 in flight, tried for 10s.
      A token makes at most 60 requests a minute; the API allows 300.

    It works.
    ");
}

#[test]
fn what_cannot_work_or_is_weak_is_told_with_what_to_change() {
    let loaded = loaded(&[
        WALLBOARD,
        ("SESSIONS__DESK__TOKEN__FILE", "/run/desk"),
        ("SESSIONS__DESK__MARGIN", "10m"),
        ("SESSIONS__DESK__VERIFY_EVERY", "5"),
        ("SESSIONS__FRONT__TOKEN__FILE", "/run/front"),
        ("SESSIONS__FRONT__MARGIN", "2s"),
        ("SESSIONS__BACK__TOKEN__FILE", "/run/back"),
        ("SESSIONS__BACK__IDLE_TIMEOUT", "1h"),
        ("HTTP__REQUEST_TIMEOUT", "1m"),
        ("HTTP__IN_FLIGHT_MAX", "1"),
        ("SHUTDOWN__GRACE", "1s"),
    ]);
    let all = text(&loaded, Some(480), 80);
    let (_, findings) = all.split_once("allows 300.\n\n").unwrap();
    assert_snapshot!(findings, @r#"
    cannot work: session desk: the margin of 10m does not fit into an idle timeout
      of 8m: it is cut to 7m 12s
      change sessions.desk.margin to "7m 12s" or less

    cannot work: all 4 sessions: while requests hang, a session waits up to 4m for
      its turn, and a touch comes 11s before the deadline: some get no second try,
      and the outage budget does not hold
      change http.in_flight_max to 4 or more
      or http.request_timeout to "2s" or less

    weak: session back: idle_timeout is 1h, but tokens idle out after 8m: the first
      proof corrects it, unless the server does not report when tokens idle out
      change sessions.back.idle_timeout to "8m" or less, or leave the key out

    weak: session front: a touch comes 11s before the deadline: if it hangs for the
      whole request timeout, there is no time for another one as long
      change sessions.front.margin to "57s" or more
      or http.request_timeout to "5s" or less

    weak: all 4 sessions: 4 tokens are revoked within the grace only if each answer
      takes no more than 250ms
      change shutdown.grace to "2s" or more

    It does not work: 2 settings cannot.
    "#);
}

#[test]
fn a_tiny_idle_timeout_is_told_to_be_one() {
    for (idle_timeout, expected) in [
        (
            1,
            "cannot work: session wallboard: a token that idles out after 1s cannot",
        ),
        (
            2,
            "cannot work: session wallboard: a token that idles out after 2s cannot",
        ),
        (
            4,
            "weak: session wallboard: a touch and its proof take longer",
        ),
    ] {
        let all = text(&loaded(&[WALLBOARD]), Some(idle_timeout), 80);
        assert!(all.contains(expected), "{all}");
        assert!(all.contains("the organisation's idle timeout to \"5s\" or more"));
    }
}

#[test]
fn what_some_idle_timeouts_forbid_is_told_and_no_failure() {
    let loaded = loaded(&[WALLBOARD, ("DEFAULTS__MARGIN", "10m")]);
    let report = PlanReport::new(&loaded, &sessions_now(&loaded.config), None);
    assert!(!report.cannot_work());
    let all = text(&loaded, None, 80);
    assert!(all.contains("cannot work if tokens idle out after 5m: session wallboard"));
    let (_, verdict) = all.trim_end().rsplit_once("\n\n").unwrap();
    assert_snapshot!(verdict, @"
Whether it works depends on the organisation's idle timeout: give it with
--idle-timeout.
    ");
}

#[test]
fn thousands_of_equal_sessions_are_one_row() {
    let names: Vec<_> = (0..3000)
        .map(|number| format!("SESSIONS__AGENT-{number}__TOKEN__FILE"))
        .collect();
    let paths: Vec<_> = (0..3000).map(|number| format!("/run/{number}")).collect();
    let variables = names.iter().zip(&paths);
    let variables: Vec<_> = variables
        .map(|(name, path)| (name.as_str(), path.as_str()))
        .collect();
    assert_snapshot!(text(&loaded(&variables), Some(300), 80), @r#"
    3000 sessions: agent-0, agent-1 and 2998 more: kept with HEAD or GET, margin 50%
      IDLE     TOUCH AFTER   THE LAST  REQUESTS  OUTAGE  TRIES IF
      TIMEOUT  AT EARLIEST  AT LATEST   AN HOUR  BUDGET   REFUSED
      5m             2m 4s     2m 21s      54.3  2m 30s  22 to 26
      Each touch is proven by a peek 1s later. Where the answer to GET shows the
      moved deadline, nine in ten need no peek. A touch that fails is tried again
      after 1s, then ever later up to every 30s, and once more just before the
      deadline.
      At the stop: revoked.

    the load of all 3000 sessions on the API
      IDLE     TOUCHES    PEEKS    READS      ALL      MEAN   IN STEP
      TIMEOUT  AN HOUR  AN HOUR  AN HOUR  AN HOUR  A SECOND  A SECOND
      5m         81509    81509        1   163020      45.3       353
      Start: 3000 peeks at once, at most 64 in flight.
      READS: each organisation's idle timeout (one for each API) every 1h.
      IN STEP: the worst case, while sessions that started together act together.
      Stop: revocations at once, at most 64 in flight, tried for 10s.
      A token makes at most 60 requests a minute; the API allows 300.

    cannot work: all 3000 sessions: while requests hang, a session waits up to 11m
      45s for its turn, and a touch comes 2m 39s before the deadline: some get no
      second try, and the outage budget does not hold
      change http.in_flight_max to 300 or more
      or http.request_timeout to "3s" or less

    weak: all 3000 sessions: 3000 tokens are revoked within the grace only if each
      answer takes no more than 212ms
      change shutdown.grace to "24s" or more

    It does not work: 1 setting cannot.
    "#);
}
