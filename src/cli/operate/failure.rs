//! The failure of an operation: a sentence with advice, the same as JSON, and an exit status.
//!
//! It must never print a token.

use std::io;

use serde_json::{Value, json};

use super::{ApiCommand, ApiSession, VERSION};
use crate::api::{BuildError, CallError};
use crate::cli::exit::{Exit, print, print_error};
use crate::cli::text::is_coloured;
use crate::config::{Errors, clean};
use crate::keeper::{
    BlockReason, Failure as Unanswered, FailureReason, MintFailure, NotTheApi, Refusal, Verdict,
};
use crate::log::{Escaped, escape_json};
use crate::status::phrases::{Chain, refused_by, remedy};
use crate::token::SourceError;

/// The reason for which an operation was not done.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum OperationError {
    /// The command line is wrong, or lacks an argument.
    #[error("{0}")]
    Usage(String),
    /// The configuration is wrong.
    #[error("the configuration is wrong")]
    Config(Errors),
    /// No client can be built from the configuration.
    #[error(transparent)]
    Client(BuildError),
    /// The named source holds no token.
    #[error(transparent)]
    Source(SourceError),
    /// Standard input holds no token.
    #[error("{0}")]
    Input(String),
    /// The login host issued no token.
    #[error("{failure} ({login}, client {client_id})")]
    Mint {
        /// The reason.
        failure: MintFailure,
        /// The address of the login host.
        login: String,
        /// The id of the client.
        client_id: String,
    },
    /// The new token was not handed over.
    #[error("{0}")]
    HandOver(String),
    /// The system refused a resource that every program needs.
    #[error("the program cannot work")]
    Runtime(#[source] io::Error),
    /// The person who was asked did not answer yes.
    #[error("cancelled: nothing was changed")]
    Declined,
    /// The API, or a proxy in front of it, did not carry out the call.
    #[error(transparent)]
    Call(Box<CallError>),
}

/// Prints a wrong command line as JSON on standard output.
pub(in crate::cli) fn print_usage_error(message: &str) {
    let failure = OperationError::Usage(message.trim_end().to_owned());
    print_json(&failure.json(None, None, None));
}

fn print_json(error: &Value) {
    let whole = json!({ "version": VERSION, "error": error });
    // A failed write is ignored: the error is on standard error and in the exit status as well.
    let _unread = print(&escape_json(format!("{whole}\n")));
}

impl From<CallError> for OperationError {
    fn from(error: CallError) -> Self {
        Self::Call(Box::new(error))
    }
}

impl OperationError {
    /// Prints the failure to standard error, and with `json` to standard output as well.
    pub(in crate::cli) fn print(
        self,
        command: &ApiCommand,
        session: Option<&ApiSession>,
        json: bool,
    ) -> Exit {
        let advice = self.advice(command);
        if json {
            print_json(&self.json(Some(command), session, advice.as_deref()));
        }
        let text = if let Self::Config(errors) = &self {
            errors
                .render(is_coloured(&io::stderr()))
                .trim_end()
                .to_owned()
        } else {
            let advice = advice.map_or_else(String::new, |advice| format!("; {advice}"));
            let (words, message) = (command.words, self.message());
            format!("session-keepalive: {words}: {}{advice}", Escaped(&message))
        };
        print_error(&(text + "\n"));
        self.kind().1
    }

    fn message(&self) -> String {
        if let Self::Config(errors) = self {
            errors.render(false)
        } else {
            clean(&Chain(self).to_string())
        }
    }

    fn json(
        &self,
        command: Option<&ApiCommand>,
        session: Option<&ApiSession>,
        advice: Option<&str>,
    ) -> Value {
        let (kind, exit) = self.kind();
        let mut error = json!({
            "kind": kind,
            "command": command.map(|command| command.words),
            "message": self.message(),
            "advice": advice,
            "exit_status": exit.status(),
            "api": session.map(|session| session.api.as_str()),
            "session": session.and_then(ApiSession::name),
            "fingerprint": session.map(|session| session.token.fingerprint().to_string()),
            "status": null,
            "code": null,
            "retry_after_seconds": null,
            "correlation_id": null,
        });
        if let Self::Call(call) = self {
            error["status"] = json!(call.status);
            error["code"] = json!(call.code().as_deref());
            error["correlation_id"] = json!(call.correlation_id.as_deref());
            if let Verdict::Throttled { retry_after } = &call.verdict {
                error["retry_after_seconds"] = json!(retry_after.map(|wait| wait.as_secs()));
            }
        }
        error
    }

