//! Any sequence of tokens, answers, waits and commands: the keeper's promises hold.

#![no_main]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use session_keepalive::keeper::{
    BlockReason, Command, EventKind, Failure, Generation, HostId, Intent, Keeper, Limits, LoginId, Margin,
    MintCommand, MintFailure, MintOutcome, NotTheApi, Offer,
    OnShutdown, Operation, Outcome, Policy, Refusal, Renewal, SessionId, Ticket, TimeoutReport, TokenReport, TouchPreference, Verdict,
};
use session_keepalive::time::{Instant, ServerTime};
use session_keepalive::token::Fingerprint;

const SESSIONS_MAX: usize = 4;

/// The wall clock of the server at boot, in milliseconds since 1970.
const BOOT: i64 = 1_764_000_000_000;

#[derive(Arbitrary, Debug)]
enum Step {
    Add { host: u8, policy: Rules },
    Policy { session: u8, policy: Rules },
    Token { session: u8, token: u8, again: bool },
    Remove { session: u8, revoke: bool, grace: u8 },
    CallOff { session: u8 },
    Touch { session: u8 },
    MayRenew { session: u8 },
    Mint,
    Minted { is_refused: bool },
    Answer { request: u8, verdict: Reply, is_cached: bool, has_id: bool },
    Wait { milliseconds: u32 },
    Until,
    Network,
    Slept { seconds: u16 },
    Limits { in_flight: u8, floor: u8 },
    Shutdown { leave: bool, grace: u8 },
}

#[derive(Arbitrary, Debug, Clone, Copy)]
struct Rules {
    lapse: bool,
    margin: u8,
    idle_timeout: Option<u16>,
    touch: u8,
    verify_every: u8,
    leave: bool,
    lifetime: Option<u16>,
    renews: bool,
}

#[derive(Arbitrary, Debug)]
enum Reply {
    Accepted,
    Alive { organisation: u8, idles_in: Option<i32> },
    Timeout { organisation: Option<u16>, groups: Vec<u16> },
    Dead,
    Unread,
    Forbidden,
    Portal,
    Throttled { after: Option<u32> },
    Refused,
    TimedOut,
}

#[derive(Default)]
struct World {
    keeper: Option<Keeper>,
    now: Duration,
    sessions: Vec<SessionId>,
    /// Sessions that were to be kept at any time, or are being revoked.
    kept: BTreeSet<SessionId>,
    requests: Vec<Ticket>,
    mints: Vec<MintCommand>,
    attempts: BTreeMap<SessionId, Vec<Duration>>,
    sent_at: BTreeMap<SessionId, Duration>,
    ended: BTreeSet<(SessionId, Generation)>,
    floor: Duration,
    is_stopping: bool,
}

impl From<Rules> for Policy {
    fn from(rules: Rules) -> Self {
        Self {
            intent: if rules.lapse { Intent::Lapse } else { Intent::Keep },
            margin: match rules.margin {
                0..=90 => Margin::Percent(rules.margin.max(1)),
                _ => Margin::Time(Duration::from_secs(u64::from(rules.margin))),
            },
            idle_timeout: rules.idle_timeout.map(|seconds| Duration::from_secs(u64::from(seconds.max(1)))),
            touch: TouchPreference::ALL[usize::from(rules.touch) % 3],
            verify_every: u32::from(rules.verify_every.max(1)),
            on_shutdown: if rules.leave { OnShutdown::Leave } else { OnShutdown::Revoke },
            lifetime: rules.lifetime.map(|seconds| Duration::from_secs(u64::from(seconds.max(10)))),
            renewal: rules.renews.then_some(Renewal {
                login: Some(LoginId(0)),
                every: None,
                overlap: Duration::from_secs(60),
            }),
        }
    }
}

impl World {
    fn at(&self) -> Instant {
        Instant::from_boot(Duration::from_secs(1000) + self.now)
    }

    fn date(&self) -> i64 {
        BOOT + i64::try_from(self.now.as_millis()).expect("a short run")
    }

    fn session(&self, number: u8) -> Option<SessionId> {
        self.sessions.get(usize::from(number) % self.sessions.len().max(1)).copied()
    }

