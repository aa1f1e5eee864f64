//! `user`: ends every token of a user.

mod revoke;

use clap::Subcommand;

use super::exit::Exit;

/// What to do with a user's tokens.
#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Log a user out everywhere: ends every token of the user, refresh tokens included.
    #[command(after_help = revoke::help())]
    Revoke(revoke::Revoke),
}

pub(super) fn run(user: &User) -> Exit {
    match user {
        User::Revoke(revoke) => revoke::run(revoke),
    }
}
