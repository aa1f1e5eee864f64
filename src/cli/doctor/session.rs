//! Checks a session's token: that it can be read and is alive, and its idle timeout.
//!
//! *Invariant*: a token that is to lapse is only peeked at.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use clap::Args;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::check::Check;
use super::service;
use super::user::{self, Commands};
use crate::api::{CallError, Client, Minted, Preserve, Redactor, Reply, TokenInfo};
use crate::cli::operate::{advice, human_time};
use crate::cli::timeout::overview;
use crate::config::{ApiBase, SessionConfig, SessionName};
use crate::keeper::{Intent, Touch, Verdict};
use crate::status::phrases::{
    Chain, OF_CLIENT_END, Pickup, client_end, human_duration, mint_remedy, new_token,
};
use crate::time::ServerTime;
use crate::token::{ClientCredentials, ClientSource, Fingerprint, MintSource, SourceError, Token};

/// The shortest time between two requests with one token, as in the daemon.
const PACE: Duration = Duration::from_secs(1);

/// The checks of one session, and the identity of its token.
pub(super) struct Examined {
    pub(super) name: String,
    pub(super) fingerprint: Option<Fingerprint>,
    /// Removes the token from texts of servers; `None` if no token was read.
    pub(super) redactor: Option<Redactor>,
    pub(super) checks: Vec<Check>,
}

/// A token, and the means to make paced requests with it.
pub(super) struct TokenProbe<'a> {
    pub(super) name: &'a str,
    pub(super) session: &'a SessionConfig,
    pub(super) client: &'a Client,
    pub(super) token: Token,
    pace: Interval,
}

impl TokenProbe<'_> {
    /// Waits until [`PACE`] allows the next request.
    pub(super) async fn wait_for_turn(&mut self) {
        self.pace.tick().await;
    }

    /// Reads the token's information without resetting its idle timer.
    pub(super) async fn peek(&mut self) -> Result<Reply<TokenInfo>, CallError> {
        self.wait_for_turn().await;
        let api = &self.session.api;
        self.client
            .token_info(api, &self.token, Preserve::Yes)
            .await
    }
}

/// The checks that a person has to ask for, since they change something.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Proofs {
    /// Touch kept tokens and verify that their idle timers are reset.
    #[arg(long)]
    touch: bool,
    /// Obtain a token with each OAuth client, check it and revoke it.
    #[arg(long)]
    mint: bool,
}

/// Checks a session.
pub(super) async fn examine(
    name: &SessionName,
    session: &SessionConfig,
    client: &Client,
    commands: Commands,
    proofs: Proofs,
) -> Examined {
    let name = name.as_str();
    let mut examined = Examined {
        name: name.to_owned(),
        fingerprint: None,
        redactor: None,
        checks: Vec::new(),
    };
    let checks = &mut examined.checks;
    if commands == Commands::NotAsRoot
        && let Some(not_run) = user::not_run(name, session)
    {
        checks.push(not_run);
        return examined;
    }
    let token = match session.token.mint() {
        Some(client_source) => obtain(name, client_source, client, proofs, checks).await,
        None => read(name, session, checks).await,
    };
    let Some(token) = token else {
        return examined;
    };
    examined.fingerprint = Some(token.fingerprint());
    examined.redactor = Some(Redactor::new(&token));
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut token_probe = TokenProbe {
        name,
        session,
        client,
        token,
        pace,
    };
    let reply = match token_probe.peek().await {
        Ok(reply) => reply,
        Err(error) => {
            checks.push(peek_failed(&token_probe, &error));
            return examined;
        }
    };
    add_token_facts(name, session, &reply, checks);
    match session.policy.intent {
        Intent::Lapse => {}
        Intent::Keep => {
            // The proof comes first: reading the timeout may reset the idle timer as well, and
            // a deadline that moved after that would prove nothing about the touch.
            if proofs.touch {
                checks.push(prove_touch(&mut token_probe, &reply.value).await);
            }
            checks.push(timeout(&mut token_probe).await);
        }
    }
    if session.token.mint().is_some() {
        checks.push(revoke(&mut token_probe).await);
    }
    examined
}

