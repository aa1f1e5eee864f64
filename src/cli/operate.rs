//! What the commands that make one operation of the API by hand have in common.
//!
//! A command names its token by where it is, never by itself, asks before it does harm, makes
//! its requests once and says what came of them: to people in aligned lines, to machines in
//! one JSON object of a known version. It never retries and never shows a token.
//!
//! *Invariant*: a token that is configured to lapse is disturbed only after a yes.

mod access;
mod consent;
mod done;
mod failure;
mod hand;
mod input;
mod lines;
mod operation;

use super::exit::Exit;
use super::run::runtime;
use crate::daemon::harden;

pub(super) use access::Access;
pub(super) use consent::Yes;
pub(super) use done::{Done, duration_with_seconds, shown, stamped};
pub(super) use failure::{Failure, advice, print_usage_error};
pub(super) use hand::Hand;
pub(super) use lines::{Lines, wrapped};
pub(super) use operation::Operation;

/// The version of the JSON: it grows when a field goes or changes its meaning.
pub(super) const VERSION: u32 = 1;

/// What the help of every such command ends with.
pub(super) fn help(examples: &str) -> String {
    format!(
        "{examples}\n\n\
A token is never given on the command line. For the systemd credential of a running service, as root:\n  \
CREDENTIALS_DIRECTORY=/run/credentials/session-keepalive.service \\\n    session-keepalive … --credential NAME\n\n\
Exit status: 0 done, 1 you said no, 64 wrong usage, 65 a wrong value or token, 69 the API was not reached or \
failed, 70 a bug, 74 no input or output, 75 try again later, 77 not permitted, 78 wrong configuration."
    )
}

/// Makes an operation: takes the token to hand, works, and says what came of it.
pub(super) fn run<T>(
    access: &Access,
    operation: Operation,
    wanted: Result<T, Failure>,
    work: impl AsyncFnOnce(&mut Hand, T) -> Result<Done, Failure>,
) -> Exit {
    // What the system refuses is no reason not to work.
    let _refused = harden::harden();
    let mut taken = None;
    let result = wanted.and_then(|wanted| {
        let runtime = runtime().map_err(Failure::Runtime)?;
        let result = runtime.block_on(async {
            let hand = taken.insert(Hand::take(access, operation).await?);
            work(hand, wanted).await
        });
        // A name that is still being resolved is nothing to wait for.
        runtime.shutdown_background();
        result
    });
    match result {
        Ok(done) => done.print(access.json),
        Err(failure) => failure.print(operation, taken.as_ref(), access.json),
    }
}
