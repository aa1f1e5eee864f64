//! Tests of signals, and of the treatment of the tokens at the stop.

use rustix::process::Signal;
use session_keepalive::sim::{ApiOperation, Fate, Matcher, Processing, Rule, RuleSpan, SimFault};
use session_keepalive::token::Token;

use super::super::support::keepalive::{Folder, Keepalive, now};
use super::super::support::simulation::Simulation;
use super::{one_session, seconds, session};

/// Makes every revocation hang.
fn hang_revocations(simulation: &Simulation) {
    simulation.server().script().push(Rule {
        calls: Matcher::operation(ApiOperation::DeleteMe),
        span: RuleSpan::Times(u32::MAX),
        fault: SimFault::Hang {
            processing: Processing::Skipped,
        },
    });
}

/// Starts a daemon with session `kiosk`, and a stop that hangs in its revocation.
fn stopping_at_length() -> (Simulation, Folder, Keepalive) {
    let simulation = Simulation::new(seconds(60));
    let (folder, config) = one_session(&simulation, "kiosk");
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"state\":\"alive\""]);
    hang_revocations(&simulation);
    daemon.signal(Signal::TERM);
    (simulation, folder, daemon)
}

#[test]
fn sigterm_and_sigint_revoke_within_a_second_and_end_with_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let simulation = Simulation::new(seconds(60));
        let (folder, config) = one_session(&simulation, "kiosk");
        let mut daemon = folder.run(&config);
        daemon.wait_for(&["\"state\":\"alive\""]);
        daemon.signal(signal);
        let (status, took) = daemon.wait();
        assert_eq!(status.code(), Some(0), "{}", daemon.log.join("\n"));
        assert!(took < seconds(1), "{took:?}");
        assert!(matches!(simulation.record("kiosk").fate, Fate::Revoked(_)));
        assert_eq!(simulation.record("kiosk").after_death, 0);
    }
}

#[test]
fn sigquit_leaves_the_tokens() {
    let simulation = Simulation::new(seconds(60));
    let (folder, config) = one_session(&simulation, "kiosk");
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"state\":\"alive\""]);
    daemon.signal(Signal::QUIT);
    assert_eq!(daemon.wait().0.code(), Some(0));
    assert!(simulation.record("kiosk").fate.is_living());
    assert_eq!(simulation.record("kiosk").calls(ApiOperation::DeleteMe), 0);
}

#[test]
fn a_second_sigterm_ends_at_once() {
    let (_simulation, _folder, mut daemon) = stopping_at_length();
    daemon.wait_for(&["SIGTERM"]);
    daemon.signal(Signal::TERM);
    let (status, took) = daemon.wait();
    assert_eq!(status.code(), Some(1));
    assert!(took < seconds(1), "{took:?}");
}

#[test]
fn the_log_names_the_tokens_that_may_still_live_after_a_second_sigterm() {
    let (simulation, _folder, mut daemon) = stopping_at_length();
    let fingerprint = Token::from_bytes(b"kiosk".to_vec()).unwrap().fingerprint();
    let named = format!("\"tokens\":\"{fingerprint}\"");
    daemon.wait_for(&["\"event\":\"stopping\"", &named]);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait().0.code(), Some(1));
    assert!(simulation.record("kiosk").fate.is_living());
}

#[test]
fn a_revocation_that_hangs_ends_at_the_grace_with_1() {
    let simulation = Simulation::new(seconds(60));
    let (folder, config) = one_session(&simulation, "kiosk");
    let mut daemon = folder.run(&(config + "[shutdown]\ngrace = \"3s\"\n"));
    daemon.wait_for(&["\"state\":\"alive\""]);
    hang_revocations(&simulation);
    let began = now();
    let (code, _) = daemon.stop();
    let took = now() - began;
    assert_eq!(code, Some(1), "{}", daemon.log.join("\n"));
    assert!(took >= seconds(3) && took < seconds(4), "{took:?}");
    assert_eq!(
        daemon.count(&["\"level\":\"ERROR\""]),
        1,
        "{}",
        daemon.log.join("\n")
    );
}

#[test]
fn a_revocation_that_fails_at_first_is_tried_again() {
    let simulation = Simulation::new(seconds(60));
    let (folder, config) = one_session(&simulation, "kiosk");
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"state\":\"alive\""]);
    simulation.server().script().push(Rule {
        calls: Matcher::operation(ApiOperation::DeleteMe),
        span: RuleSpan::Times(2),
        fault: SimFault::error(503, "service.unavailable", "later"),
    });
    assert_eq!(daemon.stop().0, Some(0));
    assert!(matches!(simulation.record("kiosk").fate, Fate::Revoked(_)));
}

#[test]
fn it_stops_while_the_server_is_down_and_says_what_was_not_revoked() {
    let mut simulation = Simulation::new(seconds(60));
    let (folder, config) = one_session(&simulation, "kiosk");
    let mut daemon = folder.run(&(config + "[shutdown]\ngrace = \"2s\"\n"));
    daemon.wait_for(&["\"state\":\"alive\""]);
    simulation.down();
    assert_eq!(daemon.stop().0, Some(1));
    assert_eq!(
        daemon.count(&["no connection to the API", "kiosk"]),
        1,
        "{}",
        daemon.log.join("\n")
    );
}

#[test]
fn a_stop_revokes_even_where_no_further_request_was_allowed() {
    let simulation = Simulation::new(seconds(60));
    let (folder, config) = one_session(&simulation, "kiosk");
    simulation.token("second");
    folder.write("second", "second");
    let config = config + &session("second", "") + "[http]\nin_flight_max = 1\n";
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"state\":\"alive\"", "kiosk"]);
    daemon.wait_for(&["\"state\":\"alive\"", "second"]);
    simulation.server().script().push(Rule {
        calls: Matcher::operation(ApiOperation::GetTimeout),
        span: RuleSpan::Times(u32::MAX),
        fault: SimFault::Hang {
            processing: Processing::Skipped,
        },
    });
    daemon.listen_for(seconds(2));
    let (code, took) = daemon.stop();
    assert_eq!(code, Some(0), "{}", daemon.log.join("\n"));
    assert!(took < seconds(2), "{took:?}");
    for token in ["kiosk", "second"] {
        assert!(matches!(simulation.record(token).fate, Fate::Revoked(_)));
    }
}
