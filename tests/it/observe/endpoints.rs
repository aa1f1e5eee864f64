//! Tests of the endpoints over TCP and the Unix socket: answers, refusals and reloads.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;

use super::super::support::ask::{ask, get, get_unix, plain};
use super::super::support::keepalive::{Folder, Keepalive, text};
use super::super::support::simulation::Simulation;
use super::{address, head, seconds, session};

/// Starts a daemon with one session, and waits until the session is alive.
pub(super) fn running() -> (Simulation, Folder, Keepalive, std::net::SocketAddr) {
    let simulation = Simulation::new(seconds(3600));
    let folder = Folder::new();
    simulation.token("wallboard");
    folder.write("wallboard", "wallboard");
    let mut keepalive = folder.run(&(head(&simulation) + &session("wallboard", "")));
    let address = address(&mut keepalive);
    keepalive.wait_for(&["\"event\":\"alive\""]);
    (simulation, folder, keepalive, address)
}

#[test]
fn tcp_and_the_socket_answer_the_same() {
    let (_simulation, folder, mut keepalive, address) = running();
    let socket = folder.path("control.sock");
    for path in ["/livez", "/readyz", "/readyz?verbose", "/readyz/wallboard"] {
        let (over_tcp, over_socket) = (get(address, path), get_unix(&socket, path));
        assert_eq!((over_tcp.status, over_socket.status), (200, 200), "{path}");
        assert_eq!(over_tcp.body.is_empty(), over_socket.body.is_empty());
    }
    assert_eq!(get(address, "/livez").body, "live\n");
    assert_eq!(get(address, "/readyz").body, "ready: 1 kept\n");
    let verbose = get(address, "/readyz?verbose").body;
    assert!(verbose.starts_with("[+] wallboard alive: "), "{verbose}");
    let status = get_unix(&socket, "/status");
    let report = status.json();
    assert_eq!(report["version"], 1);
    assert_eq!(report["ready"], true);
    assert_eq!(report["sessions"][0]["name"], "wallboard");
    assert_eq!(report["sessions"][0]["state"], "alive");
    assert_eq!(report["events"][0]["event"], "alive");
    let left = report["sessions"][0]["alive"]["deadline"]["in_seconds"].as_f64();
    assert!((3500.0..=3600.0).contains(&left.unwrap()), "{left:?}");
    assert!(
        status.head.contains("content-type: application/json"),
        "{}",
        status.head
    );
    let (code, _) = keepalive.stop();
    assert_eq!(code, Some(0));
    assert!(!socket.exists(), "goes with the daemon");
}

#[test]
fn what_is_not_there_or_not_allowed_is_said_so() {
    let (_simulation, _folder, _keepalive, address) = running();
    let send = |request: &str| ask(TcpStream::connect(address).unwrap(), request);
    let missing = get(address, "/secrets");
    assert_eq!(missing.status, 404);
    assert!(missing.body.contains("/readyz"), "{}", missing.body);
    assert_eq!(get(address, "/readyz/nobody").status, 404);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
        let answer = send(&plain(method, "/status", "localhost"));
        assert_eq!(answer.status, 405, "{method}");
        assert!(answer.head.contains("allow: get, head"), "{}", answer.head);
    }
    let head_only = send(&plain("HEAD", "/status", "localhost"));
    assert_eq!((head_only.status, head_only.body.as_str()), (200, ""));
    assert!(
        head_only.head.contains("content-length: "),
        "{}",
        head_only.head
    );
    assert_eq!(send(&plain("GET", "/livez", "evil.example")).status, 421);
    let long = format!(
        "GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "x".repeat(20_000)
    );
    assert!((400..500).contains(&send(&long).status));
    assert_eq!(send("rubbish\r\n\r\n").status, 400);
    for policy in [
        "content-security-policy: default-src 'none'",
        "nosniff",
        "no-store",
    ] {
        assert!(
            missing.head.contains(policy),
            "{policy} in {}",
            missing.head
        );
    }
}

