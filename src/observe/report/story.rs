//! What one session went through, as JSON: what `/status/NAME` answers and the command `explain` reads.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::{Moment, SessionReport, VERSION, milliseconds};
use crate::keeper::{Generation, Instant};
use crate::observe::story::{Chapter, Entry, NamedStory};
use crate::observe::words::{change, end, ended, fact, known, remedies};

/// What one session went through.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StoryReport {
    /// The version of this form, which is that of the status.
    pub version: u32,
    /// The program's version.
    pub program: String,
    /// When this was true.
    pub now: String,
    /// When the daemon began: nothing older is known.
    pub started: Moment,
    /// How the session does.
    pub session: SessionReport,
    /// Where its token comes from.
    pub source: String,
    /// What is known about why it is as it is, in words.
    pub known: Vec<String>,
    /// What can be done, in words.
    pub advice: Vec<String>,
    /// The session's tokens, the latest first.
    pub tokens: Vec<TokenReport>,
    /// How many older tokens are forgotten.
    pub tokens_forgotten: u32,
    /// What happened, in the order in which it began.
    pub course: Vec<CourseReport>,
    /// How many earlier entries of the course are forgotten.
    pub course_forgotten: u32,
}

/// One token of a session.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TokenReport {
    /// Its place among the session's tokens.
    pub generation: u32,
    /// The first 8 hex digits of its SHA-256.
    pub fingerprint: String,
    /// When it was first seen.
    pub found: Moment,
    /// When it was first proven alive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proven: Option<Moment>,
    /// How many touches by HEAD were accepted.
    pub touches_head: u32,
    /// How many touches by GET were accepted.
    pub touches_get: u32,
    /// When the last accepted touch was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub touched: Option<Moment>,
    /// By which method: `head` or `get`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub touched_by: Option<String>,
    /// How often a peek showed that a touch had moved the idle deadline.
    pub proofs: u32,
    /// When that was shown last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_proven: Option<Moment>,
    /// How many requests failed, those that were refused aside.
    pub failures: u32,
    /// When the last of them failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<Moment>,
    /// What was left of its idle timeout when a touch came at the last moment; 0 if nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest_seconds: Option<f64>,
    /// When that touch was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<Moment>,
    /// The longest time without an answer that it survived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outage: Option<OutageReport>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Moment>,
    /// How: `replaced`, `overtaken`, `newer_refused`, `lost`, `lapsed`, `revoked`,
    /// `not_revoked` or `left`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// The same in words, with what is known about the cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_in_words: Option<String>,
    /// Of the answer that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
}

/// A time without an answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct OutageReport {
    /// When the first request that failed was sent.
    pub from: Moment,
    /// When an answer came again.
    pub until: Moment,
    /// How long it lasted.
    pub seconds: f64,
    /// How many requests failed.
    pub failures: u32,
}

/// Something that happened, once or several times in a row.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CourseReport {
    /// When it happened first.
    pub from: Moment,
    /// When it happened last.
    pub until: Moment,
    /// How often.
    pub count: u32,
    /// The token that it happened to; none if it befell the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u32>,
    /// Its word.
    pub event: String,
    /// What happened, in words.
    pub text: String,
    /// Of the last answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
}

