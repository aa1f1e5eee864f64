//! The history of a session as JSON, which `/status/NAME` returns and the command `explain` reads.
//!
//! The rules of the [status report](super) apply.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::{IncidentReport, Moment, SessionReport, VERSION};
use crate::keeper::Generation;
use crate::log::escape_json;
use crate::status::history::{NamedHistory, TimelineEntry, TokenHistory};
use crate::status::phrases::{change, end, ended, known, remedies, timeline_event};
use crate::time::{Instant, rounded_seconds};

/// The history of one session.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct HistoryReport {
    /// The version of the report format, which is that of the status report.
    pub version: u32,
    /// The program's version.
    pub program: String,
    /// The time of the report, in UTC.
    pub now: String,
    /// The start of the daemon, before which no event is known.
    pub started: Moment,
    /// The state of the session.
    pub session: SessionReport,
    /// The open incident that affects the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentReport>,
    /// The source of the token, in words.
    pub source: String,
    /// The known facts about the cause of the state, in words.
    pub known: Vec<String>,
    /// The advice for a person, in words.
    pub advice: Vec<String>,
    /// The session's tokens, the latest first.
    pub tokens: Vec<TokenHistoryReport>,
    /// The number of older tokens that were dropped.
    pub tokens_forgotten: u32,
    /// The events, in the order in which they began.
    pub course: Vec<TimelineReport>,
    /// The number of earlier events that were dropped.
    pub course_forgotten: u32,
}

/// The history of one token of a session.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TokenHistoryReport {
    /// The token's place among the session's tokens.
    pub generation: u32,
    /// The first 8 hex digits of the token's SHA-256.
    pub fingerprint: String,
    /// The time at which the token was first seen.
    pub found: Moment,
    /// The time at which the token was proven alive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proven: Option<Moment>,
    /// The number of accepted touches by HEAD.
    pub touches_head: u32,
    /// The number of accepted touches by GET.
    pub touches_get: u32,
    /// The time at which the last accepted touch was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub touched: Option<Moment>,
    /// The method of that touch: `head` or `get`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub touched_by: Option<String>,
    /// The number of peeks that showed that a touch had moved the idle deadline.
    pub proofs: u32,
    /// The time of the last such peek.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_proven: Option<Moment>,
    /// The number of failed requests, not counting refusals.
    pub failures: u32,
    /// The time of the last failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<Moment>,
    /// The remainder of the idle timeout at the touch that came closest to the deadline; 0 if the
    /// deadline had passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest_seconds: Option<f64>,
    /// The time at which that touch was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<Moment>,
    /// The longest outage that the token survived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outage: Option<OutageReport>,
    /// The time at which the token ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Moment>,
    /// The kind of end: `replaced`, `overtaken`, `newer_refused`, `newer_mismatched`, `lost`,
    /// `lapsed`, `revoked`, `not_revoked` or `left`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// The end in words, with the known facts about its cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_in_words: Option<String>,
    /// The correlation id of the answer that ended the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
}

/// A period in which all requests failed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct OutageReport {
    /// The time at which the first failed request was sent.
    pub from: Moment,
    /// The time of the next successful answer.
    pub until: Moment,
    /// The length of the outage.
    pub seconds: f64,
    /// The number of failed requests.
    pub failures: u32,
}

/// An event that occurred once or several times in a row.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TimelineReport {
    /// The time of the first occurrence.
    pub from: Moment,
    /// The time of the last occurrence.
    pub until: Moment,
    /// The number of occurrences.
    pub count: u32,
    /// The generation of the token that the event is about; none for an event of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u32>,
    /// The machine-readable name of the event.
    pub event: String,
    /// The event in words.
    pub text: String,
    /// The correlation id of the last answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
}

impl HistoryReport {
    /// Returns the report of a history.
    #[must_use]
    pub fn of(named_history: &NamedHistory) -> Self {
        let snapshot = &named_history.snapshot;
        let session = SessionReport::of(&named_history.session, snapshot);
        let history = &named_history.history;
        let tokens = history.tokens.iter().rev();
        Self {
            version: VERSION,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            now: format!("{:.3}", snapshot.wall),
            started: Moment::of(snapshot.started_at, snapshot),
            session,
            incident: named_history
                .session
                .incident
                .and_then(|id| snapshot.incidents.iter().find(|open| open.id == id))
                .map(|open| IncidentReport::of(open, snapshot)),
            source: named_history.session.source.to_string(),
            known: known(named_history),
            advice: remedies(named_history),
            tokens: tokens
                .map(|token| TokenHistoryReport::of(token, named_history))
                .collect(),
            tokens_forgotten: history.tokens_forgotten,
            course: course(named_history),
            course_forgotten: history.timeline.forgotten,
        }
    }

    /// Returns the report as JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Serialization cannot fail: the report holds only strings, numbers and lists of them.
        escape_json(serde_json::to_string(self).unwrap_or_default()).into_bytes()
    }
}

