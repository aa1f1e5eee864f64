//! Why an operation was not done: a sentence with what to do, the same as JSON, and an exit status.

use std::io;

use serde_json::{Value, json};

use super::{Hand, Operation, VERSION};
use crate::api::{BuildError, CallError};
use crate::cli::check::is_coloured;
use crate::cli::exit::{Exit, print, print_error};
use crate::config::Errors;
use crate::keeper::{Blockage, Failure as Unanswered, NotTheApi, Obstacle, Refusal, Verdict};
use crate::observe::Escaped;
use crate::observe::words::{Chain, refused_by, remedy};
use crate::token::SourceError;

/// Why an operation was not done.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum Failure {
    /// The command line is wrong, or lacks a word that is needed here.
    #[error("{0}")]
    Usage(String),
    /// The configuration is wrong.
    #[error("the configuration is wrong")]
    Config(Errors),
    /// No client can be built from the configuration.
    #[error(transparent)]
    Client(BuildError),
    /// There is no token where it was said to be.
    #[error(transparent)]
    Source(SourceError),
    /// There is no token on standard input.
    #[error("{0}")]
    Input(String),
    /// The system refused what every program needs.
    #[error("the program cannot work")]
    Runtime(#[source] io::Error),
    /// The answer to the question was not yes.
    #[error("nothing was done: the answer was not yes")]
    Declined,
    /// The API, or something before it, did not do it.
    #[error(transparent)]
    Call(Box<CallError>),
}

/// Prints to machines that the command line was not understood.
pub(in crate::cli) fn print_usage_error(message: &str) {
    let failure = Failure::Usage(message.trim_end().to_owned());
    print_json(&failure.json(None, None, None));
}

fn print_json(error: &Value) {
    let whole = json!({ "version": VERSION, "error": error });
    // Standard error and the exit status say it too.
    let _unread = print(&format!("{whole}\n"));
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::Call(Box::new(error))
    }
}

impl Failure {
    /// Prints it; to machines on standard output, to people on standard error.
    pub(super) fn print(self, operation: Operation, hand: Option<&Hand>, json: bool) -> Exit {
        let exit = self.exit();
        let advice = self.advice(operation);
        if json {
            print_json(&self.json(Some(operation), hand, advice.as_deref()));
        }
        print_error(&self.sentences(operation, advice.as_deref()));
        exit
    }

    fn sentences(&self, operation: Operation, advice: Option<&str>) -> String {
        if let Self::Config(errors) = self {
            return errors
                .render(is_coloured(&io::stderr()))
                .trim_end()
                .to_owned()
                + "\n";
        }
        let message = self.message();
        let message = Escaped(&message);
        let advice = advice.map_or_else(String::new, |advice| format!("; {advice}"));
        format!(
            "session-keepalive: {}: {message}{advice}\n",
            operation.command()
        )
    }

    fn message(&self) -> String {
        match self {
            Self::Config(errors) => errors.render(false),
            Self::Usage(_)
            | Self::Client(_)
            | Self::Source(_)
            | Self::Input(_)
            | Self::Runtime(_)
            | Self::Declined
            | Self::Call(_) => Chain(self).to_string(),
        }
    }

    fn json(
        &self,
        operation: Option<Operation>,
        hand: Option<&Hand>,
        advice: Option<&str>,
    ) -> Value {
        let mut error = json!({
            "kind": self.kind(),
            "command": operation.map(Operation::command),
            "message": self.message(),
            "advice": advice,
            "exit_status": self.exit().status(),
            "api": hand.map(|hand| hand.api.as_str()),
            "session": hand.and_then(Hand::session),
            "fingerprint": hand.map(|hand| hand.token.fingerprint().to_string()),
            "status": null,
            "code": null,
            "retry_after_seconds": null,
            "correlation_id": null,
        });
        if let Self::Call(call) = self {
            error["status"] = json!(call.status);
            error["code"] = json!(call.code().as_deref());
            error["retry_after_seconds"] = json!(retry_after_seconds(&call.verdict));
            error["correlation_id"] = json!(call.correlation_id.as_deref());
        }
        error
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Usage(_) => "usage",
            Self::Config(_) | Self::Client(_) => "configuration",
            Self::Source(_) | Self::Input(_) => "token_source",
            Self::Runtime(_) => "system",
            Self::Declined => "declined",
            Self::Call(call) => call.verdict.as_str(),
        }
    }

    fn advice(&self, operation: Operation) -> Option<String> {
        let Self::Call(call) = self else { return None };
        let said = advice(call)?;
        Some(match &call.verdict {
            Verdict::Blocked(Blockage::Forbidden(code)) => {
                format!("{said}{}", needs(operation, code))
            }
            Verdict::Accepted
            | Verdict::Alive(_)
            | Verdict::Timeout(_)
            | Verdict::Refused(_)
            | Verdict::Blocked(_)
            | Verdict::Throttled { .. }
            | Verdict::Unreachable(_) => said,
        })
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Config(_) | Self::Client(_) => Exit::Config,
            Self::Source(error) => of_source(error),
            Self::Input(_) => Exit::Data,
            Self::Runtime(_) => Exit::Io,
            Self::Declined => Exit::Failure,
            Self::Call(call) => of_verdict(&call.verdict),
        }
    }
}

