//! `token`: looks at a token, touches it or revokes it.

mod describe;
mod revoke;
mod show;
mod touch;

use clap::Subcommand;

use super::exit::Exit;

/// What to do with a token.
#[derive(Debug, Subcommand)]
pub(super) enum Token {
    /// Show what the API says about a token; disturbs nothing.
    #[command(after_help = show::help())]
    Show(show::Show),
    /// Reset a token's idle timer.
    #[command(after_help = touch::help())]
    Touch(touch::Touch),
    /// Revoke a token: it ends at once.
    #[command(after_help = revoke::help())]
    Revoke(revoke::Revoke),
}

pub(super) fn run(token: &Token) -> Exit {
    match token {
        Token::Show(show) => show::run(show),
        Token::Touch(touch) => touch::run(touch),
        Token::Revoke(revoke) => revoke::run(revoke),
    }
}
