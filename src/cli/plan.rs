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

use super::check::print_config_errors;
use super::exit::{Exit, print};
use super::text::TextStyle;
use super::{ConfigOptions, parse};
use crate::config::{self, Loaded};
use crate::daemon::sessions_now;

pub(super) const HELP: &str = "Example: session-keepalive plan --config /etc/session-keepalive/config.toml --idle-timeout 15m\n\nThe organisation's idle timeout is not asked for: `plan` needs no network and reads no token. Where the configuration does not say it either, 5m, 15m, 1h and 8h are planned for, and something that cannot work with some of them only is told and no failure. A pool counts with the files that are in its directory now, an empty one as one session.\n\nWith --json one object is printed: `version` (1), `verdict` (works, weak, depends or cannot; depends: on the idle timeout), `groups` of equal sessions, each with a plan for every idle timeout, `totals` and `findings`. Durations are seconds, what varies is {\"least\": …, \"most\": …}; keys may be added in version 1, none changes its meaning.\n\nExit status: 0 it works, 1 a setting cannot work, 64 wrong usage, 78 the configuration is wrong.";

/// The idle timeouts of a plan where none is given or configured: the documented shortest and
/// longest, and two between them.
const IDLE_TIMEOUTS: [Duration; 4] = [
    Duration::from_secs(5 * 60),
    Duration::from_secs(15 * 60),
    Duration::from_secs(3600),
    Duration::from_secs(8 * 3600),
];

#[derive(Debug, Args)]
pub(super) struct Plan {
    #[command(flatten)]
    settings: ConfigOptions,
    /// The organisation's idle timeout, such as 20m: 1s to 8h.
    #[arg(long, value_name = "DURATION", value_parser = idle_timeout)]
    idle_timeout: Option<Duration>,
    /// Print one JSON object, for machines.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(plan: &Plan) -> Exit {
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
    let duration = parse::duration(text)?;
    if allowed.contains(&duration) {
        Ok(duration)
    } else {
        Err("an idle timeout is 1s to 8h long".to_owned())
    }
}
