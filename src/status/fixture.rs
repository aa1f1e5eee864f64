//! Test data: a session, its views in several states, and a log that can be read back.

mod history;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(crate) use history::HistoryFixture;
use jiff::Timestamp;
use tracing::Subscriber;

use super::history::SessionDay;
use super::{IncidentView, NamedView, Snapshot};
use crate::config::{ApiBase, LogConfig, LogFormat, LogLevel, SessionName};
use crate::keeper::{
    DeadlineBasis, Death, Failure, FailureReason, Generation, HostId, IdleTimeout, Idleness,
    IncidentCause, IncidentClass, LiveTokenView, Next, Operation, Policy, Reset, SessionId,
    SessionView, State, TimeoutSource, TokenId, Touch,
};
use crate::log::install::{LineFormat, LogEnvironment, subscriber};
use crate::log::output::Stream;
use crate::log::{LogHandle, SessionNames};
use crate::metrics::Counters;
use crate::status::phrases::Pickup;
use crate::time::Instant;
use crate::token::{Fingerprint, Source};

/// Returns the present of all tests, an hour after the boot.
pub(crate) fn now() -> Instant {
    Instant::BOOT + seconds(3600)
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The owned names of a session, which [`SessionNames`] borrows.
pub(crate) struct NamesFixture {
    pub(crate) name: SessionName,
    pub(crate) source: Source,
    pub(crate) api: ApiBase,
}

impl NamesFixture {
    pub(crate) fn new() -> Self {
        Self {
            name: SessionName::new("wallboard").unwrap(),
            source: Source::File(PathBuf::from("/run/wallboard/token")),
            api: ApiBase::new("https://api.mypurecloud.de").unwrap(),
        }
    }

    pub(crate) fn named(&self) -> SessionNames<'_> {
        SessionNames {
            name: &self.name,
            source: &self.source,
            api: &self.api,
            revoked: None,
            pickup: Pickup::AtOnce,
        }
    }
}

pub(crate) fn token() -> TokenId {
    TokenId {
        generation: Generation(1),
        fingerprint: Fingerprint::of(b"abc"),
    }
}

/// Returns a session in this state, without further data and without a next request.
pub(crate) fn view(state: State) -> SessionView {
    SessionView {
        earlier: None,
        renew_at: None,
        mint_failures: 0,
        id: SessionId(0),
        host: HostId(0),
        policy: Policy::default(),
        state,
        token: Some(token()),
        is_newer_waiting: false,
        blocked: None,
        failures: 0,
        failure: None,
        next: None,
        last_answer: None,
        live: None,
        death: None,
    }
}

/// Returns a session in this state with a next request.
pub(crate) fn waiting(state: State, operation: Operation, in_seconds: u64) -> SessionView {
    SessionView {
        next: Some(Next {
            at: now() + seconds(in_seconds),
            operation,
            is_under_way: false,
        }),
        ..view(state)
    }
}

/// Returns a session whose token idles out in 15m and is touched in 7m 12s.
pub(crate) fn alive_view() -> SessionView {
    let touch_at = now() + seconds(432);
    SessionView {
        live: Some(LiveTokenView {
            expiry: None,
            client_end: None,
            proven_at: now(),
            deadline: Some(now() + seconds(900)),
            touch_at: Some(touch_at),
            margin_at: Some(now() + seconds(450)),
            touched_at: None,
            idle_timeout: IdleTimeout {
                duration: seconds(900),
                source: TimeoutSource::Proven,
            },
            outage_budget: Some(seconds(468)),
            reset: Reset::Unproven,
            touch: Touch::Head,
            organisation: Some("Example AG".into()),
        }),
        ..waiting(State::Alive, Operation::Touch(Touch::Head), 432)
    }
}

/// Returns the view of a session whose touches do not move the idle deadline.
pub(crate) fn excluded_view() -> SessionView {
    let mut view = SessionView {
        state: State::Excluded,
        ..alive_view()
    };
    if let Some(live) = &mut view.live {
        live.reset = Reset::Excluded;
    }
    view
}

/// Returns a session whose requests fail.
pub(crate) fn failing(state: State) -> SessionView {
    SessionView {
        failures: 3,
        failure: Some(FailureReason::Unreachable(Failure::NotConnected)),
        live: alive_view().live,
        ..waiting(state, Operation::Touch(Touch::Head), 4)
    }
}

