//! The common parts of the commands that make one operation of the API directly.
//!
//! A command takes the location of its token, needs consent to do harm, makes its requests and
//! prints the answer: aligned lines for people, or one JSON object of a known version. It must
//! never retry, never take a token as an argument and never show one.
//!
//! *Invariant*: no question is asked where no person can answer. Without a terminal a command that
//! needs consent needs `--yes`.
//!
//! *Invariant*: the idle timer of a token that is configured to lapse is reset only after
//! consent.

mod access;
mod failure;

use std::io::{self, BufRead, IsTerminal, Read};
use std::time::Duration;

pub(super) use access::{Access, ConfigFile, find_session};
use clap::Args;
pub(super) use failure::{OperationError, advice, print_usage_error};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::exit::{Exit, print, print_error};
use super::run::runtime;
use super::text::Lines;
use crate::api::{Client, Reply};
use crate::config::{ApiBase, SessionConfig, SessionName};
use crate::keeper::Intent;
use crate::log::escape_json;
use crate::status::phrases::human_duration;
use crate::time::ServerTime;
use crate::token::{Reader, Token};

/// The version of the JSON. It grows when a field is removed or changes its meaning.
pub(super) const VERSION: u32 = 1;

/// The number of bytes of an answer that are read, more than a yes needs.
const ANSWER_LENGTH_MAX: u64 = 256;

/// Returns the examples, followed by the text that ends the help of every such command.
pub(super) fn help(examples: &str) -> String {
    format!(
        "{examples}\n\n\
Tokens are not accepted on the command line. To use the systemd credential of a running service, as root:\n  \
CREDENTIALS_DIRECTORY=/run/credentials/session-keepalive.service \\\n    session-keepalive … --credential NAME\n\n\
Exit status: 0 done, 1 cancelled, 64 usage error, 65 invalid value or token, 69 the API was not reached or failed, 70 internal error, 74 input/output error, 75 temporary failure, 77 permission denied, 78 configuration error."
    )
}

/// A command, and what its operation of the API needs.
pub(super) struct ApiCommand {
    /// The command as it is typed.
    pub(super) words: &'static str,
    /// The permission that the operation needs, if any.
    pub(super) permission: Option<&'static str>,
    /// The scopes one of which the operation needs, if the API documents them.
    pub(super) scopes: Option<&'static str>,
}

/// The option that replaces the question.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(super) struct Yes {
    /// Do not ask for confirmation.
    #[arg(long)]
    yes: bool,
}

/// Runs a command: reads the token, makes the request, and prints the answer or the failure.
pub(super) fn run(
    command: &'static ApiCommand,
    access: &Access,
    yes: Yes,
    request: impl AsyncFnOnce(&mut ApiSession) -> Result<CommandOutput, OperationError>,
) -> Exit {
    let mut opened = None;
    let result = block_on(async {
        let session = opened.insert(ApiSession::open(command, access, yes).await?);
        let mut answer = request(session).await?;
        answer.notes.append(&mut session.notes);
        Ok(answer)
    });
    match result {
        Ok(answer) => answer.print(access.json),
        Err(failure) => failure.print(command, opened.as_ref(), access.json),
    }
}

/// Runs an operation to its end.
pub(super) fn block_on<T>(
    operation: impl Future<Output = Result<T, OperationError>>,
) -> Result<T, OperationError> {
    let runtime = runtime().map_err(OperationError::Runtime)?;
    let result = runtime.block_on(operation);
    // The resolver's threads cannot be cancelled, and a name that is still being looked up would
    // delay the exit.
    runtime.shutdown_background();
    result
}

/// Prints that an argument of the command is wrong.
pub(super) fn wrong_argument(command: &ApiCommand, access: &Access, why: String) -> Exit {
    OperationError::Usage(why).print(command, None, access.json)
}

