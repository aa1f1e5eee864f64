//! Connects to the first of a host's addresses that answers, with little delay by dead addresses.
//!
//! The attempts of one connection overlap, as in RFC 8305 ("Happy Eyeballs"): each gets the whole
//! connect timeout. Addresses that did not answer are tried last the next time, so that every
//! address is tried eventually, and a permanently dead one causes no delay.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustix::net::sockopt;
use tokio::net::TcpStream;

/// The delay after which the next address is tried as well (RFC 8305, section 5).
const NEXT_AFTER: Duration = Duration::from_millis(250);

/// The largest number of attempts of one connection that wait for an answer.
pub(super) const WAITING_MAX: usize = 3;

/// The largest number of addresses that are remembered as unanswered.
const REMEMBERED_MAX: usize = 64;

/// The delay of TCP keepalive probes: a dead peer is detected within a minute, and one that
/// acknowledges nothing in half of that.
const PROBE_AFTER: Duration = Duration::from_secs(15);
const PROBES: u32 = 3;
const UNACKNOWLEDGED_MAX_MILLISECONDS: u32 = 30_000;

/// The addresses that did not answer the last attempt, the oldest first. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Unanswered(Arc<Mutex<Vec<IpAddr>>>);

impl Unanswered {
    /// Moves an address to the end of the order.
    pub(super) fn insert(&self, address: IpAddr) {
        self.change(|addresses| {
            addresses.retain(|known| *known != address);
            if addresses.len() == REMEMBERED_MAX {
                addresses.remove(0);
            }
            addresses.push(address);
        });
    }

    fn remove(&self, address: IpAddr) {
        self.change(|addresses| addresses.retain(|known| *known != address));
    }

    /// Returns the addresses in the order of attempts: both families alternate, unanswered ones
    /// come last.
    fn order(&self, addresses: &[SocketAddr]) -> Vec<SocketAddr> {
        let mut ordered = alternate(addresses);
        self.change(|unanswered| {
            ordered.sort_by_key(|address| {
                let position = unanswered.iter().position(|known| *known == address.ip());
                position.map_or(0, |position| position + 1)
            });
        });
        ordered
    }

    fn change<T>(&self, change: impl FnOnce(&mut Vec<IpAddr>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The resolver of the HTTP client.
///
/// The client tries both families at once, but divides its time by the number of addresses of
/// one. Therefore the resolver offers one address of each family, so that each gets the whole
/// time, and the next ones after a failed connection. Clones share the unanswered addresses.
#[derive(Clone, Default)]
pub(super) struct Resolver {
    unanswered: Unanswered,
    /// The addresses that were offered last.
    offered: Arc<Mutex<Vec<IpAddr>>>,
}

impl Resolver {
    /// Records a failed connection, or one without an answer.
    pub(super) fn handle_failure(&self) {
        for address in std::mem::take(&mut *self.offered()) {
            self.unanswered.insert(address);
        }
    }

    /// Returns the first address of each family in the order of attempts.
    fn offer(&self, found: &[SocketAddr]) -> Vec<SocketAddr> {
        let ordered = if found.is_empty() {
            Vec::new()
        } else {
            self.unanswered.order(found)
        };
        let first_of = |is_ipv4| {
            ordered
                .iter()
                .find(move |address| address.is_ipv4() == is_ipv4)
        };
        let is_ipv4_first = ordered.first().is_none_or(SocketAddr::is_ipv4);
        let firsts = [first_of(is_ipv4_first), first_of(!is_ipv4_first)];
        let offered: Vec<SocketAddr> = firsts.into_iter().flatten().copied().collect();
        *self.offered() = offered.iter().map(SocketAddr::ip).collect();
        offered
    }

    fn offered(&self) -> std::sync::MutexGuard<'_, Vec<IpAddr>> {
        self.offered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(resolver.offer(&found).into_iter()) as Addrs)
        })
    }
}

/// Alternates between the families, beginning with that of the first address.
fn alternate(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let is_first = |address: &&SocketAddr| address.is_ipv4() == addresses[0].is_ipv4();
    let (preferred, rest): (Vec<_>, Vec<_>) = addresses.iter().partition(is_first);
    let length = preferred.len().max(rest.len());
    (0..length)
        .flat_map(|turn| [preferred.get(turn), rest.get(turn)])
        .flatten()
        .copied()
        .collect()
}

/// The attempts of one connection without an answer.
///
/// Dropping this, when the connection is made or abandoned, records its addresses as unanswered.
struct PendingAttempts<'a> {
    unanswered: &'a Unanswered,
    addresses: Vec<IpAddr>,
}

impl Drop for PendingAttempts<'_> {
    fn drop(&mut self) {
        for address in &self.addresses {
            self.unanswered.insert(*address);
        }
    }
}

