//! Hooks: the programs that run after events of a session.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use figment::value::Value;

use super::model::SessionName;
use super::reader::{At, ParseProblem, TableReader, word};
use super::source;

/// The largest number of hooks: each may have one program running.
const HOOKS_MAX: usize = 16;

/// The variables of a hook's environment, each name after [`PREFIX`](super::PREFIX).
///
/// The first one marks the environment of a hook: a program of this package that runs there does
/// not read the others as configuration, although one of them is spelt like a key.
pub const HOOK_VARIABLES: [&str; 14] = [
    "EVENT",
    "HOOK",
    "SESSION",
    "FINGERPRINT",
    "PREVIOUS_FINGERPRINT",
    "GENERATION",
    "STATE",
    "INTENT",
    "API",
    "REASON",
    "CORRELATION_ID",
    "AT",
    "INCIDENT",
    "COUNT",
];

/// An example of a hook.
const EXAMPLE: &str = r#"[hooks.page]
on = ["lost", "at-risk"]
command = ["/usr/local/bin/page-me", "argument"]"#;

/// A program that runs after events of a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HookConfig {
    /// The events after which it runs.
    pub on: BTreeSet<Occasion>,
    /// The program.
    pub command: HookCommand,
    /// The time for which events of sessions that follow from an incident are collected into one
    /// run: 0s to 5m.
    pub batch: Duration,
    /// The time limit of one run: 1s to 10m.
    pub timeout: Duration,
    /// The sessions for which it runs; all if this is empty.
    pub sessions: Vec<SessionPattern>,
}

impl HookConfig {
    /// Returns true if the hook runs after this event of this session.
    #[must_use]
    pub fn is_for(&self, occasion: Occasion, session: &SessionName) -> bool {
        let is_named = |pattern: &SessionPattern| pattern.matches(session);
        self.on.contains(&occasion)
            && (self.sessions.is_empty() || self.sessions.iter().any(is_named))
    }
}

/// An event of a session, or of an incident, after which a hook can run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Occasion {
    /// The token was refused while the intent was to keep it.
    Lost,
    /// The token idled out as intended.
    Lapsed,
    /// Attempts are failing and the deadline is near or has passed.
    AtRisk,
    /// A session that was lost, at risk, blocked or excluded has recovered.
    Recovered,
    /// The API, or another server in its place, answers without the state of the token.
    Blocked,
    /// The organisation does not count the touches: they do not reset the idle timer.
    Excluded,
    /// Another token of the session was proven alive, and its sinks hold it.
    Rotated,
    /// The daemon revoked the token.
    Revoked,
    /// The token expires soon, and nothing replaces it before.
    Expiring,
    /// The OAuth client of the token is inactive or is to be deleted.
    ClientEnding,
    /// A problem of an API host or an organisation began.
    Incident,
    /// Such a problem is over.
    IncidentOver,
}

impl Occasion {
    /// All occasions.
    pub const ALL: [Self; 12] = [
        Self::Lost,
        Self::Lapsed,
        Self::AtRisk,
        Self::Recovered,
        Self::Blocked,
        Self::Excluded,
        Self::Rotated,
        Self::Revoked,
        Self::Expiring,
        Self::ClientEnding,
        Self::Incident,
        Self::IncidentOver,
    ];

    /// Returns the word for configuration, logs and hooks.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Lapsed => "lapsed",
            Self::AtRisk => "at-risk",
            Self::Recovered => "recovered",
            Self::Blocked => "blocked",
            Self::Excluded => "excluded",
            Self::Rotated => "rotated",
            Self::Revoked => "revoked",
            Self::Expiring => "expiring",
            Self::ClientEnding => "client-ending",
            Self::Incident => "incident",
            Self::IncidentOver => "incident-over",
        }
    }
}

/// A program and its arguments, at least the program.
///
/// `Debug` and `Display` leave out the arguments, which may be secret.
#[derive(Clone, PartialEq, Eq)]
pub struct HookCommand(Vec<String>);

impl HookCommand {
    /// Returns the absolute path of the program, and its arguments.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for HookCommand {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.first().map_or("", String::as_str))
    }
}

impl fmt::Debug for HookCommand {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "HookCommand({self})")
    }
}

/// The name of a session, or a prefix of names: `kiosk`, `kiosk-*`, `*`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionPattern(String);

impl SessionPattern {
    fn new(text: &str) -> Option<Self> {
        let is_valid = match text.strip_suffix('*') {
            None | Some("") => text == "*" || SessionName::new(text).is_ok(),
            Some(start) => SessionName::new(start).is_ok(),
        };
        is_valid.then(|| Self(text.to_owned()))
    }

