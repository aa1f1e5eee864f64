//! The operating system: clocks, child processes, files that may hang, the network's changes, the process's
//! own protection.
//!
//! Nothing here knows sessions or decides anything about them.

pub mod clock;
pub(crate) mod files;
pub mod harden;
pub(crate) mod network;
pub mod orphans;
pub(crate) mod pid_file;
pub(crate) mod program;
