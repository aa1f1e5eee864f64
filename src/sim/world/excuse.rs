//! Why a kept token idled out although nobody did anything wrong.
//!
//! Each excuse asks for what the server and the road did, never for what the
//! keeper believed. There are no others, and in a healthy world there is none.

use std::time::Duration;

use crate::keeper::{Instant, Operation, Policy};
use crate::sim::{IdleDate, Operation as Op};

use super::World;
use super::care::{Care, Try, TryResult};
use super::site::Site;

/// Two floors and the road there and back, twice.
const REACTION: Duration = Duration::from_secs(10);
/// The longest wait between two failing tries, and a request.
const TRY_EVERY: Duration = Duration::from_secs(80);
/// After news the next request follows within the floor and a little.
const NEXT_TRY: Duration = Duration::from_millis(2500);

/// How long a wrong `Date` may be remembered: until the next proof.
const MEMORY: Duration = Duration::from_secs(8 * 3600);

/// Why a kept token idled out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Excuse {
    /// It came under care, or became one to be kept, with no time left.
    NoTime,
    /// The machine was suspended until it was too late.
    Asleep,
    /// Every try from the margin on, or from the last good answer on, failed.
    Road,
    /// The timeout became shorter, and no answer that tells so came in time.
    Shortened,
    /// Neither HEAD nor GET resets the idle timer.
    Excluded,
    /// Touches did not count, and the policy or a missing `dateTokenIdles` left that unseen.
    Unverified,
    /// The configured idle timeout is too long, and a missing `dateTokenIdles` left that unseen.
    Misconfigured,
    /// An answer had a wrong `Date`, and the organisation's timeouts could not give it away.
    Skewed,
}

/// What the excuses ask about.
struct Lapse<'a> {
    care: &'a Care,
    site: &'a Site,
    policy: Policy,
    token: usize,
    /// The last activity that counted.
    reset_at: Instant,
    lapsed_at: Instant,
    /// Since when it is to be touched, under the last policy.
    margin_at: Instant,
    sleeps: &'a [(Instant, Instant)],
}

impl World {
    pub(super) fn excuse(&self, number: usize, token: usize) -> Option<Excuse> {
        let care = &self.cares[number];
        let site = &self.sites[care.site];
        let record = site.server.record(&care.tokens[token].value, self.now)?;
        let lapsed_at = record.lapsed_at()?;
        let reset_at = record.last_reset_at;
        let policies = care.policies.between(lapsed_at, lapsed_at);
        let policy = *policies.last()?;
        let idle_timeout = lapsed_at.since(reset_at);
        let configured = policy.idle_timeout.unwrap_or(idle_timeout);
        let margin = policy.margin.of(idle_timeout.min(configured));
        // Nobody acts by a policy that is still to come.
        let changes = care.policies.changes(Instant::BOOT, lapsed_at);
        let meant_since = changes.map(|(at, ..)| at).last().unwrap_or_default();
        let lapse = Lapse {
            care,
            site,
            policy,
            token,
            reset_at,
            lapsed_at,
            margin_at: (lapsed_at - margin).max(meant_since),
            sleeps: &self.sleeps,
        };
        let excuses = [
            (Excuse::NoTime, lapse.had_no_time()),
            (Excuse::Asleep, lapse.was_asleep()),
            (Excuse::Shortened, lapse.was_shortened()),
            (Excuse::Excluded, lapse.was_excluded()),
            (Excuse::Road, lapse.had_no_road()),
            (Excuse::Unverified, lapse.was_unverified()),
            (Excuse::Misconfigured, lapse.was_misconfigured()),
            (Excuse::Skewed, lapse.was_skewed()),
        ];
        let mut excuses = excuses.into_iter();
        excuses.find(|(_, holds)| *holds).map(|(excuse, _)| excuse)
    }
}

