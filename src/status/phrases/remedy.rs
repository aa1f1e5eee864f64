//! Phrases the reasons of failures, the remedies for them, and the advice for a session that needs
//! attention.

use std::fmt;
use std::time::Duration;

use super::{OF_CLIENT_END, for_how_long};
use crate::keeper::{
    Absence, BlockReason, Death, Failure, FailureReason, Idleness, Intent, NotTheApi, SessionView,
    State,
};
use crate::token::Source;

/// The wait from which on a daily limit must be the cause.
///
/// The limit of requests per token asks for waits of at most a minute.
const DAILY: Duration = Duration::from_secs(3600);

/// The remedies for an organisation that excludes touches from its inactivity timeout.
pub(crate) const OF_EXCLUSION: &str = "an administrator removes /api/v2/tokens/me from the excluded API calls, or the application is active itself, or a new token comes before each deadline";

/// The delay until a new token in a file is noticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Pickup {
    /// At once: the system reports changes of the file.
    #[default]
    AtOnce,
    /// At the next periodic reading: the system does not report changes of the file.
    AtNextReading,
}

/// Returns the advice for a session, or `None` if there is nothing to do or no known remedy.
#[must_use]
pub fn advice(view: &SessionView, source: &Source, pickup: Pickup) -> Option<String> {
    let is_kept = view.policy.intent == Intent::Keep;
    let known = match view.state {
        State::Lost => return Some(new_token(source, pickup)),
        State::Absent if is_kept => return Some(new_token(source, pickup)),
        State::Blocked => remedy(&FailureReason::Blocked(view.blocked.clone()?)),
        State::Excluded => Some(OF_EXCLUSION),
        State::Unproven | State::AtRisk | State::Alive if view.failures > 0 => {
            remedy(view.failure.as_ref()?)
        }
        State::NotRevoked => {
            Some("if the token lives, it does until it idles out: log its user out")
        }
        State::Absent
        | State::Unproven
        | State::Alive
        | State::AtRisk
        | State::Lapsed
        | State::Revoked
        | State::Left => None,
    };
    let client = view.live.as_ref().and_then(|live| live.client_end);
    known.or(client.map(|_| OF_CLIENT_END)).map(str::to_owned)
}

/// Returns the place for a new token, and the time at which the session takes it over.
#[must_use]
pub fn new_token(source: &Source, pickup: Pickup) -> String {
    match source {
        Source::File(_) if pickup == Pickup::AtNextReading => format!(
            "a new token in {source} takes over within 10s, or at the next touch if the present one lives: the system reports no changes there"
        ),
        Source::File(_) => format!("a new token in {source} takes over at once"),
        Source::Command(_) => format!("a new token from {source} takes over when it is next run"),
        Source::Credential(_) => {
            format!(
                "a new token in {source} takes over after systemctl kill --signal=QUIT, which restarts the unit and revokes nothing"
            )
        }
        Source::Mint(_) => format!("{source} issues a new token, which takes over at once"),
        Source::Env(_) => {
            format!(
                "a new token in {source} needs a restart: it cannot change while the daemon runs"
            )
        }
    }
}

/// Returns the remedy that protects the next token from the same death, if one is known.
#[must_use]
pub fn after_death(death: &Death) -> Option<&'static str> {
    if !death.was_alive {
        return Some("check what writes the token there, and whether the token is for this region");
    }
    match death.idle {
        Idleness::Before(_) => Some(
            "check who revokes tokens or logs the user out, what else fetches tokens for the user (the API keeps 10 and ends the oldest), how long a token lives, and whether the idle timeout or the client was changed",
        ),
        Idleness::After(_) if death.excluded => Some(OF_EXCLUSION),
        Idleness::After(_) => match death.absence {
            Some(Absence::Slept(_)) => {
                Some("keep this machine awake: no daemon can touch a token while it sleeps")
            }
            Some(Absence::NotRunning(_)) => {
                Some("check what stopped the daemon: a signal, a debugger, or a paused machine")
            }
            None if death.failed.is_some() => {
                Some("a larger margin, or a longer idle timeout, lets an outage last longer")
            }
            None => None,
        },
        Idleness::Unknown => None,
    }
}

