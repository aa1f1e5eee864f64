//! Names every key there is: where it may stand, and how a variable spells it.

use std::fmt;

/// What every variable of ours begins with.
pub const PREFIX: &str = "SESSION_KEEPALIVE_";

/// The variable that names the file; the command line reads it.
pub(super) const CONFIG_VARIABLE: &str = "SESSION_KEEPALIVE_CONFIG";

/// Short for the token file of the one session that needs no file.
pub(super) const TOKEN_FILE_VARIABLE: &str = "SESSION_KEEPALIVE_TOKEN_FILE";

/// The session that `--token-file` makes.
pub const FLAG_SESSION: &str = "default";

/// A longer text is near to no key; comparing it would take time.
const NEAREST_MAX: usize = 100;

const TOP: &[&str] = &[
    "region",
    "api",
    "timeout_refresh",
    "ready_after",
    "defaults",
    "sessions",
    "pools",
    "http",
    "shutdown",
    "log",
    "status",
    "metrics",
    "hooks",
];
const SESSION: &[&str] = &[
    "token",
    "region",
    "api",
    "intent",
    "margin",
    "idle_timeout",
    "touch",
    "verify_every",
    "on_shutdown",
];
const DEFAULTS: &[&str] = SESSION.split_at(1).1;
const POOL: &[&str] = &[
    "token_dir",
    "on_removal",
    "region",
    "api",
    "intent",
    "margin",
    "idle_timeout",
    "touch",
    "verify_every",
    "on_shutdown",
];
const TOKEN: &[&str] = &["file", "env", "credential", "command"];
const HTTP: &[&str] = &[
    "connect_timeout",
    "request_timeout",
    "in_flight_max",
    "proxy",
    "roots",
    "ca_file",
];
const SHUTDOWN: &[&str] = &["grace"];
const LOG: &[&str] = &["level", "format"];
const STATUS: &[&str] = &["listen", "socket"];
const METRICS: &[&str] = &["per_session_max"];
const HOOK: &[&str] = &["on", "command", "timeout", "sessions"];

/// The keys from the top of the configuration to one value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct KeyPath(Vec<String>);

impl KeyPath {
    pub(super) fn of<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        Self(keys.into_iter().map(str::to_owned).collect())
    }

    pub(super) fn child(&self, key: &str) -> Self {
        Self(self.keys().chain([key]).map(str::to_owned).collect())
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The last key; empty at the top.
    pub(super) fn last(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    pub(super) fn parent(&self) -> Option<Self> {
        let (_, keys) = self.0.split_last()?;
        Some(Self(keys.to_vec()))
    }

    /// The keys that may stand in the table here; `None` where there is no table of fixed keys.
    pub(super) fn allowed(&self) -> Option<&'static [&'static str]> {
        match self.keys().collect::<Vec<_>>().as_slice() {
            [] => Some(TOP),
            ["defaults"] => Some(DEFAULTS),
            ["sessions", _] => Some(SESSION),
            ["sessions", _, "token"] => Some(TOKEN),
            ["pools", _] => Some(POOL),
            ["http"] => Some(HTTP),
            ["shutdown"] => Some(SHUTDOWN),
            ["log"] => Some(LOG),
            ["status"] => Some(STATUS),
            ["metrics"] => Some(METRICS),
            ["hooks", _] => Some(HOOK),
            _ => None,
        }
    }

    /// Whether this is a table whose keys are names that the user gave.
    pub(super) fn holds_names(&self) -> bool {
        ["sessions", "pools", "hooks"]
            .iter()
            .any(|names| self.0 == [*names])
    }

    /// Whether there is such a key.
    pub(super) fn is_known(&self) -> bool {
        self.parent().is_none_or(|parent| {
            parent.holds_names()
                || parent
                    .allowed()
                    .is_some_and(|keys| keys.contains(&self.last()))
        })
    }

    /// Whether this key holds one value, not a table.
    pub(super) fn is_leaf(&self) -> bool {
        self.is_known()
            && !self.holds_names()
            && self.allowed().is_none()
            && self.parent().is_none_or(|parent| !parent.holds_names())
    }
}

