//! `token show`: what the API says about a token.

use clap::Args;

use super::describe::{IdleTimer, described};
use crate::api::Preserve;
use crate::cli::exit::Exit;
use crate::cli::operate::{self, Access, Operation, Yes};

/// What to show.
#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// Reset the token's idle timer with the same call.
    #[arg(long)]
    reset: bool,
    #[command(flatten)]
    yes: Yes,
    #[command(flatten)]
    access: Access,
}

pub(super) fn help() -> String {
    operate::help(
        "Examples:\n  session-keepalive token show --config /etc/session-keepalive/config.toml --session wallboard\n  session-keepalive token show --region eu-central-1 - <token",
    )
}

pub(super) fn run(show: &Show) -> Exit {
    let (preserve, timer) = if show.reset {
        (Preserve::No, IdleTimer::Reset)
    } else {
        (Preserve::Yes, IdleTimer::Untouched)
    };
    operate::run(
        &show.access,
        Operation::ShowToken,
        Ok(()),
        async |hand, ()| {
            if preserve == Preserve::No {
                hand.consent_to_reset(show.yes, "this call")?;
            }
            let reply = hand.client.token_info(&hand.api, &hand.token, preserve);
            let reply = reply.await?;
            Ok(described(hand, &reply, timer))
        },
    )
}