/// Connects to the first of the addresses that answers; each attempt may take `timeout`. Returns
/// `None` if no address answers.
pub(super) async fn connect(
    addresses: &[SocketAddr],
    timeout: Duration,
    unanswered: &Unanswered,
) -> Option<TcpStream> {
    let mut to_try = unanswered.order(addresses).into_iter();
    let mut waiting = PendingAttempts {
        unanswered,
        addresses: Vec::new(),
    };
    let mut attempts = FuturesUnordered::new();
    loop {
        // An attempt that timed out still counts as waiting: a further one would begin when the
        // time of the connection is over. An attempt that was refused makes room.
        let next = if waiting.addresses.len() < WAITING_MAX {
            to_try.next()
        } else {
            None
        };
        let is_last = next.is_none();
        if let Some(address) = next {
            waiting.addresses.push(address.ip());
            attempts.push(attempt(address, timeout));
        }
        let answer = if is_last {
            attempts.next().await
        } else {
            match tokio::time::timeout(NEXT_AFTER, attempts.next()).await {
                Ok(answer) => answer,
                Err(_elapsed) => continue,
            }
        };
        match answer {
            None => return None,
            Some((address, Attempt::Connected(stream))) => {
                waiting.addresses.retain(|known| *known != address);
                unanswered.remove(address);
                return Some(stream);
            }
            Some((address, Attempt::Refused)) => {
                waiting.addresses.retain(|known| *known != address);
                unanswered.insert(address);
            }
            Some((_, Attempt::TimedOut)) => {}
        }
    }
}

enum Attempt {
    Connected(TcpStream),
    Refused,
    TimedOut,
}

async fn attempt(address: SocketAddr, timeout: Duration) -> (IpAddr, Attempt) {
    let attempt = match tokio::time::timeout(timeout, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => {
            configure(&stream);
            Attempt::Connected(stream)
        }
        Ok(Err(_)) => Attempt::Refused,
        Err(_elapsed) => Attempt::TimedOut,
    };
    (address.ip(), attempt)
}

/// Sets the options of a connection. Errors are ignored, since it works without these options.
fn configure(stream: &TcpStream) {
    let _refused = stream.set_nodelay(true);
    let _refused = sockopt::set_socket_keepalive(stream, true);
    let _refused = sockopt::set_tcp_keepidle(stream, PROBE_AFTER);
    let _refused = sockopt::set_tcp_keepintvl(stream, PROBE_AFTER);
    let _refused = sockopt::set_tcp_keepcnt(stream, PROBES);
    let _refused = sockopt::set_tcp_user_timeout(stream, UNACKNOWLEDGED_MAX_MILLISECONDS);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_offered_one_address_of_each_family_and_others_after_a_failure() {
        let address = |text: &str| SocketAddr::new(text.parse().unwrap(), 0);
        let found = ["2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.2"].map(address);
        let resolver = Resolver::default();
        let first = resolver.offer(&found);
        assert_eq!(first, ["2001:db8::1", "192.0.2.1"].map(address));
        assert_eq!(resolver.offer(&found), first);
        resolver.handle_failure();
        let second = resolver.offer(&found);
        assert_eq!(second, ["2001:db8::2", "192.0.2.2"].map(address));
        assert_eq!(resolver.offer(&[]), []);
    }

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn both_families_take_turns() {
        let found = addresses(&[
            "[::1]:1",
            "[::2]:1",
            "[::3]:1",
            "127.0.0.1:1",
            "127.0.0.2:1",
        ]);
        let expected = addresses(&[
            "[::1]:1",
            "127.0.0.1:1",
            "[::2]:1",
            "127.0.0.2:1",
            "[::3]:1",
        ]);
        assert_eq!(alternate(&found), expected);
        assert_eq!(alternate(&[]), []);
    }

    #[test]
    fn addresses_that_did_not_answer_come_last_and_the_oldest_of_them_first() {
        let found = addresses(&["127.0.0.1:1", "127.0.0.2:1", "127.0.0.3:1"]);
        let unanswered = Unanswered::default();
        for address in [2, 1] {
            unanswered.insert(found[address].ip());
        }
        let order = |expected: [usize; 3]| {
            assert_eq!(unanswered.order(&found), expected.map(|at| found[at]));
        };
        order([0, 2, 1]);
        unanswered.insert(found[0].ip());
        order([2, 1, 0]);
        unanswered.remove(found[0].ip());
        order([0, 2, 1]);
    }

    #[test]
    fn no_more_addresses_are_remembered_than_there_is_room_for() {
        let unanswered = Unanswered::default();
        for last in 0..=255 {
            unanswered.insert(IpAddr::from([127, 0, 0, last]));
        }
        assert_eq!(
            unanswered.change(|addresses| addresses.len()),
            REMEMBERED_MAX
        );
    }

    #[tokio::test]
    async fn every_address_gets_its_turn_even_if_most_never_answer() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        // These addresses never answer: the range is reserved for documentation (RFC 5737).
        let mut found: Vec<_> = (1..=7)
            .map(|last| SocketAddr::from(([192, 0, 2, last], port)))
            .collect();
        found.push(SocketAddr::from(([127, 0, 0, 1], port)));
        let unanswered = Unanswered::default();
        let mut connected = None;
        for _ in 0..3 {
            connected = connect(&found, Duration::from_millis(300), &unanswered).await;
            if connected.is_some() {
                break;
            }
        }
        let peer = connected.map(|stream| stream.peer_addr().unwrap());
        assert_eq!(peer, Some(found[7]));
        // The address that answered is tried first afterwards.
        assert_eq!(unanswered.order(&found)[0], found[7]);
    }
}
