//! Builds the sentence of each event: the session, the event, the remedy and the next step.

use std::time::Duration;

use tracing::Level;

use super::EventSentence;
use crate::keeper::{
    BlockReason, Death, EventKind, Expiry, ExpirySource, FailureReason, Intent, IssuerMismatch,
    LiveTokenView, Operation, Outcome, Severity, TimeoutReport, TimeoutSource, Touch, Verdict,
};
use crate::status::phrases::{
    OF_CLIENT_END, OF_EXCLUSION, append, client_end, counted_as, death_of, earlier_ended,
    for_how_long, human_duration, issuer_mismatch, mint_failure, new_token, reason,
    region_question, remedy,
};
use crate::time::Instant;

/// Returns the level at which the event is logged: WARN if a person should look.
pub(super) fn level(kind: &EventKind) -> Level {
    match kind.severity() {
        Severity::Warning => Level::WARN,
        Severity::Change => Level::INFO,
        Severity::Detail => Level::DEBUG,
    }
}

/// Returns the whole sentence in one line.
pub(super) fn sentence(event: &EventSentence<'_>) -> String {
    let mut sentence = format!("{} {}", event.subject(), event.predicate());
    if let Some(next) = event.next() {
        append(&mut sentence, format_args!("; {next}"));
    }
    sentence
}

