//! A token that lives: when it will idle out, and what is to be asked next.

mod learn;

use std::time::Duration;

use super::backoff::{Fit, Tries};
use super::event::{Death, Idleness, TokenId};
use super::organisation::{Organisation, OrganisationId};
use super::policy::Limits;
use super::proof::{Reset, TELLING_AFTER, Trial};
use super::schedule::{IDLE_TIMEOUT_FALLBACK, IdleTimeout, Schedule, TimeoutSource};
use super::{Instant, Intent, Outcome, Policy, ServerTime};

pub(super) use learn::Verified;

/// An idle timeout below this leaves no time for a second try at proof.
const SECONDS_LEFT: Duration = Duration::from_secs(30);

/// How long after the idle deadline a lapsing token is looked at.
pub(super) const LAPSED_AFTER: Duration = Duration::from_secs(2);

/// When a lapsing token is looked at that was looked at last at `watched_at`: slowly, and
/// when it should have lapsed.
pub(super) fn look_at(deadline: Instant, watched_at: Instant, limits: &Limits) -> Instant {
    (watched_at + limits.watch_every).min(deadline + LAPSED_AFTER)
}

/// A token that lives, as far as is known.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) token: TokenId,
    pub(super) organisation: OrganisationId,
    pub(super) seen_at: Instant,
    pub(super) proven_at: Instant,
    pub(super) tries: Tries,
    /// When the server will end the token if nobody touches it, as far as is known.
    pub(super) deadline: Option<Instant>,
    /// When the last accepted touch was sent.
    pub(super) touched_at: Option<Instant>,
    pub(super) reset: Reset,
    /// An accepted touch whose effect is still to be seen.
    pub(super) trial: Option<Trial>,
    pub(super) risk: Risk,
    /// `dateTokenIdles` as last seen, and when that was asked for.
    seen_idles_at: Option<(ServerTime, Instant)>,
    /// When the last answer that showed it came.
    told_at: Instant,
    /// Whether a call of ours, other than a peek, was answered since then.
    is_look_stale: bool,
    /// The most that was ever left: the idle timeout is no shorter.
    seen_left_max: Option<Duration>,
    /// The idle timeout that a moved deadline proved.
    proven_timeout: Option<Duration>,
    touches_unproven: u32,
    /// The last look at the token.
    watched_at: Instant,
    is_watch_wanted: bool,
    /// Whether somebody asked for a touch that was not sent yet.
    pub(super) is_touch_wanted: bool,
    /// When it is looked at before anything else, since the machine slept past the margin.
    look_at: Option<Instant>,
    /// No touch before this, where touches are excluded.
    touch_not_before: Option<Instant>,
    /// Where in the spare time the next touch lies, 0 to 1.
    pub(super) jitter: f64,
}

/// How near the token is to being lost, as far as it was told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) enum Risk {
    /// All is well.
    #[default]
    None,
    /// Tries are failing and the deadline is nearer than the margin allows.
    Near,
    /// Tries are failing and the deadline has passed.
    Past,
}

/// What is asked next with a token that lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// A peek that reads the code behind a 401.
    Confirm,
    /// A touch.
    Touch,
    /// A peek that shows whether a touch counted.
    Verify,
    /// `GET /tokens/timeout` for the whole organisation.
    ReadTimeout,
    /// A peek that only looks.
    Watch,
}

/// What a session knows beside its token when the next step is chosen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outlook<'a> {
    pub(super) policy: &'a Policy,
    pub(super) limits: &'a Limits,
    pub(super) organisation: &'a Organisation,
    /// Whether this session reads the timeout for its organisation.
    pub(super) is_reader: bool,
}