/// Returns the reason of a failure in words.
#[must_use]
pub fn reason(reason: &FailureReason) -> impl fmt::Display + '_ {
    ReasonText(reason)
}

struct ReasonText<'a>(&'a FailureReason);

impl fmt::Display for ReasonText<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            FailureReason::Unreachable(failure) => failure.fmt(formatter),
            FailureReason::Throttled { retry_after } => write!(
                formatter,
                "the API accepts no more requests {} (429)",
                for_how_long(*retry_after)
            ),
            FailureReason::Blocked(reason) => reason.fmt(formatter),
            FailureReason::OutOfTime => formatter.write_str("the time limit was reached"),
            FailureReason::StillAlive => {
                formatter.write_str("the request was answered, but the token still lives")
            }
        }
    }
}

/// Returns the remedy for a failure, or `None` if the reason already names it or there is none.
#[must_use]
pub fn remedy(reason: &FailureReason) -> Option<&'static str> {
    match reason {
        FailureReason::Unreachable(failure) => of_failure(failure),
        FailureReason::Throttled {
            retry_after: Some(wait),
        } if *wait >= DAILY => {
            Some("such a long wait is that of a daily limit: check what else uses the OAuth client")
        }
        FailureReason::Throttled { .. } => {
            Some("check what else uses the token: they share 300 requests a minute")
        }
        FailureReason::Blocked(reason) => of_block_reason(reason),
        FailureReason::OutOfTime => None,
        FailureReason::StillAlive => {
            Some("look for a proxy that answers in place of the API, and revoke the token by hand")
        }
    }
}

fn of_failure(failure: &Failure) -> Option<&'static str> {
    match failure {
        Failure::NameNotResolved => Some("check the name service (DNS)"),
        Failure::NotConnected
        | Failure::TimedOut
        | Failure::Broken
        | Failure::BodyTooLarge
        | Failure::HeaderTooLarge => Some("check the network and the proxy"),
        Failure::Tls => Some("check this machine's clock, the trusted certificates and the proxy"),
        Failure::TouchRefused(_) => {
            Some("check the gateway or firewall in front of the API; the other touch is tried")
        }
        Failure::ServerError(408) => {
            Some("the request arrived too slowly: check the network and the proxy")
        }
        Failure::ServerError(502 | 504) => Some(
            "a gateway had no answer from behind it: check the proxy and the status page of Genesys Cloud",
        ),
        Failure::ServerError(_) => Some("check the status page of Genesys Cloud"),
        Failure::NotSent(_) => None,
    }
}

fn of_block_reason(reason: &BlockReason) -> Option<&'static str> {
    match reason {
        BlockReason::AddressNotAllowed => Some("an administrator adds the address to the list"),
        BlockReason::Forbidden(code) => Some(of_forbidden(code)),
        BlockReason::Rejected(status, code) => Some(of_rejected(*status, code)),
        BlockReason::NotTheApi(NotTheApi::ProxyAuthentication) => {
            Some("check the proxy's user and password")
        }
        BlockReason::NotTheApi(NotTheApi::Redirect | NotTheApi::UnexpectedBody) => Some(
            "check whether this network asks for a sign-in, then check the proxy and the region",
        ),
        BlockReason::NotTheApi(NotTheApi::Encoded(_)) => Some(
            "have the proxy pass the API's answers on unchanged (the request asks for identity)",
        ),
        BlockReason::HeaderMissing | BlockReason::NotTheApi(NotTheApi::Cached) => None,
    }
}

/// The remedy for an answer without a code, which the API always sends.
const WITHOUT_CODE: &str = "the answer had no code, so look for a proxy that gave it, or ask support with the correlation id";

