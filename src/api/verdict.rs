//! What an answer means: pure, and the same for a simulated server and a real one.
//!
//! Invariant: only a 401 whose JSON says `bad.credentials` speaks of a token's
//! death. Whatever else comes, from an overloaded server, a proxy or a hotel's
//! login page, says nothing about it.

use std::sync::Arc;

use super::answer::Answer;
use super::bodies::{ErrorBody, IdleTokenTimeout, TokenInfo};
use super::call::{Call, Wanted};
use super::{field, time};
use crate::keeper::{Blockage, Failure, NotTheApi, Operation, Outcome, Refusal, Verdict};

const CODE_LENGTH_MAX: usize = 128;
const CORRELATION_ID_LENGTH_MAX: usize = 64;

/// What the answer to an operation means.
#[must_use]
pub fn verdict(operation: Operation, answer: &Answer<'_>) -> Outcome {
    outcome(Call::from(operation).wanted(), answer)
}

/// What the answer means to someone who wanted this.
pub(super) fn outcome(wanted: Wanted, answer: &Answer<'_>) -> Outcome {
    let answer = match wanted {
        // A simulated server might hand over a body that no wire would carry.
        Wanted::Head => &Answer {
            body: b"",
            ..*answer
        },
        Wanted::Gone | Wanted::Done | Wanted::TokenInfo | Wanted::Timeout => answer,
    };
    Outcome {
        verdict: judge(wanted, answer),
        status: Some(answer.status),
        date: answer.date.and_then(time::http_date),
        correlation_id: answer
            .correlation_id
            .and_then(|id| field::printable_ascii(id, CORRELATION_ID_LENGTH_MAX)),
    }
}

fn judge(wanted: Wanted, answer: &Answer<'_>) -> Verdict {
    match answer.status {
        200..=299 => success(wanted, answer),
        300..=399 => not_the_api(NotTheApi::Redirect),
        407 => not_the_api(NotTheApi::ProxyAuthentication),
        408 | 500..=599 => Verdict::Unreachable(Failure::ServerError(answer.status)),
        429 => Verdict::Throttled {
            retry_after: time::retry_after(answer),
        },
        400..=499 if answer.is_page() => not_the_api(NotTheApi::UnexpectedBody),
        401 => unauthorised(wanted, answer),
        403 => Verdict::Blocked(Blockage::Forbidden(code_or_status(answer))),
        400..=499 => rejected(answer),
        _ => not_the_api(NotTheApi::UnexpectedBody),
    }
}

fn success(wanted: Wanted, answer: &Answer<'_>) -> Verdict {
    let understood = match wanted {
        Wanted::Head | Wanted::Gone | Wanted::Done => {
            let page = answer.says_page() || answer.is_page();
            (!page).then_some(Verdict::Accepted)
        }
        Wanted::TokenInfo => TokenInfo::read(answer.body).map(|info| Verdict::Alive(info.report())),
        Wanted::Timeout => {
            IdleTokenTimeout::read(answer.body).map(|timeout| Verdict::Timeout(timeout.report()))
        }
    };
    understood.unwrap_or_else(|| not_the_api(NotTheApi::UnexpectedBody))
}

fn unauthorised(wanted: Wanted, answer: &Answer<'_>) -> Verdict {
    if answer.is_empty() {
        return refused(wanted, Refusal::Unread);
    }
    let Some(error) = ErrorBody::read(answer.body) else {
        return not_the_api(NotTheApi::UnexpectedBody);
    };
    match error.code() {
        Some("bad.credentials") => refused(wanted, Refusal::BadCredentials),
        Some("ip.not.authorized") => Verdict::Blocked(Blockage::AddressNotAllowed),
        Some("authentication.required") => Verdict::Blocked(Blockage::HeaderMissing),
        Some(_) | None => rejected(answer),
    }
}

fn refused(wanted: Wanted, refusal: Refusal) -> Verdict {
    match wanted {
        // Who wants a token gone has what they want if the API does not know it.
        Wanted::Gone => Verdict::Accepted,
        Wanted::Head | Wanted::Done | Wanted::TokenInfo | Wanted::Timeout => {
            Verdict::Refused(refusal)
        }
    }
}

fn rejected(answer: &Answer<'_>) -> Verdict {
    Verdict::Blocked(Blockage::Rejected(answer.status, code_or_status(answer)))
}

fn not_the_api(sign: NotTheApi) -> Verdict {
    Verdict::Blocked(Blockage::NotTheApi(sign))
}

fn code_or_status(answer: &Answer<'_>) -> Arc<str> {
    ErrorBody::read(answer.body)
        .and_then(|error| field::printable_ascii(error.code()?, CODE_LENGTH_MAX))
        .unwrap_or_else(|| answer.status.to_string().into())
}

#[cfg(test)]
mod tests;
