//! The limit of requests per hour and session.

use std::time::Duration;

use session_keepalive::keeper::{Intent, Policy};
use session_keepalive::sim::IdleDate;

use super::World;
use super::session::Hour;

/// The maximum number of failing attempts per hour with one token: after the first few, the keeper
/// waits 15 to 30s between two attempts.
const FAILING_ATTEMPTS_MAX: f64 = 170.0;

/// The idle timeout that the keeper assumes without any information.
const ASSUMED_IDLE_TIMEOUT: Duration = Duration::from_secs(300);

impl World {
    /// Checks the number of requests of an hour that has ended, and begins the next hour.
    pub(super) fn check_request_rate(&mut self, number: usize) {
        let session = &self.sessions[number];
        let hour = session.hour;
        if self.now < hour.began_at + Hour::LENGTH {
            return;
        }
        let hours = self.now.since(hour.began_at).as_secs_f64() / Hour::LENGTH.as_secs_f64();
        let site = &self.sites[session.site];
        let from = hour.began_at - Hour::LENGTH;
        let timeouts = site.timeouts.between(from, self.now);
        let shortest = timeouts
            .filter_map(|timeout| {
                let groups = timeout.groups_enabled.then(|| timeout.bundles.iter());
                let groups = groups.into_iter().flatten().map(|bundle| bundle.timeout);
                groups.chain(timeout.organisation).min()
            })
            .min()
            .unwrap_or(ASSUMED_IDLE_TIMEOUT);
        let mut dates = site.idle_dates.between(from, self.now);
        let is_date_absent = dates.any(|date| *date == IdleDate::Absent);
        let shortest = if is_date_absent || self.is_chaotic() {
            shortest.min(ASSUMED_IDLE_TIMEOUT)
        } else {
            shortest
        };
        let policies = session.policies.between(from, self.now);
        let scheduled = policies
            .map(|policy| requests_per_hour(shortest, policy, self.is_chaotic()))
            .fold(0.0, f64::max);
        // The keeper makes attempts with a newer, unproven token besides those with the living token.
        let failing = if self.is_chaotic() {
            FAILING_ATTEMPTS_MAX * 2.0
        } else {
            0.0
        };
        let requests_max = hours * (scheduled + failing) + 6.0 + 6.0 * f64::from(hour.disturbances);
        if f64::from(hour.requests) > requests_max {
            let violation = format!(
                "makes {} requests in {hours}h, not {requests_max}",
                hour.requests
            );
            self.fail(number, &violation);
        }
        self.sessions[number].hour = Hour::new(self.now);
    }
}

/// Returns the maximum number of scheduled requests per hour under a policy.
///
/// They are the touches and their verifications at the earliest times of the schedule, the reads of
/// the organisation's timeout, and the peeks.
fn requests_per_hour(idle_timeout: Duration, policy: &Policy, may_fail: bool) -> f64 {
    // A blocked verification is repeated once before the next touch.
    let requests_per_touch = if may_fail { 4.0 } else { 2.0 };
    let configured = policy.idle_timeout.unwrap_or(idle_timeout);
    let idle_timeout = idle_timeout.min(configured).as_secs_f64();
    let peeks = 3600.0 / (idle_timeout / 2.0).min(150.0);
    match policy.intent {
        Intent::Lapse => 3.0 + peeks,
        Intent::Keep => {
            let margin = policy.margin.of(Duration::from_secs_f64(idle_timeout));
            let spare = idle_timeout - margin.as_secs_f64();
            let guard = 10.0_f64.min(spare / 2.0);
            let interval = spare - guard - spare / 10.0;
            3.0 + peeks + requests_per_touch * 3600.0 / interval.max(1.0)
        }
    }
}