    fn verdict(&self, reply: Reply) -> Verdict {
        match reply {
            Reply::Accepted => Verdict::Accepted,
            Reply::Alive { organisation, idles_in } => Verdict::Alive(TokenReport {
                organisation: (organisation > 0).then(|| format!("o{}", organisation % 3).into()),
                organisation_name: None,
                client: None,
                client_end: None,
                idles_at: idles_in
                    .map(|seconds| ServerTime::from_unix_milliseconds(self.date() + i64::from(seconds) * 1000)),
            }),
            Reply::Timeout { organisation, groups } => Verdict::Timeout(TimeoutReport {
                organisation: organisation.map(|seconds| Duration::from_secs(u64::from(seconds))),
                groups: groups.into_iter().take(8).map(|seconds| Duration::from_secs(u64::from(seconds))).collect(),
            }),
            Reply::Dead => Verdict::Refused(Refusal::BadCredentials),
            Reply::Unread => Verdict::Refused(Refusal::Unread),
            Reply::Forbidden => Verdict::Blocked(BlockReason::Forbidden("no".into())),
            Reply::Portal => Verdict::Blocked(BlockReason::NotTheApi(NotTheApi::UnexpectedBody)),
            Reply::Throttled { after } => Verdict::Throttled {
                retry_after: after.map(|seconds| Duration::from_secs(u64::from(seconds))),
            },
            Reply::Refused => Verdict::Unreachable(Failure::NotConnected),
            Reply::TimedOut => Verdict::Unreachable(Failure::TimedOut),
        }
    }

    fn step(&mut self, step: Step) {
        let now = self.at();
        let mut keeper = self.keeper.take().expect("a keeper");
        match step {
            Step::Add { host, policy } => {
                if self.sessions.len() < SESSIONS_MAX && !self.is_stopping {
                    let policy = Policy::from(policy);
                    let id = keeper.handle_added(HostId(u32::from(host % 2)), policy);
                    self.sessions.push(id);
                    if policy.intent == Intent::Keep {
                        self.kept.insert(id);
                    }
                }
            }
            Step::Policy { session, policy } => {
                if let Some(id) = self.session(session) {
                    let policy = Policy::from(policy);
                    if policy.intent == Intent::Keep {
                        self.kept.insert(id);
                    }
                    keeper.handle_policy(id, policy, now);
                }
            }
            Step::Token { session, token, again } => {
                if let Some(id) = self.session(session) {
                    let offer = if again { Offer::Again } else { Offer::Seen };
                    let fingerprint = Fingerprint::of(&[token % 5]);
                    if let Some(generation) = keeper.handle_token(id, fingerprint, offer, now) {
                        assert!(!self.ended.contains(&(id, generation)), "a generation is used once");
                    }
                }
            }
            Step::Remove { session, revoke, grace } => {
                if let Some(id) = self.session(session) {
                    let wanted = if revoke { OnShutdown::Revoke } else { OnShutdown::Leave };
                    keeper.handle_removed(id, wanted, now + Duration::from_secs(u64::from(grace)), now);
                    self.kept.insert(id);
                }
            }
            Step::CallOff { session } => {
                if let Some(id) = self.session(session) {
                    keeper.handle_removal_cancelled(id, now);
                }
            }
            Step::Touch { session } => {
                if let Some(id) = self.session(session) {
                    let is_accepted = keeper.handle_touch_wanted(id, now).is_ok();
                    // An order to touch is an order to keep, for once.
                    assert!(!is_accepted || self.kept.contains(&id) || keeper.knows(id));
                    if is_accepted {
                        self.kept.insert(id);
                    }
                }
            }
            Step::MayRenew { session } => {
                if let Some(id) = self.session(session) {
                    keeper.handle_source_known(id, now);
                }
            }
            Step::Mint => {
                while let Some(command) = keeper.poll_mint(now) {
                    let attempts = self.attempts.entry(command.session).or_default();
                    attempts.push(self.now);
                    attempts.retain(|at| self.now - *at < Duration::from_secs(3600));
                    assert!(attempts.len() <= 60, "at most 60 attempts in an hour");
                    self.mints.push(command);
                }
            }
            Step::Minted { is_refused } => {
                if let Some(command) = self.mints.pop() {
                    let outcome = if is_refused {
                        MintOutcome::Failed(MintFailure::InvalidClient)
                    } else {
                        MintOutcome::Minted
                    };
                    keeper.handle_minted(command, &outcome, now);
                }
            }
            Step::Answer { request, verdict, is_cached, has_id } => {
                if !self.requests.is_empty() {
                    let number = usize::from(request) % self.requests.len();
                    let ticket = self.requests.swap_remove(number);
                    let outcome = Outcome {
                        verdict: self.verdict(verdict),
                        status: Some(200),
                        date: Some(ServerTime::from_unix_milliseconds(self.date())),
                        is_cached,
                        correlation_id: has_id.then(|| "c".into()),
                    };
                    keeper.handle_outcome(ticket, &outcome, now);
                }
            }
            Step::Wait { milliseconds } => {
                self.now += Duration::from_millis(u64::from(milliseconds % 40_000_000));
            }
            Step::Until => {
                if let Some(at) = keeper.poll_timeout() {
                    self.now = self.now.max(at.since_boot().saturating_sub(Duration::from_secs(1000)));
                }
            }
            Step::Network => _ = keeper.handle_network_changed(now),
            Step::Slept { seconds } => {
                let slept = Duration::from_secs(u64::from(seconds));
                self.now += slept;
                let now = self.at();
                keeper.handle_resume(slept, now);
            }
            Step::Limits { in_flight, floor } => {
                let floor = Duration::from_secs(u64::from(floor.clamp(1, 5)));
                self.floor = self.floor.min(floor);
                let limits = Limits {
                    in_flight_max: usize::from(in_flight.max(1)),
                    floor,
                    ..Limits::default()
                };
                keeper.handle_limits(limits, now);
            }
            Step::Shutdown { leave, grace } => {
                let wanted = if leave { OnShutdown::Leave } else { OnShutdown::Revoke };
                keeper.handle_shutdown(wanted, now + Duration::from_secs(u64::from(grace)), now);
                self.is_stopping = true;
                self.kept.extend(&self.sessions);
            }
        }
        self.keeper = Some(keeper);
        self.drain();
    }

