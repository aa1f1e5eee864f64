//! What the tests of this module talk about: one session, its views, and a log that is read back.

mod tale;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tracing::Subscriber;

use super::install::{Form, Surroundings, subscriber};
use super::output::Stream;
use super::{Handle, Named, NamedView, Snapshot, Tallies};
use crate::config::{ApiBase, LogConfig, LogFormat, LogLevel, SessionName};
use crate::keeper::{
    Death, Generation, HeldView, HostId, IdleTimeout, Idleness, Instant, Next, Operation, Policy,
    Reset, SessionId, SessionView, State, TimeoutSource, TokenId, Touch,
};
use crate::token::{Fingerprint, Source};

pub(crate) use tale::Tale;

/// The moment at which everything happens.
pub(super) fn now() -> Instant {
    Instant::BOOT + seconds(3600)
}

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The names around a session, to be borrowed from.
pub(super) struct Names {
    pub(super) name: SessionName,
    pub(super) source: Source,
    pub(super) api: ApiBase,
}

impl Names {
    pub(super) fn new() -> Self {
        Self {
            name: SessionName::new("wallboard").unwrap(),
            source: Source::File(PathBuf::from("/run/wallboard/token")),
            api: ApiBase::new("https://api.mypurecloud.de").unwrap(),
        }
    }

    pub(super) fn named(&self) -> Named<'_> {
        Named {
            name: &self.name,
            source: &self.source,
            api: &self.api,
        }
    }
}

pub(super) fn token() -> TokenId {
    TokenId {
        generation: Generation(1),
        fingerprint: Fingerprint::of(b"abc"),
    }
}

/// A session in this state of which nothing more is known, and for which nothing more is asked.
pub(super) fn view(state: State) -> SessionView {
    SessionView {
        id: SessionId(0),
        host: HostId(0),
        policy: Policy::default(),
        state,
        token: Some(token()),
        is_newer_waiting: false,
        blocked: None,
        failures: 0,
        next: None,
        last_answer: None,
        held: None,
        death: None,
    }
}

/// A session that is looked at next.
pub(super) fn waiting(state: State, operation: Operation, in_seconds: u64) -> SessionView {
    SessionView {
        next: Some(Next {
            at: now() + seconds(in_seconds),
            operation,
            is_under_way: false,
        }),
        ..view(state)
    }
}

/// A session whose token idles out in 15 minutes and is touched in 7 minutes and 12 seconds.
pub(crate) fn held() -> SessionView {
    let touch_at = now() + seconds(432);
    SessionView {
        held: Some(HeldView {
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
        ..waiting(State::Held, Operation::Touch(Touch::Head), 432)
    }
}

/// A session whose tries fail.
pub(crate) fn failing(state: State) -> SessionView {
    SessionView {
        failures: 3,
        held: held().held,
        ..waiting(state, Operation::Touch(Touch::Head), 4)
    }
}

/// A long life that ended before its deadline.
pub(crate) fn a_death() -> Death {
    Death {
        correlation_id: Some("5a0e".into()),
        idle: Idleness::Before(seconds(780)),
        since_touch: Some(seconds(120)),
        age: seconds(86_340),
        was_held: true,
        was_proven: true,
        excluded: false,
    }
}

/// A session whose token was refused while it was to be kept.
pub(crate) fn lost() -> SessionView {
    SessionView {
        death: Some(a_death()),
        ..view(State::Lost)
    }
}

/// A session by name.
pub(super) fn named_view(name: &str, view: SessionView) -> NamedView {
    NamedView {
        name: SessionName::new(name).unwrap(),
        api: Names::new().api,
        overridden: None,
        source: Names::new().source,
        trouble: None,
        view,
    }
}

/// What observers see of these, an hour after the daemon's start.
pub(super) fn snapshot(sessions: Vec<NamedView>) -> Snapshot {
    Snapshot {
        at: now(),
        wall: wall_clock(),
        started_at: now() - seconds(3600),
        is_stopping: false,
        sessions,
        happenings: Vec::new(),
        tallies: Tallies::new(wall_clock()),
        per_session_max: 1000,
    }
}

/// The second at which every line is written.
pub(super) fn wall_clock() -> Timestamp {
    Timestamp::constant(1_795_507_200, 123_456_789)
}

/// What was written.
#[derive(Clone, Default)]
pub(super) struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    pub(super) fn take(&self) -> String {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8(std::mem::take(&mut *bytes)).unwrap()
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where standard error wants this form, and there is no journal.
pub(super) fn surroundings(stderr: Form) -> Surroundings {
    Surroundings {
        stderr,
        journal: "/no/such/journal".into(),
    }
}

/// A log that can be read back, for `tracing::subscriber::with_default`.
pub(super) fn captured(
    level: LogLevel,
    format: LogFormat,
    stderr: Form,
) -> (impl Subscriber + Send + Sync, Handle, Written) {
    let written = Written::default();
    let writer = written.clone();
    let (subscriber, handle) = subscriber(
        LogConfig { level, format },
        surroundings(stderr),
        wall_clock,
        Stream::new(move || writer.clone(), || true),
    );
    (subscriber, handle, written)
}

/// All that is logged meanwhile.
pub(super) fn lines(level: LogLevel, format: LogFormat, tell: impl FnOnce()) -> String {
    let (subscriber, _handle, written) = captured(level, format, Form::Plain);
    tracing::subscriber::with_default(subscriber, tell);
    written.take()
}