impl Held {
    pub(super) fn new(
        token: TokenId,
        organisation: OrganisationId,
        seen_at: Instant,
        now: Instant,
        jitter: f64,
    ) -> Self {
        Self {
            token,
            organisation,
            seen_at,
            proven_at: now,
            tries: Tries::default(),
            deadline: None,
            touched_at: None,
            reset: Reset::Unproven,
            trial: None,
            risk: Risk::None,
            seen_idles_at: None,
            told_at: now,
            is_look_stale: false,
            seen_left_max: None,
            proven_timeout: None,
            touches_unproven: 0,
            watched_at: now,
            is_watch_wanted: false,
            is_touch_wanted: false,
            look_at: None,
            touch_not_before: None,
            jitter,
        }
    }

    /// The effective idle timeout: what the configuration says, unless a shorter one is
    /// proven or the organisation has none as long; what `dateTokenIdles` proves, what the
    /// organisation says, or the shortest documented one.
    pub(super) fn idle_timeout(&self, outlook: &Outlook<'_>) -> IdleTimeout {
        let proven = self.proven_timeout;
        let (duration, source) = if let Some(configured) = outlook.policy.idle_timeout
            && proven
                .or(outlook.organisation.values().max())
                .is_none_or(|longest| configured <= longest)
        {
            (configured, TimeoutSource::Configured)
        } else if let Some(proven) = proven {
            (proven, TimeoutSource::Proven)
        } else if let Some(left) = self.seen_left_max
            && outlook
                .organisation
                .idle_timeout()
                .is_none_or(|least| left > least)
        {
            (left, TimeoutSource::Proven)
        } else if let Some(organisation) = outlook.organisation.idle_timeout() {
            (organisation, TimeoutSource::Organisation)
        } else {
            (IDLE_TIMEOUT_FALLBACK, TimeoutSource::Assumed)
        };
        IdleTimeout { duration, source }
    }

    /// The schedule that follows from the effective idle timeout.
    pub(super) fn schedule(&self, outlook: &Outlook<'_>) -> Schedule {
        Schedule::new(self.idle_timeout(outlook).duration, outlook.policy.margin)
    }

    /// The frame into which tries are fitted.
    pub(super) fn fit(&self, outlook: &Outlook<'_>) -> Option<Fit> {
        match outlook.policy.intent {
            Intent::Keep => self
                .deadline
                .map(|deadline| self.schedule(outlook).fit(deadline)),
            Intent::Lapse => None,
        }
    }

    /// When the touch is due; `None` if nothing idles out.
    pub(super) fn touch_at(&self, outlook: &Outlook<'_>, now: Instant) -> Option<Instant> {
        if outlook.policy.intent == Intent::Lapse {
            return None;
        }
        if self.is_touch_wanted {
            return Some(now);
        }
        match self.deadline {
            Some(deadline) => {
                let due_at = self.schedule(outlook).touch_at(deadline, self.jitter);
                let not_before = self.touch_not_before.max(self.telling_at(deadline, now));
                Some(due_at.max(not_before.unwrap_or_default()))
            }
            None if self.never_idles_out(outlook) => None,
            // When the application was last active is not known: at once.
            None => Some(now),
        }
    }

    /// When a touch that is to prove itself moves the deadline far enough to tell, unless there
    /// is no time for that.
    fn telling_at(&self, deadline: Instant, now: Instant) -> Option<Instant> {
        let telling_at = self.told_at + TELLING_AFTER;
        let is_awaited = self.reset == Reset::Unproven && telling_at > now;
        (is_awaited && deadline > telling_at + TELLING_AFTER).then_some(telling_at)
    }

