//! The state that observers see: the snapshot of all sessions, the history of each, and the phrases for both.
//!
//! It decides nothing, asks nothing and knows no clock of its own. It never shows a token: all that
//! it gets to know of one is a fingerprint.

mod control;
pub mod history;
mod incident;
pub mod phrases;
mod query;
mod readiness;
pub(crate) mod recent_events;
pub mod report;
mod selection;
mod snapshot;
pub(crate) mod urgency;

#[cfg(test)]
pub(crate) mod fixture;

pub use control::{CommandResult, Peer, SessionCommand};
pub use history::{NamedHistory, SessionHistories};
pub use incident::{IncidentView, NAMED_MAX};
pub(crate) use query::COPIED_MAX;
pub use query::{LoopState, Query, QuerySender, SessionEntry, SessionSums, SliceReader, queries};
pub use readiness::{Readiness, ReadinessSums, readiness_of};
pub(crate) use readiness::{incident_lines, line};
pub use recent_events::RecentEvent;
pub use selection::{PAGE_SIZE, Selection, SelectionError};
pub use snapshot::{NamedView, Snapshot};
