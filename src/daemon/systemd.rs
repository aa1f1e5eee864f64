//! Tells a service manager how the daemon does, in the words of `sd_notify(3)`.
//!
//! It says nothing, and keeps no account, unless `NOTIFY_SOCKET` names somebody to tell.
//!
//! - `READY=1` once every kept session was proven alive in its present generation, or after
//!   `ready_after`: a machine without network still boots. Until then `EXTEND_TIMEOUT_USEC`
//!   asks for the patience that `ready_after` takes.
//! - `STATUS=` whenever the line is another one than before, which is looked at when
//!   something happened and never for its own sake.
//! - `WATCHDOG=1` at half of `WATCHDOG_USEC`, from the loop itself, while it does what is due no
//!   later than a quarter of that interval after its time. It vouches for the loop and its
//!   timer, not for the API or a token, which a restart would not mend.
//! - `RELOADING=1` and `MONOTONIC_USEC`, and `READY=1` after it, also if the reload was refused.
//! - `STOPPING=1`, and `EXTEND_TIMEOUT_USEC` for as long as revocations and hooks may take.
//!
//! The variables stay in the environment of this process and go no further: token commands
//! and hooks are run with an environment of their own.

mod socket;
mod standing;
mod watchdog;

use std::ffi::OsString;
use std::io;
use std::time::Duration;

use self::socket::Socket;
use self::standing::Standing;
use self::watchdog::Watchdog;
use super::clock::Reading;
use crate::config::SessionName;
use crate::keeper::{Instant, SessionView};
use crate::observe::words::{append, lasting};

/// What is asked for beyond the time that something may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The service manager, if there is one to be told.
#[derive(Debug, Default)]
pub struct Systemd(Option<Box<Service>>);

/// What the service manager was told.
#[derive(Debug)]
struct Service {
    socket: Socket,
    watchdog: Option<Watchdog>,
    standing: Standing,
    /// Whether the line has to be made anew.
    is_changed: bool,
    status: String,
    phase: Phase,
    /// Whether the last reload was refused.
    was_refused: bool,
    /// Why it could not be told.
    trouble: Option<io::Error>,
    was_in_trouble: bool,
}

/// What the service manager knows of us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// It waits for us to be ready, and is told so then, whatever is missing.
    Starting { ready_at: Instant },
    /// We are ready.
    Ready,
    /// It waits for the end of a reload.
    Reloading,
    /// It waits for the end.
    Stopping,
}