/// Returns the death of a token after a long life and before its idle deadline.
pub(crate) fn a_death() -> Death {
    Death {
        expired: None,
        correlation_id: Some("5a0e".into()),
        idle: Idleness::Before(seconds(780)),
        basis: Some(DeadlineBasis::Reported(seconds(118))),
        failed: None,
        absence: None,
        since_touch: Some(seconds(120)),
        age: seconds(86_340),
        was_alive: true,
        was_proven: true,
        excluded: false,
    }
}

/// Returns a session whose token was refused although it was to be kept.
pub(crate) fn lost() -> SessionView {
    SessionView {
        death: Some(a_death()),
        ..view(State::Lost)
    }
}

/// Returns a session with this name and view.
pub(crate) fn named_view(name: &str, view: SessionView) -> NamedView {
    NamedView {
        name: SessionName::new(name).unwrap(),
        api: NamesFixture::new().api,
        overridden: None,
        source: NamesFixture::new().source,
        pickup: Pickup::AtOnce,
        trouble: None,
        revoked: None,
        incident: None,
        is_region_doubtful: false,
        day: SessionDay::default(),
        view,
    }
}

/// Returns a snapshot of these sessions, an hour after the daemon's start.
pub(crate) fn snapshot(sessions: Vec<NamedView>) -> Snapshot {
    Snapshot {
        at: now(),
        wall: wall_clock(),
        started_at: now() - seconds(3600),
        is_stopping: false,
        sessions,
        incidents: Vec::new(),
        last_incident: None,
        recent_events: Vec::new(),
        last_warning_at: None,
        counters: Counters::new(wall_clock()),
        per_session_max: 1000,
        shard: None,
    }
}

/// Returns an incident of 300 sessions that began 30s ago.
pub(crate) fn incident_view() -> IncidentView {
    let began_at = now() - seconds(30);
    IncidentView {
        id: 1,
        class: IncidentClass::Unreachable,
        api: NamesFixture::new().api,
        organisation: None,
        cause: IncidentCause::Failure(FailureReason::Unreachable(Failure::NotConnected)),
        correlation_id: None,
        began_at,
        began: wall_clock() - seconds(30),
        answered_at: None,
        ended_at: None,
        sessions: 300,
        names: Vec::new(),
        failing: 20,
        at_risk: 0,
        ever_at_risk: 0,
        at_risk_names: Vec::new(),
        lost: 0,
        lost_names: Vec::new(),
        is_reported_by_session: false,
        first_loss_at: Some(now() + seconds(144)),
        first_loss: SessionName::new("kiosk").ok(),
    }
}

/// Returns the time of every line.
pub(crate) fn wall_clock() -> Timestamp {
    Timestamp::constant(1_795_507_200, 123_456_789)
}

/// A writer that collects what is written, for assertions.
#[derive(Clone, Default)]
pub(crate) struct WrittenLines(Arc<Mutex<Vec<u8>>>);

impl WrittenLines {
    pub(crate) fn take(&self) -> String {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8(std::mem::take(&mut *bytes)).unwrap()
    }
}

impl io::Write for WrittenLines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns an environment in which standard error has this form and there is no journal.
pub(crate) fn log_environment(stderr: LineFormat) -> LogEnvironment {
    LogEnvironment {
        stderr,
        journal: "/no/such/journal".into(),
    }
}

/// Returns a log that can be read back, for `tracing::subscriber::with_default`.
pub(crate) fn captured(
    level: LogLevel,
    format: LogFormat,
    stderr: LineFormat,
) -> (impl Subscriber + Send + Sync, LogHandle, WrittenLines) {
    let written = WrittenLines::default();
    let writer = written.clone();
    let (subscriber, handle) = subscriber(
        LogConfig { level, format },
        log_environment(stderr),
        wall_clock,
        Stream::new(move || writer.clone(), || true),
    );
    (subscriber, handle, written)
}

/// Returns all lines that `action` logs.
pub(crate) fn lines(level: LogLevel, format: LogFormat, action: impl FnOnce()) -> String {
    let (subscriber, _handle, written) = captured(level, format, LineFormat::Plain);
    tracing::subscriber::with_default(subscriber, action);
    written.take()
}
