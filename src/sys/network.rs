//! Detects changes of the network: links, addresses and routes that come or go.
//!
//! The kernel reports changes over netlink; nothing is polled, and the content of the messages is
//! ignored. If the system refuses the socket, requests are retried at the ordinary intervals.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};
use tokio::io::unix::AsyncFd;

use super::clock::asynchronous;
use crate::time::Instant;

/// The multicast groups `RTMGRP_LINK`, and `RTMGRP_IPV4_*` and `RTMGRP_IPV6_*` for addresses and
/// routes: see rtnetlink(7).
const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;

/// The debounce time: one change arrives as several messages (the link, the address, the routes).
const SETTLED_AFTER: Duration = Duration::from_millis(500);

/// The longest debounce time: the limit for the rate of retries while changes do not end.
const SETTLED_AFTER_MAX: Duration = Duration::from_secs(4);

/// The time without changes after which the debounce time is the shortest again.
const CALM_AFTER: Duration = Duration::from_secs(30);

/// The number of messages that are read at a time, since the loop has other things to do.
const MESSAGES_MAX: usize = 64;

/// A watcher of the network.
#[derive(Debug, Default)]
pub(crate) struct Network {
    socket: Option<AsyncFd<OwnedFd>>,
    pace: Pace,
}

impl Network {
    /// Starts to watch the network.
    ///
    /// # Errors
    ///
    /// If the system does not allow it.
    pub(crate) fn watch() -> io::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
        Ok(Self {
            socket: Some(asynchronous(socket)?),
            pace: Pace::default(),
        })
    }

    /// Waits for a change. Cancel-safe.
    pub(crate) async fn changed(&mut self) {
        let Some(socket) = &self.socket else {
            return std::future::pending().await;
        };
        match socket.readable().await {
            Ok(mut ready) => {
                if is_drained(socket) {
                    ready.clear_ready();
                }
            }
            Err(_) => self.socket = None,
        }
    }

    pub(crate) fn handle_change(&mut self, now: Instant) {
        self.pace.handle_change(now);
    }

    /// Returns true if a change has settled, once for each.
    pub(crate) fn poll_settled(&mut self, now: Instant) -> bool {
        self.pace.poll_settled(now)
    }

    /// Returns the instant at which [`Self::poll_settled`] is to be called again.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.pace.settled_at
    }
}

/// Discards the messages that have arrived. Returns true if none is left.
fn is_drained(socket: &AsyncFd<OwnedFd>) -> bool {
    for _ in 0..MESSAGES_MAX {
        // The content is ignored, so a short buffer that cuts a message off is enough.
        match recv(socket, &mut [0; 16], RecvFlags::empty()) {
            // NOBUFS: the kernel dropped messages because the receive buffer was full.
            Ok(_) | Err(Errno::NOBUFS | Errno::INTR) => {}
            Err(_) => return true,
        }
    }
    false
}

/// A debouncer whose wait doubles while changes follow each other closely.
#[derive(Debug, Default)]
struct Pace {
    settled_at: Option<Instant>,
    last_settled_at: Option<Instant>,
    wait: Duration,
}

impl Pace {
    fn handle_change(&mut self, now: Instant) {
        if self.settled_at.is_some() {
            return;
        }
        let was_calm = self
            .last_settled_at
            .is_none_or(|at| now.since(at) >= CALM_AFTER);
        self.wait = if was_calm {
            SETTLED_AFTER
        } else {
            (self.wait * 2).min(SETTLED_AFTER_MAX)
        };
        self.settled_at = Some(now + self.wait);
    }

    fn poll_settled(&mut self, now: Instant) -> bool {
        let is_settled = self.settled_at.take_if(|at| *at <= now).is_some();
        if is_settled {
            self.last_settled_at = Some(now);
        }
        is_settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Instant {
        Instant::BOOT + Duration::from_millis(milliseconds)
    }

    #[test]
    fn the_messages_of_one_change_are_one() {
        let mut pace = Pace::default();
        for milliseconds in [0, 100, 400] {
            pace.handle_change(at(milliseconds));
            assert!(!pace.poll_settled(at(milliseconds)));
        }
        assert!(pace.poll_settled(at(500)));
        assert!(!pace.poll_settled(at(500)));
        assert_eq!(pace.settled_at, None);
    }

    #[test]
    fn a_change_within_seconds_of_another_settles_within_5_s_as_well() {
        let mut pace = Pace::default();
        for (change, settles) in [(0, 500), (2_000, 3_000), (6_000, 8_000), (9_000, 13_000)] {
            pace.handle_change(at(change));
            assert_eq!(pace.settled_at, Some(at(settles)));
            assert!(pace.poll_settled(at(settles)));
        }
        pace.handle_change(at(60_000));
        assert_eq!(pace.settled_at, Some(at(60_500)));
    }

    #[test]
    fn changes_without_end_are_at_most_one_in_4_s() {
        let mut pace = Pace::default();
        let settled = (0..60_000).step_by(10).filter(|&milliseconds| {
            pace.handle_change(at(milliseconds));
            pace.poll_settled(at(milliseconds))
        });
        assert!(settled.count() <= 17);
    }
}
