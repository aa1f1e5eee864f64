//! Notifies a service manager of the daemon's state by the protocol of `sd_notify(3)`.
//!
//! It sends nothing unless `NOTIFY_SOCKET` is set. Each message blocks the
//! loop for at most `SEND_LIMIT`.
//!
//! - `READY=1` once every kept session was proven alive in its present generation, or after
//!   `ready_after`, so that a machine without network still boots. Until then
//!   `EXTEND_TIMEOUT_USEC` requests the time that `ready_after` takes.
//! - `STATUS=` whenever the line has changed. The line is made after events only; the daemon never
//!   wakes up for it.
//! - `WATCHDOG=1` at half of `WATCHDOG_USEC`, from the loop itself, while it handles deadlines no
//!   later than a quarter of that interval after they are due. It proves that the loop and its
//!   timer work, but nothing about the API or a token, for which a restart would not help.
//! - `RELOADING=1` and `MONOTONIC_USEC`, and `READY=1` after it, also if the reload was refused.
//! - `STOPPING=1`, and `EXTEND_TIMEOUT_USEC` for as long as revocations and hooks may take.
//!
//! The crate `sd-notify` does not fit: it reads the environment and creates a socket for each
//! message, may wait for ever, does not support abstract names (which containers use) and reads a
//! clock of its own.
//!
//! The variables are not passed on: token commands and hooks have an environment of their own.

mod standing;

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use self::standing::SessionCounts;
use crate::config::SessionName;
use crate::keeper::SessionView;
use crate::log::{LogEvent, log_event};
use crate::status::phrases::{append, human_duration};
use crate::sys::clock::ClockReading;
use crate::time::Instant;

/// The extra time that is requested beyond the limit of an operation.
const EXTRA_TIME: Duration = Duration::from_secs(10);

/// The time limit for sending. A service manager that does not read for so long misses a message,
/// since the loop has other things to do.
const SEND_LIMIT: Duration = Duration::from_millis(100);

/// The shortest time between two pings of the watchdog.
const PING_EVERY_MIN: Duration = Duration::from_millis(100);

/// The time for which a loop that was late must be on time before the next ping.
const PING_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The connection to the service manager, if there is one, and the state of the notifications.
#[derive(Debug, Default)]
pub struct Systemd {
    socket: Option<NotifySocket>,
    watchdog: Option<Watchdog>,
    counts: SessionCounts,
    /// True if the status line has to be made again.
    is_changed: bool,
    status: String,
    phase: Phase,
    /// True if the last reload was refused.
    was_refused: bool,
    /// True if an error of sending was logged.
    was_in_trouble: bool,
}

/// The phase of the daemon as the service manager knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Phase {
    /// The service manager waits for readiness, which is reported at `ready_at` even if tokens are
    /// missing.
    Starting { ready_at: Instant },
    /// The daemon is ready.
    #[default]
    Ready,
    /// The service manager waits for the end of a reload, which is reported once `is_over`.
    Reloading { is_over: bool },
    /// The service manager waits for the end of the process.
    Stopping,
}