    /// Returns the word for machines and the exit status.
    fn kind(&self) -> (&'static str, Exit) {
        match self {
            Self::Usage(_) => ("usage", Exit::Usage),
            Self::Config(_) | Self::Client(_) => ("configuration", Exit::Config),
            Self::Source(error) => ("token_source", exit_of_source(error)),
            Self::Input(_) => ("token_source", Exit::Data),
            Self::Runtime(_) => ("system", Exit::Io),
            Self::Mint { failure, .. } => ("mint", exit_of_mint(failure)),
            Self::HandOver(_) => ("hand_over", Exit::Io),
            Self::Declined => ("declined", Exit::Failure),
            Self::Call(call) => (call.verdict.as_str(), exit_of_verdict(&call.verdict)),
        }
    }

    /// Returns advice; on a refused permission it names what the command needs.
    fn advice(&self, command: &ApiCommand) -> Option<String> {
        if let Self::Mint {
            failure: MintFailure::InvalidClient,
            ..
        } = self
        {
            return Some("check that this is the login host of the client's region, then the client's id and secret".to_owned());
        }
        let Self::Call(call) = self else { return None };
        let is_unread = matches!(call.verdict, Verdict::Refused(Refusal::Unread));
        if is_unread && ["token show", "token touch"].contains(&command.words) {
            // These commands have just made the request of `token show`.
            return None;
        }
        let advice = advice(call)?;
        let Verdict::Blocked(BlockReason::Forbidden(code)) = &call.verdict else {
            return Some(advice);
        };
        let needed = match &**code {
            "missing.permissions" | "missing.any.permissions" => command.permission,
            "app.not.authorized.for.scope" => command.scopes,
            _ => command.permission.or(command.scopes),
        };
        Some(match needed {
            Some(needed) => format!("{advice} ({} needs {needed})", command.words),
            None => advice,
        })
    }
}

/// Returns advice on a failed call, if there is any.
pub(in crate::cli) fn advice(error: &CallError) -> Option<String> {
    let reason = match &error.verdict {
        Verdict::Refused(Refusal::BadCredentials) => return Some(refused_by(&error.api)),
        Verdict::Refused(Refusal::Unread) => {
            return Some("session-keepalive token show prints the reason".to_owned());
        }
        Verdict::Unreachable(Unanswered::TouchRefused(_)) => {
            return Some(
                "check the gateway or firewall in front of the API, or touch with --get".to_owned(),
            );
        }
        verdict @ (Verdict::Unreachable(_)
        | Verdict::Throttled { .. }
        | Verdict::Blocked(_)
        | Verdict::Accepted
        | Verdict::Alive(_)
        | Verdict::Timeout(_)) => FailureReason::of(verdict)?,
    };
    remedy(&reason).map(str::to_owned)
}

fn exit_of_mint(failure: &MintFailure) -> Exit {
    if let MintFailure::Throttled(_) = failure {
        Exit::TryAgain
    } else if failure.is_permanent() {
        Exit::NotPermitted
    } else {
        Exit::Unavailable
    }
}

fn exit_of_source(error: &SourceError) -> Exit {
    match error {
        SourceError::NotPermitted { .. } => Exit::NotPermitted,
        SourceError::NotStarted { .. }
        | SourceError::TooSlow { .. }
        | SourceError::NotRead { .. }
        | SourceError::Failed { .. }
        | SourceError::TimedOut { .. }
        | SourceError::KeptOpen { .. } => Exit::Unavailable,
        SourceError::Absent(_)
        | SourceError::NotReadable { .. }
        | SourceError::NotAFile(_)
        | SourceError::Directory(_)
        | SourceError::LeadsOut(_)
        | SourceError::NotAToken { .. }
        | SourceError::NotSet(_)
        | SourceError::NotMinted(_)
        | SourceError::Profile { .. }
        | SourceError::NoCredentials(_)
        | SourceError::NotAFileName(_)
        | SourceError::TooMuchOutput(_) => Exit::Data,
    }
}

fn exit_of_verdict(verdict: &Verdict) -> Exit {
    match verdict {
        Verdict::Refused(_) => Exit::NotPermitted,
        Verdict::Throttled { .. } => Exit::TryAgain,
        // The request could not be built, or the verdict belongs to another kind of call: both
        // are bugs of this program.
        Verdict::Unreachable(Unanswered::NotSent(_))
        | Verdict::Accepted
        | Verdict::Alive(_)
        | Verdict::Timeout(_) => Exit::Bug,
        Verdict::Unreachable(_) => Exit::Unavailable,
        Verdict::Blocked(block) => match block {
            BlockReason::AddressNotAllowed
            | BlockReason::HeaderMissing
            | BlockReason::Forbidden(_)
            | BlockReason::Rejected(401, _) => Exit::NotPermitted,
            BlockReason::Rejected(409, _) => Exit::TryAgain,
            BlockReason::Rejected(..) => Exit::Data,
            BlockReason::NotTheApi(
                NotTheApi::Redirect
                | NotTheApi::UnexpectedBody
                | NotTheApi::ProxyAuthentication
                | NotTheApi::Encoded(_)
                | NotTheApi::Cached,
            ) => Exit::Unavailable,
        },
    }
}
