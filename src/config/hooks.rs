//! Hooks: the programs that are run when something happens to a session.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use figment::value::Value;

use super::key;
use super::mask;
use super::meant::SessionName;
use super::reader::{At, Complaint, Reader, what};
use super::source;

/// More hooks than this are refused: each may have one program running.
const HOOKS_MAX: usize = 16;

const TIMEOUTS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(600);
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);

/// What a hook learns from its environment, each name after [`PREFIX`](super::PREFIX).
///
/// The first tells a program of ours that it runs in a hook: there the others are no
/// configuration, though one of them is spelt like a key.
pub const HOOK_VARIABLES: [&str; 11] = [
    "EVENT",
    "HOOK",
    "SESSION",
    "FINGERPRINT",
    "GENERATION",
    "STATE",
    "INTENT",
    "API",
    "REASON",
    "CORRELATION_ID",
    "AT",
];

/// How a hook is written.
const EXAMPLE: &str = r#"[hooks.page]
on = ["lost", "at-risk"]
command = ["/usr/local/bin/page-me", "argument"]"#;

/// A program that is run when something happens to a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HookConfig {
    /// When it is run.
    pub on: BTreeSet<Occasion>,
    /// The program.
    pub command: HookCommand,
    /// How long it may run: 1 s to 10 min.
    pub timeout: Duration,
    /// The sessions it is run for; all if this is empty.
    pub sessions: Vec<SessionPattern>,
}

impl HookConfig {
    /// Whether it is run when this happens to that session.
    #[must_use]
    pub fn is_for(&self, occasion: Occasion, session: &SessionName) -> bool {
        let is_named = |pattern: &SessionPattern| pattern.matches(session);
        self.on.contains(&occasion)
            && (self.sessions.is_empty() || self.sessions.iter().any(is_named))
    }
}

/// What a hook can be run for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Occasion {
    /// The token was refused while it was to be kept.
    Lost,
    /// The token idled out as intended.
    Lapsed,
    /// Tries are failing and the deadline is near or has passed.
    AtRisk,
    /// A session that was lost, at risk, blocked or excluded is well again.
    Recovered,
    /// The API answers, but not about the token.
    Blocked,
    /// The organisation does not count what we ask.
    Excluded,
    /// We revoked the token.
    Revoked,
}

impl Occasion {
    /// Every occasion.
    pub const ALL: [Self; 7] = [
        Self::Lost,
        Self::Lapsed,
        Self::AtRisk,
        Self::Recovered,
        Self::Blocked,
        Self::Excluded,
        Self::Revoked,
    ];

    /// The word for configuration, logs and hooks.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Lapsed => "lapsed",
            Self::AtRisk => "at-risk",
            Self::Recovered => "recovered",
            Self::Blocked => "blocked",
            Self::Excluded => "excluded",
            Self::Revoked => "revoked",
        }
    }
}

/// A program and its arguments, at least the program.
///
/// `Debug` and `Display` leave out the arguments: they are not ours to show.
#[derive(Clone, PartialEq, Eq)]
pub struct HookCommand(Vec<String>);

impl HookCommand {
    /// The absolute path of the program, and its arguments.
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

/// The name of a session, or the beginning of names: `kiosk`, `kiosk-*`, `*`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionPattern(String);

impl SessionPattern {
    fn new(text: &str) -> Option<Self> {
        let fits = match text.strip_suffix('*') {
            None | Some("") => text == "*" || SessionName::new(text).is_ok(),
            Some(start) => SessionName::new(start).is_ok(),
        };
        fits.then(|| Self(text.to_owned()))
    }

