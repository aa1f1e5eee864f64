//! Servers that behave as no library would let them, the simulator, and the binary as a process.

pub(crate) mod ask;
pub(crate) mod child;
pub(crate) mod front;
pub(crate) mod hook;
pub(crate) mod inside;
pub(crate) mod keepalive;
pub(crate) mod manager;
pub(crate) mod memory;
pub(crate) mod once;
pub(crate) mod raw;
pub(crate) mod simulation;
pub(crate) mod tls;