impl Systemd {
    /// Creates the connection that these variables describe: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and
    /// `WATCHDOG_PID`.
    #[must_use]
    pub fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        Self {
            socket: variable("NOTIFY_SOCKET").and_then(|name| NotifySocket::new(&name).ok()),
            watchdog: interval(variable).map(Watchdog::new),
            ..Self::default()
        }
    }

    /// Returns true if there is a service manager.
    pub(super) fn is_present(&self) -> bool {
        self.socket.is_some()
    }

    /// Handles the start of the daemon, which waits for its tokens for at most `ready_after`.
    pub(super) fn handle_start(&mut self, ready_after: Duration, now: Instant) {
        self.phase = Phase::Starting {
            ready_at: now + ready_after,
        };
        self.is_changed = true;
        if !ready_after.is_zero() {
            let extension = (ready_after + EXTRA_TIME).as_micros();
            self.send(&format!("EXTEND_TIMEOUT_USEC={extension}"));
        }
    }

    /// Updates the state of a session.
    pub(super) fn handle_session(&mut self, name: &SessionName, view: &SessionView) {
        if self.is_present() {
            self.counts.set(name, view);
            self.is_changed = true;
        }
    }

    /// Forgets all sessions. The caller reports them again.
    pub(super) fn forget_sessions(&mut self) {
        self.counts = SessionCounts::default();
        self.is_changed = true;
    }

    /// Handles the beginning of a reload.
    pub(super) fn handle_reload(&mut self, reading: &ClockReading) {
        match &mut self.phase {
            Phase::Ready => {
                let at = reading.monotonic.as_micros();
                if self.send(&format!("RELOADING=1\nMONOTONIC_USEC={at}")) {
                    self.phase = Phase::Reloading { is_over: false };
                }
            }
            Phase::Reloading { is_over } => *is_over = false,
            Phase::Starting { .. } | Phase::Stopping => {}
        }
    }

    /// Handles the end of a reload.
    pub(super) fn handle_reloaded(&mut self, was_refused: bool) {
        if let Phase::Reloading { is_over } = &mut self.phase {
            *is_over = true;
        }
        self.was_refused = was_refused;
        self.is_changed = true;
    }

    /// Handles the beginning of the daemon's stop.
    pub(super) fn handle_stop(
        &mut self,
        revoke: usize,
        leave: usize,
        grace: Duration,
        is_quick: bool,
    ) {
        self.phase = Phase::Stopping;
        let within = human_duration(grace);
        let mut lines = format!(
            "STOPPING=1\nSTATUS=stopping: {revoke} to revoke within {within}, {leave} to leave"
        );
        if !is_quick {
            let extension = (grace + EXTRA_TIME).as_micros();
            append(
                &mut lines,
                format_args!("\nEXTEND_TIMEOUT_USEC={extension}"),
            );
        }
        self.send(&lines);
    }

    /// Handles a suspension of the machine or a change of the wall clock.
    pub(super) fn handle_jump(&mut self) {
        self.is_changed = true;
        self.handle_wait(None);
    }

    /// Sends the notifications that are due. To be called after everything that was due is done,
    /// since the watchdog's ping vouches for it.
    pub(super) fn turn(&mut self, reading: &ClockReading) {
        if self.is_present() {
            self.send_status(reading);
            let watchdog = self.watchdog.as_mut();
            if watchdog.is_some_and(|watchdog| watchdog.poll_ping(reading.boot)) {
                self.send("WATCHDOG=1");
            }
        }
    }

    /// Records that the loop begins to wait, until `wake_at` at the latest.
    pub(super) fn handle_wait(&mut self, wake_at: Option<Instant>) {
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.handle_wait(wake_at);
        }
    }

    /// Returns the instant at which [`Self::turn`] is to be called again.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.socket.as_ref()?;
        let ping_at = self.watchdog.as_ref().map(|watchdog| watchdog.ping_at);
        let ready_at = match self.phase {
            Phase::Starting { ready_at } => Some(ready_at),
            Phase::Ready | Phase::Reloading { .. } | Phase::Stopping => None,
        };
        ping_at.into_iter().chain(ready_at).min()
    }

    fn send_status(&mut self, reading: &ClockReading) {
        let becomes_ready = match self.phase {
            Phase::Starting { ready_at } => ready_at <= reading.boot || self.counts.is_complete(),
            Phase::Reloading { is_over: true } => true,
            Phase::Ready => false,
            Phase::Reloading { is_over: false } | Phase::Stopping => return,
        };
        if !self.is_changed && !becomes_ready {
            return;
        }
        let is_starting = matches!(self.phase, Phase::Starting { .. });
        let mut line = self.counts.line(reading, !is_starting);
        if self.was_refused {
            line.insert_str(
                0,
                "reload refused, the earlier configuration stays in force; ",
            );
        }
        let ready = if becomes_ready { "READY=1\n" } else { "" };
        if becomes_ready || line != self.status {
            if !self.send(&format!("{ready}STATUS={line}")) {
                // The message is sent again after the next event, and readiness also after a while.
                if let Phase::Starting { ready_at } = &mut self.phase {
                    *ready_at = (*ready_at).max(reading.boot + EXTRA_TIME);
                }
                return;
            }
            self.status = line;
        }
        self.is_changed = false;
        if becomes_ready {
            self.phase = Phase::Ready;
        }
    }

    /// Sends a message. Returns true if it was sent.
    fn send(&mut self, lines: &str) -> bool {
        let Some(socket) = &self.socket else {
            return false;
        };
        let result = socket.send(lines);
        let was_sent = result.is_ok();
        if let Err(error) = result
            && !std::mem::replace(&mut self.was_in_trouble, true)
        {
            log_event(&LogEvent::ManagerNotTold(&error));
        }
        was_sent
    }
}

