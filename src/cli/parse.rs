//! Parses values of the command line, and hides tokens in its errors.

use std::time::Duration;

use clap::error::{ContextKind, ContextValue};

use crate::config::clean;

/// Parses a duration with units, such as `30s` or `1h 30m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let parsed: jiff::SignedDuration = text
        .parse()
        .map_err(|_| "a duration has units, such as 30s, 15m or 1h 30m".to_owned())?;
    Duration::try_from(parsed).map_err(|_| "a duration is not negative".to_owned())
}

/// Returns the error without arguments that look like tokens, one of which may have been pasted.
pub(super) fn without_tokens(mut error: clap::Error) -> clap::Error {
    let suspects: Vec<_> = error
        .context()
        .filter_map(|(kind, value)| {
            if let ContextValue::String(word) = value {
                Some((kind, clean(word)))
            } else {
                None
            }
        })
        .collect();
    for (kind, cleaned) in suspects {
        if let Some(ContextValue::String(word)) =
            error.insert(kind, ContextValue::String(cleaned.clone()))
            && word != cleaned
        {
            // The suggestion would repeat the argument.
            error.remove(ContextKind::Suggested);
        }
    }
    error
}
