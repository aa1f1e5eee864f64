//! Tests of a network that goes down and comes up, in a network namespace.

use std::process::Command;
use std::time::Duration;

use super::super::support::child::in_child_of;
use super::super::support::keepalive::now;
use super::super::support::simulation::Simulation;
use super::{one_session, seconds};

const NAMESPACE: [&str; 3] = ["unshare", "--map-root-user", "--net"];

fn is_permitted() -> bool {
    let (program, arguments) = NAMESPACE.split_first().unwrap();
    let links = Command::new(program)
        .args(arguments)
        .args(["ip", "link"])
        .output();
    links.is_ok_and(|output| output.status.success())
}

fn set_loopback(state: &str) {
    let status = Command::new("ip")
        .args(["link", "set", "lo", state])
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn tokens_are_alive_within_5_s_of_the_network_coming_up() {
    if !is_permitted() {
        println!("skipped: no network namespace is to be had, or no ip command");
        return;
    }
    let name = "it::run::network::tokens_are_alive_within_5_s_of_the_network_coming_up";
    in_child_of(&NAMESPACE, name, &[], || {
        set_loopback("up");
        let simulation = Simulation::new(seconds(60));
        let (folder, config) = one_session(&simulation, "kiosk");
        set_loopback("down");
        let config = config.replace(
            "[log]\n",
            "[http]\nproxy = \"none\"\n[log]\nlevel = \"debug\"\n",
        );
        let mut daemon = folder.run(&config);
        daemon.wait_for(&["no connection to the API", "kiosk"]);
        // At that time the delays between two attempts are 8 s and longer.
        daemon.listen_for(seconds(20));
        let attempts = daemon.count(&["\"event\":\"answered\""]);
        assert!(attempts <= 8, "{attempts}");
        assert_eq!(daemon.count(&["\"state\":\"alive\""]), 0);
        set_loopback("up");
        let began = now();
        daemon.wait_for(&["\"state\":\"alive\""]);
        let took = now() - began;
        println!("{attempts} tries in 20s without a network; alive {took:?} after it came up");
        assert!(took < Duration::from_secs(5), "{took:?}");
    });
}