/// A token, the API that it belongs to, and a client for requests to it.
pub(super) struct ApiSession {
    command: &'static ApiCommand,
    yes: Yes,
    pub(super) client: Client,
    pub(super) api: ApiBase,
    pub(super) token: Token,
    /// The session of the configuration that the token belongs to.
    configured: Option<(SessionName, SessionConfig)>,
    /// The token's source, for people.
    origin: String,
    /// True if the token was read from standard input, where a question can then not be answered.
    input_is_used: bool,
    /// Remarks that are printed below the answer.
    pub(super) notes: Vec<String>,
}

impl ApiSession {
    /// Resolves the arguments and reads the token, without a request.
    async fn open(
        command: &'static ApiCommand,
        access: &Access,
        yes: Yes,
    ) -> Result<Self, OperationError> {
        let resolved = access.resolve()?;
        let client = Client::new(&resolved.http).map_err(OperationError::Client)?;
        let mut notes = Vec::new();
        let token = match &resolved.source {
            None => access::read_standard_input().await?,
            Some(source) => {
                let read = Reader::default().read(source).await;
                let read = read.map_err(OperationError::Source)?;
                notes.extend(read.warning.map(|warning| warning.to_string()));
                read.token
            }
        };
        let source = resolved.source.as_ref();
        Ok(Self {
            command,
            yes,
            client,
            api: resolved.api,
            token,
            configured: resolved.configured,
            origin: source.map_or_else(|| "standard input".to_owned(), ToString::to_string),
            input_is_used: source.is_none(),
            notes,
        })
    }

    /// Returns the name of the token's session, if it belongs to one.
    fn name(&self) -> Option<&str> {
        let (name, _) = self.configured.as_ref()?;
        Some(name.as_str())
    }

    /// Returns the fingerprint of the token, its session and its source, for people.
    pub(super) fn shown(&self) -> String {
        let name = self.name().map(|name| format!("session {name}, "));
        let from = name.unwrap_or_default() + &self.origin;
        format!("{}, from {from}", self.token.fingerprint())
    }

    /// Returns the configured idle timeout of the token's session.
    pub(super) fn configured_timeout(&self) -> Option<Duration> {
        let (_, config) = self.configured.as_ref()?;
        config.policy.idle_timeout
    }

    /// Returns the beginning of the answer, which is the same for all commands.
    pub(super) fn answer<T>(&self, reply: &Reply<T>, body: Value) -> CommandOutput {
        let fingerprint = self.token.fingerprint().to_string();
        let correlation_id = reply.correlation_id.as_deref();
        let mut answer = CommandOutput {
            body,
            ..CommandOutput::new()
        };
        answer.line("token", self.shown());
        answer.value("command", self.command.words);
        answer.value("session", self.name());
        answer.value("token_source", self.origin.as_str());
        answer.value("fingerprint", fingerprint);
        let date = reply.date.map(|date| format!(", {}", human_time(date)));
        let (api, status, date) = (&self.api, reply.status, date.unwrap_or_default());
        answer.line("asked", format!("{api}: {status}{date}"));
        answer.value("api", api.as_str());
        answer.value("status", status);
        answer.value("date", reply.date.map(rfc3339));
        answer.value("correlation_id", correlation_id);
        if let Some(id) = correlation_id {
            answer.line("correlation id", id);
        }
        answer
    }

