//! One session of a keeper with a simulated organisation in virtual time, and all texts about it.

use std::time::Duration;

use jiff::Timestamp;
use session_keepalive::config::{ApiBase, SessionName};
use session_keepalive::keeper::{
    Command, EventKind, Failure, HostId, Keeper, Limits, Offer, OnShutdown, Operation, Outcome,
    Policy, SessionId, Touch,
};
use session_keepalive::log::{Log, Reporting, SessionNames};
use session_keepalive::metrics::Counters;
use session_keepalive::sim::{
    ApiOperation, Request, Rule, RuleSpan, Server, Settings, SimFault, TokenSpec, WireFault,
};
use session_keepalive::status::history::HostChange;
use session_keepalive::status::phrases::Pickup;
use session_keepalive::status::report::{HistoryReport, SessionReport};
use session_keepalive::status::{NamedHistory, NamedView, SessionHistories, Snapshot};
use session_keepalive::time::Instant;
use session_keepalive::token::{Fingerprint, Source};

use crate::keeper::answers::{failed, understood};

/// The time between a request and its answer.
const LATENCY: Duration = Duration::from_millis(50);

/// The token that the session has from the start.
pub(super) const TOKEN: &str = "first";
pub(super) const USER: &str = "user";

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The whole of one case, which a test plays.
pub(super) struct StagedCase {
    pub(super) server: Server,
    pub(super) now: Instant,
    keeper: Keeper,
    id: SessionId,
    token: String,
    /// The failure of every request before it reaches a server.
    pub(super) outage: Option<Failure>,
    name: SessionName,
    api: ApiBase,
    source: Source,
    log: Log,
    histories: SessionHistories,
    sentences: Vec<String>,
    started_at: Instant,
}

/// All that a person, a program or a hook reads about the session.
#[derive(Debug)]
pub(super) struct Texts {
    /// The sentences of the log, which hooks get as well.
    pub(super) log: String,
    /// The state and the advice that `status` shows.
    pub(super) status: String,
    /// What `explain` concludes, and its timeline.
    pub(super) explain: String,
    pub(super) json: String,
}

impl StagedCase {
    /// Returns a stage whose session has not found its token yet.
    pub(super) fn new(policy: Policy, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        change(&mut settings);
        let now = Instant::BOOT + seconds(1000);
        let mut server = Server::new(settings, 1);
        server.add_token(TokenSpec::user(TOKEN, USER), now);
        let mut keeper = Keeper::new(Limits::default(), 1);
        let id = keeper.handle_added(HostId(0), policy);
        Self {
            server,
            now,
            keeper,
            id,
            token: TOKEN.to_owned(),
            outage: None,
            name: SessionName::new("kiosk").unwrap(),
            api: ApiBase::new("https://api.mypurecloud.de").unwrap(),
            source: Source::File("/run/kiosk/token".into()),
            log: Log::new(),
            histories: SessionHistories::default(),
            sentences: Vec::new(),
            started_at: now,
        }
    }

    /// Lets the session find a token.
    pub(super) fn find(&mut self, token: &str) {
        token.clone_into(&mut self.token);
        let fingerprint = Fingerprint::of(token.as_bytes());
        self.keeper
            .handle_token(self.id, fingerprint, Offer::Seen, self.now);
        self.drain();
    }

    /// Lets time pass, in which the keeper's requests are answered.
    pub(super) fn pass(&mut self, time: u64) {
        let until = self.now + seconds(time);
        loop {
            self.drain();
            if let Some(command) = self.keeper.poll_command(self.now) {
                self.carry_out(&command);
                continue;
            }
            let next_at = self.keeper.poll_timeout().unwrap_or(until);
            if next_at >= until {
                break;
            }
            self.now = self.now.max(next_at);
        }
        self.now = self.now.max(until);
        self.drain();
    }

    /// Lets time pass in which the machine sleeps, as the daemon notices afterwards.
    pub(super) fn sleep(&mut self, time: u64) {
        self.now = self.now + seconds(time);
        self.keeper.handle_resume(seconds(time), self.now);
        let change = HostChange::Slept(seconds(time));
        self.histories.handle_change(change, self.now);
    }

    /// Lets time pass in which the daemon does not run, as after a SIGSTOP.
    pub(super) fn hold(&mut self, time: u64) {
        self.now = self.now + seconds(time);
    }

    /// Ends the session.
    pub(super) fn stop(&mut self, on_shutdown: OnShutdown) {
        let until = self.now + seconds(10);
        self.keeper.handle_shutdown(on_shutdown, until, self.now);
        self.pass(11);
    }

    /// Gives every call from now on this fault.
    pub(super) fn fault(&mut self, fault: SimFault) {
        let span = RuleSpan::Between(self.now, self.now + seconds(1_000_000));
        self.server.script().befall_all(span, fault);
    }

