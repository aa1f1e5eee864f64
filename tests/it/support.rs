//! Servers that behave as no library would let them, and processes with an environment of their own.

pub(crate) mod child;
pub(crate) mod raw;
pub(crate) mod tls;
