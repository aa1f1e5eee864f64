//! `user revoke`: ends every token of a user.

use clap::Args;
use serde_json::{Value, json};

use crate::api::UserId;
use crate::cli::exit::Exit;
use crate::cli::operate::{self, Access, Done, Failure, Operation, Yes};

/// Whose tokens to end.
#[derive(Debug, Args)]
pub(in crate::cli) struct Revoke {
    /// The user's id, a UUID.
    #[arg(value_name = "USER_ID")]
    user: String,
    #[command(flatten)]
    yes: Yes,
    #[command(flatten)]
    access: Access,
}

pub(super) fn help() -> String {
    operate::help(
        "Example: session-keepalive user revoke 8b3a2f0e-6c1d-4b7e-9f25-0d4c1a5e7b90 --region eu-central-1 --token-file /run/secrets/admin-token\n\nAsks first. Needs the permission oauth:token:delete.",
    )
}

pub(super) fn run(revoke: &Revoke) -> Exit {
    let user = UserId::new(&revoke.user).map_err(|why| Failure::Usage(why.to_string()));
    operate::run(
        &revoke.access,
        Operation::RevokeUser,
        user,
        async |hand, user| {
            let why = format!(
                "This logs user {user} out everywhere: every token of the user ends, in every application, and refresh tokens with them."
            );
            hand.consent_is_possible(revoke.yes, &why)?;
            hand.consent_to_reset(revoke.yes, "this call")?;
            hand.consent(revoke.yes, &why)?;
            let reply = hand
                .client
                .delete_tokens_of(&hand.api, &hand.token, &user)
                .await?;
            let mut lines = hand.lines(&reply);
            lines.add("user", user.to_string());
            lines.add(
                "result",
                "logged out everywhere: every token of the user ended",
            );
            let mut derived = hand.derived(&reply);
            derived.insert("user".to_owned(), json!(user.as_str()));
            Ok(Done {
                lines,
                body: Value::Null,
                derived,
                notes: std::mem::take(&mut hand.notes),
            })
        },
    )
}
