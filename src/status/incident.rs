//! The incidents as observers see them, with the names of sessions in place of their numbers.

use std::sync::Arc;

use jiff::Timestamp;

use crate::config::{ApiBase, SessionName};
use crate::keeper::{IncidentCause, IncidentClass};
use crate::time::Instant;

/// The maximum number of sessions that a sentence about an incident names.
pub const NAMED_MAX: usize = 5;

/// An incident at one moment.
#[derive(Clone, PartialEq, Debug)]
pub struct IncidentView {
    /// The number of the incident since the start of the daemon.
    pub id: u32,
    /// The class of the first failure.
    pub class: IncidentClass,
    /// The API.
    pub api: ApiBase,
    /// The organisation, if the incident concerns only that.
    pub organisation: Option<Arc<str>>,
    /// The cause, that of the latest failure.
    pub cause: IncidentCause,
    /// The correlation id of the latest failed answer that had one.
    pub correlation_id: Option<Arc<str>>,
    /// The instant at which the first failed request was sent.
    pub began_at: Instant,
    /// The same moment on the wall clock.
    pub began: Timestamp,
    /// The first successful answer after the last failure.
    pub answered_at: Option<Instant>,
    /// The end, once the incident is over.
    pub ended_at: Option<Instant>,
    /// The number of sessions of the API or organisation.
    pub sessions: usize,
    /// Their names, if there are at most [`NAMED_MAX`].
    pub names: Vec<SessionName>,
    /// The number of sessions whose last request failed.
    pub failing: usize,
    /// The number of sessions that are at risk.
    pub at_risk: usize,
    /// The number of sessions that were at risk at any time.
    pub ever_at_risk: usize,
    /// The names of the sessions at risk, if there are at most [`NAMED_MAX`].
    pub at_risk_names: Vec<SessionName>,
    /// The number of tokens that were lost.
    pub lost: usize,
    /// The names of their sessions, if there are at most [`NAMED_MAX`].
    pub lost_names: Vec<SessionName>,
    /// True if the only session reported the failure before the incident opened.
    pub is_reported_by_session: bool,
    /// The first idle deadline of the kept sessions, while requests fail.
    pub first_loss_at: Option<Instant>,
    /// The session of that deadline.
    pub first_loss: Option<SessionName>,
}

impl IncidentView {
    /// Returns true if requests fail at present.
    #[must_use]
    pub fn is_acute(&self) -> bool {
        self.ended_at.is_none() && self.failing > 0
    }
}
