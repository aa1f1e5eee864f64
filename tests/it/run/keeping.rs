//! Tests of keeping tokens, of letting them lapse, and of obstacles to both.

use std::time::Duration;

use session_keepalive::sim::{ApiOperation, Fate};

use super::super::support::keepalive::{Folder, now};
use super::super::support::simulation::Simulation;
use super::{head, one_session, seconds, session};

#[test]
fn with_an_idle_timeout_of_6_s_the_kept_lives_and_the_lapsing_is_never_reset() {
    let simulation = Simulation::new(seconds(6));
    let (folder, config) = one_session(&simulation, "kept");
    simulation.token("lapsing");
    folder.write("lapsing", "lapsing");
    let mut daemon = folder.run(&(config + &session("lapsing", "intent = \"lapse\"")));
    daemon.listen_for(seconds(60));
    let (kept, lapsing) = (simulation.record("kept"), simulation.record("lapsing"));
    println!(
        "kept: {} calls, {} resets in 60s",
        kept.calls_in_all(),
        kept.resets
    );
    assert!(kept.fate.is_living(), "{kept:?}");
    assert!(kept.calls_in_all() <= 61);
    assert!(
        kept.shortest_gap.unwrap() >= Duration::from_millis(990),
        "{kept:?}"
    );
    // The answer to GET shows the moved deadline, so that few peeks are needed.
    assert!(kept.calls(ApiOperation::HeadMe) <= 3, "{kept:?}");
    assert!(
        kept.calls(ApiOperation::GetMe) > kept.calls(ApiOperation::PeekMe),
        "{kept:?}"
    );
    assert_eq!(lapsing.resets, 0);
    assert_eq!(lapsing.calls(ApiOperation::PeekMe), lapsing.calls_in_all());
    assert!(matches!(lapsing.fate, Fate::Lapsed(_)), "{lapsing:?}");
    assert_eq!(
        daemon.count(&["\"state\":\"lapsed\"", "\"session\":\"lapsing\""]),
        1
    );
    let (code, took) = daemon.stop();
    println!("SIGTERM to exit: {took:?}");
    assert_eq!(code, Some(0));
    assert!(took < seconds(1), "{took:?}");
    assert!(matches!(simulation.record("kept").fate, Fate::Revoked(_)));
}

#[test]
fn where_head_is_excluded_get_is_used_within_three_touches() {
    let simulation = Simulation::with(seconds(6), |settings| {
        settings.excluded = vec![ApiOperation::HeadMe];
    });
    let (folder, config) = one_session(&simulation, "kiosk");
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["GET", "\"session\":\"kiosk\""]);
    let at_detection = simulation.record("kiosk");
    assert!(
        at_detection.calls(ApiOperation::HeadMe) <= 3,
        "{at_detection:?}"
    );
    daemon.listen_for(seconds(15));
    let later = simulation.record("kiosk");
    assert_eq!(
        later.calls(ApiOperation::HeadMe),
        at_detection.calls(ApiOperation::HeadMe)
    );
    assert!(later.calls(ApiOperation::GetMe) >= 3, "{later:?}");
    assert!(later.fate.is_living());
}

#[test]
fn where_both_are_excluded_the_operator_is_told_once() {
    let simulation = Simulation::with(seconds(12), |settings| {
        settings.excluded = vec![ApiOperation::HeadMe, ApiOperation::GetMe];
    });
    let (folder, config) = one_session(&simulation, "kiosk");
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["excludes these calls from its inactivity timeout", "kiosk"]);
    // The application keeps the token alive for a while.
    for _ in 0..10 {
        simulation
            .server()
            .touch_by_application("kiosk", session_keepalive::sys::clock::now());
        daemon.listen_for(seconds(2));
    }
    daemon.wait_for(&["lost", "kiosk"]);
    let warnings = daemon.count(&["\"level\":\"WARN\"", "excludes these calls"]);
    // A request of the application in the same second as a touch makes that touch look effective.
    let ended = daemon.count(&["exclusion_ended"]);
    // One warning comes with each detection, and one as the cause of the loss.
    assert_eq!(warnings, 2 + ended, "{}", daemon.log.join("\n"));
}

#[test]
fn a_server_that_is_down_for_half_of_the_idle_timeout_loses_nothing() {
    let mut simulation = Simulation::new(seconds(12));
    let (folder, config) = one_session(&simulation, "kiosk");
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"state\":\"alive\""]);
    daemon.listen_for(seconds(5));
    for _ in 0..2 {
        simulation.down();
        daemon.listen_for(seconds(6));
        simulation.up();
        daemon.listen_for(seconds(9));
    }
    let record = simulation.record("kiosk");
    println!(
        "{} calls in 35s, 12s of them without a server",
        record.calls_in_all()
    );
    assert!(record.fate.is_living(), "{}", daemon.log.join("\n"));
    assert_eq!(daemon.count(&["\"event\":\"lost\""]), 0);
}

#[test]
fn a_server_that_is_down_at_the_start_is_waited_for() {
    let mut simulation = Simulation::new(seconds(60));
    let (folder, config) = one_session(&simulation, "kiosk");
    simulation.down();
    let mut daemon = folder.run(&(config + "[http]\nproxy = \"none\"\n"));
    daemon.wait_for(&["no connection to the API", "kiosk"]);
    daemon.listen_for(seconds(6));
    assert_eq!(daemon.count(&["no connection to the API"]), 1, "told once");
    simulation.up();
    let began = now();
    daemon.wait_for(&["\"state\":\"alive\""]);
    let took = now() - began;
    println!(
        "alive {took:?} after the server came back, {} calls",
        simulation.record("kiosk").calls_in_all()
    );
    assert!(took < seconds(10), "{took:?}");
}

#[test]
fn two_sessions_with_one_token_are_refused_at_the_start_with_both_names() {
    let simulation = Simulation::new(seconds(60));
    let folder = Folder::new();
    folder.write("one", "the-same");
    folder.write("two", "the-same");
    let mut daemon = folder.run(&(head(&simulation) + &session("one", "") + &session("two", "")));
    daemon.wait_for(&["one", "two", "one and the same token"]);
    assert_eq!(daemon.wait().0.code(), Some(78));
}
