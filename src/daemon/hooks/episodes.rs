//! Decides which events are occasions for hooks, each occasion once per episode, and delays the hooks
//! of a session whose tokens are lost one after the other.
//!
//! An episode begins with a problem of a token, and ends when the session has recovered or has a
//! new token. This module must know neither clock nor programs nor the configured hooks, so that a
//! reload does not repeat an occasion.
//!
//! A hook that provides new tokens runs again whenever its token is lost. If all of its tokens are
//! dead, it would run every second or two for ever without the delay.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::Occasion;
use crate::keeper::{Event, EventKind, Generation, SessionId};
use crate::time::Instant;

/// The delay of the hooks after the second loss in a row, which doubles with each further loss.
const WAIT: Duration = Duration::from_secs(2);
const WAIT_MAX: Duration = Duration::from_secs(300);

/// The time for which a token must live to end the row of losses.
const SOUND_AFTER: Duration = Duration::from_secs(60);

/// The present episode of each session that has one.
#[derive(Debug, Default)]
pub(super) struct Episodes(BTreeMap<SessionId, Episode>);

/// The occasions since the session was last well, each with its token's generation.
type Episode = BTreeMap<Occasion, Option<Generation>>;

impl Episodes {
    /// Handles an event. Returns its occasion, unless that was returned in this episode already.
    pub(super) fn handle_event(&mut self, event: &Event) -> Option<Occasion> {
        match event.kind {
            EventKind::Lost(_) => self.begin(event, Occasion::Lost),
            EventKind::Lapsed(_) => self.begin(event, Occasion::Lapsed),
            EventKind::AtRisk(_) | EventKind::PastDeadline(_) => {
                self.begin(event, Occasion::AtRisk)
            }
            EventKind::Blocked(_) => self.begin(event, Occasion::Blocked),
            EventKind::Excluded => self.begin(event, Occasion::Excluded),
            // The keeper announces an expiry a few times for each token.
            EventKind::Expiring(_) => Some(Occasion::Expiring),
            EventKind::ClientEnding(_) => Some(Occasion::ClientEnding),
            EventKind::Recovered { .. } => {
                self.end(event.session, &[Occasion::AtRisk, Occasion::Blocked])
            }
            EventKind::ResetProven { .. } => self.end(event.session, &[Occasion::Excluded]),
            EventKind::Alive { .. } => self.end(event.session, &Occasion::ALL),
            EventKind::Revoked { .. } => {
                self.0.remove(&event.session);
                Some(Occasion::Revoked)
            }
            EventKind::NotRevoked(_) | EventKind::Left => {
                self.0.remove(&event.session);
                None
            }
            EventKind::Answered { .. }
            | EventKind::Found
            | EventKind::Unanswered(_)
            | EventKind::NewerRefused(_)
            | EventKind::NewerMismatched(_)
            | EventKind::Unconfirmed
            | EventKind::Minted
            | EventKind::MintFailed(_)
            | EventKind::EarlierInUse
            | EventKind::EarlierEnded(_)
            | EventKind::TouchRefused(..)
            | EventKind::TouchExcluded(_)
            | EventKind::TimeoutRead(_)
            | EventKind::TimeoutNotPermitted(_) => None,
        }
    }

    /// Removes a session.
    pub(super) fn forget(&mut self, session: SessionId) {
        self.0.remove(&session);
    }

    fn begin(&mut self, event: &Event, occasion: Occasion) -> Option<Occasion> {
        let generation = event.token.map(|token| token.generation);
        let episode = self.0.entry(event.session).or_default();
        let earlier = episode.insert(occasion, generation);
        (earlier != Some(generation)).then_some(occasion)
    }

    /// Ends these occasions. Returns [`Occasion::Recovered`] if there was any apart from a lapsed
    /// token, which is not a problem.
    fn end(&mut self, session: SessionId, occasions: &[Occasion]) -> Option<Occasion> {
        let episode = self.0.get_mut(&session)?;
        let mut was_in_trouble = false;
        for occasion in occasions {
            let was_present = episode.remove(occasion).is_some();
            was_in_trouble |= was_present && *occasion != Occasion::Lapsed;
        }
        if episode.is_empty() {
            self.0.remove(&session);
        }
        was_in_trouble.then_some(Occasion::Recovered)
    }
}

