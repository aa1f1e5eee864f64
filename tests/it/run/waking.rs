//! Tests of a suspended machine: the daemon in this process, with simulated clocks and real
//! sockets.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use session_keepalive::keeper::{OnShutdown, Operation, SessionView};
use session_keepalive::status::QuerySender;
use session_keepalive::sys::clock;
use session_keepalive::sys::clock::ClockReading;

use super::super::support::inside::{self, look_until};
use super::super::support::keepalive::Folder;
use super::super::support::simulation::Simulation;
use super::seconds;

/// The duration of the suspension in milliseconds.
static SLEPT: AtomicU64 = AtomicU64::new(0);
/// The forward change of the wall clock in milliseconds.
static STEPPED: AtomicU64 = AtomicU64::new(0);

/// Returns the real clocks, advanced by the suspension and by the change of the wall clock.
fn clocks() -> ClockReading {
    let (slept, stepped) = (
        Duration::from_millis(SLEPT.load(Ordering::SeqCst)),
        Duration::from_millis(STEPPED.load(Ordering::SeqCst)),
    );
    let reading = clock::read();
    ClockReading {
        boot: reading.boot + slept,
        monotonic: reading.monotonic,
        wall: reading.wall + slept + stepped,
    }
}

/// The written log.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Relays bytes to the server and counts the connections.
fn relay(server: &str) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = server.trim_start_matches("http://").to_owned();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::SeqCst);
            let mut server = TcpStream::connect(&server).unwrap();
            let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || io::copy(&mut from, &mut to));
            thread::spawn(move || io::copy(&mut client, &mut server));
        }
    });
    (address, connections)
}

#[test]
fn after_a_sleep_the_token_is_looked_at_over_a_new_connection_and_the_sleep_is_told() {
    let simulation = Simulation::new(seconds(3600));
    simulation.token("kiosk");
    let folder = Folder::new();
    let (address, connections) = relay(&simulation.base());
    let file = folder.write("kiosk", "kiosk");
    let written = Written::default();
    let writer = written.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _log = tracing::subscriber::set_default(subscriber);
    let scenario = async |queries: &QuerySender| {
        // The peek and the request for the timeout share a connection.
        let is_idle = |view: &SessionView| {
            let operation = view.last_answer.map(|answer| answer.operation);
            operation == Some(Operation::ReadTimeout) && !view.next.unwrap().is_under_way
        };
        look_until(queries, is_idle).await;
        assert_eq!(connections.load(Ordering::SeqCst), 1);

        SLEPT.store(2_400_500, Ordering::SeqCst);
        let is_peeked_at = |view: &SessionView| {
            view.last_answer.map(|answer| answer.operation) == Some(Operation::Peek)
        };
        let woken = look_until(queries, is_peeked_at).await;
        assert_eq!(connections.load(Ordering::SeqCst), 2);

        // The server was not suspended, so the token looks as if its application had used it.
        let live = woken.live.unwrap();
        assert_eq!(live.touched_at, None, "looked at, and not touched");

        STEPPED.store(183_500, Ordering::SeqCst);
        let next = queries.snapshot().await.unwrap();
        let again = queries.snapshot().await.unwrap();
        let deadlines =
            [next, again].map(|snapshot| snapshot.sessions[0].view.live.clone().unwrap().deadline);
        assert_eq!(
            deadlines[0], deadlines[1],
            "the wall clock moves no deadline"
        );
    };
    let api = format!("http://{address}");
    inside::run(&api, &file, clocks, OnShutdown::Leave, scenario);
    let log = written.text();
    for (line, times) in [
        ("the machine slept for 40m: tokens continued to idle", 1),
        ("the clock was set forward by 3m 3s: no deadline changes", 1),
        ("WARN", 0),
    ] {
        assert_eq!(log.matches(line).count(), times, "{line}: {log}");
    }
}
