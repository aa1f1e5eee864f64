//! What is in the way, and what a person can do about it.

use std::fmt;

use crate::keeper::{Blockage, Failure, NotTheApi, Obstacle};
use crate::token::Source;

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
            Obstacle::Throttled => {
                formatter.write_str("the API takes no more requests for now (429)")
            }
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
        Obstacle::Throttled => {
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
        Failure::ServerError(_) => Some("look at the status page of Genesys Cloud"),
        Failure::NotSent(_) => None,
    }
}

fn of_blockage(blockage: &Blockage) -> Option<&'static str> {
    match blockage {
        Blockage::AddressNotAllowed => Some("an administrator adds the address to the list"),
        Blockage::Forbidden(_) => Some("look at the scopes of the OAuth client"),
        Blockage::Rejected(..) => Some("look up the code, or ask support with the correlation id"),
        Blockage::NotTheApi(NotTheApi::ProxyAuthentication) => {
            Some("look at the proxy's user and password")
        }
        Blockage::HeaderMissing
        | Blockage::NotTheApi(NotTheApi::Redirect | NotTheApi::UnexpectedBody) => None,
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
}
