//! Why there was no answer: found out from the HTTP client's chain of errors, of which nothing else is kept.

use std::error::Error;
use std::io;
use std::iter;

use crate::keeper::{Blockage, Failure, NotTheApi, Verdict};

/// What the client's error means.
pub(super) fn verdict(error: &reqwest::Error) -> Verdict {
    if proxy_wants_credentials(error) {
        Verdict::Blocked(Blockage::NotTheApi(NotTheApi::ProxyAuthentication))
    } else {
        Verdict::Unreachable(failure(error))
    }
}

fn failure(error: &reqwest::Error) -> Failure {
    if error.is_builder() {
        // The cause may quote the URL, so it is not passed on.
        Failure::NotSent("the HTTP client refused the request".into())
    } else if error.is_dns() {
        Failure::NameNotResolved
    } else if error.is_connect() && links(error).any(is_tls) {
        Failure::Tls
    } else if error.is_connect() {
        Failure::NotConnected
    } else if error.is_timeout() {
        Failure::TimedOut
    } else {
        Failure::Broken
    }
}

/// A 407 to CONNECT comes as an error whose type is private, so its text has to do.
fn proxy_wants_credentials(error: &reqwest::Error) -> bool {
    error.is_connect()
        && links(error).any(|link| link.to_string() == "tunnel error: proxy authorization required")
}

/// rustls reports what it refuses as invalid data, and a peer that hangs up during the handshake as an early end.
fn is_tls(link: &(dyn Error + 'static)) -> bool {
    link.downcast_ref::<io::Error>().is_some_and(|error| {
        error.get_ref().is_some()
            && matches!(
                error.kind(),
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
            )
    })
}

/// The error, its cause, and so on.
///
/// The `source` of an I/O error that wraps another error passes over the
/// wrapped one, which is the one that matters here.
fn links(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let first: &(dyn Error + 'static) = error;
    iter::successors(Some(first), |&link| {
        let wrapped = link
            .downcast_ref::<io::Error>()
            .and_then(|error| error.get_ref());
        match wrapped {
            Some(wrapped) => Some(wrapped as &(dyn Error + 'static)),
            None => link.source(),
        }
    })
}
