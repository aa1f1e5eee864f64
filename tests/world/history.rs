//! The history of a world, which is printed when an invariant is broken.

use std::collections::VecDeque;

use session_keepalive::keeper::{Command, Event, EventKind, SessionId, Ticket};
use session_keepalive::time::Instant;

/// The maximum number of stored entries with [`Memory::Short`].
const ENTRIES_MAX: usize = 4000;
/// The maximum number of printed entries.
const SHOWN_MAX: usize = 30;

/// The extent of a history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Memory {
    /// Only the last entries are stored.
    Short,
    /// All entries are stored, so that two runs can be compared.
    Whole,
}

/// An entry of the history.
#[derive(Clone, Debug)]
pub(super) enum HistoryEntry {
    /// The keeper issued a command for a request.
    Sent(Command),
    /// The keeper emitted an event.
    Keeper(Event),
    /// An outcome arrived too late.
    Late(Ticket),
    /// Another event occurred, for one session or for all.
    World(Option<SessionId>, String),
}

/// The entries of the history, oldest first.
#[derive(Debug)]
pub(super) struct History {
    memory: Memory,
    entries: VecDeque<(Instant, HistoryEntry)>,
}

impl History {
    pub(super) fn new(memory: Memory) -> Self {
        Self {
            memory,
            entries: VecDeque::new(),
        }
    }

    pub(super) fn record(&mut self, now: Instant, entry: HistoryEntry) {
        if self.memory == Memory::Short && self.entries.len() >= ENTRIES_MAX {
            self.entries.pop_front();
        }
        self.entries.push_back((now, entry));
    }

    /// Returns the last entries until `until` that concern a session, one per line.
    pub(super) fn for_session(&self, session: SessionId, until: Instant) -> String {
        let entries = self.entries.iter().rev();
        let entries = entries.filter(|(at, _)| *at <= until);
        let entries = entries.filter(|(_, entry)| match entry {
            HistoryEntry::Sent(command) => command.ticket.session == session,
            HistoryEntry::Keeper(event) => event.session == session,
            HistoryEntry::Late(ticket) => ticket.session == session,
            HistoryEntry::World(Some(id), _) => *id == session,
            HistoryEntry::World(None, _) => true,
        });
        let mut lines: Vec<_> = entries.take(SHOWN_MAX).map(format_entry).collect();
        lines.reverse();
        lines.join("\n")
    }

    /// Returns all stored entries as lines.
    pub(super) fn lines(&self) -> Vec<String> {
        self.entries.iter().map(format_entry).collect()
    }
}

fn format_entry((at, entry): &(Instant, HistoryEntry)) -> String {
    let at = at.since_boot().as_secs_f64();
    match entry {
        HistoryEntry::Sent(command) => format!(
            "{at:14.3} {:?} generation {} sends {} within {:?}",
            command.ticket.session,
            command.ticket.generation.0,
            command.operation.as_str(),
            command.time_limit
        ),
        HistoryEntry::Keeper(event) => {
            if let EventKind::Answered { outcome, .. } = &event.kind {
                let verdict = &outcome.verdict;
                format!("{at:14.3} {:?} is answered {verdict:?}", event.session)
            } else {
                format!("{at:14.3} {:?} tells {:?}", event.session, event.kind)
            }
        }
        HistoryEntry::Late(ticket) => format!("{at:14.3} {:?} hears too late", ticket.session),
        HistoryEntry::World(_, description) => format!("{at:14.3} {description}"),
    }
}
