//! Configuration: what was written becomes what is meant, or errors that point at the line.
//!
//! Four layers are merged, each overruling those before it: the defaults, the
//! file, variables that begin with [`PREFIX`], and the flags of the command
//! line. Of values that exclude each other (`region` and `api`; the sources of a
//! token) the last layer that holds one has the word; two in one layer are
//! refused.
//!
//! ```text
//! file ────────▶ file ────────┐
//! environment ─▶ environment ─┼▶ Raw ─▶ Reader ─▶ sessions, settings ─▶ Config
//! flags ───────▶ flags ───────┘   │                │
//!                                 └▶ unknown ──────┴─▶ Fault … ─▶ Errors
//! ```
//!
//! *Invariant*: no token is shown. A value is displayed only if its key is known
//! and cannot hold a token; what looks like a token is hidden everywhere.
//!
//! *Invariant*: nothing that a file, the environment or a flag holds makes this
//! module panic.

mod address;
mod describe;
mod difference;
mod environment;
mod fault;
mod file;
mod flags;
mod hooks;
mod key;
mod load;
mod mask;
mod meant;
mod pools;
mod raw;
mod reader;
mod region;
mod sessions;
mod settings;
mod source;
mod unknown;
mod wishes;

#[cfg(test)]
mod tests;

pub use address::{ApiBase, NotAnApiBase, ProxyUrl};
pub use describe::Origin;
pub use difference::Difference;
pub use fault::Errors;
pub use flags::Flags;
pub use hooks::{HOOK_VARIABLES, HookCommand, HookConfig, HookName, Occasion, SessionPattern};
pub use key::{FLAG_SESSION, PREFIX, nearest};
pub use load::{Layers, Loaded, load, load_for_guest};
pub use mask::{clean, quoted};
pub use meant::{
    Config, HttpConfig, LogConfig, LogFormat, LogLevel, MetricsConfig, NotASessionName, PoolConfig,
    Proxy, SessionConfig, SessionName, ShutdownConfig, StatusConfig, StatusSocket, Trust,
};
pub(crate) use reader::in_words;
pub use region::{REGIONS, Region};
