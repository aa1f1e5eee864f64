//! Tests of the Unix socket: it is recreated, and clients wait in its queue.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with,
};
use rustix::process::Signal;

use super::super::support::ask::{get_unix, plain};
use super::super::support::keepalive::{Folder, Keepalive, now};
use super::super::support::simulation::Simulation;
use super::commands::run_command;
use super::{head, seconds, session};

fn running() -> (Simulation, Folder, Keepalive) {
    let simulation = Simulation::new(seconds(3600));
    let folder = Folder::new();
    simulation.token("wallboard");
    folder.write("wallboard", "wallboard");
    let mut keepalive = folder.run(&(head(&simulation) + &session("wallboard", "")));
    keepalive.wait_for(&["\"event\":\"alive\""]);
    (simulation, folder, keepalive)
}

/// Waits until the daemon answers on the socket.
fn wait_for_answer(socket: &Path) {
    let until = now() + seconds(30);
    while UnixStream::connect(socket).is_err() {
        assert!(now() < until, "nobody answers on {}", socket.display());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(get_unix(socket, "/livez").status, 200);
}

#[test]
fn a_socket_that_is_removed_is_made_again_and_the_log_says_so() {
    let (_simulation, folder, mut keepalive) = running();
    let socket = folder.path("control.sock");
    wait_for_answer(&socket);
    for _ in 0..2 {
        fs::remove_file(&socket).unwrap();
        let line = keepalive.wait_for(&["\"event\":\"socket_back\""]);
        assert!(line.contains("control.sock"), "{line}");
        wait_for_answer(&socket);
    }
    // A reload checks the socket as well, independent of the kernel's notification.
    fs::rename(&socket, folder.path("elsewhere")).unwrap();
    keepalive.signal(Signal::HUP);
    keepalive.wait_for(&["\"event\":\"socket_back\""]);
    wait_for_answer(&socket);
    keepalive.stop();
    assert!(!socket.exists());
}

#[test]
fn a_daemon_that_starts_beside_its_predecessor_takes_the_socket_over_when_that_one_ends() {
    let (_simulation, folder, mut first) = running();
    wait_for_answer(&folder.path("control.sock"));
    let words = ["run", "--config", "config.toml", "--force"];
    let mut second = Keepalive::start(folder.command(&words));
    second.wait_for(&["\"event\":\"no_socket\""]);
    second.wait_for(&["\"event\":\"alive\""]);
    first.signal(Signal::QUIT);
    first.wait();
    second.wait_for(&["\"event\":\"socket_back\""]);
    wait_for_answer(&folder.path("control.sock"));
    second.stop();
}

#[test]
fn a_command_waits_while_the_queue_of_the_socket_is_full() {
    let folder = Folder::new();
    let path = folder.path("control.sock");
    let address = SocketAddrUnix::new(&path).unwrap();
    let open = |flags| socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
    let daemon = open(SocketFlags::CLOEXEC);
    bind(&daemon, &address).unwrap();
    listen(&daemon, 1).unwrap();
    let mut crowd = Vec::new();
    loop {
        let client = open(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK);
        let is_full = connect(&client, &address).is_err();
        if is_full {
            break;
        }
        crowd.push(client);
    }
    let mut command = folder.command(&["health"]);
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    // The time is long enough for a command that gives up at once to end.
    std::thread::sleep(seconds(1));
    assert!(child.try_wait().unwrap().is_none(), "it gave up");
    let daemon = UnixListener::from(daemon);
    for _ in 0..crowd.len() {
        daemon.accept().unwrap();
    }
    let (mut stream, _) = daemon.accept().unwrap();
    let mut request = [0; 1024];
    assert!(stream.read(&mut request).unwrap() > 0);
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nlive\n")
        .unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn readers_that_take_nothing_of_a_large_answer_lose_their_place_in_seconds() {
    let simulation = Simulation::new(seconds(3600));
    let folder = Folder::new();
    simulation.token("wallboard");
    folder.write("wallboard", "wallboard");
    let mut config = head(&simulation) + &session("wallboard", "");
    for number in 0..1000 {
        config += &session(&format!("absent-{number}"), "");
    }
    let mut keepalive = folder.run(&config);
    keepalive.wait_for(&["\"event\":\"alive\""]);
    let socket = folder.path("control.sock");
    let request = plain("GET", "/status", "session-keepalive");
    let slow: Vec<_> = (0..8)
        .map(|_| {
            let mut reader = UnixStream::connect(&socket).unwrap();
            reader.write_all(request.as_bytes()).unwrap();
            // The connection counts as taken once its answer begins.
            reader.read_exact(&mut [0]).unwrap();
            reader
        })
        .collect();
    assert_eq!(get_unix(&socket, "/status").status, 503);
    let until = now() + seconds(40);
    while get_unix(&socket, "/status").status != 200 {
        assert!(now() < until, "all places are still taken");
        std::thread::sleep(Duration::from_millis(200));
    }
    drop(slow);
}

#[test]
fn json_for_machines_steers_no_terminal() {
    let simulation = Simulation::with(seconds(3600), |settings| {
        settings.organisation = "Example\u{202e}\u{7f}\u{200b}".to_owned();
    });
    let folder = Folder::new();
    simulation.token("wallboard");
    folder.write("wallboard", "wallboard");
    let mut keepalive = folder.run(&(head(&simulation) + &session("wallboard", "")));
    keepalive.wait_for(&["\"event\":\"alive\""]);
    for words in [
        &["status", "--json"][..],
        &["explain", "wallboard", "--json"],
        &["doctor", "--json", "--config", "config.toml"],
        &[
            "token",
            "show",
            "--json",
            "--config",
            "config.toml",
            "--session",
            "wallboard",
        ],
    ] {
        let output = run_command(&folder, words);
        let harmful = |char: char| char == '\u{202e}' || char == '\u{200b}' || char == '\u{7f}';
        assert!(output.out.contains("Example"), "{words:?}: {}", output.out);
        assert!(!output.out.contains(harmful), "{words:?}: {}", output.out);
        assert!(serde_json::from_str::<serde_json::Value>(&output.out).is_ok());
    }
    drop(keepalive);
}
