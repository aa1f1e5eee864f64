//! What is in the way, and what a person can do about it.

use std::fmt;
use std::time::Duration;

use super::{OF_EXCLUSION, lasting};
use crate::keeper::{Blockage, Death, Failure, Idleness, NotTheApi, Obstacle};
use crate::token::Source;

/// The limit that every token has is over within a minute; only those of a day ask to wait this long.
const DAILY: Duration = Duration::from_secs(3600);

/// Where a new token has to be put, and when it takes over.
#[must_use]
pub fn new_token(source: &Source) -> String {
    match source {
        Source::File(_) => format!("a new token in {source} takes over at once"),
        Source::Command(_) => format!("a new token from {source} takes over when it is next run"),
        Source::Credential(_) => {
            format!(
                "a new token in {source} takes over after systemctl kill --signal=QUIT, which restarts the unit and revokes nothing"
            )
        }
        Source::Env(_) => {
            format!("a new token in {source} needs a restart: it cannot change while we run")
        }
    }
}

/// What keeps the next token from dying like this one, if anything is known to.
#[must_use]
pub fn after_death(death: &Death) -> Option<&'static str> {
    if !death.was_held {
        return Some("look at what puts the token there, and whether it is for this region");
    }
    match death.idle {
        Idleness::Before(_) => Some(
            "touching it oftener would not have helped: look at who revokes tokens or logs the user out, at what else fetches tokens for the user (the API keeps 10 and ends the oldest), and at how long a token lives at all",
        ),
        Idleness::After(_) if death.excluded => Some(OF_EXCLUSION),
        Idleness::After(_) => {
            Some("a larger margin, or a longer idle timeout, lets an outage last longer")
        }
        Idleness::Unknown => None,
    }
}

/// What kept a request from its purpose.
#[must_use]
pub fn obstacle(obstacle: &Obstacle) -> impl fmt::Display + '_ {
    InTheWay(obstacle)
}

struct InTheWay<'a>(&'a Obstacle);

impl fmt::Display for InTheWay<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Obstacle::Unreachable(failure) => failure.fmt(formatter),
            Obstacle::Throttled { retry_after: None } => {
                formatter.write_str("the API takes no more requests for now (429)")
            }
            Obstacle::Throttled {
                retry_after: Some(wait),
            } => write!(
                formatter,
                "the API takes no more requests for another {} (429)",
                lasting(*wait)
            ),
            Obstacle::Blocked(blockage) => blockage.fmt(formatter),
            Obstacle::OutOfTime => formatter.write_str("the time for it was over"),
        }
    }
}

/// Where to look when this is in the way; `None` if it says so itself or nothing can be done here.
#[must_use]
pub fn remedy(obstacle: &Obstacle) -> Option<&'static str> {
    match obstacle {
        Obstacle::Unreachable(failure) => of_failure(failure),
        Obstacle::Throttled {
            retry_after: Some(wait),
        } if *wait >= DAILY => {
            Some("so long a wait is that of a daily limit: look at what else uses the OAuth client")
        }
        Obstacle::Throttled { .. } => {
            Some("look at what else uses the token: they share 300 requests a minute")
        }
        Obstacle::Blocked(blockage) => of_blockage(blockage),
        Obstacle::OutOfTime => None,
    }
}

fn of_failure(failure: &Failure) -> Option<&'static str> {
    match failure {
        Failure::NameNotResolved => Some("look at the name service (DNS)"),
        Failure::NotConnected | Failure::TimedOut | Failure::Broken | Failure::BodyTooLarge => {
            Some("look at the network and the proxy")
        }
        Failure::Tls => {
            Some("look at this machine's clock, the trusted certificates and the proxy")
        }
        Failure::TouchRefused(_) => {
            Some("look at the gateway or firewall before the API; the other touch is tried")
        }
        Failure::ServerError(408) => {
            Some("the request arrived too slowly: look at the network and the proxy")
        }
        Failure::ServerError(502 | 504) => Some(
            "a gateway had no answer from behind it: look at the proxy and the status page of Genesys Cloud",
        ),
        Failure::ServerError(_) => Some("look at the status page of Genesys Cloud"),
        Failure::NotSent(_) => None,
    }
}

