//! One model of a Genesys Cloud organisation, for simulation, wire tests and demonstrations.
//!
//! [`Server`] is pure: it has no clock, network, file, log or task. It is
//! called with [`Server::answer`] at instants that its caller chooses, and a
//! seed stands in for chance, so that the same calls bring the same answers.
//! What it is told to get wrong is a [`Script`] of [`Fault`]s. [`http`] serves
//! the same model to any HTTP client.
//!
//! *Invariant*: nothing that a client sends can make the model panic or grow
//! without limit.
//!
//! *Invariant*: time may stand still between two calls, and the model does
//! not care how far it jumps.
//!
//! Where the API's documentation is silent, the model takes the answer that is
//! harder on a client, or has a setting for both:
//!
//! - a call counts as activity once its token, its address and its rate have
//!   passed, whatever comes of it: a 400, a 403 or a 413 resets the idle timer, a
//!   401, a 404 for an unknown path, a 405 or a 429 does not;
//! - a token is dead *at* its idle deadline, not after it;
//! - a new timeout counts from the last activity: one that is shorter can end a
//!   token at once, one that is longer revives none;
//! - `DELETE /tokens/me` is no activity: there is nothing left to keep.

mod eras;
mod error;
mod exchange;
mod faults;
mod form;
pub mod http;
mod operation;
mod record;
mod registry;
mod server;
mod settings;
mod spec;
mod wall;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod world;

#[cfg(test)]
pub(crate) use world::{failed, understood};

pub use exchange::{Answer, ClientSecret, Method, Request, Response};
pub use faults::{Ending, Fault, Length, Matcher, Processing, Rule, Script, Span, WireFault};
pub use operation::Operation;
pub use record::{Fate, Record};
pub use server::{BODY_LENGTH_MAX, Server};
pub use settings::{GroupBundle, IdleDate, IdleTimeout, OmittedBundles, Precedence, Settings};
pub use spec::{Grant, Permission, TokenSpec};
