//! What happened, for whoever has to find out why an invariant broke.

use std::collections::VecDeque;

use crate::keeper::{Command, Event, EventKind, Instant, SessionId, Ticket};

/// How many entries are remembered unless all are wanted.
const REMEMBERED_MAX: usize = 4000;
/// How many of them are shown.
const SHOWN_MAX: usize = 30;

/// Whether the whole of it is remembered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Memory {
    /// The last of it.
    Short,
    /// All of it, to compare two runs.
    Whole,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    /// The keeper asked for a request.
    Sent(Command),
    /// The keeper told something.
    Told(Event),
    /// An outcome came too late to count.
    Late(Ticket),
    /// Something else happened, to one session or to all.
    Happened(Option<SessionId>, String),
}

/// What happened, oldest first.
#[derive(Debug)]
pub(super) struct History {
    memory: Memory,
    entries: VecDeque<(Instant, Entry)>,
}

impl History {
    pub(super) fn new(memory: Memory) -> Self {
        Self {
            memory,
            entries: VecDeque::new(),
        }
    }

    pub(super) fn note(&mut self, now: Instant, entry: Entry) {
        if self.memory == Memory::Short && self.entries.len() >= REMEMBERED_MAX {
            self.entries.pop_front();
        }
        self.entries.push_back((now, entry));
    }

    /// The last that concerned a session until some moment.
    pub(super) fn of(&self, session: SessionId, until: Instant) -> String {
        let entries = self.entries.iter().rev();
        let entries = entries.filter(|(at, _)| *at <= until);
        let concerned = entries.filter(|(_, entry)| match entry {
            Entry::Sent(command) => command.ticket.session == session,
            Entry::Told(event) => event.session == session,
            Entry::Late(ticket) => ticket.session == session,
            Entry::Happened(Some(whose), _) => *whose == session,
            Entry::Happened(None, _) => true,
        });
        let mut lines: Vec<_> = concerned.take(SHOWN_MAX).map(line).collect();
        lines.reverse();
        lines.join("\n")
    }

    /// All that is remembered.
    pub(super) fn lines(&self) -> Vec<String> {
        self.entries.iter().map(line).collect()
    }
}

fn line((at, entry): &(Instant, Entry)) -> String {
    let at = at.since_boot().as_secs_f64();
    match entry {
        Entry::Sent(command) => format!(
            "{at:14.3} {:?} generation {} sends {} within {:?}",
            command.ticket.session,
            command.ticket.generation.0,
            command.operation.as_str(),
            command.time_limit
        ),
        Entry::Told(event) => {
            if let EventKind::Answered { outcome, .. } = &event.kind {
                let verdict = &outcome.verdict;
                format!("{at:14.3} {:?} is answered {verdict:?}", event.session)
            } else {
                format!("{at:14.3} {:?} tells {:?}", event.session, event.kind)
            }
        }
        Entry::Late(ticket) => format!("{at:14.3} {:?} hears too late", ticket.session),
        Entry::Happened(_, what) => format!("{at:14.3} {what}"),
    }
}
