//! What the answers teach about a token that lives: its deadline, its idle timeout, and whether touches count.

use std::time::Duration;

use super::super::proof::{Exclusions, Finding, Reset, Trial};
use super::super::{Instant, Intent, ServerTime, TokenReport, Touch, schedule};
use super::{Held, Outlook};

/// What the proof of reset brought to light.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::keeper) enum Verified {
    /// Touches count.
    Proven { touch: Touch, was_excluded: bool },
    /// This touch does not; the other is tried at once.
    TryOther(Touch),
    /// Neither does.
    Excluded,
}

impl Held {
    /// Takes in what a peek shows of the deadline.
    pub(in crate::keeper) fn learn(
        &mut self,
        report: &TokenReport,
        date: Option<ServerTime>,
        sent_at: Instant,
        now: Instant,
        outlook: &Outlook<'_>,
    ) {
        self.watched_at = sent_at;
        self.told_at = now;
        self.is_watch_wanted = false;
        self.look_at = None;
        self.is_look_stale = false;
        let Some(idles_at) = report.idles_at else {
            self.seen_idles_at = None;
            if self.never_idles_out(outlook) {
                self.deadline = None;
            }
            return;
        };
        let Some(told) = date.and_then(|date| schedule::deadline(idles_at, date, sent_at)) else {
            return;
        };
        let told = self.believed(told, sent_at, outlook);
        self.seen_idles_at = Some((idles_at, sent_at));
        self.seen_left_max = self.seen_left_max.max(Some(told.since(sent_at)));
        let active_at = match outlook.policy.intent {
            Intent::Keep => self.touched_at.unwrap_or(self.proven_at),
            // Its application alone uses it, at any time until this look.
            Intent::Lapse => sent_at,
        };
        let configured = outlook
            .policy
            .idle_timeout
            .map(|timeout| active_at + timeout);
        self.deadline = Some(configured.map_or(told, |configured| configured.min(told)));
    }

    /// Takes in that a touch was accepted: idle time counts from when it was sent.
    pub(in crate::keeper) fn touched(
        &mut self,
        touch: Touch,
        date: Option<ServerTime>,
        sent_at: Instant,
        outlook: &Outlook<'_>,
    ) {
        let timeout = self.idle_timeout(outlook).duration;
        if self.reset == Reset::Excluded {
            self.postpone_touch(sent_at, outlook);
        } else {
            self.deadline = Some(sent_at + timeout);
        }
        self.touched_at = Some(sent_at);
        self.touches_unproven = self.touches_unproven.saturating_add(1);
        let is_due = match self.reset {
            Reset::Unproven | Reset::Excluded => true,
            Reset::Proven | Reset::Unprovable => {
                self.touches_unproven >= outlook.policy.verify_every
            }
        };
        if is_due {
            let seen = self.seen_idles_at;
            self.trial = Some(Trial {
                touch,
                before: seen.map(|(idles_at, _)| idles_at),
                before_age: sent_at.since(self.told_at),
                date,
                is_confounded: self.is_look_stale,
            });
        }
        self.is_look_stale = true;
    }

    /// Takes in that the organisation's timeout was asked for: that may reset the idle timer
    /// as well, so what was seen of the deadline tells little of the next touch.
    pub(in crate::keeper) fn read(&mut self) {
        self.is_look_stale = true;
    }