/// Reads the secret of an OAuth client and, with `proofs.mint`, obtains a token with it.
async fn obtain(
    name: &str,
    source: &MintSource,
    client: &Client,
    proofs: Proofs,
    checks: &mut Vec<Check>,
) -> Option<Token> {
    const NAME: &str = "client";
    let credentials = match service::reader().client(source).await {
        Ok(credentials) => credentials,
        Err(error) => {
            checks.push(Check::failure(name, NAME, Chain(&error).to_string()));
            return None;
        }
    };
    let ClientCredentials {
        id,
        secret,
        warning,
    } = credentials;
    if let Some(warning) = warning {
        let check = Check::warning(name, "secret", warning.to_string());
        checks.push(check.advise(warning.advice()));
    }
    let login = &source.login;
    if !proofs.mint {
        let place = match &source.client {
            ClientSource::Configured { secret, .. } => secret.to_string(),
            ClientSource::Profile(profile) => profile.to_string(),
        };
        let finding =
            format!("client {id} has a secret in {place}; no token was obtained from {login}");
        let check = Check::ok(name, NAME, finding);
        checks.push(check.advise("doctor --mint obtains one, checks and revokes it"));
        return None;
    }
    let login = ApiBase::new(login).ok()?;
    match client.mint(&login, &id, &secret).await {
        Ok(Minted { token, lifetime }) => {
            let lifetime =
                lifetime.map(|lifetime| format!(", lifetime {}", human_duration(lifetime)));
            let finding = format!(
                "{} from {login} for client {id}{}",
                token.fingerprint(),
                lifetime.unwrap_or_default()
            );
            checks.push(Check::ok(name, NAME, finding));
            Some(token)
        }
        Err(failure) => {
            let check = Check::failure(name, NAME, format!("{failure} ({login}, client {id})"));
            checks.push(check.advise(mint_remedy(&failure)));
            None
        }
    }
}

/// Revokes the token that was obtained for the checks.
async fn revoke(token_probe: &mut TokenProbe<'_>) -> Check {
    const NAME: &str = "revoked";
    token_probe.wait_for_turn().await;
    let api = &token_probe.session.api;
    let done = token_probe.client.delete_own_token(api, &token_probe.token);
    match done.await {
        Ok(_) => Check::ok(
            token_probe.name,
            NAME,
            "the token that was obtained for these checks",
        ),
        Err(error) => Check::failure(token_probe.name, NAME, error.to_string()).advise(
            "the token that was obtained for these checks lives until it idles out or expires",
        ),
    }
}

async fn read(name: &str, session: &SessionConfig, checks: &mut Vec<Check>) -> Option<Token> {
    const NAME: &str = "token";
    let source = &session.token;
    let read = match service::reader().read(source).await {
        Ok(read) => read,
        Err(error) => {
            let check = Check::failure(name, NAME, Chain(&error).to_string());
            let says_what_to_do = matches!(
                error,
                SourceError::NotPermitted { .. } | SourceError::Directory(_)
            );
            let advice = if matches!(error, SourceError::NotReadable { .. }) {
                "let the daemon's user read it".to_owned()
            } else {
                new_token(source, Pickup::AtOnce)
            };
            checks.push(check.advise_some((!says_what_to_do).then_some(advice)));
            return None;
        }
    };
    let fingerprint = read.token.fingerprint();
    let mode = service::reader().file(source);
    let mode = mode.and_then(|path| std::fs::metadata(path).ok());
    let mode = mode.map_or_else(String::new, |file| {
        format!(", mode {:04o}, owner {}", file.mode() & 0o7777, file.uid())
    });
    let part = if read.is_object {
        "access_token in the JSON of "
    } else {
        ""
    };
    let finding = format!("{fingerprint} from {part}{source}{mode}");
    checks.push(match read.warning {
        Some(warning) => {
            let check = Check::warning(name, NAME, warning.to_string());
            check.advise(warning.advice())
        }
        None => Check::ok(name, NAME, finding),
    });
    Some(read.token)
}

fn peek_failed(token_probe: &TokenProbe<'_>, error: &CallError) -> Check {
    let mut advice = advice(error);
    if let Verdict::Refused(_) = error.verdict {
        let source = new_token(&token_probe.session.token, Pickup::AtOnce);
        let refused = advice.map(|advice| format!("{advice}; {source}"));
        advice = Some(refused.unwrap_or(source));
    }
    Check::failure(token_probe.name, "lives", error.to_string()).advise_some(advice)
}

