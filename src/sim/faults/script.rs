//! The rules that select the calls to which faults apply.

use super::SimFault;
use crate::sim::{ApiOperation, Method, Request};
use crate::time::Instant;

/// An ordered list of rules, of which only the first that matches a call applies to it.
#[derive(Clone, Default)]
pub struct Script {
    rules: Vec<Rule>,
}

/// A fault and the calls to which it applies. It has no `Debug`, because it may contain a token.
#[derive(Clone)]
pub struct Rule {
    /// The calls to which the rule applies.
    pub calls: Matcher,
    /// The number of calls, or the time, for which the rule applies.
    pub span: RuleSpan,
    /// The fault of those calls.
    pub fault: SimFault,
}

/// A filter for calls, which must meet all conditions; [`Matcher::default`] matches all calls.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Matcher {
    /// Only calls of this operation.
    pub operation: Option<ApiOperation>,
    /// Only calls with this method.
    pub method: Option<Method>,
    /// Only calls to this path, as it was sent: `/api/v2/tokens/me`.
    pub path: Option<String>,
    /// Only calls with this token.
    pub token: Option<String>,
}

/// The limit of a rule, as a number of calls or a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RuleSpan {
    /// The rule applies to this many calls.
    Times(u32),
    /// The rule applies from the first instant until just before the second.
    Between(Instant, Instant),
}

impl Matcher {
    /// Returns a matcher for the calls of this operation.
    #[must_use]
    pub fn operation(operation: ApiOperation) -> Self {
        Self {
            operation: Some(operation),
            ..Self::default()
        }
    }

    /// Returns a matcher for the calls with this token.
    #[must_use]
    pub fn token(token: impl Into<String>) -> Self {
        Self {
            token: Some(token.into()),
            ..Self::default()
        }
    }

    fn matches(&self, request: &Request<'_>, operation: ApiOperation) -> bool {
        self.operation.is_none_or(|expected| expected == operation)
            && self
                .method
                .is_none_or(|expected| expected == request.method)
            && self.path.as_ref().is_none_or(|path| path == request.path)
            && self
                .token
                .as_ref()
                .is_none_or(|token| Some(token.as_str()) == request.bearer)
    }
}

impl RuleSpan {
    /// Returns the span from boot until just before this instant.
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
    /// Appends a rule.
    pub fn push(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    /// Appends a rule for all calls.
    pub fn befall_all(&mut self, span: RuleSpan, fault: SimFault) {
        let calls = Matcher::default();
        self.push(Rule { calls, span, fault });
    }

    /// Removes all rules.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// Returns true if no rule is left. The first call after the end of a [`RuleSpan::Between`]
    /// removes its rule.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.rules.is_empty()
    }

    /// Returns the fault of this call, if a rule matches it, and counts the call for that rule.
    pub(in crate::sim) fn next(
        &mut self,
        request: &Request<'_>,
        operation: ApiOperation,
        now: Instant,
    ) -> Option<SimFault> {
        if self.rules.is_empty() {
            return None;
        }
        self.rules.retain(|rule| !rule.span.is_over(now));
        let mut rules = self.rules.iter_mut();
        let rule = rules
            .find(|rule| rule.span.has_begun(now) && rule.calls.matches(request, operation))?;
        let fault = rule.fault.clone();
        if let RuleSpan::Times(times) = &mut rule.span {
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
        let operation = crate::sim::operation::RequestTarget::of(request).operation();
        match script.next(request, operation, at(seconds)) {
            Some(SimFault::Empty { status, .. }) => Some(status),
            _ => None,
        }
    }

    fn rule(calls: Matcher, span: RuleSpan, status: u16) -> Rule {
        Rule {
            calls,
            span,
            fault: SimFault::empty(status),
        }
    }

    #[test]
    fn the_first_rule_that_matches_is_used_up_first() {
        let mut script = Script::default();
        script.push(rule(
            Matcher::operation(ApiOperation::PeekMe),
            RuleSpan::Times(1),
            500,
        ));
        script.push(rule(Matcher::token("b"), RuleSpan::Times(2), 502));
        script.befall_all(RuleSpan::Times(1), SimFault::empty(503));
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
        script.befall_all(RuleSpan::Between(at(10), at(20)), SimFault::empty(503));
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
        script.push(rule(calls, RuleSpan::until(at(5)), 500));
        assert_eq!(next(&mut script, &Request::get_me("a"), 0), None);
        assert_eq!(
            next(&mut script, &Request::put_timeout("a", b"{}"), 0),
            None
        );
        assert_eq!(next(&mut script, &Request::get_timeout("a"), 0), Some(500));
    }
}
