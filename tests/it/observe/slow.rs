//! Tests that a thousand slow clients delay no touch and keep no probe from an answer.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;

use super::super::support::ask::{get, get_unix};
use super::super::support::keepalive::{Folder, now};
use super::super::support::simulation::Simulation;
use super::{address, head, seconds, session};

const CLIENTS: usize = 1000;

const SESSIONS: usize = 3;

/// The time for which touches are measured, without the clients and with them.
const MEASURED_FOR: Duration = seconds(10);

/// Clients on a thread of their own that send one byte a second and never finish a request.
struct Crowd {
    stop: Arc<AtomicBool>,
    /// The number of connections that the daemon closed.
    closed: JoinHandle<usize>,
}

impl Crowd {
    fn start(address: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let closed = std::thread::spawn(move || {
            let connect = || {
                let client = TcpStream::connect(address).unwrap();
                client.set_nonblocking(true).unwrap();
                client
            };
            let mut clients: Vec<_> = (0..CLIENTS).map(|_| connect()).collect();
            let mut closed = 0;
            while !stopped.load(Ordering::SeqCst) {
                for client in &mut clients {
                    // A client whose connection was closed connects again.
                    if client.write(b"G").is_err() {
                        closed += 1;
                        *client = connect();
                    }
                }
                std::thread::sleep(seconds(1));
            }
            closed
        });
        Self { stop, closed }
    }

    fn stop(self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        self.closed.join().unwrap()
    }
}

/// Returns the delay of each touch, in milliseconds; calls `meanwhile` between two requests.
fn lateness(socket: &Path, meanwhile: impl Fn()) -> Vec<i64> {
    let began = now();
    let moment = |at: &Value| at["at"].as_str()?.parse::<jiff::Timestamp>().ok();
    let mut due: [Option<jiff::Timestamp>; SESSIONS] = [None; SESSIONS];
    let mut late = Vec::new();
    while now() - began < MEASURED_FOR {
        let report = get_unix(socket, "/status").json();
        for (session, due) in report["sessions"].as_array().unwrap().iter().zip(&mut due) {
            let next = &session["next"];
            let operation = next["operation"].as_str().unwrap_or_default();
            if let (Some(at), Some(touched)) = (*due, moment(&session["alive"]["touched"]))
                && touched >= at
            {
                late.push(touched.as_millisecond() - at.as_millisecond());
                *due = None;
            } else if operation.starts_with("touch") && next["under_way"] == false {
                *due = moment(&next["at"]);
            }
        }
        meanwhile();
        std::thread::sleep(Duration::from_millis(20));
    }
    late
}

fn resident_kilobytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

#[test]
fn a_thousand_slow_clients_make_no_touch_late_and_keep_no_probe_out() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    let simulation = Simulation::new(seconds(8));
    let folder = Folder::new();
    let mut config = head(&simulation);
    for name in ["a", "b", "c"] {
        simulation.token(name);
        folder.write(name, name);
        config += &session(name, "");
    }
    let mut keepalive = folder.run(&config);
    let address = address(&mut keepalive);
    let socket = folder.path("control.sock");

    let alone = lateness(&socket, || {});
    let before = resident_kilobytes(keepalive.pid());
    let crowd = Crowd::start(address);
    let crowded = lateness(&socket, || {
        let began = now();
        assert_eq!(get(address, "/livez").status, 200);
        assert!(now() - began < seconds(3), "a probe had to wait");
    });
    let closed = crowd.stop();
    let after = resident_kilobytes(keepalive.pid());
    println!(
        "latest of {} touches {} ms without, of {} touches {} ms with {CLIENTS} slow clients ({closed} turned away); {before} kB resident before, {after} kB after",
        alone.len(),
        alone.iter().max().unwrap(),
        crowded.len(),
        crowded.iter().max().unwrap(),
    );
    assert!(crowded.len() >= SESSIONS, "{crowded:?}");
    // A touch that is half a second late does no harm, and a busy machine may delay it; the
    // printed figures show the usual delay.
    assert!(*crowded.iter().max().unwrap() < 500, "{crowded:?}");
    assert!(after < before + 16_000, "{before} kB became {after} kB");
    for name in ["a", "b", "c"] {
        assert!(simulation.record(name).fate.is_living());
    }
}
