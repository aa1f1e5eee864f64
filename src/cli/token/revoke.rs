//! `token revoke`: ends a token.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::exit::Exit;
use crate::cli::operate::{self, Access, Done, Operation};

/// What to revoke.
#[derive(Debug, Args)]
pub(in crate::cli) struct Revoke {
    #[command(flatten)]
    access: Access,
}

pub(super) fn help() -> String {
    operate::help(
        "Examples:\n  session-keepalive token revoke --config /etc/session-keepalive/config.toml --session wallboard\n  session-keepalive token revoke --region eu-central-1 --token-file /run/secrets/token\n\nA daemon that keeps the token finds it lost. Where universal logout is switched on, the user's other tokens may end with it.",
    )
}

pub(super) fn run(revoke: &Revoke) -> Exit {
    operate::run(
        &revoke.access,
        Operation::RevokeToken,
        Ok(()),
        async |hand, ()| {
            let reply = hand.client.delete_own_token(&hand.api, &hand.token).await?;
            let was_gone = reply.status == 401;
            let mut lines = hand.lines(&reply);
            lines.add("result", if was_gone { "gone" } else { "revoked" });
            if was_gone {
                hand.notes.push(format!(
                "the API did not know the token: it had ended before, or it belongs to another region than that of {}, and lives there",
                hand.api
            ));
            }
            let mut derived = hand.derived(&reply);
            derived.insert("was_gone".to_owned(), json!(was_gone));
            Ok(Done {
                lines,
                body: Value::Null,
                derived,
                notes: std::mem::take(&mut hand.notes),
            })
        },
    )
}
