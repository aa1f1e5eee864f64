//! Builds the answer of `/readyz`: the readiness of the sessions, and the reason where one is not
//! ready.

use std::fmt::Write as _;

use super::{NamedView, SessionEntry, SessionSums, Snapshot};
use crate::keeper::Intent;
use crate::status::phrases::{append, incident, standing_of};
use crate::time::Instant;

/// The maximum number of sessions that the summary names.
const NAMED_MAX: usize = 3;

/// The answer to a readiness probe.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Readiness {
    /// True if the sessions in question are ready and the daemon is not stopping.
    pub is_ready: bool,
    /// The explanation, in lines for people.
    pub text: String,
}

/// Counts the sessions that are not ready, and remembers the first of them by name.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ReadinessSums {
    kept: usize,
    unready: usize,
    /// The names and states of the first sessions that are not ready.
    named: Vec<String>,
}

impl SessionSums for ReadinessSums {
    fn add(&mut self, session: &SessionEntry<'_>, at: Instant) {
        let view = session.view;
        self.kept += usize::from(view.policy.intent == Intent::Keep);
        if !view.is_ready(at) {
            self.unready += 1;
            if self.named.len() < NAMED_MAX {
                let state = view.state.as_str();
                self.named.push(format!("{} {state}", session.name));
            }
        }
    }
}

impl ReadinessSums {
    /// Returns the number of sessions with the intent to keep.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.kept
    }

    /// Returns true if every session with the intent to keep is proven alive and within its margin,
    /// and the daemon is not stopping.
    #[must_use]
    pub fn is_ready(&self, is_stopping: bool) -> bool {
        !is_stopping && self.unready == 0
    }

    /// Returns the readiness in words, with the open incidents, or else with the first sessions
    /// that are not ready. `overview` may lack sessions.
    #[must_use]
    pub fn summary(&self, overview: &Snapshot) -> String {
        let Self {
            kept,
            unready,
            named,
        } = self;
        if overview.is_stopping {
            return "not ready: stopping".to_owned();
        }
        let acute = overview.incidents.iter().filter(|open| open.is_acute());
        let incidents: Vec<_> = acute.map(|open| incident(open, overview.at)).collect();
        let incidents = incidents.join("; ");
        if *unready == 0 {
            return match incidents.as_str() {
                "" => format!("ready: {kept} kept"),
                incidents => format!("ready: {kept} kept; {incidents}"),
            };
        }
        if !incidents.is_empty() {
            return format!("not ready: {unready} of {kept} kept: {incidents}");
        }
        let more = match unready - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let named = named.join(", ");
        format!("not ready: {unready} of {kept} kept: {named}{more}")
    }

    /// Returns the answer of a probe, with `lines` about the sessions before the summary.
    #[must_use]
    pub fn readiness(&self, overview: &Snapshot, lines: &str) -> Readiness {
        Readiness {
            is_ready: self.is_ready(overview.is_stopping),
            text: format!("{lines}{}\n", self.summary(overview)),
        }
    }
}

/// Returns the readiness of one session, with a line about it.
#[must_use]
pub fn readiness_of(session: &NamedView, snapshot: &Snapshot) -> Readiness {
    let mut text = String::new();
    line(&mut text, session, snapshot.at);
    Readiness {
        is_ready: !snapshot.is_stopping && session.view.is_ready(snapshot.at),
        text,
    }
}

/// Returns the lines about the open incidents.
pub(crate) fn incident_lines(overview: &Snapshot) -> String {
    let mut lines = String::new();
    for open in &overview.incidents {
        append(
            &mut lines,
            format_args!("[!] {}\n", incident(open, overview.at)),
        );
    }
    lines
}

/// Appends the line about a session.
pub(crate) fn line(text: &mut String, session: &NamedView, at: Instant) {
    let mark = if session.view.is_ready(at) { '+' } else { '-' };
    let standing = standing_of(session, at);
    // Writing to a string does not fail.
    let _always = writeln!(text, "[{mark}] {} {standing}", session.name);
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{
        alive_view, incident_view, lost, named_view, now, seconds, snapshot, view,
    };
    use super::*;
    use crate::keeper::{Intent, Policy, SessionView, State};

    fn readiness(snapshot: &Snapshot, verbose: bool) -> Readiness {
        let mut text = String::new();
        let sessions = snapshot.sessions.iter().filter(|_| verbose);
        sessions.for_each(|session| line(&mut text, session, snapshot.at));
        let sums = snapshot.sums(ReadinessSums::default());
        sums.readiness(snapshot, &(incident_lines(snapshot) + &text))
    }

    #[test]
    fn all_proven_and_within_the_margin_is_ready() {
        let all = snapshot(vec![
            named_view("a", alive_view()),
            named_view("b", alive_view()),
        ]);
        let ready = readiness(&all, false);
        assert!(ready.is_ready);
        assert_eq!(ready.text, "ready: 2 kept\n");
    }

    #[test]
    fn one_that_is_not_is_named_with_its_reason() {
        let lapsing = SessionView {
            policy: Policy {
                intent: Intent::Lapse,
                ..Policy::default()
            },
            ..view(State::Lapsed)
        };
        let all = snapshot(vec![
            named_view("a", alive_view()),
            named_view("b", view(State::Unproven)),
            named_view("c", lapsing),
        ]);
        let answer = readiness(&all, true);
        assert!(!answer.is_ready);
        insta::assert_snapshot!(answer.text, @r"
        [+] a alive: touch in 7m 12s, outage budget 7m 48s
        [-] b unproven: the API has not answered about the token yet; nothing
        [+] c lapsed: nothing until the token is replaced
        not ready: 1 of 2 kept: b unproven
        ");
        assert!(readiness_of(all.session("a").unwrap(), &all).is_ready);
        assert!(!readiness_of(all.session("b").unwrap(), &all).is_ready);
        assert!(all.session("d").is_none());
    }

    #[test]
    fn of_many_the_first_are_named() {
        let all = (0..9).map(|n| named_view(&format!("s{n}"), lost()));
        let text = readiness(&snapshot(all.collect()), false).text;
        assert_eq!(
            text,
            "not ready: 9 of 9 kept: s0 lost, s1 lost, s2 lost and 6 more\n"
        );
    }

    #[test]
    fn an_incident_comes_first_and_takes_the_place_of_the_names() {
        let mut all = snapshot(vec![named_view("a", lost())]);
        all.incidents = vec![incident_view()];
        let text = readiness(&all, true).text;
        let incident = "API unreachable: no connection to the API (https://api.mypurecloud.de) since 07:59:30 UTC; 300 sessions; the first token dies in 2m 24s";
        assert!(
            text.starts_with(&format!("[!] {incident}\n[-] a lost: ")),
            "{text}"
        );
        assert!(
            text.ends_with(&format!("\nnot ready: 1 of 1 kept: {incident}\n")),
            "{text}"
        );
        all.sessions = vec![named_view("a", alive_view())];
        assert_eq!(
            readiness(&all, false).text.lines().last().unwrap(),
            format!("ready: 1 kept; {incident}")
        );
        all.incidents[0].failing = 0;
        assert!(readiness(&all, false).text.ends_with("\nready: 1 kept\n"));
    }

    #[test]
    fn past_its_margin_and_stopping_are_not_ready() {
        let mut all = snapshot(vec![named_view("a", alive_view())]);
        all.at = now() + seconds(451);
        assert!(!readiness(&all, false).is_ready);
        all.at = now();
        all.is_stopping = true;
        assert_eq!(readiness(&all, false).text, "not ready: stopping\n");
    }
}
