//! A session's token: whether it can be read, whether it lives, and what is known of its idle timeout.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

use super::check::Check;
use super::touch;
use crate::api::{CallError, Client, Preserve, Reply, TokenInfo};
use crate::cli::operate::{advice, shown};
use crate::cli::timeout::overview;
use crate::config::{SessionConfig, SessionName};
use crate::keeper::{Intent, Verdict};
use crate::observe::words::{Chain, lasting, new_token};
use crate::token::{Fingerprint, Reader, SourceError, Token};

/// The daemon makes no two requests with one token within this time, and nor do we.
const PACE: Duration = Duration::from_secs(1);

/// What was found of a session.
pub(super) struct Examined {
    pub(super) name: String,
    pub(super) fingerprint: Option<Fingerprint>,
    pub(super) checks: Vec<Check>,
}

/// A token that is looked at, slowly enough.
pub(super) struct Patient<'a> {
    pub(super) name: &'a str,
    pub(super) session: &'a SessionConfig,
    pub(super) client: &'a Client,
    pub(super) token: Token,
    pace: Interval,
}

impl Patient<'_> {
    /// Waits until the next request may be made.
    pub(super) async fn rest(&mut self) {
        self.pace.tick().await;
    }

    /// Looks at the token, which disturbs nothing.
    pub(super) async fn peek(&mut self) -> Result<Reply<TokenInfo>, CallError> {
        self.rest().await;
        let api = &self.session.api;
        self.client
            .token_info(api, &self.token, Preserve::Yes)
            .await
    }
}

/// Looks at a session; one that is to lapse is only peeked at.
pub(super) async fn examine(
    name: &SessionName,
    session: &SessionConfig,
    client: &Client,
    prove: bool,
) -> Examined {
    let name = name.as_str();
    let mut examined = Examined {
        name: name.to_owned(),
        fingerprint: None,
        checks: Vec::new(),
    };
    let checks = &mut examined.checks;
    let Some(token) = read(name, session, checks).await else {
        return examined;
    };
    examined.fingerprint = Some(token.fingerprint());
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut patient = Patient {
        name,
        session,
        client,
        token,
        pace,
    };
    let reply = match patient.peek().await {
        Ok(reply) => reply,
        Err(error) => {
            checks.push(dead(&patient, &error));
            return examined;
        }
    };
    lives(name, session, &reply, checks);
    match session.intent {
        Intent::Lapse => {}
        Intent::Keep => {
            // First, since the reading may reset the idle timer too, and then proves nothing.
            if prove {
                checks.push(touch::prove(&mut patient, &reply.value).await);
            }
            checks.push(timeout(&mut patient).await);
        }
    }
    examined
}

async fn read(name: &str, session: &SessionConfig, checks: &mut Vec<Check>) -> Option<Token> {
    const NAME: &str = "token";
    let source = &session.token;
    let read = match Reader::default().read(source).await {
        Ok(read) => read,
        Err(error) => {
            let check = Check::failure(name, NAME, Chain(&error).to_string());
            let advice = if matches!(error, SourceError::NotReadable { .. }) {
                "let the daemon's user read it".to_owned()
            } else {
                new_token(source)
            };
            checks.push(check.advise(advice));
            return None;
        }
    };
    let fingerprint = read.token.fingerprint();
    let mode = Reader::default().file(source);
    let mode = mode.and_then(|path| std::fs::metadata(path).ok());
    let mode = mode.map_or_else(String::new, |file| {
        format!(", mode {:04o}, owner {}", file.mode() & 0o7777, file.uid())
    });
    checks.push(match read.warning {
        Some(warning) => {
            let check = Check::warning(name, NAME, warning.to_string());
            check.advise("chmod 0600, or 0640 for the daemon's group")
        }
        None => Check::ok(name, NAME, format!("{fingerprint} from {source}{mode}")),
    });
    Some(read.token)
}

fn dead(patient: &Patient<'_>, error: &CallError) -> Check {
    let advice = advice(error);
    let check = Check::failure(patient.name, "lives", error.to_string());
    match error.verdict {
        Verdict::Refused(_) => {
            let source = new_token(&patient.session.token);
            check.advise(
                [advice, Some(source)]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join("; "),
            )
        }
        Verdict::Accepted
        | Verdict::Alive(_)
        | Verdict::Timeout(_)
        | Verdict::Blocked(_)
        | Verdict::Throttled { .. }
        | Verdict::Unreachable(_) => check.advise_some(advice),
    }
}

fn lives(name: &str, session: &SessionConfig, reply: &Reply<TokenInfo>, checks: &mut Vec<Check>) {
    let info = &reply.value;
    let organisation = info.organisation().and_then(|it| it.name.or(it.id));
    let client = info.client().and_then(|it| it.named.name.or(it.named.id));
    let scopes = info.scopes();
    let scopes = if scopes.is_empty() {
        "none".to_owned()
    } else {
        scopes.join(" ")
    };
    let finding = format!(
        "yes, in organisation {}, of client {}, with scopes {scopes}",
        organisation.unwrap_or("not named"),
        client.unwrap_or("not named")
    );
    checks.push(Check::ok(name, "lives", finding));
    let intent = session.intent.as_str();
    let deadline = match (info.idles_at(), reply.date) {
        (Some(at), Some(date)) => match at.since(date) {
            Some(left) => {
                Check::ok(name, "idle deadline", format!("in {}, to {intent}", lasting(left)))
            }
            None => Check::warning(name, "idle deadline", format!("passed at {}", shown(at))),
        },
        (Some(at), None) => Check::ok(name, "idle deadline", shown(at)),
        (None, _) => Check::warning(name, "idle deadline", "not told by the API").advise(
            "the daemon goes by the organisation's timeout, or by idle_timeout in the configuration",
        ),
    };
    checks.push(deadline);
}

async fn timeout(patient: &mut Patient<'_>) -> Check {
    const NAME: &str = "idle timeout";
    patient.rest().await;
    let name = patient.name;
    let read = patient.client.timeout(&patient.session.api, &patient.token);
    match read.await {
        Ok(reply) => Check::ok(name, NAME, overview(&reply.value)),
        Err(error) => match error.verdict {
            Verdict::Blocked(_) => Check::ok(
                name,
                NAME,
                "this token may not read it, which is no failure: the idle deadline tells",
            ),
            Verdict::Accepted
            | Verdict::Alive(_)
            | Verdict::Timeout(_)
            | Verdict::Refused(_)
            | Verdict::Throttled { .. }
            | Verdict::Unreachable(_) => {
                Check::warning(name, NAME, error.to_string()).advise_some(advice(&error))
            }
        },
    }
}

/// Sessions that have one token: it is cared for once.
pub(super) fn twins(examined: &[Examined]) -> Vec<Check> {
    let mut checks = Vec::new();
    for (position, second) in examined.iter().enumerate() {
        let is_twin = |first: &&Examined| {
            first.fingerprint.is_some() && first.fingerprint == second.fingerprint
        };
        if let Some(first) = examined[..position].iter().find(is_twin) {
            let finding = format!("the same as that of session {}", first.name);
            let check = Check::failure(&second.name, "token", finding);
            checks.push(check.advise("give each session a token of its own"));
        }
    }
    checks
}
