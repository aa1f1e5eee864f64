//! Speaks to the Genesys Cloud Tokens API: the only place that knows URLs, headers and status codes.
//!
//! It never decides what to ask next, never retries and never follows a
//! redirect. An answer becomes a verdict in [`verdict`](fn@verdict), which is
//! pure; [`Client`] fetches answers and hands them there, so that a simulated
//! server and a real one are judged by the same lines.
//!
//! Invariant: neither a token nor a URL is in any error, log line or `Debug` of
//! this module. A token leaves it in one place, the `Authorization` header.

mod answer;
mod verdict;

mod bodies;
mod field;
mod time;

mod call;
mod client;
mod failure;
mod receive;
mod trust;

mod operations;
mod probe;
mod reach;
mod refusal;
mod user;

pub use answer::Answer;
pub use bodies::{ErrorBody, Group, IdleTokenTimeout, Named, OAuthClient, TokenInfo};
pub use call::Preserve;
pub use client::Client;
pub use operations::Reply;
pub use probe::{Certificate, Probed, Prober, Trusting};
pub use reach::{Way, connect, way};
pub use receive::BODY_MAX;
pub use refusal::CallError;
pub use trust::BuildError;
pub use user::{NotAUserId, UserId};
pub use verdict::verdict;
