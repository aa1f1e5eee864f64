//! `timeout`: looks at the organisation's idle timeout, or changes it.

mod change;
mod describe;
mod disable;
mod set;
mod show;

use clap::Subcommand;

use super::exit::Exit;

pub(super) use describe::overview;

/// What to do with the organisation's idle timeout.
#[derive(Debug, Subcommand)]
pub(super) enum Timeout {
    /// Show the organisation's idle timeout and those of its groups; may reset the token's idle timer.
    #[command(after_help = show::help())]
    Show(show::Show),
    /// Set the organisation's idle timeout; all else stays as it is.
    #[command(after_help = set::help())]
    Set(set::Set),
    /// Disable the organisation's idle timeout; those of its groups stay as they are.
    #[command(after_help = disable::help())]
    Disable(disable::Disable),
}

pub(super) fn run(timeout: &Timeout) -> Exit {
    match timeout {
        Timeout::Show(show) => show::run(show),
        Timeout::Set(set) => set::run(set),
        Timeout::Disable(disable) => disable::run(disable),
    }
}