    /// Gives the calls of one operation from now on this fault.
    pub(super) fn fault_of(&mut self, operation: ApiOperation, fault: SimFault) {
        let span = RuleSpan::Between(self.now, self.now + seconds(1_000_000));
        let calls = session_keepalive::sim::Matcher::operation(operation);
        self.server.script().push(Rule { calls, span, fault });
    }

    /// Ends all faults.
    pub(super) fn heal(&mut self) {
        self.server.script().clear();
    }

    fn carry_out(&mut self, command: &Command) {
        let gives_up_at = self.now + command.time_limit;
        let outcome = self.outcome(command.operation);
        self.now = match &outcome {
            Some(_) => (self.now + LATENCY).min(gives_up_at),
            None => gives_up_at,
        };
        let outcome = outcome.unwrap_or_else(|| failed(Failure::TimedOut));
        self.keeper
            .handle_outcome(command.ticket, &outcome, self.now);
    }

    /// Returns the outcome of a request; `None` if there is no answer.
    fn outcome(&mut self, operation: Operation) -> Option<Outcome> {
        if let Some(failure) = &self.outage {
            return (*failure != Failure::TimedOut).then(|| failed(failure.clone()));
        }
        let token = self.token.as_str();
        let request = match operation {
            Operation::Peek => Request::peek_me(token),
            Operation::Touch(Touch::Head) => Request::head_me(token),
            Operation::Touch(Touch::Get) => Request::get_me(token),
            Operation::ReadTimeout => Request::get_timeout(token),
            Operation::Revoke => Request::delete_me(token),
        };
        let answer = self.server.answer(&request, self.now);
        match answer.wire {
            Some(WireFault::Hang) => None,
            Some(WireFault::Close(_)) => Some(failed(Failure::Broken)),
            Some(WireFault::ContentLength(_) | WireFault::Latency(_)) | None => {
                Some(understood(operation, &answer.response))
            }
        }
    }

    fn drain(&mut self) {
        while let Some(event) = self.keeper.poll_event() {
            let view = self.keeper.view(self.id, self.now);
            let names = SessionNames {
                name: &self.name,
                source: &self.source,
                api: &self.api,
                revoked: None,
                pickup: Pickup::AtOnce,
            };
            let (view_now, now) = (view.as_ref(), self.now);
            self.log
                .handle_event(&event, &names, view_now, Reporting::ByItself, now);
            // Answers have lines of their own, at DEBUG, and no hooks.
            if !matches!(event.kind, EventKind::Answered { .. }) {
                let text = self.log.text(&event, &names, view.as_ref(), self.now);
                self.sentences.push(text.sentence);
            }
            self.histories.handle_event(&event, view.as_ref());
        }
    }

    /// Returns all texts about the session. After its end only the log is left.
    pub(super) fn texts(&self) -> Texts {
        let log = self.sentences.join("\n");
        let Some(view) = self.keeper.view(self.id, self.now) else {
            let none = String::new;
            return Texts {
                log,
                status: none(),
                explain: none(),
                json: none(),
            };
        };
        let wall = Timestamp::constant(1_795_507_200, 0);
        let snapshot = Snapshot {
            at: self.now,
            wall,
            started_at: self.started_at,
            is_stopping: false,
            sessions: Vec::new(),
            incidents: Vec::new(),
            last_incident: None,
            last_warning_at: None,
            recent_events: Vec::new(),
            counters: Counters::new(wall),
            per_session_max: 1,
            shard: None,
        };
        let session = NamedView {
            name: self.name.clone(),
            api: self.api.clone(),
            overridden: None,
            source: self.source.clone(),
            pickup: Pickup::AtOnce,
            trouble: None,
            revoked: None,
            incident: None,
            is_region_doubtful: self.log.is_region_doubtful(&self.api),
            day: self.histories.day_of(self.id),
            view,
        };
        let report = SessionReport::of(&session, &snapshot);
        let history = HistoryReport::of(&NamedHistory {
            session,
            snapshot,
            history: self.histories.of(self.id),
            host_events: self.histories.host_events(),
        });
        let tokens = history.tokens.iter();
        let ends = tokens.filter_map(|token| token.end_in_words.as_deref());
        let course = history.course.iter().map(|row| row.text.as_str());
        let conclusion = history.known.iter().chain(&history.advice);
        let conclusion = conclusion.map(String::as_str);
        let explain: Vec<_> = ends.chain(course).chain(conclusion).collect();
        Texts {
            log,
            status: format!("{}; {}", report.standing, report.advice.unwrap_or_default()),
            explain: format!("{}\n{}", history.session.standing, explain.join("\n")),
            json: String::from_utf8(history.to_json()).unwrap(),
        }
    }
}
