//! What a scrape costs with many sessions.
//!
//! `cargo bench --bench metrics` prints the time and size of one rendering for each number of
//! sessions. For a count that does not depend on the machine: `valgrind --tool=callgrind` on
//! the binary that `cargo bench --no-run` names, with the number of sessions as its argument;
//! the function is `session_keepalive::metrics::render`.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::hint::black_box;
use std::time::Duration;

use jiff::Timestamp;
use session_keepalive::config::{ApiBase, SessionName};
use session_keepalive::keeper::{
    HostId, IdleTimeout, LiveTokenView, Next, Operation, Policy, Reset, SessionId, SessionView,
    State, TimeoutSource, Touch,
};
use session_keepalive::metrics::{Counters, MetricsFormat, Totals, render};
use session_keepalive::status::history::SessionDay;
use session_keepalive::status::phrases::Pickup;
use session_keepalive::status::{NamedView, Snapshot};
use session_keepalive::sys::clock;
use session_keepalive::time::Instant;
use session_keepalive::token::Source;

const ROUNDS: u32 = 10;
const IDLE_TIMEOUT: Duration = Duration::from_secs(900);

/// A session that is alive and was touched a while ago.
fn session(number: u32, now: Instant) -> NamedView {
    let since_touch = Duration::from_millis(u64::from(number) * 37 % 400_000);
    let deadline = now + IDLE_TIMEOUT - since_touch;
    NamedView {
        name: SessionName::new(&format!("wallboard-{number}")).expect("a name"),
        api: ApiBase::new("https://api.mypurecloud.de").expect("an API"),
        overridden: None,
        source: Source::File("/run/wallboard/token".into()),
        revoked: None,
        incident: None,
        pickup: Pickup::AtOnce,
        trouble: None,
        is_region_doubtful: false,
        day: SessionDay::default(),
        view: SessionView {
            earlier: None,
            renew_at: None,
            mint_failures: 0,
            id: SessionId(number),
            host: HostId(0),
            policy: Policy::default(),
            state: State::Alive,
            token: None,
            is_newer_waiting: false,
            blocked: None,
            failure: None,
            failures: 0,
            next: Some(Next {
                at: deadline - IDLE_TIMEOUT / 2,
                operation: Operation::Touch(Touch::Head),
                is_under_way: false,
            }),
            last_answer: None,
            live: Some(LiveTokenView {
                expiry: None,
                client_end: None,
                proven_at: now - since_touch,
                deadline: Some(deadline),
                touch_at: Some(deadline - IDLE_TIMEOUT / 2),
                margin_at: Some(deadline - IDLE_TIMEOUT / 2),
                touched_at: Some(now - since_touch),
                idle_timeout: IdleTimeout {
                    duration: IDLE_TIMEOUT,
                    source: TimeoutSource::Organisation,
                },
                outage_budget: Some(IDLE_TIMEOUT / 2),
                reset: Reset::Proven,
                touch: Touch::Head,
                organisation: None,
            }),
            death: None,
        },
    }
}

fn snapshot(sessions: u32) -> Snapshot {
    let at = Instant::BOOT + Duration::from_secs(10_000);
    Snapshot {
        shard: None,
        at,
        wall: Timestamp::UNIX_EPOCH,
        started_at: Instant::BOOT,
        is_stopping: false,
        sessions: (0..sessions).map(|number| session(number, at)).collect(),
        incidents: Vec::new(),
        last_incident: None,
        last_warning_at: None,
        recent_events: Vec::new(),
        counters: Counters::new(Timestamp::UNIX_EPOCH),
        per_session_max: usize::MAX,
    }
}

/// Hands on how to render metrics of each session, and of all together.
fn render_both(snapshot: &mut Snapshot, tell: impl Fn(&str, &dyn Fn() -> usize)) {
    for (what, per_session_max) in [("each", usize::MAX), ("together", 0)] {
        snapshot.per_session_max = per_session_max;
        tell(what, &|| {
            let totals = snapshot.sums(Totals::default());
            let pieces = render(snapshot, &totals, MetricsFormat::OpenMetrics);
            pieces.map(|piece| black_box(piece).len()).sum()
        });
    }
}

fn main() {
    let asked = std::env::args().skip(1);
    let asked: Vec<u32> = asked.filter_map(|it| it.parse().ok()).collect();
    for &sessions in &asked {
        // Without the clock, which rustix finds in a place that valgrind hides.
        render_both(&mut snapshot(sessions), |what, render| {
            println!("{sessions:>7} sessions, {what:<8}: {} bytes", render());
        });
    }
    if !asked.is_empty() {
        return;
    }
    for sessions in [1, 100, 1000, 5000] {
        render_both(&mut snapshot(sessions), |what, render| {
            let began = clock::now();
            let size = (0..ROUNDS).map(|_| render()).max().unwrap_or_default();
            let took = clock::now().since(began) / ROUNDS;
            println!("{sessions:>7} sessions, {what:<8}: {took:?} for {size} bytes");
        });
    }
}
