//! `token`: shows, touches, revokes or obtains a token.

mod mint;

use clap::Subcommand;
use serde_json::{Value, json};

use super::exit::Exit;
use super::operate::{
    self, Access, ApiCommand, ApiSession, CommandOutput, OperationError, Yes,
    duration_with_seconds, human_time, rfc3339,
};
use super::text::Lines;
use crate::api::{CallError, NamedEntity, Preserve, Reply, TokenInfo};
use crate::keeper::{Failure as Unanswered, IDLE_TIMEOUT_MAX, Refusal, Touch, Verdict};
use crate::status::phrases::human_duration;

/// The commands of `token`.
#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Show the API's information about a token; changes nothing.
    #[command(after_help = operate::help(
        "Examples:\n  session-keepalive token show --config /etc/session-keepalive/config.toml --session wallboard\n  session-keepalive token show --region eu-central-1 - <token",
    ))]
    Show {
        /// Reset the token's idle timer with the same call.
        #[arg(long)]
        reset: bool,
        #[command(flatten)]
        yes: Yes,
        #[command(flatten)]
        access: Access,
    },
    /// Reset a token's idle timer.
    #[command(after_help = operate::help(
        "Examples:\n  session-keepalive token touch --config /etc/session-keepalive/config.toml --session wallboard\n  session-keepalive token touch --get --region eu-central-1 --token-file /run/secrets/token",
    ))]
    Touch {
        /// Touch with GET, for organisations that exclude HEAD.
        #[arg(long)]
        get: bool,
        #[command(flatten)]
        yes: Yes,
        #[command(flatten)]
        access: Access,
    },
    /// Revoke a token immediately.
    #[command(after_help = operate::help(
        "Examples:\n  session-keepalive token revoke --config /etc/session-keepalive/config.toml --session wallboard\n  session-keepalive token revoke --region eu-central-1 --token-file /run/secrets/token\n\nShows the token's fingerprint and asks for confirmation. A daemon that keeps the token will report it as lost. With universal logout enabled, the user's other tokens may end as well.",
    ))]
    Revoke {
        #[command(flatten)]
        yes: Yes,
        #[command(flatten)]
        access: Access,
    },
    /// Obtain a token with an OAuth client.
    #[command(after_help = mint::HELP)]
    Mint(mint::Mint),
}

/// The scope that all these commands need.
const SCOPE: Option<&str> = Some("user-basic-info");

const SHOW: ApiCommand = ApiCommand {
    words: "token show",
    permission: None,
    scopes: SCOPE,
};
const TOUCH: ApiCommand = ApiCommand {
    words: "token touch",
    permission: None,
    scopes: SCOPE,
};
const REVOKE: ApiCommand = ApiCommand {
    words: "token revoke",
    permission: None,
    scopes: SCOPE,
};

pub(super) fn run(token: &TokenCommand) -> Exit {
    match token {
        TokenCommand::Show { reset, yes, access } => {
            operate::run(&SHOW, access, *yes, async |session| {
                if *reset {
                    session.consent_to_reset("this call")?;
                    show(session, Preserve::No).await
                } else {
                    show(session, Preserve::Yes).await
                }
            })
        }
        TokenCommand::Touch { get, yes, access } => {
            operate::run(&TOUCH, access, *yes, async |session| {
                session.consent_to_reset("a touch")?;
                if *get {
                    show(session, Preserve::No).await
                } else {
                    head(session).await
                }
            })
        }
        TokenCommand::Revoke { yes, access } => {
            operate::run(&REVOKE, access, *yes, async |session| revoke(session).await)
        }
        TokenCommand::Mint(mint) => mint::run(mint),
    }
}

const WHY_REVOKE: &str = "This ends the token at once, for every program that uses it.";

async fn revoke(session: &mut ApiSession) -> Result<CommandOutput, OperationError> {
    let mut shown = Lines::default();
    shown.add("token", session.shown());
    shown.add("api", session.api.as_str());
    session.consent(&shown.render(), WHY_REVOKE)?;
    let (client, api) = (&session.client, &session.api);
    let reply = client.delete_own_token(api, &session.token).await?;
    let was_gone = reply.status == 401;
    let mut answer = session.answer(&reply, Value::Null);
    answer.line("result", if was_gone { "gone" } else { "revoked" });
    answer.value("was_gone", was_gone);
    if was_gone {
        session.notes.push(format!(
            "the API did not know the token: it had ended before, or it belongs to another region than {api} and is alive there"
        ));
    }
    Ok(answer)
}

