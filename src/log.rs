//! The log: every event once, as a sentence that can be acted on at three in the morning.
//!
//! The clock is handed in by the caller that installs the log. The log never shows a token: all that it
//! gets to know of one is a fingerprint.
//!
//! *Invariant*: whatever a server, a file name or a library puts into a sentence, an
//! event is one line, and the line holds no control characters. Excepted are rendered
//! configuration errors, whose lines follow indented in the plain form.

mod hook;
mod incident;
pub(crate) mod install;
mod line;
mod log_event;
pub(crate) mod output;
pub(crate) mod session_events;

pub use hook::{HookEvent, HookRun, log_hook_event};
pub use install::{LogEnvironment, LogHandle, WallClock, install};
pub(crate) use line::{Escaped, escape_json, is_harmful};
pub use log_event::{LogEvent, PoolEvent, SinkEvent, TokenEvent, UnwantedReason, log_event};
pub(crate) use session_events::bounded;
pub use session_events::{EventText, Log, Reporting, SessionNames};

/// The target of the daemon's own events. Their messages repeat all fields, but for correlation ids.
const TARGET: &str = "session_keepalive::log";

/// The prefix of all targets of this crate.
const CRATE: &str = "session_keepalive";