impl Lapse<'_> {
    fn had_no_time(&self) -> bool {
        let since = self.care.tokens[self.token].cared_since;
        since.is_some_and(|since| self.lapsed_at.since(since) < REACTION)
    }

    fn was_asleep(&self) -> bool {
        let too_late_at = self.lapsed_at - REACTION;
        let mut sleeps = self.sleeps.iter().rev();
        sleeps.any(|&(from, until)| from < self.lapsed_at && until > too_late_at)
    }

    fn had_no_road(&self) -> bool {
        let too_late_at = self.lapsed_at - REACTION / 2;
        let good = self.tries(self.margin_at - TRY_EVERY);
        let news = good
            .filter_map(Try::good_at)
            .filter(|at| (self.margin_at..too_late_at).contains(at))
            .max();
        let goes_on =
            news.is_none_or(|at| self.tries(at).any(|made| made.sent_at <= at + NEXT_TRY));
        // A Retry-After that reaches past the deadline leaves one more try.
        let late = self.lapsed_at - TRY_EVERY;
        let news = news.unwrap_or_default();
        let tries_late = self.tries(news).any(|made| match made.result {
            TryResult::Throttled(until) => until >= late,
            TryResult::Pending | TryResult::Failed | TryResult::Good(_) => made.sent_at >= late,
        });
        goes_on && tries_late
    }

    /// A change that could be known is no excuse, however long ago it was.
    fn was_shortened(&self) -> bool {
        let groups = &self.care.groups;
        let precedence = self.site.server.settings().precedence;
        let changes = self.site.timeouts.changes(Instant::BOOT, self.lapsed_at);
        let shorter = changes.filter(|(_, before, after)| {
            let of = |timeout: &crate::sim::IdleTimeout| timeout.effective(groups, precedence);
            of(after).is_some_and(|after| of(before).is_none_or(|before| after < before))
        });
        shorter.map(|(at, ..)| at).any(|at| !self.could_know(at))
    }

    /// Whether an answer that came in time tells what an administrator did at `since`.
    fn could_know(&self, since: Instant) -> bool {
        self.tries(since).any(|made| {
            let tells = match made.operation {
                Operation::Peek => !self.was_untold(),
                Operation::ReadTimeout => true,
                Operation::Touch(_) | Operation::Revoke => false,
            };
            tells
                && made
                    .good_at()
                    .is_some_and(|at| at + REACTION <= self.lapsed_at)
        })
    }

    fn was_excluded(&self) -> bool {
        let from = self.margin_at - TRY_EVERY;
        let mut excluded = self.site.exclusions.between(from, self.lapsed_at);
        excluded.any(|it| it.contains(&Op::HeadMe) && it.contains(&Op::GetMe))
    }

    fn was_unverified(&self) -> bool {
        let mut excluded = self.site.exclusions.between(self.reset_at, self.lapsed_at);
        let counts_not = excluded.any(|it| it.contains(&Op::HeadMe) || it.contains(&Op::GetMe));
        counts_not && (self.policy.verify_every > 1 || self.was_untold())
    }

    fn was_misconfigured(&self) -> bool {
        let true_timeout = self.lapsed_at.since(self.reset_at);
        let configured = self.policy.idle_timeout;
        configured.is_some_and(|configured| configured > true_timeout) && self.was_untold()
    }

    /// Where the organisation has one timeout, and it was read, a wrong `Date` is no excuse.
    fn was_skewed(&self) -> bool {
        let from = self.reset_at - MEMORY;
        let mut timeouts = self.site.timeouts.between(from, self.lapsed_at);
        let is_one = timeouts.all(|timeout| !timeout.groups_enabled);
        let changes = self.site.timeouts.changes(Instant::BOOT, self.lapsed_at);
        let changed_at = changes.map(|(at, ..)| at).last().unwrap_or_default();
        let mut tries = self.care.tries.iter();
        let is_read = tries.any(|made| {
            made.operation == Operation::ReadTimeout
                && made.sent_at >= changed_at
                && made.good_at().is_some_and(|at| at <= self.lapsed_at)
        });
        let mut skewed = self.site.skewed.iter().rev();
        let is_skewed = skewed.any(|at| (from..=self.lapsed_at).contains(at));
        is_skewed && !(is_one && is_read)
    }

    /// Whether `dateTokenIdles` was missing for a while.
    fn was_untold(&self) -> bool {
        let mut dates = self.site.idle_dates.between(self.reset_at, self.lapsed_at);
        dates.any(|date| *date == IdleDate::Absent)
    }

    fn tries(&self, from: Instant) -> impl Iterator<Item = &Try> {
        self.care.tries_between(self.token, from, self.lapsed_at)
    }
}
