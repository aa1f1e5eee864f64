//! What a decision costs with few and with very many sessions.
//!
//! `cargo bench` prints the time of one round (a request and its answer) for each number
//! of sessions, side by side in one run. For a count that does not depend on the machine:
//! `valgrind --tool=callgrind` on the binary that `cargo bench --no-run` names, with the
//! number of sessions as its argument.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::hint::black_box;
use std::time::Duration;

use session_keepalive::keeper::{
    HostId, Keeper, Limits, Offer, Operation, Outcome, Policy, TimeoutReport, TokenReport, Verdict,
};
use session_keepalive::sys::clock;
use session_keepalive::time::{Instant, ServerTime};
use session_keepalive::token::Fingerprint;

const ROUNDS: u32 = 200_000;
const IDLE_TIMEOUT: Duration = Duration::from_secs(900);

fn server_time(at: Instant) -> ServerTime {
    let milliseconds = i64::try_from(at.since_boot().as_millis()).unwrap_or(i64::MAX);
    ServerTime::from_unix_milliseconds(milliseconds)
}

/// A keeper whose sessions are all alive.
fn keeper(sessions: u32) -> (Keeper, Instant) {
    let mut keeper = Keeper::new(Limits::default(), 1);
    let now = Instant::BOOT + Duration::from_secs(1000);
    for number in 0..sessions {
        let id = keeper.handle_added(HostId(0), Policy::default());
        keeper.handle_token(id, Fingerprint::of(&number.to_be_bytes()), Offer::Seen, now);
    }
    let mut now = now;
    rounds(&mut keeper, &mut now, sessions);
    (keeper, now)
}

/// Answers as a healthy server does.
fn rounds(keeper: &mut Keeper, now: &mut Instant, rounds: u32) {
    let mut left = rounds;
    while left > 0 {
        while let Some(command) = keeper.poll_command(*now) {
            let verdict = match command.operation {
                Operation::Peek => Verdict::Alive(TokenReport {
                    organisation: Some("organisation".into()),
                    organisation_name: None,
                    client: None,
                    client_end: None,
                    idles_at: Some(server_time(*now + IDLE_TIMEOUT)),
                }),
                Operation::ReadTimeout => Verdict::Timeout(TimeoutReport {
                    organisation: Some(IDLE_TIMEOUT),
                    groups: Vec::new(),
                }),
                Operation::Touch(_) | Operation::Revoke => Verdict::Accepted,
            };
            let outcome = Outcome {
                verdict,
                status: Some(200),
                date: Some(server_time(*now)),
                is_cached: false,
                correlation_id: None,
            };
            keeper.handle_outcome(command.ticket, &outcome, *now);
            while let Some(event) = keeper.poll_event() {
                black_box(event);
            }
            left -= 1;
            if left == 0 {
                return;
            }
        }
        *now = keeper.poll_timeout().map_or(*now, |at| at.max(*now));
    }
}

fn main() {
    let asked: Vec<u32> = std::env::args()
        .skip(1)
        .filter_map(|it| it.parse().ok())
        .collect();
    let numbers = if asked.is_empty() {
        vec![1, 100, 10_000, 100_000]
    } else {
        asked
    };
    for sessions in numbers {
        let (mut keeper, mut now) = keeper(sessions);
        let began = clock::now();
        rounds(&mut keeper, &mut now, ROUNDS);
        let took = clock::now().since(began) / ROUNDS;
        println!("{sessions:>7} sessions: {took:?} a round");
    }
}
