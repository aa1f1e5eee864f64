//! Builds the answer of `/readyz`: the readiness of the sessions, and the reason where one is not
//! ready.

use std::fmt::Write as _;

use super::{NamedView, Snapshot};
use crate::status::phrases::standing_of;

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

/// Returns the readiness of all sessions, with a line for each of them if `verbose`.
#[must_use]
pub fn readiness(snapshot: &Snapshot, verbose: bool) -> Readiness {
    let mut text = String::new();
    if verbose {
        for session in &snapshot.sessions {
            line(&mut text, session, snapshot);
        }
    }
    let is_ready = snapshot.is_ready();
    text.push_str(&summary(snapshot));
    text.push('\n');
    Readiness { is_ready, text }
}

/// Returns the readiness of one session, with a line about it.
#[must_use]
pub fn readiness_of(session: &NamedView, snapshot: &Snapshot) -> Readiness {
    let mut text = String::new();
    line(&mut text, session, snapshot);
    Readiness {
        is_ready: !snapshot.is_stopping && session.view.is_ready(snapshot.at),
        text,
    }
}

fn line(text: &mut String, session: &NamedView, snapshot: &Snapshot) {
    let mark = if session.view.is_ready(snapshot.at) {
        '+'
    } else {
        '-'
    };
    let standing = standing_of(session, snapshot.at);
    // Writing to a string does not fail.
    let _always = writeln!(text, "[{mark}] {} {standing}", session.name);
}

fn summary(snapshot: &Snapshot) -> String {
    if snapshot.is_stopping {
        return "not ready: stopping".to_owned();
    }
    let kept = snapshot.kept();
    let unready: Vec<_> = snapshot
        .sessions
        .iter()
        .filter(|session| !session.view.is_ready(snapshot.at))
        .collect();
    if unready.is_empty() {
        return format!("ready: {kept} kept");
    }
    let named: Vec<_> = unready
        .iter()
        .take(NAMED_MAX)
        .map(|session| format!("{} {}", session.name, session.view.state.as_str()))
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
    use super::super::fixture::{alive_view, lost, named_view, now, seconds, snapshot, view};
    use super::*;
    use crate::keeper::{Intent, Policy, SessionView, State};

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
        let text = readiness(&snapshot(all.collect()), false).text;
        assert_eq!(
            text,
            "not ready: 9 of 9 kept: s0 lost, s1 lost, s2 lost and 6 more\n"
        );
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
