//! Reads the machine's clocks, and waits for the next deadline or a change of the machine.

use std::io;
use std::time::Duration;

use jiff::Timestamp;

use crate::log::{LogEvent, log_event};
use crate::sys::clock::{Alarm, Clock, ClockReading, Jumps, Timer, WallSettings};
use crate::sys::network::Network;
use crate::time::Instant;

/// The clocks of the machine, its network, and everything that wakes the loop apart from its tasks.
pub(super) struct Machine {
    clock: Clock,
    pub(super) jumps: Jumps,
    pub(super) wall_settings: WallSettings,
    alarm: Alarm,
    timer: Timer,
    pub(super) network: Network,
}

impl Machine {
    /// Creates a machine with this clock. If the system does not allow to watch the network,
    /// requests are retried at the ordinary intervals, at most `retry_within`.
    ///
    /// # Errors
    ///
    /// If the runtime cannot wait for a timer.
    pub(super) fn new(clock: Clock, retry_within: Duration) -> io::Result<Self> {
        let reading = clock();
        Ok(Self {
            clock,
            jumps: Jumps::new(&reading),
            wall_settings: WallSettings::new(&reading),
            alarm: Alarm::new(),
            timer: Timer::new()?,
            network: Network::watch().unwrap_or_else(|error| {
                log_event(&LogEvent::NetworkNotWatched {
                    cause: &error,
                    retry_within,
                });
                Network::default()
            }),
        })
    }

    /// Reads the clocks.
    pub(super) fn read_clock(&self) -> ClockReading {
        (self.clock)()
    }

    /// Returns the present instant.
    pub(super) fn now(&self) -> Instant {
        self.read_clock().boot
    }

    /// Returns the wall clock's time at an instant.
    pub(super) fn wall_at(&self, at: Instant) -> Timestamp {
        self.read_clock().wall_at(at)
    }

    /// Waits until `wake_at`, or for a jump of a clock or a change of the network. May return
    /// early. Cancel-safe.
    pub(super) async fn wait(&mut self, wake_at: Option<Instant>) {
        tokio::select! {
            biased;
            () = self.network.changed() => self.network.handle_change((self.clock)().boot),
            // The loop reads the clocks next, which is all that these two need.
            () = self.alarm.jumped() => {}
            () = self.timer.reached(wake_at) => {}
        }
    }
}
