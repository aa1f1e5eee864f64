//! `timeout disable`: disables the organisation's idle timeout.

use clap::Args;

use super::change::{Change, change};
use crate::cli::exit::Exit;
use crate::cli::operate::{self, Access, Operation, Yes};

/// What to disable.
#[derive(Debug, Args)]
pub(in crate::cli) struct Disable {
    #[command(flatten)]
    yes: Yes,
    #[command(flatten)]
    access: Access,
}

pub(super) fn help() -> String {
    operate::help(
        "Example: session-keepalive timeout disable --region eu-central-1 --token-file /run/secrets/admin-token\n\nReads the whole object, disables the timeout and writes it back: groups and fields that this program does not know stay as they are. Shows both and asks before it writes. Needs the permission directory:organization:admin.",
    )
}

pub(super) fn run(disable: &Disable) -> Exit {
    let operation = Operation::DisableTimeout;
    operate::run(&disable.access, operation, Ok(()), async |hand, ()| {
        change(hand, disable.yes, Change::Disable).await
    })
}
