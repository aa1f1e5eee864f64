//! Notices that the network is not what it was: a link, an address or a route came or went.
//!
//! The kernel tells over netlink; nothing is polled and nothing of what it tells is read.
//! Where that is refused, the ordinary waits between tries are all there is.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};
use tokio::io::unix::AsyncFd;

use super::clock::asynchronous;
use crate::keeper::Instant;

/// `RTMGRP_LINK`, and of `RTMGRP_IPV4_*` and `RTMGRP_IPV6_*` those for addresses and
/// routes: see rtnetlink(7).
const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;

/// A change comes as several messages: the link, the address, the routes.
const SETTLED_AFTER: Duration = Duration::from_millis(500);

/// Where changes do not end, tries are made no oftener than this.
const SETTLED_AFTER_MAX: Duration = Duration::from_secs(4);

/// A network without changes for so long is calm.
const CALM_AFTER: Duration = Duration::from_secs(30);

/// How many messages are taken at once; the loop has other things to do.
const MESSAGES_MAX: usize = 64;

/// Watches the network.
#[derive(Debug, Default)]
pub(super) struct Network {
    socket: Option<AsyncFd<OwnedFd>>,
    pace: Pace,
}

impl Network {
    /// Begins to watch.
    ///
    /// # Errors
    ///
    /// If the system does not allow it.
    pub(super) fn watch() -> io::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
        Ok(Self {
            socket: Some(asynchronous(socket)?),
            pace: Pace::default(),
        })
    }

    /// Comes back when something changed; for ever if nothing does. Cancel-safe.
    pub(super) async fn changed(&mut self) {
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

    /// Takes in that something changed.
    pub(super) fn handle_change(&mut self, now: Instant) {
        self.pace.handle_change(now);
    }

    /// Whether a change has settled; tells of each once.
    pub(super) fn poll_settled(&mut self, now: Instant) -> bool {
        self.pace.poll_settled(now)
    }

    /// When [`Self::poll_settled`] is to be called again.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.pace.settled_at
    }
}

/// Takes what there is to read; whether that was all.
fn is_drained(socket: &AsyncFd<OwnedFd>) -> bool {
    for _ in 0..MESSAGES_MAX {
        // What is cut off is of no interest.
        match recv(socket, &mut [0; 16], RecvFlags::empty()) {
            // More was told than there was room for.
            Ok(_) | Err(Errno::NOBUFS | Errno::INTR) => {}
            Err(_) => return true,
        }
    }
    false
}

/// When a change has settled: soon, and ever later while there is no calm.
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