/// Returns the interval within which the service manager expects a ping, if it expects any from
/// this process.
fn interval(variable: impl Fn(&str) -> Option<OsString>) -> Option<Duration> {
    let number = |name| variable(name)?.to_str()?.parse::<u64>().ok();
    let own = u64::from(std::process::id());
    if variable("WATCHDOG_PID").is_some() && number("WATCHDOG_PID") != Some(own) {
        return None;
    }
    let interval = number("WATCHDOG_USEC").filter(|&microseconds| microseconds > 0)?;
    Some(Duration::from_micros(interval))
}

/// A socket that sends to the service manager.
#[derive(Debug)]
struct NotifySocket {
    socket: UnixDatagram,
    address: SocketAddr,
}

impl NotifySocket {
    /// Creates a socket that sends to the one with this name: a path, or `@` and an abstract name.
    fn new(name: &OsStr) -> io::Result<Self> {
        let address = match name.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(name)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(SEND_LIMIT))?;
        Ok(Self { socket, address })
    }

    /// Sends one datagram.
    fn send(&self, lines: &str) -> io::Result<()> {
        self.socket.send_to_addr(lines.as_bytes(), &self.address)?;
        Ok(())
    }
}

/// The schedule of the watchdog's pings, and the deadline by which the loop has to run again.
///
/// A ping proves that the loop ran within the last half of the interval, that its timer fired, and
/// that deadlines were handled no later than a quarter of the interval after they were due.
#[derive(Debug)]
struct Watchdog {
    every: Duration,
    late_after: Duration,
    ping_at: Instant,
    /// The latest instant at which the loop has to run again.
    run_by: Option<Instant>,
}

impl Watchdog {
    /// Creates a watchdog that pings at half of the interval within which the service manager
    /// expects a ping.
    fn new(interval: Duration) -> Self {
        Self {
            every: (interval / 2).max(PING_EVERY_MIN),
            late_after: interval / 4,
            ping_at: Instant::BOOT,
            run_by: None,
        }
    }

    /// Records that the loop begins to wait, until `wake_at` at the latest; `None` if it may be late
    /// without a fault, as after a suspension of the machine.
    fn handle_wait(&mut self, wake_at: Option<Instant>) {
        self.run_by = wake_at;
    }

    /// Returns true if a ping is due and the loop was on time. To be called after everything that
    /// was due is done.
    fn poll_ping(&mut self, now: Instant) -> bool {
        let run_by = self.run_by.take();
        if run_by.is_some_and(|at| now.since(at) > self.late_after) {
            self.ping_at = now + self.every.min(PING_AGAIN_AFTER);
            return false;
        }
        let is_due = self.ping_at <= now;
        if is_due {
            self.ping_at = now + self.every;
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval_of(variables: &[(&str, &str)]) -> Option<Duration> {
        interval(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.into())
        })
    }

    #[test]
    fn without_a_socket_there_is_nobody_to_tell() {
        let mut systemd = Systemd::of(|_| None);
        systemd.handle_start(Duration::from_secs(30), Instant::BOOT);
        assert!(!systemd.is_present());
        assert_eq!(systemd.poll_timeout(), None);
    }

