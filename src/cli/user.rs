//! `user`: ends every token of a user.

use clap::Subcommand;
use serde_json::Value;

use super::exit::Exit;
use super::operate::{self, Access, ApiCommand, ApiSession, CommandOutput, OperationError, Yes};
use crate::api::UserId;

/// The commands of `user`.
#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Log a user out everywhere: revoke all tokens of the user, including refresh tokens.
    #[command(after_help = operate::help(
        "Example: session-keepalive user revoke 8b3a2f0e-6c1d-4b7e-9f25-0d4c1a5e7b90 --region eu-central-1 --token-file /run/secrets/admin-token\n\nAsks for confirmation. Requires the permission oauth:token:delete.",
    ))]
    Revoke {
        /// The user's id, a UUID.
        #[arg(value_name = "USER_ID")]
        user: String,
        #[command(flatten)]
        yes: Yes,
        #[command(flatten)]
        access: Access,
    },
}

const REVOKE: ApiCommand = ApiCommand {
    words: "user revoke",
    permission: Some("oauth:token:delete"),
    scopes: None,
};

pub(super) fn run(user: &User) -> Exit {
    let User::Revoke { user, yes, access } = user;
    match UserId::new(user) {
        Ok(user) => operate::run(&REVOKE, access, *yes, async |session| {
            revoke(session, &user).await
        }),
        Err(why) => operate::wrong_argument(&REVOKE, access, why.to_string()),
    }
}

async fn revoke(session: &mut ApiSession, user: &UserId) -> Result<CommandOutput, OperationError> {
    let consequence = format!(
        "This logs user {user} out everywhere: every token of the user ends, in every application, and refresh tokens with them."
    );
    session.consent_is_possible(&consequence)?;
    session.consent_to_reset("this call")?;
    session.consent("", &consequence)?;
    let (client, api) = (&session.client, &session.api);
    let reply = client.delete_tokens_of(api, &session.token, user).await?;
    let mut answer = session.answer(&reply, Value::Null);
    answer.line("user", user.as_str());
    answer.value("user", user.as_str());
    let result = "logged out everywhere: every token of the user ended";
    answer.line("result", result);
    Ok(answer)
}
