//! Which event is an occasion for a hook: each once an episode.
//!
//! An episode begins with what happens to a token and ends when the session has recovered or
//! has a new token. Pure: it knows neither clock nor program, nor which hooks there are, so
//! that a reload changes nothing about what was told already.

use std::collections::BTreeMap;

use crate::config::Occasion;
use crate::keeper::{Event, EventKind, Generation, SessionId};

/// What was an occasion already, of the sessions of which something was.
#[derive(Debug, Default)]
pub(super) struct Episodes(BTreeMap<SessionId, Episode>);

/// What happened to which token of a session since it was well.
type Episode = BTreeMap<Occasion, Option<Generation>>;

impl Episodes {
    /// Takes in an event; what it is an occasion for, if for anything that was not told yet.
    pub(super) fn handle_event(&mut self, event: &Event) -> Option<Occasion> {
        match event.kind {
            EventKind::Lost(_) => self.begin(event, Occasion::Lost),
            EventKind::Lapsed(_) => self.begin(event, Occasion::Lapsed),
            EventKind::AtRisk(_) | EventKind::PastDeadline(_) => {
                self.begin(event, Occasion::AtRisk)
            }
            EventKind::Blocked(_) => self.begin(event, Occasion::Blocked),
            EventKind::Excluded => self.begin(event, Occasion::Excluded),
            EventKind::Recovered { .. } => {
                self.end(event.session, &[Occasion::AtRisk, Occasion::Blocked])
            }
            EventKind::ResetProven { .. } => self.end(event.session, &[Occasion::Excluded]),
            EventKind::Held { .. } => self.end(event.session, &Occasion::ALL),
            EventKind::Revoked => {
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
            | EventKind::Unconfirmed
            | EventKind::TouchExcluded(_)
            | EventKind::TimeoutRead(_)
            | EventKind::TimeoutNotPermitted(_) => None,
        }
    }

    /// Forgets a session.
    pub(super) fn forget(&mut self, session: SessionId) {
        self.0.remove(&session);
    }

    fn begin(&mut self, event: &Event, occasion: Occasion) -> Option<Occasion> {
        let generation = event.token.map(|token| token.generation);
        let episode = self.0.entry(event.session).or_default();
        let told = episode.insert(occasion, generation);
        (told != Some(generation)).then_some(occasion)
    }

    /// Ends what there is of these. That a token lapsed is no trouble to recover from.
    fn end(&mut self, session: SessionId, occasions: &[Occasion]) -> Option<Occasion> {
        let episode = self.0.get_mut(&session)?;
        let mut was_in_trouble = false;
        for occasion in occasions {
            let was_told = episode.remove(occasion).is_some();
            was_in_trouble |= was_told && *occasion != Occasion::Lapsed;
        }
        if episode.is_empty() {
            self.0.remove(&session);
        }
        was_in_trouble.then_some(Occasion::Recovered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::{Blockage, Death, Idleness, Instant, NotTheApi, Obstacle, TokenId, Touch};
    use crate::token::Fingerprint;
    use std::time::Duration;

    const HELD: EventKind = EventKind::Held { replaces: false };
    const RECOVERED: EventKind = EventKind::Recovered { failures: 3 };
    const AT_RISK: EventKind = EventKind::AtRisk(Obstacle::OutOfTime);
    const PAST: EventKind = EventKind::PastDeadline(Obstacle::OutOfTime);
    const BLOCKED: EventKind = EventKind::Blocked(Blockage::NotTheApi(NotTheApi::UnexpectedBody));

    fn death() -> Death {
        Death {
            correlation_id: None,
            idle: Idleness::Unknown,
            since_touch: None,
            age: Duration::ZERO,
            was_held: false,
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

    /// What these events, each of a session and a generation, are occasions for.
    fn occasions(events: &[(u32, u32, EventKind)]) -> Vec<&'static str> {
        let mut episodes = Episodes::default();
        let told = events.iter().filter_map(|(session, generation, kind)| {
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
        told.map(Occasion::as_str).collect()
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
            (1, 1, EventKind::Revoked),
            (2, 1, EventKind::Left),
            (2, 1, RECOVERED),
        ];
        assert_eq!(occasions(&events), ["at-risk", "at-risk", "revoked"]);
    }

    #[test]
    fn a_session_that_is_well_is_not_remembered() {
        let mut episodes = Episodes::default();
        for kind in [HELD, AT_RISK, RECOVERED, proven(true), EventKind::Revoked] {
            episodes.handle_event(&Event {
                session: SessionId(1),
                token: None,
                at: Instant::BOOT,
                kind,
            });
        }
        assert!(episodes.0.is_empty());
    }
}