impl EventSentence<'_> {
    /// Returns the sentence about an answer. An answer changes no state by itself, so the sentence
    /// has no next step.
    pub(super) fn sentence_of_answer(
        &self,
        operation: Operation,
        took: Duration,
        outcome: &Outcome,
    ) -> String {
        let subject = self.subject();
        let mut sentence = format!("{subject} {}: ", operation.as_str());
        sentence.push_str(outcome.verdict.as_str());
        if let Some(status) = outcome.status {
            append(&mut sentence, format_args!(" ({status})"));
        }
        append(&mut sentence, format_args!(" in {}ms", took.as_millis()));
        match &outcome.verdict {
            Verdict::Blocked(reason) => append(&mut sentence, format_args!(": {reason}")),
            Verdict::Unreachable(failure) => append(&mut sentence, format_args!(": {failure}")),
            Verdict::Throttled { retry_after } => append(
                &mut sentence,
                format_args!(": no more requests {}", for_how_long(*retry_after)),
            ),
            Verdict::Accepted | Verdict::Alive(_) | Verdict::Timeout(_) | Verdict::Refused(_) => {}
        }
        sentence
    }

    fn subject(&self) -> String {
        match self.event.token {
            Some(token) => format!("{} {}", self.session.name, token.fingerprint),
            None => self.session.name.to_string(),
        }
    }

    fn predicate(&self) -> String {
        match &self.event.kind {
            // Answers are logged by `sentence_of_answer`.
            EventKind::Answered { .. } => String::new(),
            EventKind::Found => format!("found in {}", self.session.source),
            EventKind::Unanswered(failure) => self.unanswered(failure),
            EventKind::Alive { replaces } => self.alive(*replaces),
            EventKind::NewerRefused(cause) => self.newer_refused(cause),
            EventKind::NewerMismatched(mismatch) => self.newer_mismatched(mismatch),
            EventKind::AtRisk(failure) => self.at_risk(failure),
            EventKind::PastDeadline(failure) => self.past_deadline(failure),
            EventKind::Blocked(reason) => self.blocked(reason),
            EventKind::Recovered { failures } => {
                format!("alive again after {}", failed(*failures))
            }
            EventKind::Unconfirmed => "alive: a 401 was not confirmed, the token lives".to_owned(),
            EventKind::TouchRefused(touch, reason) => self.touch_refused(*touch, reason),
            EventKind::TouchExcluded(touch) => touch_excluded(*touch),
            EventKind::Excluded => format!("{EXCLUDED}; {OF_EXCLUSION}"),
            EventKind::ResetProven {
                touch,
                was_excluded,
            } => reset_proven(*touch, *was_excluded),
            EventKind::TimeoutRead(report) => format!("alive: {}", timeouts(report)),
            EventKind::TimeoutNotPermitted(code) => format!(
                "alive: the token may not read the organisation's idle timeout ({code}), which is no failure"
            ),
            EventKind::Lost(cause) => self.lost(cause),
            EventKind::Lapsed(cause) => {
                format!("lapsed: {}", self.death_with_region(cause, Intent::Lapse))
            }
            EventKind::Revoked { was_gone: false } => "revoked".to_owned(),
            EventKind::Revoked { was_gone: true } => {
                "revocation not needed: the API no longer knew the token".to_owned()
            }
            EventKind::NotRevoked(failure) => self.not_revoked(failure),
            EventKind::Left => {
                "left as it is: if the token lives, it does until it idles out or expires"
                    .to_owned()
            }
            EventKind::Expiring(expiry) => self.expiring(*expiry),
            EventKind::ClientEnding(end) => {
                format!("alive, but {}; {OF_CLIENT_END}", client_end(*end))
            }
            EventKind::Minted => format!("issued by {}", self.session.source),
            EventKind::MintFailed(failure) => {
                format!(
                    "no new token: {}",
                    mint_failure(failure, self.session.source)
                )
            }
            EventKind::EarlierInUse => "the earlier token is still in use: the application has \
                not changed to the new one; the earlier one is left alive until its expiry"
                .to_owned(),
            EventKind::EarlierEnded(ending) => earlier_ended(ending),
        }
    }

    fn unanswered(&self, failure: &FailureReason) -> String {
        let why = self.failure(failure);
        format!("unproven: {why}; whether the token lives is not known")
    }

    fn at_risk(&self, failure: &FailureReason) -> String {
        let failed = failed(self.view.map_or(0, |view| view.failures));
        format!("at risk after {failed}: {}", self.failure(failure))
    }

    fn past_deadline(&self, failure: &FailureReason) -> String {
        let why = self.failure(failure);
        format!("past its idle deadline: {why}; the token is not refused and may still live")
    }

    fn blocked(&self, reason: &BlockReason) -> String {
        let why = self.failure(&FailureReason::Blocked(reason.clone()));
        format!("blocked: {why}; this says nothing about the token, which may be healthy")
    }

    fn touch_refused(&self, touch: Touch, reason: &FailureReason) -> String {
        format!(
            "alive: {} does not get through: {}; {} is used for touches",
            path(touch),
            self.failure(reason),
            path(touch.other())
        )
    }

    fn not_revoked(&self, failure: &FailureReason) -> String {
        let why = self.failure(failure);
        format!(
            "not revoked: {why}; if the token lives, it does until it idles out or expires, or is revoked by hand"
        )
    }

    fn expiring(&self, expiry: Expiry) -> String {
        let origin = match expiry.source {
            ExpirySource::Reported => "",
            ExpirySource::Estimated => ", as estimated from the configured lifetime",
        };
        let left = human_duration(expiry.at.until(self.now));
        let advice = new_token(self.session.source, self.session.pickup);
        format!("expires in {left}{origin}, and no request extends that; {advice}")
    }

    fn alive(&self, replaces: bool) -> String {
        let intent = match self.view.map(|view| view.policy.intent) {
            Some(Intent::Keep) => " and kept",
            Some(Intent::Lapse) => " and left to lapse",
            None => "",
        };
        let place = if replaces {
            ", in place of the earlier token"
        } else {
            ""
        };
        let mut phrase = format!("alive{intent}{place}");
        if let Some(live) = self.view.and_then(|view| view.live.as_ref()) {
            let organisation = live.organisation.as_ref();
            let organisation = organisation.map(|name| format!("organisation {name}"));
            let known = organisation.into_iter().chain(timeout(live, self.now));
            let known: Vec<_> = known.collect();
            if !known.is_empty() {
                append(&mut phrase, format_args!(": {}", known.join(", ")));
            }
        }
        phrase
    }

    fn death(&self, cause: &Death, intent: Intent) -> String {
        let token = self.event.token.map(|token| token.fingerprint);
        let revoked = self.session.revoked;
        let revoked = revoked.filter(|(revoked, _)| Some(*revoked) == token);
        death_of(
            cause,
            intent,
            self.configured(),
            revoked.map(|(_, when)| when),
        )
    }

    /// Returns the question for the region, where nothing shows that it is right, and the cause.
    fn death_with_region(&self, cause: &Death, intent: Intent) -> String {
        let why = self.death(cause, intent);
        if self.is_region_doubtful && !cause.was_alive && self.session.revoked.is_none() {
            format!("{}; {why}", region_question(self.session.api))
        } else {
            why
        }
    }

    fn lost(&self, cause: &Death) -> String {
        let why = self.death_with_region(cause, Intent::Keep);
        let advice = new_token(self.session.source, self.session.pickup);
        format!("lost: {why}; {advice}")
    }

    fn newer_refused(&self, cause: &Death) -> String {
        let why = self.death(cause, Intent::Keep);
        let stays = self.view.and_then(|view| view.token);
        let stays = stays.map_or_else(String::new, |token| format!(" {}", token.fingerprint));
        let advice = new_token(self.session.source, self.session.pickup);
        format!("newer token, {why}; the earlier token{stays} stays; {advice}")
    }

    fn newer_mismatched(&self, mismatch: &IssuerMismatch) -> String {
        let stays = self.view.and_then(|view| view.token);
        let stays = stays.map_or_else(String::new, |token| format!(" {}", token.fingerprint));
        format!(
            "newer token, {}: it is not used, and the earlier token{stays} stays; another one is obtained \
             every 15m; check {}",
            issuer_mismatch(mismatch),
            self.session.source
        )
    }

    /// Returns the reason of a failure, with the API if it was unreachable, and the remedy.
    fn failure(&self, failure: &FailureReason) -> String {
        let mut phrase = reason(failure).to_string();
        if let FailureReason::Unreachable(_) = failure {
            append(&mut phrase, format_args!(" ({})", self.session.api));
        }
        if let Some(remedy) = remedy(failure) {
            append(&mut phrase, format_args!("; {remedy}"));
        }
        phrase
    }

    fn configured(&self) -> Option<Duration> {
        self.view.and_then(|view| view.policy.idle_timeout)
    }
}