/// The sessions that lost a token.
#[derive(Debug, Default)]
pub(super) struct RepeatedLosses(BTreeMap<SessionId, LossStreak>);

/// The losses in a row of a session.
#[derive(Debug)]
struct LossStreak {
    losses: u32,
    /// The instant at which the present token was proven alive.
    alive_at: Option<Instant>,
    /// The instant from which the hooks of the session may run.
    until: Instant,
}

impl RepeatedLosses {
    pub(super) fn handle_event(&mut self, event: &Event) {
        if let EventKind::Alive { .. } = event.kind {
            if let Some(streak) = self.0.get_mut(&event.session) {
                streak.alive_at = Some(event.at);
                // The recovery, and the events before it, reach the hooks at once.
                streak.until = event.at;
            }
        } else if let EventKind::Lost(_) = event.kind {
            let streak = self.0.entry(event.session).or_insert(LossStreak {
                losses: 0,
                alive_at: None,
                until: event.at,
            });
            let was_sound = streak.alive_at.take();
            if was_sound.is_some_and(|alive_at| event.at.since(alive_at) >= SOUND_AFTER) {
                streak.losses = 0;
            }
            streak.losses = streak.losses.saturating_add(1);
            let wait = match streak.losses {
                1 => Duration::ZERO,
                losses => WAIT.saturating_mul(1 << (losses - 2).min(16)).min(WAIT_MAX),
            };
            streak.until = event.at + wait;
        }
    }

    /// Returns the instant until which the hooks of this session wait.
    pub(super) fn waits_until(&self, session: SessionId) -> Option<Instant> {
        self.0.get(&session).map(|streak| streak.until)
    }

    /// Removes a session.
    pub(super) fn forget(&mut self, session: SessionId) {
        self.0.remove(&session);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::{BlockReason, Death, FailureReason, Idleness, NotTheApi, TokenId, Touch};
    use crate::token::Fingerprint;

    const HELD: EventKind = EventKind::Alive { replaces: false };
    const RECOVERED: EventKind = EventKind::Recovered { failures: 3 };
    const AT_RISK: EventKind = EventKind::AtRisk(FailureReason::OutOfTime);
    const PAST: EventKind = EventKind::PastDeadline(FailureReason::OutOfTime);
    const BLOCKED: EventKind =
        EventKind::Blocked(BlockReason::NotTheApi(NotTheApi::UnexpectedBody));

    fn death() -> Death {
        Death {
            expired: None,
            correlation_id: None,
            idle: Idleness::Unknown,
            basis: None,
            failed: None,
            absence: None,
            since_touch: None,
            age: Duration::ZERO,
            was_alive: false,
            was_proven: false,
            excluded: false,
        }
    }

    fn lost() -> EventKind {
        EventKind::Lost(death())
    }

    fn proven(was_excluded: bool) -> EventKind {
        EventKind::ResetProven {
            touch: Touch::Head,
            was_excluded,
        }
    }

    /// Returns the occasions of these events, each of a session and a generation.
    fn occasions(events: &[(u32, u32, EventKind)]) -> Vec<&'static str> {
        let mut episodes = Episodes::default();
        let occasions = events.iter().filter_map(|(session, generation, kind)| {
            episodes.handle_event(&Event {
                session: SessionId(*session),
                token: Some(TokenId {
                    generation: Generation(*generation),
                    fingerprint: Fingerprint::of(b"abc"),
                }),
                at: Instant::BOOT,
                kind: kind.clone(),
            })
        });
        occasions.map(Occasion::as_str).collect()
    }

    #[test]
    fn an_outage_is_told_once_until_it_is_over() {
        let outage = [(1, 1, AT_RISK), (1, 1, PAST), (1, 1, AT_RISK)];
        assert_eq!(occasions(&outage), ["at-risk"]);
        let two = [&outage[..], &[(1, 1, RECOVERED)], &outage].concat();
        assert_eq!(occasions(&two), ["at-risk", "recovered", "at-risk"]);
    }

