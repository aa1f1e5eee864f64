//! Installs the log with its level and form, and changes both while the daemon runs.
//!
//! Logging must never stop the daemon: with a closed pipe, a full disk or a reader that stalls,
//! lines are lost and tokens are kept alive as before.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use jiff::Timestamp;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::{Interest, SetGlobalDefaultError};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::{Registry, reload};

pub(crate) use super::line::LineFormat;
use super::line::LogRecord;
use super::output::{Journal, Output, SOCKET, Stream};
use crate::config::{LogConfig, LogFormat, LogLevel};

/// The source of a line's time.
pub type WallClock = fn() -> Timestamp;

/// The properties of standard error, and the place of the journal.
#[derive(Clone, Debug)]
pub struct LogEnvironment {
    /// The form that suits standard error.
    pub(crate) stderr: LineFormat,
    /// The path of the journal's socket.
    pub(crate) journal: PathBuf,
}

/// Changes the log while the daemon runs.
#[derive(Clone, Debug)]
pub struct LogHandle {
    lines: reload::Handle<LogLines, Registry>,
    log_environment: LogEnvironment,
}

/// Installs the log for the whole process and returns a handle to change it.
///
/// # Errors
///
/// If another subscriber is already installed.
pub fn install(
    config: LogConfig,
    log_environment: LogEnvironment,
    clock: WallClock,
) -> Result<LogHandle, SetGlobalDefaultError> {
    let (subscriber, handle) = subscriber(config, log_environment, clock, Stream::stderr());
    tracing::subscriber::set_global_default(subscriber)?;
    Ok(handle)
}

/// Returns the log as a subscriber that is not installed, and a handle to change it.
pub(crate) fn subscriber(
    config: LogConfig,
    log_environment: LogEnvironment,
    clock: WallClock,
    stream: Stream,
) -> (impl Subscriber + Send + Sync, LogHandle) {
    let (layer, lines) = reload::Layer::new(LogLines {
        level: filter(config.level),
        clock,
        output: Output::new(
            log_environment.journal(config.format),
            log_environment.form(config.format),
            stream,
        ),
    });
    let handle = LogHandle {
        lines,
        log_environment,
    };
    (Registry::default().with(layer), handle)
}

impl LogHandle {
    /// Changes level and form, from the next event on.
    pub fn reload(&self, config: LogConfig) {
        let form = self.log_environment.form(config.format);
        let journal = self.log_environment.journal(config.format);
        // Fails only if the subscriber is gone, and then there is nothing to change.
        let _gone = self.lines.modify(|lines| {
            lines.level = filter(config.level);
            lines.output.form = form;
            lines.output.journal = journal;
        });
    }
}

impl LogEnvironment {
    /// Inspects standard error, and `NO_COLOR`, `TERM` and `JOURNAL_STREAM` through `variable`.
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
        // systemd sets the variable for the whole unit, but standard error may have been redirected
        // since, so the variable must name the present file.
        let is_journal =
            journal.is_some_and(|journal| identity.is_some_and(|identity| journal == identity));
        let is_plain = variable("NO_COLOR").is_some_and(|value| !value.is_empty())
            || variable("TERM").is_some_and(|value| value == "dumb");
        let stderr = match (is_journal, is_terminal && !is_plain) {
            (true, _) => LineFormat::Journal,
            (false, true) => LineFormat::Coloured,
            (false, false) => LineFormat::Plain,
        };
        Self {
            stderr,
            journal: SOCKET.into(),
        }
    }

    /// Returns the journal if the format uses it and a socket can be created.
    fn journal(&self, format: LogFormat) -> Option<Journal> {
        let is_used = match format {
            LogFormat::Auto => self.stderr == LineFormat::Journal,
            LogFormat::Journald => true,
            LogFormat::Plain | LogFormat::Json => false,
        };
        is_used.then(|| Journal::new(&self.journal).ok())?
    }

    /// Returns the form of lines on standard error: all lines, or those that the journal refuses.
    fn form(&self, format: LogFormat) -> LineFormat {
        match format {
            LogFormat::Auto | LogFormat::Journald => self.stderr,
            LogFormat::Plain => LineFormat::Plain,
            LogFormat::Json => LineFormat::Json,
        }
    }
}

/// Writes a line for each event that passes.
#[derive(Debug)]
struct LogLines {
    level: LevelFilter,
    clock: WallClock,
    output: Output,
}

impl LogLines {
    /// Returns true if such an event is logged.
    ///
    /// DEBUG and TRACE events of other crates never are: they show headers, and with them tokens.
    fn passes(&self, metadata: &Metadata<'_>) -> bool {
        let level = *metadata.level();
        level <= self.level && (level <= Level::INFO || is_ours(metadata.target()))
    }
}

impl<S: Subscriber> Layer<S> for LogLines {
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
        self.output.put(&LogRecord::of(event), (self.clock)());
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
