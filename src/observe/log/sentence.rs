//! The sentence of each event: which session, what happened, what can be done, what happens next.

use std::time::Duration;

use tracing::Level;

use super::Telling;
use crate::keeper::{
    Death, EventKind, HeldView, Instant, Intent, Obstacle, Operation, Outcome, TimeoutReport,
    TimeoutSource, Touch, Verdict,
};
use crate::observe::words::{OF_EXCLUSION, append, death, lasting, new_token, obstacle, remedy};

/// Who must act.
pub(super) fn level(kind: &EventKind) -> Level {
    match kind {
        EventKind::Unanswered(_)
        | EventKind::NewerRefused(_)
        | EventKind::AtRisk(_)
        | EventKind::PastDeadline(_)
        | EventKind::Blocked(_)
        | EventKind::Excluded
        | EventKind::Lost(_)
        | EventKind::NotRevoked(_) => Level::WARN,
        EventKind::Held { .. }
        | EventKind::Recovered { .. }
        | EventKind::TouchExcluded(_)
        | EventKind::ResetProven {
            was_excluded: true, ..
        }
        | EventKind::Lapsed(_)
        | EventKind::Revoked
        | EventKind::Left => Level::INFO,
        EventKind::Answered { .. }
        | EventKind::Found
        | EventKind::Unconfirmed
        | EventKind::ResetProven {
            was_excluded: false,
            ..
        }
        | EventKind::TimeoutRead(_)
        | EventKind::TimeoutNotPermitted(_) => Level::DEBUG,
    }
}

/// The event's word, for machines.
pub(in crate::observe) fn word(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::Answered { .. } => "answered",
        EventKind::Found => "found",
        EventKind::Unanswered(_) => "unanswered",
        EventKind::Held { replaces: false } => "held",
        EventKind::Held { replaces: true } => "replaced",
        EventKind::NewerRefused(_) => "newer_refused",
        EventKind::AtRisk(_) => "at_risk",
        EventKind::PastDeadline(_) => "past_deadline",
        EventKind::Blocked(_) => "blocked",
        EventKind::Recovered { .. } => "recovered",
        EventKind::Unconfirmed => "unconfirmed",
        EventKind::TouchExcluded(_) => "touch_excluded",
        EventKind::Excluded => "excluded",
        EventKind::ResetProven {
            was_excluded: false,
            ..
        } => "reset_proven",
        EventKind::ResetProven {
            was_excluded: true, ..
        } => "exclusion_ended",
        EventKind::TimeoutRead(_) => "timeout_read",
        EventKind::TimeoutNotPermitted(_) => "timeout_not_permitted",
        EventKind::Lost(_) => "lost",
        EventKind::Lapsed(_) => "lapsed",
        EventKind::Revoked => "revoked",
        EventKind::NotRevoked(_) => "not_revoked",
        EventKind::Left => "left",
    }
}

/// All of it in one line.
pub(super) fn sentence(telling: &Telling<'_>) -> String {
    let mut said = format!("{} {}", telling.subject(), telling.what());
    if let Some(next) = telling.next() {
        append(&mut said, format_args!("; {next}"));
    }
    said
}