    /// The next step and when it is due, in the order of their weight.
    pub(super) fn agenda(&self, outlook: &Outlook<'_>, now: Instant) -> (Instant, Step) {
        if self.tries.doubt.is_some() {
            return (now, Step::Confirm);
        }
        if let Some(look_at) = self.look_at
            && !self.is_last_try(outlook, now)
        {
            return (look_at.max(now), Step::Watch);
        }
        let touch = self.touch_at(outlook, now).map(|at| (at, Step::Touch));
        let verify = self.trial.map(|_| (now, Step::Verify));
        let read_at = outlook.organisation.read_at.max(now);
        let may_read = outlook.is_reader && !self.would_blur(outlook, touch, read_at);
        let read = may_read.then_some((read_at, Step::ReadTimeout));
        let watch = self.watch_at(outlook, now).map(|at| (at, Step::Watch));
        // Whether anything idles out at all is asked before the first blind touch.
        let steps = if self.deadline.is_none() {
            [read, touch, verify, watch]
        } else {
            [touch, verify, read, watch]
        };
        let steps = steps
            .into_iter()
            .flatten()
            .map(|(at, step)| (at.max(now), step));
        // The first of those that are due earliest.
        steps
            .min_by_key(|&(at, _)| at)
            .unwrap_or((now + outlook.limits.watch_every, Step::Watch))
    }

    /// Takes in that the machine slept, and ought to have acted meanwhile: what became of the
    /// token is looked at before it is touched.
    pub(super) fn slept(
        &mut self,
        slept: Duration,
        outlook: &Outlook<'_>,
        look_at: Instant,
        now: Instant,
    ) {
        let ought_at = self.deadline.map(|deadline| match outlook.policy.intent {
            Intent::Keep => self.schedule(outlook).margin_at(deadline),
            Intent::Lapse => deadline + LAPSED_AFTER,
        });
        if ought_at.is_some_and(|at| at <= now && now < at + slept) {
            self.look_at = Some(look_at);
        }
    }

    /// Whether there is just time for one more touch.
    fn is_last_try(&self, outlook: &Outlook<'_>, now: Instant) -> bool {
        self.fit(outlook)
            .is_some_and(|fit| fit.last_try_at() <= now && now < fit.deadline)
    }

    /// Whether reading the timeout, which may reset the idle timer, comes so shortly before a
    /// touch that is to prove itself that the effects of the two could not be told apart:
    /// the server tells the time in whole seconds. Only where a token idles out within
    /// seconds, as in a test organisation, is there no time to try again.
    fn would_blur(
        &self,
        outlook: &Outlook<'_>,
        touch: Option<(Instant, Step)>,
        read_at: Instant,
    ) -> bool {
        let apart = outlook.limits.floor * 3;
        self.reset == Reset::Unproven
            && self.seen_left_max.is_some_and(|left| left < SECONDS_LEFT)
            && touch.is_some_and(|(touch_at, _)| touch_at < read_at + apart)
    }

    /// What is known of its death.
    pub(super) fn death(&self, outcome: &Outcome, now: Instant) -> Death {
        Death {
            correlation_id: outcome.correlation_id.clone(),
            idle: Idleness::of(self.deadline, now),
            since_touch: self.touched_at.map(|touched_at| now.since(touched_at)),
            age: now.since(self.seen_at),
            was_held: true,
            was_proven: self.reset == Reset::Proven,
            excluded: self.reset == Reset::Excluded,
        }
    }

    fn never_idles_out(&self, outlook: &Outlook<'_>) -> bool {
        self.seen_idles_at.is_none()
            && outlook.policy.idle_timeout.is_none()
            && outlook.organisation.is_disabled()
    }

    fn watch_at(&self, outlook: &Outlook<'_>, now: Instant) -> Option<Instant> {
        if self.is_watch_wanted {
            return Some(now);
        }
        let slow = self.watched_at + outlook.limits.watch_every;
        match outlook.policy.intent {
            Intent::Keep => self.touch_at(outlook, now).is_none().then_some(slow),
            Intent::Lapse => Some(match self.deadline {
                // Whatever was told of the deadline, it was not true.
                Some(deadline) if self.watched_at >= deadline + LAPSED_AFTER => {
                    slow.min(self.watched_at + self.idle_timeout(outlook).duration / 2)
                }
                Some(deadline) => look_at(deadline, self.watched_at, outlook.limits),
                None => slow.min(self.watched_at + self.idle_timeout(outlook).duration / 2),
            }),
        }
    }
}
