//! Decides.

mod command;
mod instant;
mod intent;
mod outcome;
mod schedule;

pub use command::{Command, Generation, Operation, SessionId, Ticket, Touch};
pub use instant::{Instant, ServerTime};
pub use intent::{Intent, OnShutdown};
pub use outcome::{
    Blockage, Failure, NotTheApi, Outcome, Refusal, TimeoutReport, TokenReport, Verdict,
};
pub use schedule::Margin;
