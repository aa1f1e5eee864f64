//! The state that observers see: the snapshot of all sessions, the history of each, and the phrases for both.
//!
//! It decides nothing, asks nothing and knows no clock of its own. It never shows a token: all that
//! it gets to know of one is a fingerprint.

pub mod history;
pub mod phrases;
mod query;
mod readiness;
pub mod report;
mod selection;
mod snapshot;

#[cfg(test)]
pub(crate) mod fixture;

pub use history::{NamedHistory, SessionHistories};
pub(crate) use query::COPIED_MAX;
pub use query::{
    CommandResult, LoopState, Peer, Query, QuerySender, SessionCommand, SessionEntry, SessionSums,
    SliceReader, queries,
};
pub use readiness::{Readiness, ReadinessSums, readiness_of};
pub(crate) use readiness::{incident_lines, line};
pub use selection::{PAGE_SIZE, Selection, SelectionError};
pub(crate) use snapshot::RecentEvents;
pub use snapshot::{IncidentView, NAMED_MAX, NamedView, RecentEvent, Snapshot};
