//! Installs the log: which events pass, in which form, and how both change while the daemon runs.
//!
//! A line that cannot be written is lost and nothing else: a closed pipe, a full disk or
//! a reader that sleeps must not end the care for the tokens.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use jiff::Timestamp;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::{Interest, SetGlobalDefaultError};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::{Registry, reload};

use super::journal::{self, Journal};
pub(super) use super::line::Form;
use super::line::Record;
use super::output::{Output, Stream};
use crate::config::{LogConfig, LogFormat, LogLevel};

/// Where the time of a line comes from.
pub type WallClock = fn() -> Timestamp;

/// What standard error leads to, and where the journal is.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// What suits standard error.
    pub(super) stderr: Form,
    /// The journal's socket.
    pub(super) journal: PathBuf,
}

/// Changes the log while the daemon runs.
#[derive(Clone, Debug)]
pub struct Handle {
    lines: reload::Handle<Lines, Registry>,
    surroundings: Surroundings,
}

/// Logs to standard error or into the journal from here on, for the whole process.
///
/// # Errors
///
/// If something else is installed already.
pub fn install(
    config: LogConfig,
    surroundings: Surroundings,
    clock: WallClock,
) -> Result<Handle, SetGlobalDefaultError> {
    let (subscriber, handle) = subscriber(config, surroundings, clock, Stream::stderr());
    tracing::subscriber::set_global_default(subscriber)?;
    Ok(handle)
}

/// The log as a subscriber of its own, and what changes it.
pub(super) fn subscriber(
    config: LogConfig,
    surroundings: Surroundings,
    clock: WallClock,
    stream: Stream,
) -> (impl Subscriber + Send + Sync, Handle) {
    let (layer, lines) = reload::Layer::new(Lines {
        level: filter(config.level),
        clock,
        output: Output::new(
            surroundings.journal(config.format),
            surroundings.form(config.format),
            stream,
        ),
    });
    let handle = Handle {
        lines,
        surroundings,
    };
    (Registry::default().with(layer), handle)
}

impl Handle {
    /// Takes another level and form, from the next event on.
    pub fn reload(&self, config: LogConfig) {
        let form = self.surroundings.form(config.format);
        let journal = self.surroundings.journal(config.format);
        // Fails if the subscriber is gone: then there is nothing to change.
        let _gone = self.lines.modify(|lines| {
            lines.level = filter(config.level);
            lines.output.form = form;
            lines.output.journal = journal;
        });
    }
}

impl Surroundings {
    /// Looks at standard error, and at `NO_COLOR`, `TERM` and `JOURNAL_STREAM` through `variable`.
    #[must_use]
    pub fn of_stderr(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let stderr = io::stderr();
        let identity = rustix::fs::fstat(&stderr).ok();
        let identity = identity.map(|stat| format!("{}:{}", stat.st_dev, stat.st_ino));
        Self::new(stderr.is_terminal(), identity.as_deref(), variable)
    }

    fn new(
        is_terminal: bool,
        identity: Option<&str>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Self {
        let journal = variable("JOURNAL_STREAM");
        // Set for the whole unit, but standard error may have been led elsewhere since.
        let is_journal = journal.is_some_and(|journal| identity.is_some_and(|it| journal == it));
        let is_plain = variable("NO_COLOR").is_some_and(|value| !value.is_empty())
            || variable("TERM").is_some_and(|value| value == "dumb");
        let stderr = match (is_journal, is_terminal && !is_plain) {
            (true, _) => Form::Journal,
            (false, true) => Form::Coloured,
            (false, false) => Form::Plain,
        };
        Self {
            stderr,
            journal: journal::SOCKET.into(),
        }
    }

    /// The way into the journal, if that is wanted and can be had.
    fn journal(&self, format: LogFormat) -> Option<Journal> {
        let is_wanted = match format {
            LogFormat::Auto => self.stderr == Form::Journal,
            LogFormat::Journald => true,
            LogFormat::Plain | LogFormat::Json => false,
        };
        is_wanted.then(|| Journal::new(&self.journal).ok())?
    }

    /// The form of what goes to standard error: all, or what does not get into the journal.
    fn form(&self, format: LogFormat) -> Form {
        match format {
            LogFormat::Auto | LogFormat::Journald => self.stderr,
            LogFormat::Plain => Form::Plain,
            LogFormat::Json => Form::Json,
        }
    }
}

/// Writes a line for each event that passes.
#[derive(Debug)]
struct Lines {
    level: LevelFilter,
    clock: WallClock,
    output: Output,
}

impl Lines {
    /// Other crates' DEBUG and TRACE never pass: they would show headers, and with them tokens.
    fn passes(&self, metadata: &Metadata<'_>) -> bool {
        let level = *metadata.level();
        level <= self.level && (level <= Level::INFO || is_ours(metadata.target()))
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.passes(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.passes(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.output.put(&Record::of(event), (self.clock)());
    }
}

fn is_ours(target: &str) -> bool {
    let rest = target.strip_prefix(super::CRATE);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

#[cfg(test)]
mod tests;