    /// Whether it means that session.
    #[must_use]
    pub fn matches(&self, session: &SessionName) -> bool {
        match self.0.strip_suffix('*') {
            Some(start) => session.as_str().starts_with(start),
            None => session.as_str() == self.0,
        }
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A hook's name, of the same form as a session's.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct HookName(SessionName);

impl HookName {
    /// Takes the text for a name; `None` if it is not of that form.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        SessionName::new(text).ok().map(Self)
    }

    /// The name as text.
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
pub(super) fn read(top: &Reader<'_>) -> BTreeMap<HookName, HookConfig> {
    let hooks = top.table("hooks");
    let found = hooks
        .keys()
        .filter_map(|name| hooks.value(name).map(|found| (name, found)));
    let mut meant = BTreeMap::new();
    for (position, (name, found)) in found.enumerate() {
        if position == HOOKS_MAX {
            let fault = found.fault("one hook too many").about_the_key();
            top.note(fault.label(&format!("at most {HOOKS_MAX}")));
        }
        let hook = hook(&hooks.table(name), &found);
        if let (Some(name), Some(hook)) = (hook_name(top, &found.with(name)), hook) {
            meant.insert(name, hook);
        }
    }
    meant
}

fn hook_name(top: &Reader<'_>, name: &At<&str>) -> Option<HookName> {
    let taken = HookName::new(name.value);
    if taken.is_none() {
        let fault = name.fault("is not a hook's name").about_the_key();
        top.note(fault.help(
            "a hook's name is 1 to 64 of a-z, 0-9, '.', '_' and '-', and starts with a letter or digit",
        ));
    }
    taken
}

fn hook(hook: &Reader<'_>, found: &At<&Value>) -> Option<HookConfig> {
    let on = words(hook, "on", EVENTS, occasion);
    let sessions = words(hook, "sessions", PATTERNS, pattern);
    let timeout = hook.duration("timeout", TIMEOUTS);
    let command = hook.value("command");
    let command = command.and_then(|command| source::command(hook, &command));
    if let Value::Dict(..) = found.value {
        for key in ["on", "command"] {
            if hook.value(key).is_none() {
                let fault = found.fault(&format!("no {key}")).about_the_key();
                let fault = fault.label(match key {
                    "on" => "when is it run?",
                    _ => "what is run?",
                });
                hook.note(fault.help(&format!("write it like this:\n{EXAMPLE}")));
            }
        }
    }
    Some(HookConfig {
        on: on?.into_iter().collect(),
        command: HookCommand(command?),
        timeout: timeout.map_or(TIMEOUT_DEFAULT, |found| found.value),
        sessions: sessions.unwrap_or_default(),
    })
}

const EVENTS: &str =
    r#"a list of "lost", "lapsed", "at-risk", "recovered", "blocked", "excluded" and "revoked""#;
const PATTERNS: &str =
    r#"a list of sessions' names or beginnings of names, such as ["wallboard", "kiosk-*"]"#;

/// A list of at least one word, each of which means something.
fn words<T>(
    hook: &Reader<'_>,
    key: &str,
    allowed: &str,
    meaning: impl Fn(&str) -> Result<T, Complaint>,
) -> Option<Vec<T>> {
    let found = hook.value(key)?;
    let meant = match found.value {
        Value::Array(_, values) if values.is_empty() => {
            Err(Complaint::new("is empty", allowed.to_owned()))
        }
        Value::Array(_, values) => values
            .iter()
            .map(|value| match value.as_str() {
                Some(word) => meaning(word),
                None => Err(Complaint::new("holds something other than text", allowed)),
            })
            .collect(),
        Value::String(..)
        | Value::Char(..)
        | Value::Bool(..)
        | Value::Num(..)
        | Value::Empty(..)
        | Value::Dict(..) => Err(Complaint::new(
            format!("{} where a list belongs", what(found.value)),
            allowed,
        )),
    };
    match meant {
        Ok(meant) => Some(meant),
        Err(complaint) => {
            let fault = found.fault(&complaint.title).label(&complaint.allowed);
            hook.note(match complaint.help {
                Some(help) => fault.help(&help),
                None => fault,
            });
            None
        }
    }
}

fn occasion(word: &str) -> Result<Occasion, Complaint> {
    let names = || Occasion::ALL.iter().map(|occasion| occasion.as_str());
    let mut all = Occasion::ALL.into_iter();
    all.find(|occasion| occasion.as_str() == word)
        .ok_or_else(|| Complaint {
            help: key::nearest(word, names()).map(|near| format!("did you mean \"{near}\"?")),
            ..Complaint::new(format!("{} is no event", mask::quoted(word)), EVENTS)
        })
}

fn pattern(word: &str) -> Result<SessionPattern, Complaint> {
    SessionPattern::new(word).ok_or_else(|| {
        let title = format!("{} cannot be a session", mask::quoted(word));
        Complaint::new(title, PATTERNS)
    })
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
