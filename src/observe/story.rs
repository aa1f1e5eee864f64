//! Remembers what each session went through, so that somebody can ask later why its token died.
//!
//! Facts are kept, not sentences: they are put into words when somebody asks. It is fed with
//! the keeper's events and with what befell the machine, and knows no clock. It must never
//! grow without end, nor hold a token: a fingerprint is all that is here.
//!
//! # Invariants
//!
//! *A story has a share.* The stories of all sessions together have [`TOTAL_MAX`] bytes, and each
//! has the same share of that, up to what [`COURSE_MAX`] and [`CHAPTERS_MAX`] allow. A story that
//! grows beyond its share forgets its oldest entries, then its oldest tokens but for the last
//! two. Where there are so many sessions that nothing would be left, each has [`SHARE_MIN`].
//! When sessions are added, all stories are cut to their smaller shares as soon as these have
//! shrunk by an eighth.
//!
//! *An answer costs nothing.* Answers that are alike are counted in one entry; what allocates is
//! something new.

mod chapter;
mod course;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::SignedDuration;

use super::{NamedView, Snapshot};
use crate::keeper::{Event, EventKind, Instant, SessionId, SessionView};

pub use chapter::{Chapter, End, Nearest, Outage};
pub use course::{Answers, Course, Entry, Fact};

/// How many bytes all stories have together, about: 5,000 sessions cost no more.
pub const TOTAL_MAX: usize = 8 * 1024 * 1024;

/// The least that a story has, in bytes.
pub const SHARE_MIN: usize = 1024;

/// How many entries a story has at the most.
pub const COURSE_MAX: usize = 40;

/// How many tokens of a session are remembered at the most.
pub const CHAPTERS_MAX: usize = 8;

/// Older tokens than these give way to so many entries.
const CHAPTERS_MIN: usize = 2;
const COURSE_MIN: usize = 4;

/// How many things that befell the machine are remembered.
const SURROUNDINGS_MAX: usize = 24;

/// The stories of all sessions.
#[derive(Debug, Default)]
pub struct Stories {
    by_session: BTreeMap<SessionId, Story>,
    surroundings: VecDeque<Surrounding>,
    /// How many stories there were when all were cut to their shares.
    cut_for: usize,
}

/// What one session went through.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Story {
    /// Its tokens, the oldest first.
    pub chapters: Vec<Chapter>,
    /// How many older ones are forgotten.
    pub chapters_forgotten: u32,
    /// What happened between a token's beginning and its end.
    pub course: Course,
}

/// Something that befell the machine, and so all sessions.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Surrounding {
    /// When it was over.
    pub at: Instant,
    /// What it was.
    pub change: Change,
}

/// What befell the machine.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Change {
    /// It slept for so long.
    Slept(Duration),
    /// Somebody set the wall clock, forward or back by so much.
    ClockStepped(SignedDuration),
    /// Another network, and so many sessions had no answer at that time.
    NetworkChanged(usize),
}

/// A session's story, and what is seen of the session at one moment.
#[derive(Clone, PartialEq, Debug)]
pub struct NamedStory {
    /// The session.
    pub session: NamedView,
    /// The moment, without sessions.
    pub snapshot: Snapshot,
    /// What it went through.
    pub story: Story,
    /// What befell the machine meanwhile, the oldest first.
    pub surroundings: Vec<Surrounding>,
}

impl Change {
    /// The word for machines.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Slept(_) => "slept",
            Self::ClockStepped(_) => "clock_stepped",
            Self::NetworkChanged(_) => "network_changed",
        }
    }
}

impl Stories {
    /// Takes in an event. `view` is what the session is like after it.
    pub fn handle_event(&mut self, event: &Event, view: Option<&SessionView>) {
        let story = self.by_session.entry(event.session).or_default();
        if story.handle_event(event, view) == Growth::Counted {
            return;
        }
        let sessions = self.by_session.len();
        let share = share(sessions);
        if sessions > self.cut_for + self.cut_for / 8 {
            self.cut_for = sessions;
            for story in self.by_session.values_mut() {
                story.shrink(share);
            }
        } else if let Some(story) = self.by_session.get_mut(&event.session) {
            story.shrink(share);
        }
    }

