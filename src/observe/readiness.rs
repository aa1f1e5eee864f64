//! Says whether the sessions are as they should be, and of each why not: the text of `/readyz`.

use std::fmt::Write as _;

use super::words::standing;
use super::{NamedView, Snapshot};

/// How many sessions are named where nobody asked for all.
const NAMED_MAX: usize = 3;

/// An answer to who asks whether we are ready.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Readiness {
    /// Whether all is as it should be.
    pub is_ready: bool,
    /// What is said of it: lines for people.
    pub said: String,
}

/// Whether all sessions are ready; `verbose` says of each how it stands.
#[must_use]
pub fn readiness(snapshot: &Snapshot, verbose: bool) -> Readiness {
    let mut said = String::new();
    if verbose {
        for session in &snapshot.sessions {
            line(&mut said, session, snapshot);
        }
    }
    let is_ready = snapshot.is_ready();
    said.push_str(&summary(snapshot));
    said.push('\n');
    Readiness { is_ready, said }
}

/// Whether one session is ready, and how it stands.
#[must_use]
pub fn readiness_of(session: &NamedView, snapshot: &Snapshot) -> Readiness {
    let mut said = String::new();
    line(&mut said, session, snapshot);
    Readiness {
        is_ready: !snapshot.is_stopping && session.view.is_ready(snapshot.at),
        said,
    }
}

fn line(said: &mut String, session: &NamedView, snapshot: &Snapshot) {
    let mark = if session.view.is_ready(snapshot.at) {
        '+'
    } else {
        '-'
    };
    let standing = standing(&session.view, session.trouble.as_deref(), snapshot.at);
    // Writing to a string does not fail.
    let _always = writeln!(said, "[{mark}] {} {standing}", session.name);
}

fn summary(snapshot: &Snapshot) -> String {
    if snapshot.is_stopping {
        return "not ready: stopping".to_owned();
    }
    let kept = snapshot.kept();
    let unready: Vec<_> = snapshot
        .sessions
        .iter()
        .filter(|it| !it.view.is_ready(snapshot.at))
        .collect();
    if unready.is_empty() {
        return format!("ready: {kept} kept");
    }
    let named: Vec<_> = unready
        .iter()
        .take(NAMED_MAX)
        .map(|it| format!("{} {}", it.name, it.view.state.as_str()))
        .collect();
    let more = match unready.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "not ready: {} of {kept} kept: {}{more}",
        unready.len(),
        named.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{held, lost, named_view, now, seconds, snapshot, view};
    use super::*;
    use crate::keeper::{Intent, Policy, SessionView, State};

    #[test]
    fn all_proven_and_within_the_margin_is_ready() {
        let all = snapshot(vec![named_view("a", held()), named_view("b", held())]);
        let ready = readiness(&all, false);
        assert!(ready.is_ready);
        assert_eq!(ready.said, "ready: 2 kept\n");
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
            named_view("a", held()),
            named_view("b", view(State::Unproven)),
            named_view("c", lapsing),
        ]);
        let answer = readiness(&all, true);
        assert!(!answer.is_ready);
        insta::assert_snapshot!(answer.said, @r"
        [+] a held: touch in 7 m 12 s, outage budget 7 m 48 s
        [-] b unproven: nothing was heard about the token yet; nothing
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
        let said = readiness(&snapshot(all.collect()), false).said;
        assert_eq!(
            said,
            "not ready: 9 of 9 kept: s0 lost, s1 lost, s2 lost and 6 more\n"
        );
    }

    #[test]
    fn past_its_margin_and_stopping_are_not_ready() {
        let mut all = snapshot(vec![named_view("a", held())]);
        all.at = now() + seconds(451);
        assert!(!readiness(&all, false).is_ready);
        all.at = now();
        all.is_stopping = true;
        assert_eq!(readiness(&all, false).said, "not ready: stopping\n");
    }
}
