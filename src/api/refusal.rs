//! The error of an operation, for commands.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::bodies::ErrorBody;
use super::field;
use crate::config::ApiBase;
use crate::keeper::{Refusal, Verdict};

const CODE_LENGTH_MAX: usize = 128;
const MESSAGE_LENGTH_MAX: usize = 512;

/// The error of an operation that did not succeed.
#[derive(Clone, PartialEq, Debug)]
pub struct CallError {
    /// The API that was called.
    pub api: ApiBase,
    /// The verdict of the answer. Never one of the verdicts of a success.
    pub verdict: Verdict,
    /// The HTTP status, if there was an answer at all.
    pub status: Option<u16>,
    /// The correlation id, which the vendor's support needs.
    pub correlation_id: Option<Arc<str>>,
    /// The error body of the API, if it was JSON.
    pub body: Option<Box<ErrorBody>>,
}

impl std::error::Error for CallError {}

impl fmt::Display for CallError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: ", self.api)?;
        match &self.verdict {
            Verdict::Refused(Refusal::BadCredentials) => {
                formatter.write_str("the token is refused (bad.credentials)")?;
            }
            Verdict::Refused(Refusal::Unread) => {
                formatter.write_str("the token is refused, and the answer does not say why")?;
            }
            Verdict::Blocked(reason) => reason.fmt(formatter)?,
            Verdict::Throttled { retry_after } => throttled(*retry_after, formatter)?,
            Verdict::Unreachable(failure) => failure.fmt(formatter)?,
            Verdict::Accepted | Verdict::Alive(_) | Verdict::Timeout(_) => {
                formatter.write_str("the answer was to another question")?;
            }
        }
        if let Some(message) = self.message() {
            write!(formatter, ": {message}")?;
        }
        match &self.correlation_id {
            Some(id) => write!(formatter, " [correlation id {id}]"),
            None => Ok(()),
        }
    }
}

impl CallError {
    /// Returns the API's code, if the answer had one: printable, at most 128 characters.
    #[must_use]
    pub fn code(&self) -> Option<Arc<str>> {
        field::printable_ascii(self.body.as_ref()?.code()?, CODE_LENGTH_MAX)
    }

    /// Returns the API's message for people, without control characters, at most 512 characters.
    #[must_use]
    pub fn message(&self) -> Option<Arc<str>> {
        field::printable(self.body.as_ref()?.message()?, MESSAGE_LENGTH_MAX)
    }
}

fn throttled(retry_after: Option<Duration>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    match retry_after {
        Some(wait) => write!(formatter, "rate limited for another {}s", wait.as_secs()),
        None => formatter.write_str("rate limited"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::BlockReason;

    #[test]
    fn says_where_what_why_and_what_support_will_ask_for() {
        let error = CallError {
            api: ApiBase::new("https://api.mypurecloud.de").unwrap(),
            verdict: Verdict::Blocked(BlockReason::Forbidden("missing.permissions".into())),
            status: Some(403),
            correlation_id: Some("c-1".into()),
            body: ErrorBody::read(br#"{"message":"Not\nallowed"}"#).map(Box::new),
        };
        assert_eq!(
            error.to_string(),
            "https://api.mypurecloud.de: not permitted (missing.permissions): Notallowed [correlation id c-1]"
        );
    }
}
