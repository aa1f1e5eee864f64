//! Reads a token that is piped in.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;
use std::time::Duration;

use zeroize::Zeroizing;

use super::Failure;
use crate::token::{TOKEN_LENGTH_MAX, Token};

/// A token, CRLF, and one byte that tells that there is more.
const READ_MAX: usize = TOKEN_LENGTH_MAX + 3;

/// How long whoever pipes it in may take.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The token on standard input.
pub(super) async fn token() -> Result<Token, Failure> {
    if io::stdin().is_terminal() {
        return Err(Failure::Usage(
            "a terminal would show the token while it is typed: pipe it in, such as: read -rs T; printf %s \"$T\" | session-keepalive …".to_owned(),
        ));
    }
    let reading = tokio::task::spawn_blocking(read);
    match tokio::time::timeout(TIME_LIMIT, reading).await {
        Ok(Ok(Ok(mut bytes))) => Token::from_bytes(std::mem::take(&mut *bytes))
            .map_err(|why| Failure::Input(format!("the token from standard input {why}"))),
        Ok(Ok(Err(cause))) => Err(Failure::Input(format!(
            "standard input cannot be read: {cause}"
        ))),
        Ok(Err(_panicked)) => Err(Failure::Input("standard input was not read".to_owned())),
        Err(_elapsed) => Err(Failure::Input(format!(
            "standard input did not end within {} s",
            TIME_LIMIT.as_secs()
        ))),
    }
}

/// Past the standard library's own buffer, which is never wiped.
fn read() -> io::Result<Zeroizing<Vec<u8>>> {
    let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    // Room to spare, so that the buffer never moves and no copy stays behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(READ_MAX + 64));
    input.take(READ_MAX as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}