fn of_blockage(blockage: &Blockage) -> Option<&'static str> {
    match blockage {
        Blockage::AddressNotAllowed => Some("an administrator adds the address to the list"),
        Blockage::Forbidden(code) => Some(of_prohibition(code)),
        Blockage::Rejected(status, code) => Some(of_rejection(*status, code)),
        Blockage::NotTheApi(NotTheApi::ProxyAuthentication) => {
            Some("look at the proxy's user and password")
        }
        Blockage::NotTheApi(NotTheApi::Redirect | NotTheApi::UnexpectedBody) => {
            Some("look whether this network asks for a sign-in, then at the proxy and the region")
        }
        Blockage::HeaderMissing => None,
    }
}

/// What a 403 with this code lacks.
fn of_prohibition(code: &str) -> &'static str {
    match code {
        "app.not.authorized.for.scope" => "look at the scopes of the OAuth client",
        "missing.permissions" | "missing.any.permissions" => {
            "an administrator gives the token's user, or its OAuth client, a role with the permission"
        }
        "authz.policy.denied" => "an administrator looks at the access control policies",
        // Without a body: all that is known is the status.
        "403" => "look at the scopes of the OAuth client and the permissions of its user",
        _ => "look up the code, or ask support with the correlation id",
    }
}

/// What another refusal with this status and code is about.
fn of_rejection(status: u16, code: &str) -> &'static str {
    match (status, code) {
        (400, "token.timeout.exceeded") => "the API takes 300 to 28800 s (5 m to 8 h)",
        (400, "token.timeout.exceeded.hipaa") => {
            "this organisation is bound to HIPAA: the API takes 300 to 900 s (5 m to 15 m)"
        }
        (400, "max.idle.token.timeout.exceeded") => {
            "the timeout of a group is above 28800 s (8 h): an administrator mends the group first"
        }
        (400, "max.idle.hipaa.token.timeout.exceeded") => {
            "the timeout of a group is above the 900 s (15 m) of HIPAA: an administrator mends the group first"
        }
        (400, "client.failed.request") => {
            "the API did not understand a field of what was sent, which holds what it gave itself"
        }
        (404, _) => "look at the id, and whether this is the host of the API",
        (409, _) => "somebody else changed it at the same time: look at it again, then try again",
        (413, _) => "what was sent is larger than the API, or a proxy before it, takes",
        (415, _) => "JSON was sent and did not arrive as such: look at the proxy",
        _ => "look up the code, or ask support with the correlation id",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_token_takes_over_as_its_source_allows() {
        for (source, said) in [
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
                "a new token in environment variable TOKEN needs a restart: it cannot change while we run",
            ),
        ] {
            assert_eq!(new_token(&source), said);
        }
    }

    fn advice(obstacle: &Obstacle) -> &'static str {
        remedy(obstacle).unwrap()
    }

    #[test]
    fn a_403_names_what_is_lacking() {
        let forbidden = |code: &str| advice(&Obstacle::Blocked(Blockage::Forbidden(code.into())));
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
        let throttled = |seconds| Obstacle::Throttled {
            retry_after: Some(Duration::from_secs(seconds)),
        };
        assert!(advice(&throttled(42)).contains("300 requests a minute"));
        assert!(advice(&throttled(7 * 3600)).contains("daily limit"));
        assert_eq!(
            obstacle(&throttled(25_920)).to_string(),
            "the API takes no more requests for another 7 h 12 m (429)"
        );
    }

    #[test]
    fn a_gateway_is_told_from_the_api() {
        let failed = |status| advice(&Obstacle::Unreachable(Failure::ServerError(status)));
        assert!(failed(408).contains("network"));
        assert!(failed(502).contains("gateway"));
        assert!(failed(504).contains("gateway"));
        assert!(failed(503).starts_with("look at the status page"));
    }

    #[test]
    fn a_refused_timeout_is_explained_by_its_code() {
        let rejected = |status, code: &str| {
            advice(&Obstacle::Blocked(Blockage::Rejected(status, code.into())))
        };
        assert!(rejected(400, "token.timeout.exceeded").contains("300 to 28800 s"));
        assert!(rejected(400, "token.timeout.exceeded.hipaa").contains("300 to 900 s"));
        assert!(rejected(400, "max.idle.token.timeout.exceeded").contains("group"));
        assert!(rejected(400, "max.idle.hipaa.token.timeout.exceeded").contains("HIPAA"));
        assert!(rejected(418, "teapot").contains("look up the code"));
    }
}
