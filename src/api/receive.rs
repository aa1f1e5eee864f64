//! Receives an answer: the relevant headers, and no more of the body than is needed.

use std::borrow::Cow;

use http_body_util::BodyExt;
use hyper::Response;
use reqwest::Body;
use reqwest::header::{AGE, CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};

use super::failure;
use super::redact::{self, Redactor};
use super::verdict::Answer;
use crate::keeper::{Failure, Verdict};
use crate::token::Token;

/// The largest body that is read, in bytes. The API sends a few hundred bytes.
pub const BODY_MAX: usize = 64 * 1024;

/// A received answer.
pub(super) struct Received {
    status: u16,
    date: Option<String>,
    retry_after: Option<String>,
    correlation_id: Option<String>,
    content_type: Option<String>,
    content_encoding: Option<String>,
    age: Option<String>,
    body: Vec<u8>,
}

impl Received {
    /// Removes the parts of the body that repeat the secret, and the headers that repeat a part of
    /// it.
    pub(super) fn redact(&mut self, secret: &Token) {
        let headers = [
            &mut self.date,
            &mut self.retry_after,
            &mut self.correlation_id,
            &mut self.content_type,
            &mut self.content_encoding,
            &mut self.age,
        ];
        let texts = headers.iter().filter_map(|header| header.as_deref());
        let texts = texts.map(str::as_bytes).chain([&*self.body]);
        if redact::is_clean(secret, texts) {
            return;
        }
        let redactor = Redactor::new(secret);
        for header in headers {
            header.take_if(|text| matches!(redactor.text(text), Cow::Owned(_)));
        }
        self.body = redactor.body(std::mem::take(&mut self.body));
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Returns true if the verdict does not depend on the rest of the body: a login page may be
    /// long, and a failing server may close the connection early.
    pub(super) fn is_decided_without_body(&self) -> bool {
        match self.status {
            200..=299 | 400..=406 | 409..=499 => self.answer().is_page(),
            _ => true,
        }
    }

    pub(super) fn answer(&self) -> Answer<'_> {
        Answer {
            status: self.status,
            date: self.date.as_deref(),
            retry_after: self.retry_after.as_deref(),
            correlation_id: self.correlation_id.as_deref(),
            content_type: self.content_type.as_deref(),
            content_encoding: self.content_encoding.as_deref(),
            age: self.age.as_deref(),
            body: &self.body,
        }
    }
}

/// Reads the rest of the answer. The received part is in `received` even after a failure.
///
/// It is redacted later, by [`Received::redact`], since reading it may be abandoned at any moment.
pub(super) async fn receive(
    response: Response<Body>,
    received: &mut Option<Received>,
) -> Result<(), Verdict> {
    let headers = response.headers();
    let text = |name: &str| text(headers, name);
    let received = received.insert(Received {
        status: response.status().as_u16(),
        date: text(DATE.as_str()),
        retry_after: text(RETRY_AFTER.as_str()),
        correlation_id: text("inin-correlation-id").or_else(|| text("genesys-correlation-id")),
        content_type: text(CONTENT_TYPE.as_str()),
        content_encoding: text(CONTENT_ENCODING.as_str()),
        age: text(AGE.as_str()),
        body: Vec::new(),
    });
    read_body(response.into_body(), &mut received.body).await
}

async fn read_body(mut incoming: Body, body: &mut Vec<u8>) -> Result<(), Verdict> {
    loop {
        match incoming.frame().await {
            Some(Ok(frame)) => {
                let chunk = frame.into_data().unwrap_or_default();
                if body.len() + chunk.len() > BODY_MAX {
                    return Err(Verdict::Unreachable(Failure::BodyTooLarge));
                }
                body.extend_from_slice(&chunk);
            }
            Some(Err(error)) => return Err(failure::broken(&error)),
            None => return Ok(()),
        }
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_repeats_a_piece_of_the_token_is_as_good_as_absent() {
        let token = Token::from_bytes(b"0123456789abcdef".to_vec()).unwrap();
        let mut received = Received {
            status: 200,
            date: Some("x 23456789ABC".to_owned()),
            retry_after: None,
            correlation_id: None,
            content_type: None,
            content_encoding: None,
            age: Some("0123456".to_owned()),
            body: Vec::new(),
        };
        received.redact(&token);
        assert_eq!(received.date, None);
        assert_eq!(received.age.as_deref(), Some("0123456"));
    }
}