/// What to do about an operation that was not done, if anything.
pub(in crate::cli) fn advice(error: &CallError) -> Option<String> {
    let obstacle = match &error.verdict {
        Verdict::Refused(Refusal::BadCredentials) => return Some(refused_by(&error.api)),
        Verdict::Refused(Refusal::Unread) => {
            return Some("session-keepalive token show reads the reason".to_owned());
        }
        Verdict::Unreachable(Unanswered::TouchRefused(_)) => {
            return Some(
                "look at the gateway or firewall before the API, or touch with --get".to_owned(),
            );
        }
        Verdict::Blocked(blockage) => Obstacle::Blocked(blockage.clone()),
        Verdict::Throttled { retry_after } => Obstacle::Throttled {
            retry_after: *retry_after,
        },
        Verdict::Unreachable(failure) => Obstacle::Unreachable(failure.clone()),
        Verdict::Accepted | Verdict::Alive(_) | Verdict::Timeout(_) => return None,
    };
    remedy(&obstacle).map(str::to_owned)
}

/// What the operation needs, if that is what the code is about.
fn needs(operation: Operation, code: &str) -> String {
    let permission = operation.permission();
    let scopes = operation.scopes();
    let needed = match code {
        "missing.permissions" | "missing.any.permissions" => permission,
        "app.not.authorized.for.scope" => scopes,
        _ => permission.or(scopes),
    };
    needed.map_or_else(String::new, |needed| {
        format!(" ({} needs {needed})", operation.command())
    })
}

fn of_source(error: &SourceError) -> Exit {
    match error {
        SourceError::NotReadable { cause, .. }
            if cause.kind() == io::ErrorKind::PermissionDenied =>
        {
            Exit::NotPermitted
        }
        SourceError::NotStarted { .. }
        | SourceError::Failed { .. }
        | SourceError::TimedOut { .. } => Exit::Unavailable,
        SourceError::Absent(_)
        | SourceError::NotReadable { .. }
        | SourceError::NotAFile(_)
        | SourceError::NotAToken { .. }
        | SourceError::NotSet(_)
        | SourceError::NoCredentials(_)
        | SourceError::NotAFileName(_)
        | SourceError::TooMuchOutput(_) => Exit::Data,
    }
}

fn of_verdict(verdict: &Verdict) -> Exit {
    match verdict {
        Verdict::Refused(_) => Exit::NotPermitted,
        Verdict::Throttled { .. } => Exit::TryAgain,
        // Our own fault, or an answer to another question than was asked.
        Verdict::Unreachable(Unanswered::NotSent(_))
        | Verdict::Accepted
        | Verdict::Alive(_)
        | Verdict::Timeout(_) => Exit::Bug,
        Verdict::Unreachable(_) => Exit::Unavailable,
        Verdict::Blocked(blockage) => match blockage {
            Blockage::AddressNotAllowed
            | Blockage::HeaderMissing
            | Blockage::Forbidden(_)
            | Blockage::Rejected(401, _) => Exit::NotPermitted,
            Blockage::Rejected(409, _) => Exit::TryAgain,
            Blockage::Rejected(..) => Exit::Data,
            Blockage::NotTheApi(
                NotTheApi::Redirect | NotTheApi::UnexpectedBody | NotTheApi::ProxyAuthentication,
            ) => Exit::Unavailable,
        },
    }
}

fn retry_after_seconds(verdict: &Verdict) -> Option<u64> {
    if let Verdict::Throttled { retry_after } = verdict {
        retry_after.map(|wait| wait.as_secs())
    } else {
        None
    }
}
