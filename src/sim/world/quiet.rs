//! How many requests an hour may have.

use std::time::Duration;

use crate::keeper::{Intent, Policy};

use crate::sim::IdleDate;

use super::World;
use super::care::Hour;

/// What failing tries with one token may cost in an hour: waits are 15 to 30 s once the first few are through.
const FAILING_MAX: f64 = 170.0;

/// What a keeper assumes who is told nothing.
const ASSUMED: Duration = Duration::from_secs(300);

impl World {
    /// Counts off an hour that is over.
    pub(super) fn check_hour(&mut self, number: usize) {
        let care = &self.cares[number];
        let hour = care.hour;
        if self.now < hour.began_at + Hour::LENGTH {
            return;
        }
        let hours = self.now.since(hour.began_at).as_secs_f64() / Hour::LENGTH.as_secs_f64();
        let site = &self.sites[care.site];
        let from = hour.began_at - Hour::LENGTH;
        let timeouts = site.timeouts.between(from, self.now);
        let shortest = timeouts
            .filter_map(|timeout| {
                let groups = timeout.groups_enabled.then(|| timeout.bundles.iter());
                let groups = groups.into_iter().flatten().map(|bundle| bundle.timeout);
                groups.chain(timeout.organisation).min()
            })
            .min()
            .unwrap_or(ASSUMED);
        let mut dates = site.idle_dates.between(from, self.now);
        let is_untold = dates.any(|date| *date == IdleDate::Absent);
        let shortest = if is_untold {
            shortest.min(ASSUMED)
        } else {
            shortest
        };
        let policies = care.policies.between(from, self.now);
        let busiest = policies
            .map(|policy| requests_an_hour(shortest, policy))
            .fold(0.0, f64::max);
        // A newer token that waits to be proven is tried beside the one that is held.
        let failing = if self.is_chaotic() {
            FAILING_MAX * 2.0
        } else {
            0.0
        };
        let most = hours * (busiest + failing) + 6.0 + 6.0 * f64::from(hour.disturbances);
        if f64::from(hour.requests) > most {
            let what = format!("makes {} requests in {hours} h, not {most}", hour.requests);
            self.fail(number, &what);
        }
        self.cares[number].hour = Hour::new(self.now);
    }
}

/// A touch and its proof whenever the schedule may say so at the earliest, the
/// organisation's timeout, and the slow looks.
fn requests_an_hour(idle_timeout: Duration, policy: &Policy) -> f64 {
    let configured = policy.idle_timeout.unwrap_or(idle_timeout);
    let idle_timeout = idle_timeout.min(configured).as_secs_f64();
    let looks = 3600.0 / (idle_timeout / 2.0).min(150.0);
    match policy.intent {
        Intent::Lapse => 3.0 + looks,
        Intent::Keep => {
            let margin = policy.margin.of(Duration::from_secs_f64(idle_timeout));
            let spare = idle_timeout - margin.as_secs_f64();
            let guard = 10.0_f64.min(spare / 2.0);
            let interval = spare - guard - spare / 10.0;
            3.0 + looks + 2.0 * 3600.0 / interval.max(1.0)
        }
    }
}
