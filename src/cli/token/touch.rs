//! `token touch`: resets a token's idle timer.

use clap::Args;
use serde_json::{Value, json};

use super::describe::{IdleTimer, described};
use crate::api::{CallError, Preserve};
use crate::cli::exit::Exit;
use crate::cli::operate::{self, Access, Done, Failure, Hand, Operation, Yes};
use crate::keeper::{Failure as Unanswered, Refusal, Touch as Call, Verdict};

/// How to touch.
#[derive(Debug, Args)]
pub(in crate::cli) struct Touch {
    /// Touch with GET, where the organisation does not count HEAD.
    #[arg(long)]
    get: bool,
    #[command(flatten)]
    yes: Yes,
    #[command(flatten)]
    access: Access,
}

pub(super) fn help() -> String {
    operate::help(
        "Examples:\n  session-keepalive token touch --config /etc/session-keepalive/config.toml --session wallboard\n  session-keepalive token touch --get --region eu-central-1 --token-file /run/secrets/token",
    )
}

pub(super) fn run(touch: &Touch) -> Exit {
    operate::run(
        &touch.access,
        Operation::TouchToken,
        Ok(()),
        async |hand, ()| {
            hand.consent_to_reset(touch.yes, "a touch")?;
            if touch.get {
                let reply = hand
                    .client
                    .token_info(&hand.api, &hand.token, Preserve::No)
                    .await?;
                Ok(described(hand, &reply, IdleTimer::Reset))
            } else {
                head(hand).await
            }
        },
    )
}

async fn head(hand: &mut Hand) -> Result<Done, Failure> {
    let reply = match hand.client.head_token(&hand.api, &hand.token).await {
        Ok(reply) => reply,
        Err(error) if error.verdict == Verdict::Refused(Refusal::Unread) => {
            return Err(read(hand, error).await);
        }
        Err(error) => return Err(error.into()),
    };
    let mut lines = hand.lines(&reply);
    lines.add("idle timer", IdleTimer::Reset.for_people());
    let mut derived = hand.derived(&reply);
    derived.insert("idle_timer".to_owned(), json!(IdleTimer::Reset.as_str()));
    Ok(Done {
        lines,
        body: Value::Null,
        derived,
        notes: std::mem::take(&mut hand.notes),
    })
}

/// A 401 to HEAD has no body, so its reason is read by a peek, which disturbs nothing.
async fn read(hand: &Hand, unread: CallError) -> Failure {
    let peek = hand
        .client
        .token_info(&hand.api, &hand.token, Preserve::Yes);
    match peek.await {
        Err(error) => error.into(),
        Ok(_lives) => CallError {
            verdict: Verdict::Unreachable(Unanswered::TouchRefused(Call::Head)),
            ..unread
        }
        .into(),
    }
}
