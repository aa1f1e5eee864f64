//! The common parts of the tests: misbehaving servers, the simulator, and the binary as a process.

pub(crate) mod ask;
pub(crate) mod child;
pub(crate) mod front;
pub(crate) mod hook;
pub(crate) mod hung;
pub(crate) mod inside;
pub(crate) mod keepalive;
pub(crate) mod manager;
pub(crate) mod memory;
pub(crate) mod once;
pub(crate) mod raw;
pub(crate) mod simulation;
pub(crate) mod tls;
pub(crate) mod volume;
