//! `timeout set`: sets the organisation's idle timeout.

use std::ops::RangeInclusive;

use clap::Args;

use super::change::{Change, change};
use crate::cli::exit::Exit;
use crate::cli::operate::{self, Access, Failure, Operation, Yes};
use crate::cli::parse;

/// What the API documents, in seconds.
const SECONDS: RangeInclusive<u64> = 300..=28_800;

/// What to set.
#[derive(Debug, Args)]
pub(in crate::cli) struct Set {
    /// The idle timeout, such as 15m: 5m to 8h, at most 15m where the organisation is bound to HIPAA.
    #[arg(value_name = "DURATION")]
    timeout: String,
    /// Send it although it is outside of what the API documents.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    yes: Yes,
    #[command(flatten)]
    access: Access,
}

pub(super) fn help() -> String {
    operate::help(
        "Example: session-keepalive timeout set 15m --region eu-central-1 --token-file /run/secrets/admin-token\n\nReads the whole object, changes the timeout and writes it back: groups and fields that this program does not know stay as they are. Shows both and asks before it writes. Needs the permission directory:organization:admin.",
    )
}

pub(super) fn run(set: &Set) -> Exit {
    let wanted = seconds(&set.timeout, set.force).map_err(Failure::Usage);
    operate::run(
        &set.access,
        Operation::SetTimeout,
        wanted,
        async |hand, seconds| change(hand, set.yes, Change::Set(seconds)).await,
    )
}

fn seconds(text: &str, force: bool) -> Result<u32, String> {
    let duration = parse::duration(text)?;
    if duration.subsec_nanos() > 0 {
        return Err("an idle timeout has whole seconds".to_owned());
    }
    let seconds = duration.as_secs();
    if !force && !SECONDS.contains(&seconds) {
        return Err(format!(
            "{seconds} s is outside of what the API takes: 300 to 28800 s (5 m to 8 h), and at most 900 s (15 m) where the organisation is bound to HIPAA; --force sends it all the same"
        ));
    }
    u32::try_from(seconds).map_err(|_| "no idle timeout is that long".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_of_the_api_is_kept_unless_forced() {
        assert_eq!(seconds("5m", false), Ok(300));
        assert_eq!(seconds("8h", false), Ok(28_800));
        assert!(
            seconds("299s", false)
                .unwrap_err()
                .contains("300 to 28800 s")
        );
        assert!(seconds("28801s", false).unwrap_err().contains("HIPAA"));
        assert_eq!(seconds("299s", true), Ok(299));
        assert!(seconds("900", false).unwrap_err().contains("units"));
        assert!(seconds("300500ms", true).unwrap_err().contains("whole"));
        assert!(seconds("99999999h", true).is_err());
    }
}
