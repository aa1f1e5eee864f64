//! One model of a Genesys Cloud organisation, for simulation, wire tests and demonstrations.
//!
//! [`Server`] is pure: it must never use a clock, the network, files, the log or
//! tasks. Its caller passes the instant of each request to [`Server::answer`], and a
//! seed determines all random values, so equal calls get equal answers. A [`Script`]
//! of [`SimFault`]s injects errors. [`http`] serves the same model to any HTTP client.
//!
//! *Invariant*: no input from a client can make the model panic or grow without
//! limit.
//!
//! *Invariant*: the instants of two calls may be equal or any distance apart.
//!
//! Where the API's documentation leaves a behaviour open, the model implements the
//! one that is harder for a client, or has a setting for both:
//!
//! - a call counts as activity once its token, address and rate have been accepted,
//!   whatever its result: a 400, a 403 or a 413 resets the idle timer; a 401, a 404
//!   for an unknown path, a 405 or a 429 does not;
//! - a token is dead *at* its idle deadline, not after it;
//! - a new timeout counts from the last activity: a shorter timeout can end a token
//!   at once, a longer one revives no token;
//! - `DELETE /tokens/me` does not count as activity, because it ends the token.

mod error;
mod exchange;
mod faults;
pub mod http;
mod operation;
mod registry;
mod server;
mod settings;
mod wall;

#[cfg(test)]
mod fixture;

pub use exchange::{ClientSecret, FaultyResponse, Method, Request, Response};
pub use faults::{
    ConnectionEnd, Length, Matcher, Processing, Rule, RuleSpan, Script, SimFault, WireFault,
};
pub use operation::ApiOperation;
pub use registry::{Fate, Grant, Permission, Record, TokenSpec};
pub use server::{BODY_LENGTH_MAX, Server};
pub use settings::{GroupBundle, IdleDate, IdleSettings, OmittedBundles, Precedence, Settings};