    #[test]
    fn the_watchdog_of_another_process_is_not_ours() {
        let us = std::process::id().to_string();
        let minute = ("WATCHDOG_USEC", "60000000");
        let expected = Some(Duration::from_secs(60));
        assert_eq!(interval_of(&[minute]), expected);
        assert_eq!(interval_of(&[minute, ("WATCHDOG_PID", &us)]), expected);
        for other in ["1", "", "x"] {
            assert_eq!(interval_of(&[minute, ("WATCHDOG_PID", other)]), None);
        }
        for useless in ["0", "-1", "", "1 min"] {
            assert_eq!(interval_of(&[("WATCHDOG_USEC", useless)]), None);
        }
        assert_eq!(interval_of(&[]), None);
    }

    #[test]
    fn a_path_and_an_abstract_name_are_both_sent_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("session-keepalive-test-{}", std::process::id());
        let listeners = [
            UnixDatagram::bind(&path).unwrap(),
            UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap(),
        ];
        let names = [path.into_os_string(), format!("@{name}").into()];
        for (listener, name) in listeners.into_iter().zip(names) {
            NotifySocket::new(&name).unwrap().send("READY=1").unwrap();
            let mut buffer = [0; 64];
            let length = listener.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], b"READY=1");
        }
    }

    #[test]
    fn a_manager_that_does_not_read_does_not_hold_us_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let _deaf = UnixDatagram::bind(&path).unwrap();
        let socket = NotifySocket::new(path.as_os_str()).unwrap();
        let refused = (0..10_000).find_map(|_| socket.send("STATUS=").err());
        assert_eq!(refused.unwrap().kind(), io::ErrorKind::WouldBlock);
    }

    fn at(seconds: u64) -> Instant {
        Instant::BOOT + Duration::from_secs(seconds)
    }

    #[test]
    fn a_loop_that_is_on_time_pings_at_half_of_the_interval() {
        let mut watchdog = Watchdog::new(Duration::from_secs(60));
        let pings: Vec<_> = (0..200)
            .filter(|&second| {
                let is_ping = watchdog.poll_ping(at(second));
                watchdog.handle_wait(Some(watchdog.ping_at.min(at(second + 1))));
                is_ping
            })
            .collect();
        assert_eq!(pings, [0, 30, 60, 90, 120, 150, 180]);
    }

    #[test]
    fn a_loop_that_misses_its_deadline_is_not_vouched_for_until_it_is_on_time_again() {
        let mut watchdog = Watchdog::new(Duration::from_secs(60));
        assert!(watchdog.poll_ping(at(0)));
        watchdog.handle_wait(Some(at(10)));
        // Another event wakes the loop, long after its deadline.
        assert!(!watchdog.poll_ping(at(40)));
        watchdog.handle_wait(Some(at(41)));
        assert!(watchdog.poll_ping(at(41)));
        watchdog.handle_wait(Some(at(42)));
        assert!(!watchdog.poll_ping(at(42)));
    }

    #[test]
    fn a_loop_that_is_always_late_never_pings() {
        let mut watchdog = Watchdog::new(Duration::from_secs(8));
        assert!(watchdog.poll_ping(at(0)));
        for second in (0..100).step_by(4) {
            watchdog.handle_wait(Some(at(second + 1)));
            assert!(!watchdog.poll_ping(at(second + 4)), "{second}");
        }
    }

    #[test]
    fn a_machine_that_slept_is_not_late() {
        let mut watchdog = Watchdog::new(Duration::from_secs(8));
        assert!(watchdog.poll_ping(at(0)));
        watchdog.handle_wait(Some(at(4)));
        watchdog.handle_wait(None);
        assert!(watchdog.poll_ping(at(3600)));
    }

    #[test]
    fn an_absurd_interval_does_not_make_the_loop_spin() {
        let mut watchdog = Watchdog::new(Duration::from_micros(1));
        assert!(watchdog.poll_ping(at(1)));
        assert_eq!(watchdog.ping_at, at(1) + PING_EVERY_MIN);
    }
}
