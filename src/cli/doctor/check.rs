//! One check of `doctor`: its subject, its verdict, its finding and the advice.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::api::Redactor;
use crate::cli::exit::{Exit, print};
use crate::config::clean;
use crate::log::{Escaped, escape_json};
use crate::status::phrases::counted;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum CheckResult {
    Ok,
    Warning,
    Failure,
}

impl CheckResult {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }
}

/// The result of one check: subject, verdict, finding and advice.
pub(super) struct Check {
    verdict: CheckResult,
    /// The file, host or session that was checked.
    subject: String,
    name: &'static str,
    finding: String,
    advice: Option<String>,
}

impl Check {
    /// Creates a check that found nothing wrong.
    pub(super) fn ok(subject: &str, name: &'static str, finding: impl Into<String>) -> Self {
        Self::new(CheckResult::Ok, subject, name, finding.into())
    }

    /// Creates a check of something that works but deserves a person's attention.
    pub(super) fn warning(subject: &str, name: &'static str, finding: impl Into<String>) -> Self {
        Self::new(CheckResult::Warning, subject, name, finding.into())
    }

    /// Creates a check of something that does not work.
    pub(super) fn failure(subject: &str, name: &'static str, finding: impl Into<String>) -> Self {
        Self::new(CheckResult::Failure, subject, name, finding.into())
    }

    fn new(verdict: CheckResult, subject: &str, name: &'static str, finding: String) -> Self {
        Self {
            verdict,
            subject: subject.to_owned(),
            name,
            finding,
            advice: None,
        }
    }

    /// Adds advice.
    pub(super) fn advise(self, advice: impl Into<String>) -> Self {
        let advice = Some(advice.into());
        Self { advice, ..self }
    }

    /// Adds advice if there is some.
    pub(super) fn advise_some(self, advice: Option<String>) -> Self {
        Self { advice, ..self }
    }

    /// Removes what a server repeated of a token.
    pub(super) fn redact(&mut self, redactor: &Redactor) {
        for text in [Some(&mut self.finding), self.advice.as_mut()] {
            if let Some(text) = text
                && let Cow::Owned(redacted) = redactor.text(text)
            {
                *text = redacted;
            }
        }
    }

    /// Returns the check as one line for people, line ending included.
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
        format!("{}\n", Escaped(&clean(&line)))
    }

    fn json(&self) -> Value {
        json!({
            "verdict": self.verdict.as_str(),
            // The subject may be a token that was pasted where a path or a name belongs.
            "subject": clean(&self.subject),
            "check": self.name,
            "finding": clean(&self.finding),
            "advice": self.advice.as_deref().map(clean),
        })
    }
}

/// The checks in the order in which they are printed.
pub(super) struct DoctorReport(pub(super) Vec<Check>);

impl DoctorReport {
    /// Prints the checks; returns [`Exit::Failure`] if any of them failed.
    pub(super) fn print(&self, json: bool, version: u32) -> Exit {
        let worst = self.0.iter().map(|check| check.verdict).max();
        let worst = worst.unwrap_or(CheckResult::Ok);
        let text = if json {
            let checks: Vec<_> = self.0.iter().map(Check::json).collect();
            let whole = json!({ "version": version, "verdict": worst.as_str(), "checks": checks });
            escape_json(format!("{whole}\n"))
        } else {
            let lines: Vec<_> = self.0.iter().map(Check::line).collect();
            format!("{}\n{}\n", lines.concat(), self.summary())
        };
        match (print(&text), worst) {
            (Exit::Success, CheckResult::Failure) => Exit::Failure,
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
            counted(count(CheckResult::Failure), "failure"),
            counted(count(CheckResult::Warning), "warning")
        )
    }
}