/// Returns true for a code of the API. The client has the status or a phrase in its place where the
/// answer had none.
fn is_code(code: &str) -> bool {
    code.contains(|character: char| character.is_ascii_alphabetic()) && !code.contains(' ')
}

/// Returns the remedy for a 403 with this code.
fn of_forbidden(code: &str) -> &'static str {
    match code {
        "app.not.authorized.for.scope" => "check the scopes of the OAuth client",
        "missing.permissions" | "missing.any.permissions" => {
            "an administrator gives the token's user, or its OAuth client, a role with the permission"
        }
        "authz.policy.denied" => "an administrator looks at the access control policies",
        // The client uses the status as the code if the answer has none.
        "403" => "check the scopes of the OAuth client and the permissions of its user",
        code if !is_code(code) => WITHOUT_CODE,
        _ => "look up the code, or ask support with the correlation id",
    }
}

/// Returns the remedy for another rejection with this status and code.
fn of_rejected(status: u16, code: &str) -> &'static str {
    match (status, code) {
        (400, "token.timeout.exceeded") => "the API accepts 300 to 28800s (5m to 8h)",
        (400, "token.timeout.exceeded.hipaa") => {
            "this organisation is under HIPAA: the API accepts 300 to 900s (5m to 15m)"
        }
        (400, "max.idle.token.timeout.exceeded") => {
            "the timeout of a group is above 28800s (8h): an administrator has to correct the group first"
        }
        (400, "max.idle.hipaa.token.timeout.exceeded") => {
            "the timeout of a group is above the 900s (15m) of HIPAA: an administrator has to correct the group first"
        }
        (400, "client.failed.request") => "the API rejected a field that it had returned itself",
        (404, _) => "check the id, and whether this is the host of the API",
        (409, _) => "it was changed at the same time: check it, then try again",
        (413, _) => "the request is larger than the API, or a proxy in front of it, accepts",
        (415, _) => "the API did not receive the JSON that was sent: check the proxy",
        (_, code) if !is_code(code) => WITHOUT_CODE,
        _ => "look up the code, or ask support with the correlation id",
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::super::fixture::{alive_view, excluded_view, lost, seconds, view, waiting};
    use super::*;
    use crate::keeper::{Operation, Policy, Touch};

    fn file_advice(view: &SessionView) -> Option<String> {
        advice(
            view,
            &Source::File(PathBuf::from("/run/token")),
            Pickup::AtOnce,
        )
    }

    fn failing(failure: FailureReason) -> SessionView {
        SessionView {
            failures: 2,
            failure: Some(failure),
            ..waiting(State::AtRisk, Operation::Touch(Touch::Head), 4)
        }
    }

    fn throttled(retry_after: Option<Duration>) -> FailureReason {
        FailureReason::Throttled { retry_after }
    }

    #[test]
    fn who_needs_a_token_is_told_where_to_put_it() {
        let place = "a new token in file /run/token takes over at once";
        assert_eq!(file_advice(&lost()).as_deref(), Some(place));
        let mut absent = view(State::Absent);
        assert_eq!(file_advice(&absent).as_deref(), Some(place));
        absent.policy = Policy {
            intent: Intent::Lapse,
            ..absent.policy
        };
        assert_eq!(file_advice(&absent), None);
    }

    #[test]
    fn what_is_in_the_way_is_told_with_where_to_look() {
        let blocked = SessionView {
            blocked: Some(BlockReason::AddressNotAllowed),
            ..view(State::Blocked)
        };
        for (view, part) in [
            (blocked, "administrator adds the address"),
            (excluded_view(), "removes /api/v2/tokens/me"),
            (
                failing(FailureReason::Unreachable(Failure::NotConnected)),
                "network and the proxy",
            ),
            (failing(throttled(None)), "300 requests a minute"),
            (failing(throttled(Some(seconds(3600)))), "daily limit"),
            (
                failing(FailureReason::Unreachable(Failure::ServerError(503))),
                "status page of Genesys Cloud",
            ),
        ] {
            let advice = file_advice(&view).unwrap();
            assert!(advice.contains(part), "{part} in {advice}");
        }
    }

    #[test]
    fn who_is_well_needs_nothing() {
        assert_eq!(file_advice(&alive_view()), None);
        assert_eq!(file_advice(&view(State::Lapsed)), None);
    }

    #[test]
    fn a_new_token_takes_over_as_its_source_allows() {
        for (source, phrase) in [
            (
                Source::File("/run/token".into()),
                "a new token in file /run/token takes over at once",
            ),
            (
                Source::Command(vec!["/bin/vault".into(), "--secret".into()]),
                "a new token from command /bin/vault takes over when it is next run",
            ),
            (
                Source::Credential("wallboard".into()),
                "a new token in systemd credential wallboard takes over after systemctl kill --signal=QUIT, which restarts the unit and revokes nothing",
            ),
            (
                Source::Env("TOKEN".into()),
                "a new token in environment variable TOKEN needs a restart: it cannot change while the daemon runs",
            ),
        ] {
            assert_eq!(new_token(&source, Pickup::AtOnce), phrase);
        }
    }

    #[test]
    fn where_the_system_tells_nothing_a_new_token_is_not_promised_at_once() {
        let file = Source::File("/mnt/token".into());
        let phrase = new_token(&file, Pickup::AtNextReading);
        assert!(
            phrase.contains("at the next touch") && !phrase.contains("at once"),
            "{phrase}"
        );
    }

    fn remedy_for(reason: &FailureReason) -> &'static str {
        remedy(reason).unwrap()
    }

    #[test]
    fn a_403_names_what_is_lacking() {
        let forbidden =
            |code: &str| remedy_for(&FailureReason::Blocked(BlockReason::Forbidden(code.into())));
        for (code, word) in [
            ("app.not.authorized.for.scope", "scopes"),
            ("missing.permissions", "permission"),
            ("authz.policy.denied", "policies"),
            ("403", "scopes of the OAuth client and the permissions"),
            ("something.new", "correlation id"),
        ] {
            assert!(forbidden(code).contains(word), "{code}");
        }
        assert!(!forbidden("missing.permissions").contains("scope"));
    }

    #[test]
    fn a_wait_of_hours_is_that_of_a_daily_limit() {
        let throttled = |seconds| FailureReason::Throttled {
            retry_after: Some(Duration::from_secs(seconds)),
        };
        assert!(remedy_for(&throttled(42)).contains("300 requests a minute"));
        assert!(remedy_for(&throttled(7 * 3600)).contains("daily limit"));
        assert_eq!(
            reason(&throttled(25_920)).to_string(),
            "the API accepts no more requests for another 7h 12m (429)"
        );
    }

    #[test]
    fn a_gateway_is_told_from_the_api() {
        let failed = |status| remedy_for(&FailureReason::Unreachable(Failure::ServerError(status)));
        assert!(failed(408).contains("network"));
        assert!(failed(502).contains("gateway"));
        assert!(failed(504).contains("gateway"));
        assert!(failed(503).starts_with("check the status page"));
    }

    #[test]
    fn a_refused_timeout_is_explained_by_its_code() {
        let rejected = |status, code: &str| {
            remedy_for(&FailureReason::Blocked(BlockReason::Rejected(
                status,
                code.into(),
            )))
        };
        assert!(rejected(400, "token.timeout.exceeded").contains("300 to 28800s"));
        assert!(rejected(400, "token.timeout.exceeded.hipaa").contains("300 to 900s"));
        assert!(rejected(400, "max.idle.token.timeout.exceeded").contains("group"));
        assert!(rejected(400, "max.idle.hipaa.token.timeout.exceeded").contains("HIPAA"));
        assert!(rejected(418, "teapot").contains("look up the code"));
        for (status, code) in [(418, "418"), (401, "no code could be read")] {
            let advice = rejected(status, code);
            assert!(
                advice.contains("had no code") && !advice.contains("look up"),
                "{advice}"
            );
        }
    }
}