    /// Prints `shown` and asks whether to continue, unless `--yes` is given; `consequence` is a
    /// whole sentence.
    ///
    /// # Errors
    ///
    /// [`OperationError::Declined`] if the answer is not yes, [`OperationError::Usage`] without a terminal.
    pub(super) fn consent(&self, shown: &str, consequence: &str) -> Result<(), OperationError> {
        self.consent_is_possible(consequence)?;
        if self.yes.yes {
            return Ok(());
        }
        print_error(&format!("{shown}{consequence}\nGo on? [y/N] "));
        let mut answer = String::new();
        let input = io::stdin().lock().take(ANSWER_LENGTH_MAX);
        let read = io::BufReader::new(input).read_line(&mut answer);
        let is_yes = ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str());
        if read.is_ok() && is_yes {
            Ok(())
        } else {
            Err(OperationError::Declined)
        }
    }

    /// Fails if consent is needed and there is no terminal, before any request is made.
    pub(super) fn consent_is_possible(&self, consequence: &str) -> Result<(), OperationError> {
        let reason = if self.yes.yes {
            return Ok(());
        } else if self.input_is_used {
            "standard input is the token, so no confirmation is possible"
        } else if io::stdin().is_terminal() && io::stderr().is_terminal() {
            return Ok(());
        } else {
            "there is no terminal, so no confirmation is possible"
        };
        // A question shows the consequence as a sentence, an error as a lower-case clause.
        let mut consequence = consequence.trim_end_matches('.').to_owned();
        if let Some(first) = consequence.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        Err(OperationError::Usage(format!(
            "{consequence}; {reason}: confirm with --yes"
        )))
    }

    /// Asks for consent to a call that resets the idle timer, if the token is to lapse.
    pub(super) fn consent_to_reset(&mut self, call: &str) -> Result<(), OperationError> {
        match &self.configured {
            Some((name, config)) if config.policy.intent == Intent::Lapse => {
                let consequence = format!(
                    "Session {name} is configured to lapse, and {call} resets its idle timer: the token lives longer than intended."
                );
                self.consent("", &consequence)?;
                self.notes.push(consequence);
                Ok(())
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// The answer to a command: lines for people, and values for machines.
pub(super) struct CommandOutput {
    lines: Lines,
    /// The body of the response as received, `null` if there was none.
    body: Value,
    /// The values that this program derives from the response.
    derived: Map<String, Value>,
    notes: Vec<String>,
}

impl CommandOutput {
    /// Creates an output without lines, values and a body.
    pub(super) fn new() -> Self {
        Self {
            lines: Lines::default(),
            body: Value::Null,
            derived: Map::new(),
            notes: Vec::new(),
        }
    }

    /// Adds a remark.
    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Adds a line for people.
    pub(super) fn line(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.lines.add(key, value);
    }

    /// Adds a value for machines.
    pub(super) fn value(&mut self, name: &str, value: impl Into<Value>) {
        self.derived.insert(name.to_owned(), value.into());
    }

    /// Adds the effective idle timeout with its source, for machines.
    pub(super) fn effective_timeout(&mut self, effective: Option<(Duration, &str)>) {
        let effective = effective.map(|(timeout, source)| {
            let is_at_least = matches!(source, "token" | "group");
            json!({ "seconds": timeout.as_secs(), "source": source, "is_at_least": is_at_least })
        });
        self.value("effective_idle_timeout", effective);
    }

    fn print(self, json: bool) -> Exit {
        print(&self.render(json))
    }

    /// Returns the output as text for people, or as one line of JSON.
    pub(super) fn render(mut self, json: bool) -> String {
        if !json {
            for note in self.notes {
                self.lines.add("note", note);
            }
            return self.lines.render();
        }
        self.derived.insert("notes".to_owned(), self.notes.into());
        let whole = json!({ "version": VERSION, "body": self.body, "derived": self.derived });
        escape_json(format!("{whole}\n"))
    }
}

/// Formats a time of the server for people: `2026-11-24 08:00:00 UTC`.
pub(super) fn human_time(time: ServerTime) -> String {
    let time = timestamp(time);
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Formats a time of the server for machines, after RFC 3339.
pub(super) fn rfc3339(time: ServerTime) -> String {
    timestamp(time).to_string()
}

fn timestamp(time: ServerTime) -> Timestamp {
    Timestamp::from_millisecond(time.unix_milliseconds()).unwrap_or_default()
}

/// Formats a duration with its seconds, the API's unit: `15m (900s)`.
pub(super) fn duration_with_seconds(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 {
        format!("{seconds}s")
    } else {
        format!("{} ({seconds}s)", human_duration(duration))
    }
}