    fn drain(&mut self) {
        let now = self.at();
        let mut keeper = self.keeper.take().expect("a keeper");
        let mut count = 0;
        while let Some(command) = keeper.poll_command(now) {
            count += 1;
            assert!(count <= 4 * SESSIONS_MAX, "commands end");
            self.take(&command);
        }
        while let Some(event) = keeper.poll_event() {
            if let (
                EventKind::Lost(_)
                | EventKind::Lapsed(_)
                | EventKind::NewerRefused(_)
                | EventKind::NewerMismatched(_)
                | EventKind::Revoked { .. }
                | EventKind::NotRevoked(_)
                | EventKind::Left
                | EventKind::EarlierEnded(_),
                Some(token),
            ) = (&event.kind, event.token)
            {
                self.ended.insert((event.session, token.generation));
            }
        }
        for id in &self.sessions {
            let _view = keeper.view(*id, now);
        }
        self.keeper = Some(keeper);
    }

    fn take(&mut self, command: &Command) {
        let Ticket { session, generation, .. } = command.ticket;
        assert!(!command.time_limit.is_zero(), "{command:?}");
        assert!(
            !self.ended.contains(&(session, generation)),
            "a token that has ended is not used: {command:?}"
        );
        if !self.kept.contains(&session) {
            assert_eq!(command.operation, Operation::Peek, "a lapsing token is only peeked at");
        }
        let is_ending = self.is_stopping || command.operation == Operation::Revoke;
        if let Some(sent_at) = self.sent_at.insert(session, self.now)
            && !is_ending
        {
            let gap = self.now.saturating_sub(sent_at);
            assert!(gap >= self.floor, "{gap:?} between two requests: {command:?}");
        }
        self.requests.push(command.ticket);
    }
}

fuzz_target!(|input: (u64, Vec<Step>)| {
    let (seed, steps) = input;
    let mut world = World {
        keeper: Some(Keeper::new(Limits::default(), seed)),
        floor: Limits::default().floor,
        ..World::default()
    };
    for step in steps.into_iter().take(400) {
        world.step(step);
    }
});