async fn head(session: &ApiSession) -> Result<CommandOutput, OperationError> {
    let (client, api) = (&session.client, &session.api);
    match client.head_token(api, &session.token).await {
        Ok(reply) => {
            let mut answer = session.answer(&reply, Value::Null);
            add_idle_timer(&mut answer, Preserve::No);
            Ok(answer)
        }
        Err(error) if error.verdict == Verdict::Refused(Refusal::Unread) => {
            // The answer to HEAD has no body: a peek reads the reason for a 401. If it succeeds the
            // token is alive, and something before the API refused the touch.
            client
                .token_info(api, &session.token, Preserve::Yes)
                .await?;
            let refused = Unanswered::TouchRefused(Touch::Head);
            let verdict = Verdict::Unreachable(refused);
            Err(CallError { verdict, ..error }.into())
        }
        Err(error) => Err(error.into()),
    }
}

async fn show(session: &ApiSession, preserve: Preserve) -> Result<CommandOutput, OperationError> {
    let (client, api) = (&session.client, &session.api);
    let reply = client.token_info(api, &session.token, preserve).await?;
    let info = &reply.value;
    let mut answer = session.answer(&reply, json!(info.fields()));
    let organisation = info.organisation();
    if let Some(organisation) = organisation {
        answer.line("organisation", name_and_id(organisation));
    }
    if let Some(home) = info.home_organisation()
        && Some(home.id) != organisation.map(|entity| entity.id)
    {
        answer.line("home", name_and_id(home));
    }
    if let Some(client) = info.client() {
        let grant = client.grant_type.unwrap_or("grant not reported");
        let client = name_and_id(client.named);
        answer.line("client", format!("{client}, {grant}"));
    }
    answer.line(
        "scopes",
        match info.scopes().as_slice() {
            [] => "none, as with client credentials".to_owned(),
            scopes => scopes.join(", "),
        },
    );
    add_deadline(&mut answer, session, &reply);
    add_idle_timer(&mut answer, preserve);
    Ok(answer)
}

fn name_and_id(named: NamedEntity<'_>) -> String {
    match (named.name, named.id) {
        (Some(name), Some(id)) => format!("{name} ({id})"),
        (Some(only), None) | (None, Some(only)) => only.to_owned(),
        (None, None) => "not named".to_owned(),
    }
}

/// Adds the idle deadline and the idle timeout, calculated from the server's clock alone.
///
/// This machine's clock may be wrong, so the answer's `Date` is taken as the present.
fn add_deadline(answer: &mut CommandOutput, session: &ApiSession, reply: &Reply<TokenInfo>) {
    let idles_at = reply.value.idles_at();
    let known = idles_at.zip(reply.date);
    let remaining = known.and_then(|(at, date)| at.since(date));
    answer.line(
        "idles out",
        match (idles_at, reply.date, remaining) {
            (None, ..) if reply.value.has_idle_date() => {
                "reported by the API, but not understood (dateTokenIdles; see --json)".to_owned()
            }
            (None, ..) => "not reported by the API (no dateTokenIdles)".to_owned(),
            (Some(at), None, _) => {
                let at = human_time(at);
                format!("{at}; the answer has no Date to compare it with")
            }
            (Some(at), Some(_), Some(left)) => {
                format!("{}, in {}", human_time(at), human_duration(left))
            }
            (Some(at), Some(date), None) => {
                let passed = date.since(at).unwrap_or_default();
                format!("{}, {} ago", human_time(at), human_duration(passed))
            }
        },
    );
    answer.value("idles_at", idles_at.map(rfc3339));
    let seconds_left = known.map(|(at, date)| {
        let (at, now) = (at.unix_milliseconds(), date.unix_milliseconds());
        at.saturating_sub(now).div_euclid(1000)
    });
    answer.value("seconds_left", seconds_left);
    let effective = match session.configured_timeout() {
        Some(timeout) => Some((timeout, "configured")),
        // A deadline that is further away says something about a clock, not about the timeout.
        None => remaining
            .filter(|left| left.as_secs() <= IDLE_TIMEOUT_MAX.as_secs())
            .map(|left| (left, "token")),
    };
    if let Some((timeout, source)) = effective {
        let timeout = duration_with_seconds(timeout);
        answer.line(
            "idle timeout",
            match source {
                "configured" => format!("{timeout}, as configured"),
                _ => format!("at least {timeout}"),
            },
        );
    }
    answer.effective_timeout(effective);
}

/// Adds the effect of the call on the token's idle timer.
fn add_idle_timer(answer: &mut CommandOutput, preserve: Preserve) {
    let (text, word) = match preserve {
        Preserve::Yes => ("not reset by this call", "untouched"),
        Preserve::No => (
            "reset by this call, unless the organisation excludes it",
            "reset_unless_excluded",
        ),
    };
    answer.line("idle timer", text);
    answer.value("idle_timer", word);
}