impl Telling<'_> {
    /// The sentence about an answer, which changes nothing by itself.
    pub(super) fn sentence_of_answer(
        &self,
        operation: Operation,
        took: Duration,
        outcome: &Outcome,
    ) -> String {
        let subject = self.subject();
        let mut said = format!("{subject} {}: ", operation.as_str());
        said.push_str(outcome.verdict.as_str());
        if let Some(status) = outcome.status {
            append(&mut said, format_args!(" ({status})"));
        }
        append(&mut said, format_args!(" in {}", lasting(took)));
        match &outcome.verdict {
            Verdict::Blocked(blockage) => append(&mut said, format_args!(": {blockage}")),
            Verdict::Unreachable(failure) => append(&mut said, format_args!(": {failure}")),
            Verdict::Throttled {
                retry_after: Some(after),
            } => append(&mut said, format_args!(": retry after {}", lasting(*after))),
            Verdict::Accepted
            | Verdict::Alive(_)
            | Verdict::Timeout(_)
            | Verdict::Refused(_)
            | Verdict::Throttled { retry_after: None } => {}
        }
        said
    }

    fn subject(&self) -> String {
        match self.event.token {
            Some(token) => format!("{} {}", self.session.name, token.fingerprint),
            None => self.session.name.to_string(),
        }
    }

    fn what(&self) -> String {
        match &self.event.kind {
            // Has a sentence of its own.
            EventKind::Answered { .. } => String::new(),
            EventKind::Found => format!("found in {}", self.session.source),
            EventKind::Unanswered(hindrance) => {
                let why = self.hindered(hindrance);
                format!("unproven: {why}; whether the token lives is not known")
            }
            EventKind::Held { replaces } => self.held(*replaces),
            EventKind::NewerRefused(cause) => self.newer_refused(cause),
            EventKind::AtRisk(hindrance) => {
                let failed = failed(self.view.map_or(0, |view| view.failures));
                format!("at risk after {failed}: {}", self.hindered(hindrance))
            }
            EventKind::PastDeadline(hindrance) => format!(
                "past its idle deadline: {}; the token is not refused and may still live",
                self.hindered(hindrance)
            ),
            EventKind::Blocked(blockage) => {
                let why = self.hindered(&Obstacle::Blocked(blockage.clone()));
                format!("blocked: {why}; this says nothing about the token, which may be healthy")
            }
            EventKind::Recovered { failures } => {
                format!("held again after {}", failed(*failures))
            }
            EventKind::Unconfirmed => "held: a 401 was not confirmed, the token lives".to_owned(),
            EventKind::TouchExcluded(touch) => {
                let (excluded, other) = (path(*touch), path(other(*touch)));
                format!(
                    "held: {excluded} was accepted but did not move the idle deadline; {other} is used for touches"
                )
            }
            EventKind::Excluded => format!("{EXCLUDED}; {OF_EXCLUSION}"),
            EventKind::ResetProven {
                touch,
                was_excluded,
            } => {
                let again = if *was_excluded {
                    " again: the exclusion has ended"
                } else {
                    ""
                };
                format!("held: {} moves the idle deadline{again}", path(*touch))
            }
            EventKind::TimeoutRead(report) => format!("held: {}", timeouts(report)),
            EventKind::TimeoutNotPermitted(code) => format!(
                "held: the token may not read the organisation's idle timeout ({code}), which is no failure"
            ),
            EventKind::Lost(cause) => self.lost(cause),
            EventKind::Lapsed(cause) => {
                format!("lapsed: {}", death(cause, Intent::Lapse, self.configured()))
            }
            EventKind::Revoked => "revoked: the API takes this token no more".to_owned(),
            EventKind::NotRevoked(hindrance) => format!(
                "not revoked: {}; the token lives until it idles out or expires, unless it is revoked by hand",
                self.hindered(hindrance)
            ),
            EventKind::Left => {
                "left as it is: the token lives until it idles out or expires".to_owned()
            }
        }
    }

    fn held(&self, replaces: bool) -> String {
        let intent = match self.view.map(|view| view.policy.intent) {
            Some(Intent::Keep) => " and kept alive",
            Some(Intent::Lapse) => " and left to lapse",
            None => "",
        };
        let place = if replaces {
            ", in place of the earlier token"
        } else {
            ""
        };
        let mut said = format!("held{intent}{place}");
        if let Some(held) = self.view.and_then(|view| view.held.as_ref()) {
            let organisation = held.organisation.as_ref();
            let organisation = organisation.map(|it| format!("organisation {it}"));
            let known = organisation.into_iter().chain(timeout(held, self.now));
            let known: Vec<_> = known.collect();
            if !known.is_empty() {
                append(&mut said, format_args!(": {}", known.join(", ")));
            }
        }
        said
    }

    fn lost(&self, cause: &Death) -> String {
        let why = death(cause, Intent::Keep, self.configured());
        let advice = new_token(self.session.source);
        format!("lost: {why}; {advice}")
    }

    fn newer_refused(&self, cause: &Death) -> String {
        let why = death(cause, Intent::Keep, self.configured());
        let stays = self.view.and_then(|view| view.token);
        let stays = stays.map_or_else(String::new, |token| format!(" {}", token.fingerprint));
        let advice = new_token(self.session.source);
        format!("newer token, {why}; the earlier token{stays} stays; {advice}")
    }

    /// What is in the way, and where to look.
    fn hindered(&self, hindrance: &Obstacle) -> String {
        let mut said = obstacle(hindrance).to_string();
        if let Obstacle::Unreachable(_) = hindrance {
            append(&mut said, format_args!(" ({})", self.session.api));
        }
        if let Some(remedy) = remedy(hindrance) {
            append(&mut said, format_args!("; {remedy}"));
        }
        said
    }

    fn configured(&self) -> Option<Duration> {
        self.view.and_then(|view| view.policy.idle_timeout)
    }
}

const EXCLUDED: &str = "excluded: neither HEAD nor GET moves the idle deadline, so the organisation \
excludes these calls from its inactivity timeout";

/// What is known of the idle timeout, unless what happens next says it.
fn timeout(held: &HeldView, now: Instant) -> Option<String> {
    let timeout = lasting(held.idle_timeout.duration);
    Some(match held.idle_timeout.source {
        // Until a touch has moved the deadline, only what is left of the timeout was seen.
        TimeoutSource::Proven if held.touched_at.is_none() => {
            let deadline = held.deadline.filter(|_| held.touch_at.is_some())?;
            format!("idle deadline in {}", lasting(deadline.until(now)))
        }
        TimeoutSource::Proven => format!("idle timeout {timeout}, proven"),
        TimeoutSource::Configured => format!("idle timeout {timeout}, as configured"),
        TimeoutSource::Organisation => {
            format!("idle timeout {timeout}, as the organisation says")
        }
        TimeoutSource::Assumed => format!("idle timeout not known, taken for {timeout}"),
    })
}

fn timeouts(report: &TimeoutReport) -> String {
    let mut said = "the organisation's idle timeout is ".to_owned();
    match report.organisation {
        Some(timeout) => append(&mut said, format_args!("{}", lasting(timeout))),
        None => said.push_str("disabled"),
    }
    for (position, group) in report.groups.iter().enumerate() {
        let joint = if position == 0 { ", of groups" } else { "," };
        append(&mut said, format_args!("{joint} {}", lasting(*group)));
    }
    said
}

fn failed(count: u32) -> String {
    match count {
        1 => "1 failed try".to_owned(),
        _ => format!("{count} failed tries"),
    }
}

fn path(touch: Touch) -> &'static str {
    match touch {
        Touch::Head => "HEAD /api/v2/tokens/me",
        Touch::Get => "GET /api/v2/tokens/me",
    }
}

fn other(touch: Touch) -> Touch {
    match touch {
        Touch::Head => Touch::Get,
        Touch::Get => Touch::Head,
    }
}
