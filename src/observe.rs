//! Tells people what happens: every event once, in a sentence that can be acted on at three in the morning.
//!
//! It decides nothing, asks nothing and knows no clock of its own; whoever installs
//! the log hands one in. It never shows a token: all that it is told about one
//! is a fingerprint.
//!
//! *Invariant*: whatever a server, a file name or a library puts into a sentence, an
//! event is one line, and the line holds no control characters. Excepted are rendered
//! configuration errors, whose lines follow indented in the plain form.

mod control;
pub mod endpoints;
mod happening;
mod hook;
mod install;
mod journal;
mod line;
mod log;
mod looks;
pub mod metrics;
mod notice;
mod output;
mod readiness;
pub mod report;
mod selection;
mod snapshot;
pub mod story;
mod tallies;
mod urgency;
pub mod words;

#[cfg(test)]
pub(crate) mod fixture;

pub(crate) use line::Escaped;

pub use control::{Control, Done, Peer};
pub use happening::Happening;
pub use hook::{HookNotice, Run, tell_hook};
pub use install::{Handle, Surroundings, WallClock, install};
pub use log::{Log, Named, Told};
pub use looks::{Look, Looks, looks};
pub use notice::{Notice, PoolNews, tell_notice};
pub use readiness::{Readiness, readiness, readiness_of};
pub use selection::{Selection, SelectionError};
pub use snapshot::{NamedView, Snapshot};
pub use story::{NamedStory, Stories};
pub use tallies::{Histogram, Tallies};

/// The target of our sentences: they say all that their fields say, but for correlation ids.
const TARGET: &str = "session_keepalive::observe";

/// What all targets of this crate begin with.
const CRATE: &str = "session_keepalive";
