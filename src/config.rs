//! The configuration: merges files, variables and flags into a checked [`Config`], or returns
//! errors that point at the line.
//!
//! Four layers are merged, each overriding those before it: the defaults, the file, variables
//! that begin with [`PREFIX`], and the flags of the command line. Of values that exclude each
//! other (`region` and `api`; the sources of a token) the last layer that holds one takes
//! precedence; two in one layer are an error.
//!
//! ```text
//! file ────────▶ file ────────┐
//! environment ─▶ environment ─┼▶ Raw ─▶ Reader ─▶ sessions, settings ─▶ Config
//! flags ───────▶ flags ───────┘   │                │
//!                                 └▶ unknown keys ─┴─▶ Fault … ─▶ Errors
//! schema: the keys that all of these know
//! ```
//!
//! *Invariant*: no token is shown. A value is displayed only if its key is known and cannot hold
//! a token; text that looks like a token is redacted everywhere.
//!
//! *Invariant*: no content of a file, the environment or a flag makes this module panic.

mod address;
mod describe;
mod difference;
mod environment;
mod fault;
mod file;
mod flags;
mod framing;
mod hooks;
mod key;
mod load;
mod model;
mod proxy;
mod raw;
mod reader;
mod redact;
pub mod schema;
mod sessions;
mod settings;
mod shard;
mod signal;
mod sink;
mod source;

#[cfg(test)]
mod tests;

pub use address::{ApiBase, NotAnApiBase, REGIONS, Region};
pub use difference::Difference;
pub use environment::names_token;
pub use fault::Errors;
pub use flags::Flags;
pub use framing::{FrameAncestors, NotAnOrigin, NotFrameAncestors};
pub use hooks::{HOOK_VARIABLES, HookCommand, HookConfig, HookName, Occasion, SessionPattern};
pub use key::{COMMAND_VARIABLE, FLAG_SESSION, PREFIX, nearest};
#[cfg(fuzzing)]
pub(crate) use load::load_text;
pub use load::{Layers, Loaded, load, load_for_guest};
pub use model::{
    Config, HttpConfig, LogConfig, LogFormat, LogLevel, MetricsConfig, NotASessionName, PoolConfig,
    Proxy, SessionConfig, SessionName, ShutdownConfig, StatusConfig, StatusSocket, Trust,
};
pub use proxy::{NotAProxy, ProxyUrl, ProxyVariables, UnusableVariable};
pub(crate) use reader::exact_duration;
pub use redact::{clean, program_output, quoted};
pub(crate) use settings::listen_address;
pub use shard::Shard;
pub use signal::{RotationSignal, SignalName, SignalTarget};