impl StoryReport {
    /// The story as a report.
    #[must_use]
    pub fn of(told: &NamedStory) -> Self {
        let snapshot = &told.snapshot;
        let session = SessionReport::of(&told.session, snapshot);
        let story = &told.story;
        let tokens = story.chapters.iter().rev();
        Self {
            version: VERSION,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            now: format!("{:.3}", snapshot.wall),
            started: Moment::of(snapshot.started_at, snapshot),
            session,
            source: told.session.source.to_string(),
            known: known(told),
            advice: remedies(told),
            tokens: tokens.map(|it| TokenReport::of(it, told)).collect(),
            tokens_forgotten: story.chapters_forgotten,
            course: course(told),
            course_forgotten: story.course.forgotten,
        }
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Strings, numbers and lists of them: nothing that JSON cannot hold.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl TokenReport {
    fn of(chapter: &Chapter, told: &NamedStory) -> Self {
        let moment = |at| Moment::of(at, &told.snapshot);
        let ending = chapter.end.as_ref();
        let policy = &told.session.view.policy;
        Self {
            generation: chapter.token.generation.0,
            fingerprint: chapter.token.fingerprint.to_string(),
            found: moment(chapter.found_at),
            proven: chapter.proven_at.map(moment),
            touches_head: chapter.heads,
            touches_get: chapter.gets,
            touched: chapter.touched.map(|(_, at)| moment(at)),
            touched_by: chapter.touched.map(|(touch, _)| touch.as_str().to_owned()),
            proofs: chapter.proofs,
            reset_proven: chapter.reset_proven_at.map(moment),
            failures: chapter.failures,
            failed: chapter.failed_at.map(moment),
            nearest_seconds: chapter
                .nearest
                .map(|it| milliseconds(it.left.as_secs_f64())),
            nearest: chapter.nearest.map(|it| moment(it.at)),
            outage: chapter.outage.map(|it| OutageReport {
                from: moment(it.from),
                until: moment(it.until),
                seconds: milliseconds(it.until.since(it.from).as_secs_f64()),
                failures: it.failures,
            }),
            ended: ending.map(|(_, at)| moment(*at)),
            end: ending.map(|(how, _)| how.as_str().to_owned()),
            end_in_words: ending.map(|(how, _)| end(how, policy)),
            correlation_id: ending
                .and_then(|(how, _)| how.death()?.correlation_id.as_deref())
                .map(str::to_owned),
        }
    }
}

/// What happened, with each token's beginning and end, and what befell the machine meanwhile.
fn course(told: &NamedStory) -> Vec<CourseReport> {
    let mut rows = Vec::new();
    for chapter in &told.story.chapters {
        rows.extend(ends(chapter, told));
    }
    for entry in told.story.course.entries() {
        let rank = if entry.fact.is_answer() { 1 } else { 3 };
        rows.push((entry.from, rank, CourseReport::of(entry, told)));
    }
    let since = rows.iter().map(|(at, ..)| *at).min();
    let meanwhile = told.surroundings.iter();
    for it in meanwhile.filter(|it| since.is_some_and(|since| it.at >= since)) {
        let said = change(&it.change);
        let row = CourseReport::once(it.at, None, it.change.as_str(), said, told);
        rows.push((it.at, 0, row));
    }
    // What happened at one moment: found, answered, proven alive, what follows, ended.
    rows.sort_by_key(|(at, rank, _)| (*at, *rank));
    rows.into_iter().map(|(_, _, row)| row).collect()
}

/// A token's beginning and end.
fn ends(chapter: &Chapter, told: &NamedStory) -> Vec<(Instant, u8, CourseReport)> {
    let generation = Some(chapter.token.generation);
    let row = |at, rank, word, said| {
        let said = format!("token {} {said}", chapter.token.fingerprint);
        (
            at,
            rank,
            CourseReport::once(at, generation, word, said, told),
        )
    };
    let mut rows = vec![row(chapter.found_at, 0, "found", "was found")];
    if let Some(at) = chapter.proven_at {
        rows.push(row(at, 2, "held", "was proven alive"));
    }
    if let Some((how, at)) = &chapter.end {
        rows.push(row(*at, 4, how.as_str(), ended(how)));
    }
    rows
}

impl CourseReport {
    fn once(
        at: Instant,
        generation: Option<Generation>,
        event: &str,
        text: String,
        told: &NamedStory,
    ) -> Self {
        Self {
            from: Moment::of(at, &told.snapshot),
            until: Moment::of(at, &told.snapshot),
            count: 1,
            generation: generation.map(|it| it.0),
            event: event.to_owned(),
            text,
            correlation_id: None,
        }
    }

    fn of(entry: &Entry, told: &NamedStory) -> Self {
        Self {
            from: Moment::of(entry.from, &told.snapshot),
            until: Moment::of(entry.until, &told.snapshot),
            count: entry.count,
            generation: Some(entry.generation.0),
            event: entry.fact.as_str().to_owned(),
            text: fact(entry),
            correlation_id: entry.correlation_id.as_deref().map(str::to_owned),
        }
    }
}