    #[test]
    fn different_troubles_of_one_outage_are_told_apart_and_their_end_once() {
        let events = [
            (1, 1, HELD),
            (1, 1, BLOCKED),
            (1, 1, AT_RISK),
            (1, 1, BLOCKED),
            (1, 1, PAST),
            (1, 1, RECOVERED),
            (1, 1, RECOVERED),
        ];
        assert_eq!(occasions(&events), ["blocked", "at-risk", "recovered"]);
    }

    #[test]
    fn a_new_token_ends_what_was_the_matter_with_the_old_one() {
        let events = [(1, 1, lost()), (1, 2, HELD), (1, 2, lost())];
        assert_eq!(occasions(&events), ["lost", "recovered", "lost"]);
        assert_eq!(
            occasions(&[(1, 1, AT_RISK), (1, 2, HELD)]),
            ["at-risk", "recovered"]
        );
    }

    #[test]
    fn another_token_that_is_lost_as_well_is_told() {
        let events = [(1, 1, lost()), (1, 1, lost()), (1, 2, lost())];
        assert_eq!(occasions(&events), ["lost", "lost"]);
    }

    #[test]
    fn a_token_that_lapsed_as_intended_is_nothing_to_recover_from() {
        let lapsed = EventKind::Lapsed(death());
        assert_eq!(occasions(&[(1, 1, lapsed), (1, 2, HELD)]), ["lapsed"]);
    }

    #[test]
    fn an_exclusion_ends_when_touches_count_again() {
        let events = [
            (1, 1, proven(false)),
            (1, 1, EventKind::Excluded),
            (1, 1, EventKind::Excluded),
            (1, 1, proven(true)),
            (1, 1, EventKind::Excluded),
        ];
        assert_eq!(occasions(&events), ["excluded", "recovered", "excluded"]);
    }

    #[test]
    fn sessions_have_episodes_of_their_own_and_an_ended_one_has_none() {
        let events = [
            (1, 1, AT_RISK),
            (2, 1, AT_RISK),
            (1, 1, EventKind::Revoked { was_gone: false }),
            (2, 1, EventKind::Left),
            (2, 1, RECOVERED),
        ];
        assert_eq!(occasions(&events), ["at-risk", "at-risk", "revoked"]);
    }

    #[test]
    fn a_session_that_is_well_is_not_remembered() {
        let mut episodes = Episodes::default();
        for kind in [
            HELD,
            AT_RISK,
            RECOVERED,
            proven(true),
            EventKind::Revoked { was_gone: false },
        ] {
            episodes.handle_event(&Event {
                session: SessionId(1),
                token: None,
                at: Instant::BOOT,
                kind,
            });
        }
        assert!(episodes.0.is_empty());
    }

    const SESSION: SessionId = SessionId(1);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn event(at: Instant, kind: EventKind) -> Event {
        Event {
            session: SESSION,
            token: None,
            at,
            kind,
        }
    }

    fn lost_at(at: Instant) -> Event {
        event(at, lost())
    }

    /// Returns the delay after each of these losses, each of which follows the last delay at once.
    fn waits(repeated: &mut RepeatedLosses, now: &mut Instant, losses: usize) -> Vec<u64> {
        let wait = |_| {
            repeated.handle_event(&lost_at(*now));
            let until = repeated.waits_until(SESSION).unwrap();
            let wait = until.since(*now);
            *now = until;
            wait.as_secs()
        };
        (0..losses).map(wait).collect()
    }

    #[test]
    fn each_loss_in_a_row_makes_hooks_wait_longer_up_to_five_minutes() {
        let (mut repeated, mut now) = (RepeatedLosses::default(), Instant::BOOT);
        let expected = [0, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300];
        assert_eq!(waits(&mut repeated, &mut now, 11), expected);
    }

    #[test]
    fn only_a_token_that_lived_for_a_while_ends_the_row() {
        let (mut repeated, mut now) = (RepeatedLosses::default(), Instant::BOOT);
        waits(&mut repeated, &mut now, 3);
        repeated.handle_event(&event(now, EventKind::Alive { replaces: false }));
        assert_eq!(repeated.waits_until(SESSION), Some(now));
        now = now + seconds(5);
        assert_eq!(waits(&mut repeated, &mut now, 1), [8]);
        repeated.handle_event(&event(now, EventKind::Alive { replaces: false }));
        now = now + seconds(60);
        assert_eq!(waits(&mut repeated, &mut now, 2), [0, 2]);
    }
}
