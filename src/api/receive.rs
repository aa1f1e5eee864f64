//! Takes an answer off the wire: the headers that matter, and no more of the body than is needed.

use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};

use super::answer::Answer;
use super::failure;
use crate::keeper::{Failure, Verdict};
use crate::token::Token;

/// The most of a body that is read, in bytes. What the API sends is a few hundred.
pub const BODY_MAX: usize = 64 * 1024;

/// Tokens of the API have some 86 characters. One this short proves nothing by turning up in a body.
const ECHO_LENGTH_MIN: usize = 16;

/// An answer that is whole.
pub(super) struct Received {
    status: u16,
    date: Option<String>,
    retry_after: Option<String>,
    correlation_id: Option<String>,
    content_type: Option<String>,
    body: Vec<u8>,
}

impl Received {
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    pub(super) fn answer(&self) -> Answer<'_> {
        Answer {
            status: self.status,
            date: self.date.as_deref(),
            retry_after: self.retry_after.as_deref(),
            correlation_id: self.correlation_id.as_deref(),
            content_type: self.content_type.as_deref(),
            body: &self.body,
        }
    }
}

/// Reads the rest of the answer.
///
/// If a proxy echoes the token that was sent, it is blanked before anyone can log it.
pub(super) async fn receive(
    mut response: reqwest::Response,
    token: Option<&Token>,
) -> Result<Received, Verdict> {
    let headers = response.headers();
    let mut received = Received {
        status: response.status().as_u16(),
        date: text(headers, DATE.as_str(), token),
        retry_after: text(headers, RETRY_AFTER.as_str(), token),
        correlation_id: text(headers, "inin-correlation-id", token)
            .or_else(|| text(headers, "genesys-correlation-id", token)),
        content_type: text(headers, CONTENT_TYPE.as_str(), token),
        body: Vec::new(),
    };
    let whole = read_body(&mut response, &mut received.body).await;
    if !decided_without_body(&received.answer()) {
        whole?;
    }
    blank(&mut received.body, token);
    Ok(received)
}

async fn read_body(response: &mut reqwest::Response, body: &mut Vec<u8>) -> Result<(), Verdict> {
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= BODY_MAX => {
                body.extend_from_slice(&chunk);
            }
            Ok(Some(_)) => return Err(Verdict::Unreachable(Failure::BodyTooLarge)),
            Ok(None) => return Ok(()),
            Err(error) => return Err(failure::verdict(&error)),
        }
    }
}

/// Whether it does not matter if the body is whole: a login page may be long, and a failing server may break off.
fn decided_without_body(answer: &Answer<'_>) -> bool {
    match answer.status {
        200..=299 | 400..=406 | 409..=499 => answer.is_page(),
        _ => true,
    }
}

fn text(headers: &HeaderMap, name: &str, token: Option<&Token>) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?;
    let echo = echoes(text.as_bytes(), token).next().is_some();
    (!echo).then(|| text.to_owned())
}

fn blank(body: &mut [u8], token: Option<&Token>) {
    let length = token.map_or(0, |token| token.expose().len());
    let starts: Vec<usize> = echoes(body, token).collect();
    for start in starts {
        body[start..start + length].fill(b'*');
    }
}

fn echoes(bytes: &[u8], token: Option<&Token>) -> impl Iterator<Item = usize> {
    let secret = token.map(Token::expose);
    let secret = secret.filter(|secret| secret.len() >= ECHO_LENGTH_MIN);
    secret.into_iter().flat_map(move |secret| {
        let windows = bytes.windows(secret.len()).enumerate();
        windows
            .filter(move |(_, window)| *window == secret)
            .map(|(start, _)| start)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echoed_token_is_blanked() {
        let token = Token::from_bytes(b"0123456789abcdef".to_vec()).unwrap();
        let mut body = b"{\"a\":\"Bearer 0123456789abcdef\",\"b\":\"0123456789abcdef\"}".to_vec();
        blank(&mut body, Some(&token));
        let stars = "*".repeat(16);
        let expected = format!("{{\"a\":\"Bearer {stars}\",\"b\":\"{stars}\"}}");
        assert_eq!(String::from_utf8(body).unwrap(), expected);
        let mut headers = HeaderMap::new();
        headers.insert(DATE, "x 0123456789abcdef".parse().unwrap());
        assert_eq!(text(&headers, "date", Some(&token)), None);
    }

    #[test]
    fn a_body_shorter_than_the_token_has_no_echo() {
        let token = Token::from_bytes(b"0123456789abcdef".to_vec()).unwrap();
        let mut body = b"{}".to_vec();
        blank(&mut body, Some(&token));
        assert_eq!(body, b"{}");
    }
}
