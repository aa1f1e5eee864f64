//! What happened last, in the words of the log, for those who look instead of reading it.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::config::SessionName;
use crate::keeper::Instant;
use crate::token::Fingerprint;

/// How many are remembered.
const REMEMBERED_MAX: usize = 100;

/// Something that changed a session's state, or that a person should look at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Happening {
    /// When.
    pub at: Instant,
    /// The session.
    pub session: SessionName,
    /// The token that it is about.
    pub fingerprint: Option<Fingerprint>,
    /// The event's word.
    pub event: &'static str,
    /// Whether a person should look.
    pub is_warning: bool,
    /// What was said of it.
    pub said: Box<str>,
}

/// The last happenings.
#[derive(Debug, Default)]
pub(super) struct Happenings(VecDeque<Arc<Happening>>);

impl Happenings {
    /// Remembers one more, and forgets the oldest if there are too many.
    pub(super) fn remember(&mut self, happening: Happening) {
        if self.0.len() == REMEMBERED_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Arc::new(happening));
    }

    /// All that are remembered, the oldest first.
    pub(super) fn all(&self) -> Vec<Arc<Happening>> {
        self.0.iter().map(Arc::clone).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{now, seconds};
    use super::*;

    #[test]
    fn only_the_last_are_remembered() {
        let mut happenings = Happenings::default();
        for second in 0..250 {
            happenings.remember(Happening {
                at: now() + seconds(second),
                session: SessionName::new("wallboard").unwrap(),
                fingerprint: None,
                event: "lost",
                is_warning: true,
                said: "lost".into(),
            });
        }
        let all = happenings.all();
        assert_eq!(all.len(), REMEMBERED_MAX);
        assert_eq!(all.first().unwrap().at, now() + seconds(150));
        assert_eq!(all.last().unwrap().at, now() + seconds(249));
    }
}