    /// Takes in what befell the machine.
    pub fn handle_change(&mut self, change: Change, at: Instant) {
        if self.surroundings.len() == SURROUNDINGS_MAX {
            self.surroundings.pop_front();
        }
        self.surroundings.push_back(Surrounding { at, change });
    }

    /// Forgets a session.
    pub fn forget(&mut self, session: SessionId) {
        self.by_session.remove(&session);
        self.cut_for = self.cut_for.min(self.by_session.len());
    }

    /// What a session went through.
    #[must_use]
    pub fn of(&self, session: SessionId) -> Story {
        self.by_session.get(&session).cloned().unwrap_or_default()
    }

    /// What befell the machine, the oldest first.
    #[must_use]
    pub fn surroundings(&self) -> Vec<Surrounding> {
        self.surroundings.iter().copied().collect()
    }

    /// How many bytes all of it takes, but for what the allocator adds.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.by_session.values().map(Story::weight).sum()
    }
}

/// Whether an event made a story longer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Growth {
    Counted,
    Grown,
}

impl Story {
    fn handle_event(&mut self, event: &Event, view: Option<&SessionView>) -> Growth {
        // Nothing happens to a session without a token.
        let Some(token) = event.token else {
            return Growth::Counted;
        };
        if let EventKind::Found = event.kind {
            for chapter in &mut self.chapters {
                chapter.handle_newer_found(event.at);
            }
            grow(&mut self.chapters, Chapter::new(token, event.at));
            return Growth::Grown;
        }
        if let EventKind::Held { replaces: true } = event.kind {
            for chapter in &mut self.chapters {
                chapter.handle_newer_held(token.generation, event.at);
            }
        }
        let mut chapters = self.chapters.iter_mut().rev();
        let chapter = chapters.find(|it| it.token.generation == token.generation);
        let ended = chapter.map_or(Growth::Counted, |it| it.handle_event(event, view));
        match self.course.handle_event(event, token.generation) {
            Growth::Counted => ended,
            Growth::Grown => Growth::Grown,
        }
    }

    /// Forgets the oldest until it weighs no more than that.
    fn shrink(&mut self, share: usize) {
        while self.chapters.len() > CHAPTERS_MAX {
            self.forget_chapter();
        }
        while self.course.len() > COURSE_MAX {
            self.course.forget_oldest();
        }
        let mut weight = self.weight();
        while weight > share {
            if self.course.len() > COURSE_MIN {
                self.course.forget_oldest();
            } else if self.chapters.len() > CHAPTERS_MIN {
                self.forget_chapter();
            } else if self.course.len() > 1 {
                self.course.forget_oldest();
            } else {
                break;
            }
            self.chapters.shrink_to_fit();
            weight = self.weight();
        }
    }

    fn forget_chapter(&mut self) {
        self.chapters.remove(0);
        self.chapters_forgotten = self.chapters_forgotten.saturating_add(1);
    }

    /// How many bytes it takes, but for what the allocator adds.
    fn weight(&self) -> usize {
        let chapters: usize = self.chapters.iter().map(Chapter::weight).sum();
        let spare = self.chapters.capacity() - self.chapters.len();
        size_of::<Self>() + chapters + spare * size_of::<Chapter>() + self.course.weight()
    }
}

/// What one of so many stories may weigh.
fn share(sessions: usize) -> usize {
    (TOTAL_MAX / sessions.max(1)).max(SHARE_MIN)
}

/// Adds to a list that mostly stays as short as it is.
fn grow<T>(list: &mut Vec<T>, one: T) {
    list.reserve_exact(1);
    list.push(one);
}

/// What a text takes that is shared: its bytes and two counts.
fn text_weight(text: &str) -> usize {
    text.len() + 2 * size_of::<usize>()
}