impl Systemd {
    /// The service manager that these variables speak of: `NOTIFY_SOCKET`, `WATCHDOG_USEC`
    /// and `WATCHDOG_PID`.
    #[must_use]
    pub fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let socket = variable("NOTIFY_SOCKET").and_then(|name| Socket::new(&name).ok());
        Self(socket.map(|socket| {
            Box::new(Service {
                socket,
                watchdog: interval(variable).map(Watchdog::new),
                standing: Standing::default(),
                is_changed: true,
                status: String::new(),
                phase: Phase::Starting {
                    ready_at: Instant::BOOT,
                },
                was_refused: false,
                trouble: None,
                was_in_trouble: false,
            })
        }))
    }

    /// Whether there is anybody to tell.
    pub(super) fn is_present(&self) -> bool {
        self.0.is_some()
    }

    /// Takes in that the daemon begins, and how long it may wait for its tokens.
    pub(super) fn handle_start(&mut self, ready_after: Duration, now: Instant) {
        if let Some(service) = &mut self.0 {
            service.phase = Phase::Starting {
                ready_at: now + ready_after,
            };
            if !ready_after.is_zero() {
                let patience = (ready_after + PATIENCE).as_micros();
                service.send(&format!("EXTEND_TIMEOUT_USEC={patience}"));
            }
        }
    }

    /// Takes in how a session stands.
    pub(super) fn handle_session(&mut self, name: &SessionName, view: &SessionView) {
        if let Some(service) = &mut self.0 {
            service.standing.set(name, view);
            service.is_changed = true;
        }
    }

    /// Forgets how all sessions stand: they are told anew.
    pub(super) fn forget_sessions(&mut self) {
        if let Some(service) = &mut self.0 {
            service.standing = Standing::default();
            service.is_changed = true;
        }
    }

    /// Takes in that the configuration is about to be read again.
    pub(super) fn handle_reload(&mut self, reading: &Reading) {
        if let Some(service) = &mut self.0
            && service.phase == Phase::Ready
        {
            let at = reading.monotonic.as_micros();
            if service.send(&format!("RELOADING=1\nMONOTONIC_USEC={at}")) {
                service.phase = Phase::Reloading;
            }
        }
    }

    /// Takes in what came of the reload.
    pub(super) fn handle_reloaded(&mut self, was_refused: bool) {
        if let Some(service) = &mut self.0 {
            service.was_refused = was_refused;
            service.is_changed = true;
        }
    }

    /// Takes in that the daemon begins to stop.
    pub(super) fn handle_stop(
        &mut self,
        revoke: usize,
        leave: usize,
        grace: Duration,
        is_quick: bool,
    ) {
        if let Some(service) = &mut self.0 {
            service.phase = Phase::Stopping;
            let within = lasting(grace);
            let mut lines = format!(
                "STOPPING=1\nSTATUS=stopping: {revoke} to revoke within {within}, {leave} to leave"
            );
            if !is_quick {
                let patience = (grace + PATIENCE).as_micros();
                append(&mut lines, format_args!("\nEXTEND_TIMEOUT_USEC={patience}"));
            }
            service.send(&lines);
        }
    }

    /// Takes in that the machine slept, or that the wall clock was set.
    pub(super) fn handle_jump(&mut self) {
        if let Some(service) = &mut self.0 {
            service.is_changed = true;
            if let Some(watchdog) = &mut service.watchdog {
                watchdog.handle_resume();
            }
        }
    }

    /// Tells what is to be told, after all that was due was done.
    pub(super) fn turn(&mut self, reading: &Reading) {
        if let Some(service) = &mut self.0 {
            service.tell_status(reading);
            let watchdog = service.watchdog.as_mut();
            if watchdog.is_some_and(|it| it.poll_ping(reading.boot)) {
                service.send("WATCHDOG=1");
            }
        }
    }

    /// Takes in that the loop goes to wait until `wake_at` at the latest.
    pub(super) fn handle_wait(&mut self, wake_at: Option<Instant>) {
        if let Some(service) = &mut self.0
            && let Some(watchdog) = &mut service.watchdog
        {
            watchdog.handle_wait(wake_at);
        }
    }

    /// When [`Self::turn`] is to be called again.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let service = self.0.as_ref()?;
        let ping_at = service.watchdog.as_ref().map(Watchdog::poll_timeout);
        let ready_at = match service.phase {
            Phase::Starting { ready_at } => Some(ready_at),
            Phase::Ready | Phase::Reloading | Phase::Stopping => None,
        };
        ping_at.into_iter().chain(ready_at).min()
    }

    /// Why the service manager was not told; told once.
    pub(super) fn poll_trouble(&mut self) -> Option<io::Error> {
        self.0.as_mut()?.trouble.take()
    }
}

impl Service {
    fn tell_status(&mut self, reading: &Reading) {
        let becomes_ready = match self.phase {
            Phase::Starting { ready_at } => ready_at <= reading.boot || self.standing.is_complete(),
            Phase::Reloading => true,
            Phase::Ready => false,
            Phase::Stopping => return,
        };
        if !self.is_changed && !becomes_ready {
            return;
        }
        let is_starting = matches!(self.phase, Phase::Starting { .. });
        let mut line = self.standing.line(reading, !is_starting);
        if self.was_refused {
            line.insert_str(0, "reload refused, the earlier configuration holds; ");
        }
        let ready = if becomes_ready { "READY=1\n" } else { "" };
        if becomes_ready || line != self.status {
            if !self.send(&format!("{ready}STATUS={line}")) {
                // Tried again when something happens, and for readiness at the latest then.
                if let Phase::Starting { ready_at } = &mut self.phase {
                    *ready_at = (*ready_at).max(reading.boot + PATIENCE);
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

    /// Whether it was sent.
    fn send(&mut self, lines: &str) -> bool {
        let result = self.socket.send(lines);
        let was_sent = result.is_ok();
        if let Err(error) = result
            && !std::mem::replace(&mut self.was_in_trouble, true)
        {
            self.trouble = Some(error);
        }
        was_sent
    }
}

/// How often the service manager wants a ping, if it wants any from us.
fn interval(variable: impl Fn(&str) -> Option<OsString>) -> Option<Duration> {
    let number = |name| variable(name)?.to_str()?.parse::<u64>().ok();
    let us = u64::from(std::process::id());
    if variable("WATCHDOG_PID").is_some() && number("WATCHDOG_PID") != Some(us) {
        return None;
    }
    let interval = number("WATCHDOG_USEC").filter(|&it| it > 0)?;
    Some(Duration::from_micros(interval))
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
}
