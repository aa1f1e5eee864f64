//! The reason for a missing answer, derived from the chain of errors of the HTTP client.
//!
//! No text of that chain is passed on: it may quote the URL.

use std::error::Error;
use std::{io, iter};

use crate::keeper::{BlockReason, Failure, NotTheApi, Verdict};

/// Returns the verdict of a client error.
pub(super) fn verdict(error: &reqwest::Error) -> Verdict {
    if proxy_wants_credentials(error) {
        return Verdict::Blocked(BlockReason::NotTheApi(NotTheApi::ProxyAuthentication));
    }
    if error.is_builder() {
        // The cause is not passed on: it may quote the URL.
        let refused = "the HTTP client refused the request".into();
        return Verdict::Unreachable(Failure::NotSent(refused));
    }
    Verdict::Unreachable(if error.is_dns() {
        Failure::NameNotResolved
    } else if error.is_connect() && links(error).any(is_tls) {
        Failure::Tls
    } else if error.is_connect() {
        Failure::NotConnected
    } else if error.is_timeout() {
        Failure::TimedOut
    } else {
        return broken(error);
    })
}

/// Returns true for a 407 answer to CONNECT. The type of that error is private, so its text is
/// compared.
fn proxy_wants_credentials(error: &reqwest::Error) -> bool {
    error.is_connect()
        && links(error).any(|link| link.to_string() == "tunnel error: proxy authorization required")
}

/// Returns true for an error of TLS: rustls reports refused data as invalid data, and a peer that
/// closes the connection during the handshake as an early end.
fn is_tls(link: &(dyn Error + 'static)) -> bool {
    link.downcast_ref::<io::Error>().is_some_and(|error| {
        error.get_ref().is_some()
            && matches!(
                error.kind(),
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
            )
    })
}

/// Returns the verdict of an error after the connection was made.
pub(super) fn broken(error: &(dyn Error + 'static)) -> Verdict {
    Verdict::Unreachable(if links(error).any(is_too_large) {
        Failure::HeaderTooLarge
    } else {
        Failure::Broken
    })
}

/// Returns true if the header of the answer has more fields or bytes than the client accepts.
fn is_too_large(link: &(dyn Error + 'static)) -> bool {
    link.downcast_ref::<hyper::Error>()
        .is_some_and(hyper::Error::is_parse_too_large)
}

/// Returns the error, its cause, and so on.
///
/// The `source` of an I/O error that wraps another error skips the wrapped one, which is the
/// relevant one here.
fn links<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |&link| {
        let wrapped = link
            .downcast_ref::<io::Error>()
            .and_then(|error| error.get_ref());
        match wrapped {
            Some(wrapped) => Some(wrapped as &(dyn Error + 'static)),
            None => link.source(),
        }
    })
}