    /// Judges the touch that is on trial by a peek's report. Says what changed, if anything did.
    pub(in crate::keeper) fn verify(
        &mut self,
        report: &TokenReport,
        date: Option<ServerTime>,
        outlook: &Outlook<'_>,
        exclusions: &mut Exclusions,
        sent_at: Instant,
    ) -> Option<Verified> {
        let trial = self.trial.take()?;
        let mut finding = trial.judge(report.idles_at, date);
        let timeout = self.idle_timeout(outlook).duration;
        if matches!(finding, Finding::Moved(_)) && !trial.is_own_doing(report.idles_at, timeout) {
            // The application that shares the token moves the deadline as well, and so
            // do calls of ours.
            if exclusions.both() {
                finding = Finding::Stayed;
            } else if trial.is_confounded {
                finding = Finding::Inconclusive;
            }
        }
        match finding {
            Finding::Moved(shown) => {
                self.touches_unproven = 0;
                self.touch_not_before = None;
                if let Some(shown) = shown {
                    let shown = shown.settle(outlook.organisation.values());
                    let longest = outlook.organisation.values().max().unwrap_or(shown);
                    self.proven_timeout = Some(shown.min(longest));
                }
                let was_excluded = exclusions.both();
                exclusions.include(trial.touch);
                let was = std::mem::replace(&mut self.reset, Reset::Proven);
                (was != Reset::Proven).then_some(Verified::Proven {
                    touch: trial.touch,
                    was_excluded,
                })
            }
            Finding::Stayed => {
                let was_told = exclusions.both();
                exclusions.exclude(trial.touch);
                if !exclusions.both() {
                    self.reset = Reset::Unproven;
                    return Some(Verified::TryOther(trial.touch));
                }
                self.reset = Reset::Excluded;
                self.postpone_touch(sent_at, outlook);
                (!was_told).then_some(Verified::Excluded)
            }
            Finding::Shortened => {
                self.proven_timeout = None;
                self.seen_left_max = None;
                self.doubt_reset();
                None
            }
            Finding::Inconclusive => {
                self.doubt_reset();
                None
            }
            Finding::Untold => {
                self.touches_unproven = 0;
                self.reset = Reset::Unprovable;
                None
            }
        }
    }

    /// Takes in that the configuration says something else of the idle timeout: a
    /// deadline that was reckoned from a longer one is not to be waited for, and
    /// the next touch is to show what is true.
    pub(in crate::keeper) fn timeout_configured(&mut self, outlook: &Outlook<'_>) {
        self.doubt_reset();
        let timeout = self.idle_timeout(outlook).duration;
        if let (Some(deadline), Some(touched_at)) = (self.deadline, self.touched_at) {
            self.deadline = Some(deadline.min(touched_at + timeout));
        }
    }

    /// Takes in that the organisation's timeouts are known.
    pub(in crate::keeper) fn timeout_known(&mut self, outlook: &Outlook<'_>) {
        let Some(longest) = outlook.organisation.values().max() else {
            return;
        };
        self.seen_left_max = self.seen_left_max.map(|left| left.min(longest));
        let seen_at = self.seen_idles_at.map(|(_, asked_at)| asked_at);
        if let (Some(deadline), Some(active_at)) = (self.deadline, seen_at.max(self.touched_at)) {
            self.deadline = Some(self.believed(deadline, active_at, outlook));
        }
    }

    /// Takes in that the organisation's timeouts are not what they were.
    pub(in crate::keeper) fn timeout_changed(&mut self, outlook: &Outlook<'_>) {
        self.proven_timeout = None;
        self.seen_left_max = None;
        self.is_watch_wanted = true;
        self.doubt_reset();
        let soonest = outlook.organisation.idle_timeout().zip(self.touched_at);
        if let (Some(deadline), Some((timeout, touched_at))) = (self.deadline, soonest) {
            self.deadline = Some(deadline.min(touched_at + timeout));
        }
    }

    /// No token has more time left than what was proven, or than the longest timeout
    /// there is: who says so has a `Date` that is wrong, and believing it once would
    /// lose the token.
    fn believed(&self, told: Instant, sent_at: Instant, outlook: &Outlook<'_>) -> Instant {
        let longest = outlook.organisation.values().max();
        match self.proven_timeout.or(longest) {
            Some(longest) => told.min(sent_at + longest),
            None => told,
        }
    }

    /// The next touch is to prove itself against what was seen now.
    fn doubt_reset(&mut self) {
        self.touches_unproven = 0;
        self.reset = Reset::Unproven;
    }

    /// Half of what is left, but no oftener than failures would be retried.
    fn postpone_touch(&mut self, now: Instant, outlook: &Outlook<'_>) {
        let left = self
            .deadline
            .map_or(Duration::ZERO, |deadline| deadline.until(now));
        self.touch_not_before = Some(now + (left / 2).max(outlook.limits.backoff.cap));
    }
}
