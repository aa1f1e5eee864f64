//! A check: what was looked at, how it is, and what to do.

use serde_json::{Value, json};

use crate::cli::exit::{Exit, print};
use crate::observe::Escaped;

/// How it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Ok,
    Warning,
    Failure,
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }
}

/// What was looked at, how it is, and what to do.
pub(super) struct Check {
    verdict: Verdict,
    /// The file, host or session that it is about.
    subject: String,
    name: &'static str,
    finding: String,
    advice: Option<String>,
}

impl Check {
    /// Nothing is wrong.
    pub(super) fn ok(subject: &str, name: &'static str, finding: impl Into<String>) -> Self {
        Self::new(Verdict::Ok, subject, name, finding.into())
    }

    /// It works, and a person should look.
    pub(super) fn warning(subject: &str, name: &'static str, finding: impl Into<String>) -> Self {
        Self::new(Verdict::Warning, subject, name, finding.into())
    }

    /// It does not work.
    pub(super) fn failure(subject: &str, name: &'static str, finding: impl Into<String>) -> Self {
        Self::new(Verdict::Failure, subject, name, finding.into())
    }

    fn new(verdict: Verdict, subject: &str, name: &'static str, finding: String) -> Self {
        Self {
            verdict,
            subject: subject.to_owned(),
            name,
            finding,
            advice: None,
        }
    }

    /// What to do.
    pub(super) fn advise(self, advice: impl Into<String>) -> Self {
        let advice = Some(advice.into());
        Self { advice, ..self }
    }

    /// What to do, if there is something.
    pub(super) fn advise_some(self, advice: Option<String>) -> Self {
        Self { advice, ..self }
    }

    /// All of it for people.
    pub(super) fn line(&self) -> String {
        let Self {
            subject,
            name,
            finding,
            ..
        } = self;
        let advice = self.advice.as_deref();
        let advice = advice.map_or_else(String::new, |advice| format!("; {advice}"));
        let line = format!(
            "{:<8} {subject} {name}: {finding}{advice}",
            self.verdict.as_str()
        );
        format!("{}\n", Escaped(&line))
    }

    fn json(&self) -> Value {
        json!({
            "verdict": self.verdict.as_str(),
            "subject": self.subject,
            "check": self.name,
            "finding": self.finding,
            "advice": self.advice,
        })
    }
}

/// All checks.
pub(super) struct Report(pub(super) Vec<Check>);

impl Report {
    /// Prints them; the exit status says whether something is broken.
    pub(super) fn print(&self, json: bool, version: u32) -> Exit {
        let worst = self.0.iter().map(|check| check.verdict).max();
        let worst = worst.unwrap_or(Verdict::Ok);
        let text = if json {
            let checks: Vec<_> = self.0.iter().map(Check::json).collect();
            let whole = json!({ "version": version, "verdict": worst.as_str(), "checks": checks });
            format!("{whole}\n")
        } else {
            let lines: Vec<_> = self.0.iter().map(Check::line).collect();
            format!("{}\n{}\n", lines.concat(), self.summary())
        };
        match (print(&text), worst) {
            (Exit::Success, Verdict::Failure) => Exit::Failure,
            (exit, _) => exit,
        }
    }

    fn summary(&self) -> String {
        let count = |verdict| {
            self.0
                .iter()
                .filter(|check| check.verdict == verdict)
                .count()
        };
        format!(
            "{}: {}, {}",
            counted(self.0.len(), "check"),
            counted(count(Verdict::Failure), "failure"),
            counted(count(Verdict::Warning), "warning")
        )
    }
}

fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
