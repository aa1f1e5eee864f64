//! Tests of a log that is not read: a full pipe must never delay the touches or the stop.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Stdio;
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process};
use session_keepalive::sim::Fate;

use super::super::support::keepalive::now;
use super::super::support::simulation::Simulation;
use super::{one_session, seconds};

/// Fills the pipe completely, through a separate open file: the daemon's stays in blocking mode.
fn fill(pipe: &impl AsRawFd) {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
    let path = format!("/proc/self/fd/{}", pipe.as_raw_fd());
    let mut options = OpenOptions::new();
    let mut own: File = options.write(true).custom_flags(flags).open(path).unwrap();
    while own.write(&[b'x'; 4096]).is_ok() {}
    while own.write(b"x").is_ok() {}
}

#[test]
fn a_full_pipe_that_nobody_reads_neither_stops_the_touches_nor_the_end() {
    let simulation = Simulation::new(seconds(6));
    let (folder, config) = one_session(&simulation, "kiosk");
    folder.write(
        "config.toml",
        &config.replace("[log]\n", "[log]\nlevel = \"trace\"\n"),
    );
    let (mut read_end, write_end) = std::io::pipe().unwrap();
    fill(&write_end);
    let mut command = folder.command(&["run", "--config", "config.toml"]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(write_end);
    let mut child = command.spawn().unwrap();
    // The command holds a second copy of the write end.
    drop(command);
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    let signal = |signal| {
        kill_process(pid, signal).unwrap();
    };
    let until = now() + seconds(30);
    while simulation.record("kiosk").resets < 3 {
        assert!(now() < until, "it touches");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(simulation.record("kiosk").fate.is_living());

    // The pipe is read: the first line reports the dropped lines.
    let mut rubbish = vec![0; 1 << 16];
    read_end.read_exact(&mut rubbish).unwrap();
    signal(Signal::HUP);
    let mut log = String::new();
    while !log.contains("reloaded") {
        let length = read_end.read(&mut rubbish).unwrap();
        log += str::from_utf8(&rubbish[..length]).unwrap();
    }
    assert!(
        log.lines().next().unwrap().contains("lines dropped"),
        "{log}"
    );

    // The pipe is full again, and the daemon has to stop.
    fill(&read_end);
    signal(Signal::TERM);
    let began = now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(now() - began < seconds(1), "it stops");
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(status.code(), Some(0));
    assert!(matches!(simulation.record("kiosk").fate, Fate::Revoked(_)));
}