/// Dotted, with quotes where TOML wants them.
impl fmt::Display for KeyPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, key) in self.keys().enumerate() {
            if position > 0 {
                formatter.write_str(".")?;
            }
            let bare = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
            if !key.is_empty() && key.bytes().all(bare) {
                formatter.write_str(key)?;
            } else {
                write!(formatter, "{key:?}")?;
            }
        }
        Ok(())
    }
}

/// Whether some key of this name holds a value that is fit to be shown.
pub(super) fn names_a_leaf(name: &str) -> bool {
    tables("_").iter().any(|table| {
        table.allowed().is_some_and(|keys| keys.contains(&name)) && table.child(name).is_leaf()
    })
}

/// Whether a session has a key of this name.
pub(super) fn is_of_a_session(name: &str) -> bool {
    SESSION.contains(&name)
}

/// The key that a variable's name spells, given what follows the prefix.
pub(super) fn of_variable(rest: &str) -> KeyPath {
    KeyPath(
        rest.to_ascii_lowercase()
            .split("__")
            .map(str::to_owned)
            .collect(),
    )
}

/// Every variable that sets a value, for a session and a pool of this name.
pub(super) fn variables(name: &str) -> Vec<String> {
    let spell = |path: KeyPath| {
        let keys: Vec<_> = path.keys().map(str::to_ascii_uppercase).collect();
        format!("{PREFIX}{}", keys.join("__"))
    };
    let values = tables(name).into_iter().flat_map(|table| {
        let keys = table.allowed().unwrap_or_default();
        keys.iter().map(move |key| table.child(key))
    });
    let short = [CONFIG_VARIABLE, TOKEN_FILE_VARIABLE].map(str::to_owned);
    values
        .filter(KeyPath::is_leaf)
        .map(spell)
        .chain(short)
        .collect()
}

/// The candidate that was probably meant, if one is near enough.
#[must_use]
pub fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if text.len() > NEAREST_MAX {
        return None;
    }
    let limit = (text.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(text, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The tables of fixed keys.
fn tables(name: &str) -> Vec<KeyPath> {
    [
        &[][..],
        &["defaults"],
        &["sessions", name],
        &["sessions", name, "token"],
        &["pools", name],
        &["http"],
        &["shutdown"],
        &["log"],
        &["status"],
        &["metrics"],
        &["hooks", name],
    ]
    .map(|keys| KeyPath::of(keys.iter().copied()))
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_written_as_toml_would() {
        let path = KeyPath::of(["sessions", "a.b", "on_shutdown"]);
        assert_eq!(path.to_string(), r#"sessions."a.b".on_shutdown"#);
    }

    #[test]
    fn a_pool_has_every_key_of_the_defaults() {
        assert_eq!(POOL.split_at(2).1, DEFAULTS);
    }

    #[test]
    fn a_variable_spells_a_key() {
        assert_eq!(
            of_variable("SHUTDOWN__GRACE"),
            KeyPath::of(["shutdown", "grace"])
        );
        for name in variables("wallboard") {
            let rest = name.strip_prefix(PREFIX).unwrap();
            let short = [CONFIG_VARIABLE, TOKEN_FILE_VARIABLE].contains(&name.as_str());
            assert!(of_variable(rest).is_leaf() || short, "{name}");
        }
    }

    #[test]
    fn only_a_near_word_is_suggested() {
        assert_eq!(nearest("regoin", ["region", "api"]), Some("region"));
        assert_eq!(nearest("pools", ["region", "api", "http"]), None);
    }

    #[test]
    fn the_length_of_a_word_limits_the_comparison() {
        assert_eq!(nearest(&"x".repeat(200), ["region"]), None);
    }
}
