//! `timeout show`: the organisation's idle timeout.

use clap::Args;
use serde_json::Value;

use super::describe::{derived, lines};
use crate::cli::exit::Exit;
use crate::cli::operate::{self, Access, Done, Operation, Yes};

/// What to show.
#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    #[command(flatten)]
    yes: Yes,
    #[command(flatten)]
    access: Access,
}

pub(super) fn help() -> String {
    operate::help(
        "Example: session-keepalive timeout show --config /etc/session-keepalive/config.toml --session wallboard\n\nThe call resets the idle timer of the token that it is made with: for one that is to lapse it needs --yes.",
    )
}

pub(super) fn run(show: &Show) -> Exit {
    operate::run(
        &show.access,
        Operation::ShowTimeout,
        Ok(()),
        async |hand, ()| {
            hand.consent_to_reset(show.yes, "this call")?;
            let reply = hand.client.timeout(&hand.api, &hand.token).await?;
            let mut all = hand.lines(&reply);
            all.append(lines(&reply.value));
            let mut known = hand.derived(&reply);
            known.append(&mut derived(&reply.value));
            Ok(Done {
                lines: all,
                body: Value::Object(reply.value.fields().clone()),
                derived: known,
                notes: std::mem::take(&mut hand.notes),
            })
        },
    )
}