    /// Returns true if the pattern matches that session.
    #[must_use]
    pub fn matches(&self, session: &SessionName) -> bool {
        match self.0.strip_suffix('*') {
            Some(start) => session.as_str().starts_with(start),
            None => session.as_str() == self.0,
        }
    }

    /// Returns the pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A hook's name, of the same form as a session's name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct HookName(SessionName);

impl HookName {
    /// Creates a name from the text; returns `None` if it is not of that form.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        SessionName::new(text).ok().map(Self)
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for HookName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// Reads `[hooks.NAME]`.
pub(super) fn read(top: &TableReader<'_>) -> BTreeMap<HookName, HookConfig> {
    let hooks = top.table("hooks");
    let found = hooks
        .keys()
        .filter_map(|name| hooks.value(name).map(|found| (name, found)));
    let mut configs = BTreeMap::new();
    for (position, (name, found)) in found.enumerate() {
        if position == HOOKS_MAX {
            let fault = found.fault("one hook too many").about_the_key();
            top.note(fault.label(&format!("at most {HOOKS_MAX}")));
        }
        let hook = hook(&hooks.table(name), &found);
        if let (Some(name), Some(hook)) = (hook_name(top, &found.with(name)), hook) {
            configs.insert(name, hook);
        }
    }
    configs
}

fn hook_name(top: &TableReader<'_>, name: &At<&str>) -> Option<HookName> {
    let parsed = HookName::new(name.value);
    if parsed.is_none() {
        let fault = name.fault("is not a hook's name").about_the_key();
        top.note(fault.help(
            "a hook's name is 1 to 64 of a-z, 0-9, '.', '_' and '-', and starts with a letter or digit",
        ));
    }
    parsed
}

fn hook(hook: &TableReader<'_>, found: &At<&Value>) -> Option<HookConfig> {
    let on = list(hook, "on", occasion);
    hook.record_optional("on", on.as_ref(), |on| {
        let on: BTreeSet<_> = on.iter().copied().collect();
        on.into_iter()
            .map(Occasion::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    });
    let command = hook.value("command");
    let command = command.and_then(|found| {
        let words = source::command(hook, &found)?;
        Some(found.with(HookCommand(words)))
    });
    hook.record_optional("command", command.as_ref(), HookCommand::to_string);
    let batch = hook.duration("batch");
    let timeout = hook.duration("timeout");
    let sessions = list(hook, "sessions", pattern);
    hook.record_optional("sessions", sessions.as_ref(), |sessions| {
        let sessions: Vec<_> = sessions.iter().map(SessionPattern::as_str).collect();
        sessions.join(", ")
    });
    if let Value::Dict(..) = found.value {
        for key in ["on", "command"] {
            if hook.value(key).is_none() {
                let fault = found.fault(&format!("no {key}")).about_the_key();
                let fault = fault.label(match key {
                    "on" => "the hook has no events",
                    _ => "what is run?",
                });
                hook.note(fault.help(&format!("write it like this:\n{EXAMPLE}")));
            }
        }
    }
    Some(HookConfig {
        on: on?.value.into_iter().collect(),
        command: command?.value,
        batch,
        timeout,
        sessions: sessions.map(|found| found.value).unwrap_or_default(),
    })
}

/// Reads a list of at least one word, each of which `parse` converts.
fn list<T>(
    hook: &TableReader<'_>,
    name: &str,
    parse: impl Fn(&str) -> Result<T, ParseProblem>,
) -> Option<At<Vec<T>>> {
    hook.list(name, |words| match words.as_slice() {
        [] => Err(ParseProblem::new("is empty")),
        words => words.iter().map(|word| parse(word)).collect(),
    })
}

fn occasion(text: &str) -> Result<Occasion, ParseProblem> {
    word(text, &Occasion::ALL, Occasion::as_str, "no event")
}

fn pattern(text: &str) -> Result<SessionPattern, ParseProblem> {
    SessionPattern::new(text).ok_or_else(|| ParseProblem::about(text, "cannot be a session"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_name_or_the_beginning_of_names() {
        let name = |text| SessionName::new(text).unwrap();
        let matches = |pattern, session| SessionPattern::new(pattern).unwrap().matches(&session);
        assert!(matches("*", name("a")) && matches("a*", name("a")) && matches("a*", name("ab")));
        assert!(matches("a", name("a")) && !matches("a", name("ab")) && !matches("b*", name("a")));
        for bad in ["", "**", "*a", "a*b", "A", "a b"] {
            assert_eq!(SessionPattern::new(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_commands_arguments_are_not_shown() {
        let command = HookCommand(vec!["/bin/page".into(), "--key=hunter2".into()]);
        assert_eq!(
            format!("{command} {command:?}"),
            "/bin/page HookCommand(/bin/page)"
        );
    }
}
