//! `plan`: predicts the requests that a configuration makes the daemon send.
//!
//! It must never use the network or read a token.

mod json;
mod page;
mod report;
mod warning;

#[cfg(test)]
mod tests;

use std::time::Duration;

use clap::Args;
use report::PlanReport;

use super::ConfigOptions;
use super::check::print_config_errors;
use super::exit::{Exit, print};
use super::text::TextStyle;
use crate::config::{self, Loaded};
use crate::daemon::sessions_now;

pub(super) const HELP: &str = "Example: session-keepalive plan --config /etc/session-keepalive/config.toml --idle-timeout 15m\n\nplan uses no network and reads no token, so it does not ask the API for the idle timeout. If neither the option nor the configuration gives one, it plans for 5m, 15m, 1h and 8h; a setting that cannot work with only some of them is reported but is no failure. A pool counts as the files that are in its directory now, an empty pool as one session.\n\nWith --json, one object is printed: `version` (1), `verdict` (works, weak, depends or cannot; depends: on the idle timeout), `groups` of equal sessions, each with a plan for every idle timeout, `totals` and `findings`. Durations are in seconds, ranges are {\"least\": …, \"most\": …}; version 1 may gain keys, but no key changes its meaning.\n\nExit status: 0 the schedule works, 1 a setting cannot work, 64 usage error, 78 configuration error.";

/// The idle timeouts of a plan where none is given or configured: the documented shortest and
/// longest, and two between them.
const IDLE_TIMEOUTS: [Duration; 4] = [
    Duration::from_secs(5 * 60),
    Duration::from_secs(15 * 60),
    Duration::from_secs(3600),
    Duration::from_secs(8 * 3600),
];

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    settings: ConfigOptions,
    /// The organisation's idle timeout, such as 20m: 1s to 8h.
    #[arg(long, value_name = "DURATION", value_parser = idle_timeout)]
    idle_timeout: Option<Duration>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(plan: &PlanArgs) -> Exit {
    let loaded = match config::load(plan.settings.layers()) {
        Ok(loaded) => loaded,
        Err(errors) => return print_config_errors(&errors),
    };
    let sessions = sessions_now(&loaded.config);
    let report = PlanReport::new(&loaded, &sessions, plan.idle_timeout);
    let text = if plan.json {
        json::object(&report)
    } else {
        page::page(&report, TextStyle::of(&std::io::stdout()))
    };
    let printed = print(&text);
    if printed == Exit::Success && report.cannot_work() {
        Exit::Failure
    } else {
        printed
    }
}

/// Returns the flaws of the plan for every possible idle timeout of the organisation, each as text. Each
/// pool counts as one session: a directory that hangs must not hold up the caller.
pub(super) fn warnings(loaded: &Loaded, style: TextStyle) -> Vec<String> {
    let config = &loaded.config;
    let pools = config.pools.iter();
    let pools = pools.map(|(name, pool)| (name.clone(), pool.session(name.as_str())));
    let sessions = config.sessions.clone().into_iter().chain(pools).collect();
    let report = PlanReport::new(loaded, &sessions, None);
    page::warnings(&report, style).collect()
}

fn idle_timeout(text: &str) -> Result<Duration, String> {
    let allowed = Duration::from_secs(1)..=Duration::from_secs(8 * 3600);
    let duration = super::duration(text)?;
    if allowed.contains(&duration) {
        Ok(duration)
    } else {
        Err("an idle timeout is 1s to 8h long".to_owned())
    }
}
