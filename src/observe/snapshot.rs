//! What observers see: all sessions at one moment.

use crate::config::{ApiBase, SessionName};
use crate::keeper::{Instant, SessionView};

/// All sessions at one moment.
#[derive(Clone, PartialEq, Debug)]
pub struct Snapshot {
    /// The moment.
    pub at: Instant,
    /// The sessions, by name.
    pub sessions: Vec<NamedView>,
}

/// A session and what is seen of it.
#[derive(Clone, PartialEq, Debug)]
pub struct NamedView {
    /// Its name.
    pub name: SessionName,
    /// Where its token belongs.
    pub api: ApiBase,
    /// What is seen of it.
    pub view: SessionView,
}