#[test]
fn the_socket_is_for_its_owner_and_group_and_replaces_only_what_an_earlier_process_left() {
    let simulation = Simulation::new(seconds(3600));
    let folder = Folder::new();
    simulation.token("wallboard");
    folder.write("wallboard", "wallboard");
    let path = folder.path("own.sock");
    let config = head(&simulation)
        .replace("listen = \"0\"", &format!("socket = {:?}", text(&path)))
        + &session("wallboard", "");
    // A daemon that is killed leaves its socket behind.
    let mut killed = folder.run(&config);
    killed.wait_for(&["\"event\":\"alive\""]);
    killed.signal(rustix::process::Signal::KILL);
    killed.wait();
    assert!(path.exists());
    let mut keepalive = folder.run(&config);
    keepalive.wait_for(&["\"event\":\"alive\""]);
    let metadata = fs::metadata(&path).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.mode() & 0o777, 0o660);

    // A second daemon must not replace the socket of a running one.
    let mut second = folder.run(&config);
    let line = second.wait_for(&["another daemon answers"]);
    assert!(line.contains(text(&path)), "{line}");
    assert_eq!(second.wait().0.code(), Some(74));
    assert_eq!(get_unix(&path, "/livez").status, 200);

    // A daemon must not replace a file that is not a socket.
    let file = folder.write("file.sock", "precious");
    let mut third = folder.run(&config.replace("own.sock", "file.sock"));
    third.wait_for(&["is not a socket of this program"]);
    assert_eq!(third.wait().0.code(), Some(74));
    assert_eq!(fs::read_to_string(file).unwrap(), "precious");
}

#[test]
fn a_reload_opens_and_closes_doors_and_a_door_that_does_not_open_refuses_it() {
    let (simulation, folder, mut keepalive, first) = running();
    let own = folder.path("own.sock");
    let moved = head(&simulation).replace(
        "listen = \"0\"",
        &format!("listen = \"off\"\nsocket = {:?}", text(&own)),
    ) + &session("wallboard", "");
    folder.write("config.toml", &moved);
    keepalive.signal(rustix::process::Signal::HUP);
    keepalive.wait_for(&["\"event\":\"reloaded\""]);
    assert_eq!(get_unix(&own, "/readyz").status, 200);
    assert!(TcpStream::connect(first).is_err(), "closed");
    assert!(UnixStream::connect(folder.path("control.sock")).is_err());

    folder.write(
        "config.toml",
        &moved.replace("own.sock", "no/such/folder/x.sock"),
    );
    keepalive.signal(rustix::process::Signal::HUP);
    let line = keepalive.wait_for(&["\"event\":\"reload_refused\""]);
    assert!(line.contains("no socket can be made at"), "{line}");
    assert_eq!(get_unix(&own, "/readyz").status, 200, "stays");
}

#[test]
fn without_a_place_for_the_socket_the_daemon_runs_and_says_so() {
    let simulation = Simulation::new(seconds(3600));
    let folder = Folder::new();
    simulation.token("wallboard");
    folder.write("wallboard", "wallboard");
    folder.write(
        "config.toml",
        &(head(&simulation) + &session("wallboard", "")),
    );
    let mut command = folder.command(&["run", "--config", "config.toml"]);
    command.env("RUNTIME_DIRECTORY", folder.path("missing").join("deeper"));
    let mut keepalive = Keepalive::start(command);
    let line = keepalive.wait_for(&["\"event\":\"no_socket\""]);
    assert!(line.contains("status.socket"), "{line}");
    keepalive.wait_for(&["\"event\":\"alive\""]);
}

#[test]
fn a_reload_that_only_spells_the_socket_out_is_taken_and_one_that_shares_the_port_says_how() {
    let (simulation, folder, mut keepalive, address) = running();
    let socket = folder.path("control.sock");
    let spelled = format!("listen = \"0\"\nsocket = {:?}", text(&socket));
    let head = head(&simulation);
    let config = head.replace("listen = \"0\"", &spelled) + &session("wallboard", "");
    folder.write("config.toml", &config);
    keepalive.signal(rustix::process::Signal::HUP);
    keepalive.wait_for(&["\"event\":\"reloaded\""]);
    assert_eq!(get_unix(&socket, "/livez").status, 200);

    let shared = format!("listen = \"0.0.0.0:{}\"", address.port());
    folder.write("config.toml", &config.replace("listen = \"0\"", &shared));
    keepalive.signal(rustix::process::Signal::HUP);
    let line = keepalive.wait_for(&["\"event\":\"reload_refused\""]);
    assert!(line.contains("listens on port"), "{line}");
    assert_eq!(get(address, "/livez").status, 200);
}
