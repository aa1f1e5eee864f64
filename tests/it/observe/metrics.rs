//! Tests of the metrics that the binary exposes.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};

use rustix::process::Signal;
use session_keepalive::sys::clock;

use super::super::support::ask::{HttpAnswer, ask, get};
use super::super::support::keepalive::{Folder, Keepalive, now};
use super::super::support::simulation::Simulation;
use super::{address, head, seconds, session};

/// The `Accept` header that Prometheus 2 sends.
const ACCEPT_OF_PROMETHEUS: &str = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// The samples of a metrics text in the classic format, by name and labels.
pub(super) type SampleValues = BTreeMap<String, String>;

pub(super) fn samples(text: &str) -> SampleValues {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.to_owned())
    };
    lines.map(sample).collect()
}

fn number(samples: &SampleValues, name: &str) -> f64 {
    samples[name].parse().unwrap()
}

fn scrape(address: SocketAddr) -> SampleValues {
    let answer = get(address, "/metrics");
    assert_eq!(answer.status, 200, "{}", answer.body);
    samples(&answer.body)
}

/// Scrapes until the predicate holds, and returns that scrape; `what` names it in a panic.
pub(super) fn scrape_until(
    address: SocketAddr,
    what: &str,
    predicate: impl Fn(&SampleValues) -> bool,
) -> SampleValues {
    let began = now();
    loop {
        let samples = scrape(address);
        if predicate(&samples) {
            return samples;
        }
        assert!(now() - began < seconds(30), "never {what}: {samples:#?}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

fn scrape_as(address: SocketAddr, accept: &str) -> HttpAnswer {
    let request = format!(
        "GET /metrics HTTP/1.1\r\nhost: localhost\r\naccept: {accept}\r\nconnection: close\r\n\r\n"
    );
    ask(TcpStream::connect(address).unwrap(), &request)
}

/// Returns the second label of the only sample of a state set that is 1 for a session.
fn active_state<'a>(samples: &'a SampleValues, family: &str, session: &str) -> &'a str {
    let before = format!("{family}{{session=\"{session}\",");
    let samples_of_session: Vec<_> = samples
        .iter()
        .filter(|(name, _)| name.starts_with(&before))
        .collect();
    assert!(samples_of_session.len() > 1, "{family} of {session}");
    assert!(
        samples_of_session
            .iter()
            .all(|(_, value)| *value == "0" || *value == "1")
    );
    let mut active = samples_of_session.iter().filter(|(_, value)| *value == "1");
    let (name, _) = active.next().unwrap();
    assert!(active.next().is_none(), "{family} of {session}");
    name.split('"').nth(3).unwrap()
}

/// Starts a daemon with two sessions, one kept and one lapsing.
fn running(idle: u64, more: &str) -> (Simulation, Folder, Keepalive, SocketAddr) {
    let simulation = Simulation::new(seconds(idle));
    let folder = Folder::new();
    for name in ["wallboard", "crm"] {
        simulation.token(name);
        folder.write(name, name);
    }
    let config = head(&simulation)
        + more
        + &session("wallboard", "touch = \"head\"")
        + &session("crm", "intent = \"lapse\"");
    let mut keepalive = folder.run(&config);
    let address = address(&mut keepalive);
    (simulation, folder, keepalive, address)
}

#[test]
fn counters_grow_and_gauges_tell_how_it_stands() {
    let (simulation, folder, keepalive, address) = running(6, "");
    let touches = "session_keepalive_requests_total{operation=\"touch_head\",verdict=\"accepted\"}";
    let timed = "session_keepalive_touch_duration_seconds_count";
    let proven = "session_keepalive_session_reset{session=\"wallboard\",reset=\"proven\"}";
    let first = scrape_until(address, "touched", |samples| {
        number(samples, touches) >= 1.0
    });
    let later = scrape_until(address, "touched again", |samples| {
        number(samples, touches) > number(&first, touches)
            && samples.get(proven) == Some(&"1".to_owned())
    });
    assert!(number(&later, timed) >= 2.0);
    assert_eq!(later["session_keepalive_ready"], "1");
    assert_eq!(later["session_keepalive_live"], "1");
    assert_eq!(later["session_keepalive_per_session_metrics_enabled"], "1");
    assert_eq!(
        later["session_keepalive_start_time_seconds"],
        first["session_keepalive_start_time_seconds"]
    );
    let state = "session_keepalive_session_state";
    assert_eq!(active_state(&later, state, "wallboard"), "alive");
    let since = number(
        &later,
        "session_keepalive_session_since_touch_seconds{session=\"wallboard\"}",
    );
    let left = number(
        &later,
        "session_keepalive_session_idle_deadline_seconds{session=\"wallboard\"}",
    );
    assert!((0.0..6.0).contains(&since), "{since}");
    assert!((0.0..=6.0).contains(&left), "{left}");
    let least_deadline = "session_keepalive_idle_deadline_min_seconds";
    // The sums and the values of sessions are of two moments.
    assert!(
        (number(&later, least_deadline) - left).abs() < 1.0,
        "the only one that is kept"
    );

    scrape_until(address, "lapsed", |samples| {
        samples["session_keepalive_sessions{intent=\"lapse\",state=\"lapsed\"}"] == "1"
    });
    simulation.server().revoke("wallboard", clock::now());
    folder.write("config.toml", "rubbish");
    keepalive.signal(Signal::HUP);
    let lost = scrape_until(address, "lost, and the reload refused", |samples| {
        samples["session_keepalive_events_total{event=\"lost\"}"] == "1"
            && samples["session_keepalive_last_reload_accepted"] == "0"
    });
    assert_eq!(
        lost["session_keepalive_reloads_total{result=\"refused\"}"],
        "1"
    );
    assert_eq!(lost["session_keepalive_ready"], "0");
    assert_eq!(lost["session_keepalive_sessions_not_ready"], "1");
    assert_eq!(active_state(&lost, state, "wallboard"), "lost");
    assert_eq!(active_state(&lost, state, "crm"), "lapsed");
}

#[test]
fn who_asks_for_open_metrics_gets_it_and_everyone_else_the_classic_text() {
    let (_simulation, _folder, _keepalive, address) = running(3600, "");
    let open = scrape_as(address, ACCEPT_OF_PROMETHEUS);
    assert_eq!(open.status, 200);
    assert!(
        open.head
            .contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"),
        "{}",
        open.head
    );
    assert!(open.body.ends_with("\n# EOF\n"));
    assert!(
        open.body
            .contains("# TYPE session_keepalive_requests counter\n")
    );
    for accept in ["*/*", "text/plain", "text/html,*/*;q=0.8"] {
        let classic = scrape_as(address, accept);
        assert!(
            classic
                .head
                .contains("content-type: text/plain; version=0.0.4; charset=utf-8"),
            "{}",
            classic.head
        );
        assert!(!classic.body.contains("# EOF"));
        assert!(
            classic
                .body
                .contains("# TYPE session_keepalive_requests_total counter\n")
        );
    }
}

#[test]
fn above_the_limit_the_sessions_are_only_counted_together_and_a_reload_lifts_it() {
    let limit = "[metrics]\nper_session_max = 1\n";
    let (_simulation, folder, keepalive, address) = running(3600, limit);
    let enabled = "session_keepalive_per_session_metrics_enabled";
    let few = scrape_until(address, "alive", |samples| {
        samples["session_keepalive_sessions{intent=\"keep\",state=\"alive\"}"] == "1"
    });
    assert_eq!(few[enabled], "0");
    let of_each = |samples: &SampleValues| {
        let names = samples.keys();
        names.filter(|name| name.contains("session=")).count()
    };
    assert_eq!(of_each(&few), 0);
    assert!(number(&few, "session_keepalive_outage_budget_min_seconds") > 1000.0);
    assert_eq!(
        few["session_keepalive_sessions_by_reset{reset=\"unproven\"}"],
        "2"
    );

    let config = std::fs::read_to_string(folder.path("config.toml")).unwrap();
    folder.write("config.toml", &config.replace("max = 1", "max = 2"));
    keepalive.signal(Signal::HUP);
    let many = scrape_until(address, "shown each", |samples| samples[enabled] == "1");
    assert!(of_each(&many) > 30);
}
