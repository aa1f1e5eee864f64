//! Which calls a fault befalls, and for how long.

use super::Fault;
use crate::keeper::Instant;
use crate::sim::{Method, Operation, Request};

/// Rules that are consulted in order; the first that matches a call befalls it, alone.
#[derive(Clone, Default)]
pub struct Script {
    rules: Vec<Rule>,
}

/// One fault, and the calls that it befalls. It has no `Debug`: it may name a token.
#[derive(Clone)]
pub struct Rule {
    /// Which calls.
    pub calls: Matcher,
    /// How many, or when.
    pub span: Span,
    /// What befalls them.
    pub fault: Fault,
}

/// Which calls: those that meet all that is said; [`Matcher::default`] is all calls.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Matcher {
    /// Only calls of this operation.
    pub operation: Option<Operation>,
    /// Only calls with this method.
    pub method: Option<Method>,
    /// Only calls to this path, as it was sent: `/api/v2/tokens/me`.
    pub path: Option<String>,
    /// Only calls with this token.
    pub token: Option<String>,
}

/// How long a rule holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Span {
    /// For this many calls.
    Times(u32),
    /// From the first instant until just before the second.
    Between(Instant, Instant),
}

impl Matcher {
    /// Calls of this operation.
    #[must_use]
    pub fn operation(operation: Operation) -> Self {
        Self {
            operation: Some(operation),
            ..Self::default()
        }
    }

    /// Calls with this token.
    #[must_use]
    pub fn token(token: impl Into<String>) -> Self {
        Self {
            token: Some(token.into()),
            ..Self::default()
        }
    }

    fn matches(&self, request: &Request<'_>, operation: Operation) -> bool {
        self.operation.is_none_or(|wanted| wanted == operation)
            && self.method.is_none_or(|wanted| wanted == request.method)
            && self
                .path
                .as_ref()
                .is_none_or(|wanted| wanted == request.path)
            && self
                .token
                .as_ref()
                .is_none_or(|wanted| Some(wanted.as_str()) == request.bearer)
    }
}

impl Span {
    /// Whatever happens before this instant.
    #[must_use]
    pub fn until(instant: Instant) -> Self {
        Self::Between(Instant::BOOT, instant)
    }

    fn is_over(self, now: Instant) -> bool {
        match self {
            Self::Times(times) => times == 0,
            Self::Between(_, until) => until <= now,
        }
    }

    fn has_begun(self, now: Instant) -> bool {
        match self {
            Self::Times(_) => true,
            Self::Between(from, _) => from <= now,
        }
    }
}

impl Script {
    /// Adds a rule after the others.
    pub fn push(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    /// Adds a rule for all calls after the others.
    pub fn befall_all(&mut self, span: Span, fault: Fault) {
        let calls = Matcher::default();
        self.push(Rule { calls, span, fault });
    }

    /// Forgets all rules.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// Whether no rule is left; rules in time leave with the first call after them.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.rules.is_empty()
    }

    /// The fault that befalls this call.
    pub(in crate::sim) fn next(
        &mut self,
        request: &Request<'_>,
        operation: Operation,
        now: Instant,
    ) -> Option<Fault> {
        if self.rules.is_empty() {
            return None;
        }
        self.rules.retain(|rule| !rule.span.is_over(now));
        let mut rules = self.rules.iter_mut();
        let rule = rules
            .find(|rule| rule.span.has_begun(now) && rule.calls.matches(request, operation))?;
        let fault = rule.fault.clone();
        if let Span::Times(times) = &mut rule.span {
            *times -= 1;
        }
        self.rules.retain(|rule| !rule.span.is_over(now));
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_boot(Duration::from_secs(seconds))
    }

    fn next(script: &mut Script, request: &Request<'_>, seconds: u64) -> Option<u16> {
        let operation = crate::sim::operation::Route::of(request).operation();
        match script.next(request, operation, at(seconds)) {
            Some(Fault::Empty { status, .. }) => Some(status),
            _ => None,
        }
    }

    fn rule(calls: Matcher, span: Span, status: u16) -> Rule {
        Rule {
            calls,
            span,
            fault: Fault::empty(status),
        }
    }

    #[test]
    fn the_first_rule_that_matches_is_used_up_first() {
        let mut script = Script::default();
        script.push(rule(
            Matcher::operation(Operation::PeekMe),
            Span::Times(1),
            500,
        ));
        script.push(rule(Matcher::token("b"), Span::Times(2), 502));
        script.befall_all(Span::Times(1), Fault::empty(503));
        assert_eq!(next(&mut script, &Request::head_me("b"), 0), Some(502));
        assert_eq!(next(&mut script, &Request::peek_me("b"), 0), Some(500));
        assert_eq!(next(&mut script, &Request::peek_me("b"), 0), Some(502));
        assert_eq!(next(&mut script, &Request::peek_me("b"), 0), Some(503));
        assert!(script.is_over());
        assert_eq!(next(&mut script, &Request::peek_me("b"), 0), None);
    }

    #[test]
    fn an_outage_begins_and_ends() {
        let mut script = Script::default();
        script.befall_all(Span::Between(at(10), at(20)), Fault::empty(503));
        let seen = [9, 10, 19, 20].map(|now| next(&mut script, &Request::head_me("a"), now));
        assert_eq!(seen, [None, Some(503), Some(503), None]);
        assert!(script.is_over());
    }

    #[test]
    fn a_rule_may_ask_for_method_and_path() {
        let mut script = Script::default();
        let calls = Matcher {
            method: Some(Method::Get),
            path: Some("/api/v2/tokens/timeout".to_owned()),
            ..Matcher::default()
        };
        script.push(rule(calls, Span::until(at(5)), 500));
        assert_eq!(next(&mut script, &Request::get_me("a"), 0), None);
        assert_eq!(
            next(&mut script, &Request::put_timeout("a", b"{}"), 0),
            None
        );
        assert_eq!(next(&mut script, &Request::get_timeout("a"), 0), Some(500));
    }
}
