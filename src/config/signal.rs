//! Reads the signals: the processes that learn of another token.

use std::fmt;
use std::path::PathBuf;

use super::describe::Origin;
use super::reader::{At, ParseProblem, TableReader, word};
use super::redact;
use super::schema::Kind;
use super::source;
use crate::token::SESSION_PLACEHOLDER;

/// The largest number of signals of a session.
const SIGNALS_MAX: usize = 16;

/// The longest name of a unit that systemd accepts.
const UNIT_LENGTH_MAX: usize = 255;

/// A process that gets a signal when another token of a session is in its sinks.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct RotationSignal {
    /// The process.
    pub target: SignalTarget,
    /// The signal.
    pub signal: SignalName,
}

/// The way in which a process is found.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SignalTarget {
    /// The main process of a service of systemd.
    Unit(String),
    /// The process whose id is in this file.
    PidFile(PathBuf),
}

/// A signal that may be sent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum SignalName {
    /// SIGHUP.
    #[default]
    Hup,
    /// SIGINT.
    Int,
    /// SIGTERM.
    Term,
    /// SIGUSR1.
    Usr1,
    /// SIGUSR2.
    Usr2,
}

impl SignalName {
    /// All signals.
    pub const ALL: [Self; 5] = [Self::Hup, Self::Int, Self::Term, Self::Usr1, Self::Usr2];

    /// Returns the word for configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hup => "HUP",
            Self::Int => "INT",
            Self::Term => "TERM",
            Self::Usr1 => "USR1",
            Self::Usr2 => "USR2",
        }
    }
}

impl RotationSignal {
    /// Returns this signal for the session of this name, which takes the place of [`SESSION_PLACEHOLDER`].
    pub(super) fn of_session(&self, name: &str) -> Self {
        let target = match &self.target {
            SignalTarget::Unit(unit) => SignalTarget::Unit(unit.replace(SESSION_PLACEHOLDER, name)),
            SignalTarget::PidFile(path) => {
                let path = path.as_os_str().to_string_lossy();
                SignalTarget::PidFile(path.replace(SESSION_PLACEHOLDER, name).into())
            }
        };
        Self { target, ..*self }
    }
}

/// Displays the signal and its process, such as "SIGHUP to wallboard.service".
impl fmt::Display for RotationSignal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SIG{} to ", self.signal.as_str())?;
        match &self.target {
            SignalTarget::Unit(unit) => formatter.write_str(unit),
            SignalTarget::PidFile(path) => {
                write!(formatter, "the process of {}", path.display())
            }
        }
    }
}

/// Reads the key `signal` of a table.
pub(super) fn read(table: &TableReader<'_>) -> Vec<RotationSignal> {
    let Some((found, tables)) = table.tables("signal") else {
        let effect = table.key("signal").effect().to_owned();
        table.record("signal", effect, Origin::Default);
        return Vec::new();
    };
    if tables.len() > SIGNALS_MAX {
        let fault = found.fault("has too many signals");
        table.note(fault.label(&format!("at most {SIGNALS_MAX}")));
    }
    let signals = tables.iter().filter_map(|table| signal(table, &found));
    let signals: Vec<_> = signals.collect();
    let texts = signals
        .iter()
        .map(RotationSignal::to_string)
        .collect::<Vec<_>>();
    table.record("signal", texts.join(", "), table.raw.origin(&found.place));
    signals
}

fn signal<T>(table: &TableReader<'_>, found: &At<T>) -> Option<RotationSignal> {
    table.refuse_unknown();
    let parse =
        |text: &str, _: &Kind| word(text, &SignalName::ALL, SignalName::as_str, "not allowed");
    let signal = match table.value("signal") {
        Some(_) => table.find("signal", parse)?.value,
        None => SignalName::default(),
    };
    let written = (table.value("unit"), table.value("pid_file"));
    let target = match written {
        (Some(_), None) => SignalTarget::Unit(table.find("unit", unit)?.value),
        (None, Some(_)) => SignalTarget::PidFile(
            table
                .find("pid_file", |text, _| source::absolute_file(text))?
                .value,
        ),
        (unit, _) => {
            let fault = match unit {
                Some(unit) => unit.fault("a signal with both a unit and a pid_file"),
                None => found.fault("a signal without a unit or a pid_file"),
            };
            let help = "write it like this:\nsignal = { unit = \"wallboard.service\" }";
            table.note(fault.help(help));
            return None;
        }
    };
    Some(RotationSignal { target, signal })
}

fn unit(text: &str, _: &Kind) -> Result<String, ParseProblem> {
    let title = if redact::is_like_a_token(text) && !text.contains('.') {
        return Err(source::pasted());
    } else if !is_service(&text.replace(SESSION_PLACEHOLDER, "name")) {
        "is not the full name of a service"
    } else {
        return Ok(text.to_owned());
    };
    Err(ParseProblem::about(text, title))
}

fn is_service(unit: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b":_.\\@-".contains(&byte);
    let prefix = unit.strip_suffix(".service");
    unit.len() <= UNIT_LENGTH_MAX
        && prefix.is_some_and(|prefix| {
            // A name that begins with a hyphen would be an option of systemctl. Nothing but a
            // template comes before a closing "@", and a template has no process.
            let is_template = prefix.is_empty() || prefix.ends_with('@');
            !is_template && !prefix.starts_with(['-', '@', '.']) && prefix.bytes().all(is_plain)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_full_name_of_one_service_is_a_unit() {
        for unit in [
            "wallboard.service",
            "kiosk@7.service",
            "dev-a\\x2db:c_1.2.service",
        ] {
            assert!(is_service(unit), "{unit}");
        }
        let long = format!("{}.service", "a".repeat(UNIT_LENGTH_MAX));
        for unit in [
            "wallboard",
            ".service",
            "-H.service",
            "kiosk@.service",
            "@1.service",
            "a b.service",
            "wall*.service",
            "wallboard.scope",
            "../a.service",
            "a/b.service",
            "",
            &long,
        ] {
            assert!(!is_service(unit), "{unit}");
        }
    }
}