impl TokenHistoryReport {
    fn of(token_history: &TokenHistory, named_history: &NamedHistory) -> Self {
        let moment = |at| Moment::of(at, &named_history.snapshot);
        let ending = token_history.end.as_ref();
        let session = &named_history.session;
        let policy = &session.view.policy;
        let present = session.view.token.map(|token| token.fingerprint);
        let revoked = session.revoked.as_deref();
        let revoked = revoked.filter(|_| present == Some(token_history.token.fingerprint));
        Self {
            generation: token_history.token.generation.0,
            fingerprint: token_history.token.fingerprint.to_string(),
            found: moment(token_history.found_at),
            proven: token_history.proven_at.map(moment),
            touches_head: token_history.heads,
            touches_get: token_history.gets,
            touched: token_history.touched.map(|(_, at)| moment(at)),
            touched_by: token_history
                .touched
                .map(|(touch, _)| touch.as_str().to_owned()),
            proofs: token_history.proofs,
            reset_proven: token_history.reset_proven_at.map(moment),
            failures: token_history.failures,
            failed: token_history.failed_at.map(moment),
            nearest_seconds: token_history
                .nearest
                .map(|nearest| rounded_seconds(nearest.left.as_secs_f64())),
            nearest: token_history.nearest.map(|nearest| moment(nearest.at)),
            outage: token_history.outage.map(|outage| OutageReport {
                from: moment(outage.from),
                until: moment(outage.until),
                seconds: rounded_seconds(outage.until.since(outage.from).as_secs_f64()),
                failures: outage.failures,
            }),
            ended: ending.map(|(_, at)| moment(*at)),
            end: ending.map(|(token_end, _)| token_end.as_str().to_owned()),
            end_in_words: ending.map(|(token_end, _)| end(token_end, policy, revoked)),
            correlation_id: ending
                .and_then(|(token_end, _)| token_end.death()?.correlation_id.as_deref())
                .map(str::to_owned),
        }
    }
}

/// Returns the events of the session, the beginning and end of each token, and the host's events
/// since the first of them.
fn course(named_history: &NamedHistory) -> Vec<TimelineReport> {
    let mut rows = Vec::new();
    for token_history in &named_history.history.tokens {
        rows.extend(ends(token_history, named_history));
    }
    for entry in named_history.history.timeline.entries() {
        let rank = if entry.timeline_event.is_answer() {
            1
        } else {
            3
        };
        rows.push((entry.from, rank, TimelineReport::of(entry, named_history)));
    }
    let since = rows.iter().map(|(at, ..)| *at).min();
    let host_events = named_history.host_events.iter();
    for event in host_events.filter(|event| since.is_some_and(|since| event.at >= since)) {
        let (name, text) = (event.change.as_str(), change(&event.change));
        let row = TimelineReport::once(event.at, None, name, text, named_history);
        rows.push((event.at, 0, row));
    }
    // Events of one instant are ordered by cause: found, answered, proven alive, others, ended.
    rows.sort_by_key(|(at, rank, _)| (*at, *rank));
    rows.into_iter().map(|(_, _, row)| row).collect()
}

/// Returns the rows of a token's beginning and end, each with its time and rank.
fn ends(
    token_history: &TokenHistory,
    named_history: &NamedHistory,
) -> Vec<(Instant, u8, TimelineReport)> {
    let generation = Some(token_history.token.generation);
    let row = |at, rank, name, predicate| {
        let text = format!("token {} {predicate}", token_history.token.fingerprint);
        (
            at,
            rank,
            TimelineReport::once(at, generation, name, text, named_history),
        )
    };
    let mut rows = vec![row(token_history.found_at, 0, "found", "was found")];
    if let Some(at) = token_history.proven_at {
        rows.push(row(at, 2, "alive", "was proven alive"));
    }
    if let Some((token_end, at)) = &token_history.end {
        rows.push(row(*at, 4, token_end.as_str(), ended(token_end)));
    }
    rows
}

impl TimelineReport {
    fn once(
        at: Instant,
        generation: Option<Generation>,
        event: &str,
        text: String,
        named_history: &NamedHistory,
    ) -> Self {
        Self {
            from: Moment::of(at, &named_history.snapshot),
            until: Moment::of(at, &named_history.snapshot),
            count: 1,
            generation: generation.map(|generation| generation.0),
            event: event.to_owned(),
            text,
            correlation_id: None,
        }
    }

    fn of(entry: &TimelineEntry, named_history: &NamedHistory) -> Self {
        Self {
            from: Moment::of(entry.from, &named_history.snapshot),
            until: Moment::of(entry.until, &named_history.snapshot),
            count: entry.count,
            generation: Some(entry.generation.0),
            event: entry.timeline_event.as_str().to_owned(),
            text: timeline_event(entry),
            correlation_id: entry.correlation_id.as_deref().map(str::to_owned),
        }
    }
}