const EXCLUDED: &str = "excluded: neither HEAD nor GET moves the idle deadline, so the organisation \
excludes these calls from its inactivity timeout";

/// Returns the idle timeout and its source, or `None` if the next step already names the deadline.
fn timeout(live: &LiveTokenView, now: Instant) -> Option<String> {
    let timeout = human_duration(live.idle_timeout.duration);
    Some(match live.idle_timeout.source {
        // Before the first touch, the server has shown only the remainder of the timeout, so the
        // phrase names the deadline and not the timeout.
        TimeoutSource::Proven if live.touched_at.is_none() => {
            let deadline = live.deadline.filter(|_| live.touch_at.is_some())?;
            format!("idle deadline in {}", human_duration(deadline.until(now)))
        }
        TimeoutSource::Proven => format!("idle timeout {timeout}, proven"),
        TimeoutSource::Configured => format!("idle timeout {timeout}, as configured"),
        TimeoutSource::Organisation => {
            format!("idle timeout {timeout}, as the organisation says")
        }
        TimeoutSource::Assumed => format!("idle timeout not known, taken for {timeout}"),
    })
}

fn touch_excluded(touch: Touch) -> String {
    let (excluded, other) = (path(touch), path(touch.other()));
    format!(
        "alive: {excluded} was accepted but did not move the idle deadline; {other} is used for touches"
    )
}

fn reset_proven(touch: Touch, was_excluded: bool) -> String {
    let again = if was_excluded {
        " again: the exclusion has ended"
    } else {
        ""
    };
    format!("alive: {} moves the idle deadline{again}", path(touch))
}

fn timeouts(report: &TimeoutReport) -> String {
    let mut phrase = "the organisation's idle timeout is ".to_owned();
    match report.organisation {
        Some(timeout) => append(&mut phrase, format_args!("{}", human_duration(timeout))),
        None => phrase.push_str("disabled"),
    }
    for (position, group) in report.groups.iter().enumerate() {
        let joint = if position == 0 { ", of groups" } else { "," };
        append(
            &mut phrase,
            format_args!("{joint} {}", human_duration(*group)),
        );
    }
    phrase
}

fn failed(count: u32) -> String {
    counted_as(count, "failed try", "failed tries")
}

fn path(touch: Touch) -> &'static str {
    match touch {
        Touch::Head => "HEAD /api/v2/tokens/me",
        Touch::Get => "GET /api/v2/tokens/me",
    }
}