fn add_token_facts(
    name: &str,
    session: &SessionConfig,
    reply: &Reply<TokenInfo>,
    checks: &mut Vec<Check>,
) {
    let info = &reply.value;
    let organisation = info
        .organisation()
        .and_then(|entity| entity.name.or(entity.id));
    let client = info
        .client()
        .and_then(|client| client.named.name.or(client.named.id));
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
    if let Some(end) = info.client().and_then(|client| client.end) {
        let check = Check::warning(name, "OAuth client", client_end(end));
        checks.push(check.advise(OF_CLIENT_END));
    }
    let intent = session.policy.intent.as_str();
    let deadline = match (info.idles_at(), reply.date) {
        (Some(at), Some(date)) => match at.since(date) {
            Some(left) => Check::ok(
                name,
                "idle deadline",
                format!("in {}, to {intent}", human_duration(left)),
            ),
            None => Check::warning(
                name,
                "idle deadline",
                format!("passed at {}", human_time(at)),
            ),
        },
        (Some(at), None) => Check::ok(name, "idle deadline", human_time(at)),
        (None, _) => Check::warning(name, "idle deadline", "not reported by the API").advise(
            "the daemon uses the organisation's timeout, or idle_timeout of the configuration",
        ),
    };
    checks.push(deadline);
}

async fn timeout(token_probe: &mut TokenProbe<'_>) -> Check {
    const NAME: &str = "idle timeout";
    token_probe.wait_for_turn().await;
    let name = token_probe.name;
    let read = token_probe
        .client
        .timeout(&token_probe.session.api, &token_probe.token);
    match read.await {
        Ok(reply) => Check::ok(name, NAME, overview(&reply.value)),
        Err(error) if matches!(error.verdict, Verdict::Blocked(_)) => Check::ok(
            name,
            NAME,
            "this token may not read it, which is no failure: the idle deadline shows it",
        ),
        Err(error) => Check::warning(name, NAME, error.to_string()).advise_some(advice(&error)),
    }
}

/// Proves that a touch moves a kept token's idle deadline: with the configured method, and with the
/// other one if that has no effect. Never for a token that is to lapse: a touch resets the idle timer.
async fn prove_touch(probe: &mut TokenProbe<'_>, info: &TokenInfo) -> Check {
    const NAME: &str = "touch";
    let name = probe.name;
    let Some(before) = info.idles_at() else {
        return Check::warning(
            name,
            NAME,
            "cannot be verified: the API does not report the idle deadline",
        );
    };
    let configured = probe.session.policy.touch.first();
    let alternative = configured.other();
    let tried = match moves_deadline(probe, configured, before).await {
        Ok(true) => {
            let finding = format!("{} moves the idle deadline", word(configured));
            return Check::ok(name, NAME, finding);
        }
        Ok(false) => moves_deadline(probe, alternative, before).await,
        Err(error) => Err(error),
    };
    match tried {
        Ok(true) => {
            let (configured, alternative) = (word(configured), word(alternative));
            let finding =
                format!("{configured} does not move the idle deadline, {alternative} does");
            Check::warning(name, NAME, finding).advise(format!(
                "the daemon detects this itself; touch = \"{}\" avoids the attempts",
                alternative.to_ascii_lowercase()
            ))
        }
        Ok(false) => {
            let finding = "neither HEAD nor GET moves the idle deadline: the organisation excludes these calls";
            Check::failure(name, NAME, finding)
                .advise("an administrator removes /api/v2/tokens/me from the excluded API calls")
        }
        Err(error) => Check::failure(name, NAME, error.to_string()).advise_some(advice(&error)),
    }
}

async fn moves_deadline(
    probe: &mut TokenProbe<'_>,
    touch: Touch,
    before: ServerTime,
) -> Result<bool, CallError> {
    probe.wait_for_turn().await;
    let (client, api) = (probe.client, &probe.session.api);
    match touch {
        Touch::Head => drop(client.head_token(api, &probe.token).await?),
        Touch::Get => drop(client.token_info(api, &probe.token, Preserve::No).await?),
    }
    let after = probe.peek().await?.value.idles_at();
    Ok(after.is_some_and(|after| after > before))
}

fn word(touch: Touch) -> &'static str {
    match touch {
        Touch::Head => "HEAD",
        Touch::Get => "GET",
    }
}

/// Returns a failure for each session that has the same token as an earlier one.
pub(super) fn duplicate_tokens(examined: &[Examined]) -> Vec<Check> {
    let mut checks = Vec::new();
    for (position, second) in examined.iter().enumerate() {
        let has_same_token = |first: &&Examined| {
            first.fingerprint.is_some() && first.fingerprint == second.fingerprint
        };
        if let Some(first) = examined[..position].iter().find(has_same_token) {
            let finding = format!("the same as that of session {}", first.name);
            let check = Check::failure(&second.name, "token", finding);
            checks.push(check.advise("give each session a token of its own"));
        }
    }
    checks
}
