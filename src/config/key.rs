//! The path of a key, and the search for the key that was meant.

use std::fmt;

use super::schema::{Key, Kind, NAME, SIGNAL, SINK, SchemaTable};

/// The prefix of every variable that the program reads.
pub const PREFIX: &str = "SESSION_KEEPALIVE_";

/// The variable of a token command that identifies its run. It sets nothing.
pub const COMMAND_VARIABLE: &str = "SESSION_KEEPALIVE_TOKEN_COMMAND";

/// The variable with the path of the file; the command line reads it.
pub(super) const CONFIG_VARIABLE: &str = "SESSION_KEEPALIVE_CONFIG";

/// The short variable for the token file of the session that needs no configuration file.
pub(super) const TOKEN_FILE_VARIABLE: &str = "SESSION_KEEPALIVE_TOKEN_FILE";

/// The name of the session that `--token-file` creates.
pub const FLAG_SESSION: &str = "default";

/// The longest text, in bytes, for which a similar key is searched: the comparison takes
/// quadratic time.
const NEAREST_MAX: usize = 100;

/// The keys from the root of the configuration to one value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct KeyPath(Vec<String>);

impl KeyPath {
    pub(super) fn of<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        Self(keys.into_iter().map(str::to_owned).collect())
    }

    pub(super) fn child(&self, key: &str) -> Self {
        Self(self.keys().chain([key]).map(str::to_owned).collect())
    }

    /// Returns the path of one table of a list, counted from 0.
    pub(super) fn element(&self, position: usize) -> Self {
        self.child(&format!("[{position}]"))
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Returns the last key; empty at the root.
    pub(super) fn last(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    pub(super) fn parent(&self) -> Option<Self> {
        let (_, keys) = self.0.split_last()?;
        Some(Self(keys.to_vec()))
    }

    /// Returns the key that a variable's name spells, given the text after the prefix.
    pub(super) fn of_variable(rest: &str) -> Self {
        Self::of(rest.to_ascii_lowercase().split("__"))
    }

    /// Returns true if this is the path of a table, in which [`NAME`] stands for any name.
    pub(super) fn matches(&self, table: &[&str]) -> bool {
        let is_alike = |(key, part): (&str, &&str)| key == *part || *part == NAME;
        self.0.len() == table.len() && self.keys().zip(table).all(is_alike)
    }

    /// Returns the path in the schema of a table that may be one of a list: a sink or a signal.
    pub(super) fn listed(&self) -> Option<&'static [&'static str]> {
        let keys: Vec<_> = self.keys().collect();
        let (keys, last) = match keys.as_slice() {
            [keys @ .., last, position] if position.starts_with('[') => (keys, *last),
            [keys @ .., last] => (keys, *last),
            [] => return None,
        };
        let is_of_sessions = matches!(keys, ["defaults"] | ["sessions" | "pools", _]);
        let listed = [SINK, SIGNAL].into_iter();
        let mut listed = listed.filter(|path| is_of_sessions && path.last() == Some(&last));
        listed.next()
    }

    /// Returns the key of a table that may be one of a list, without its position.
    pub(super) fn list_name(&self) -> &'static str {
        self.listed()
            .and_then(<[_]>::last)
            .copied()
            .unwrap_or_default()
    }

    /// Returns true if this is a table that may be one of a list.
    pub(super) fn is_listed(&self) -> bool {
        self.listed().is_some()
    }

    /// Returns true if this is a table whose keys are names that the user chose.
    pub(super) fn holds_names(&self) -> bool {
        let names = SchemaTable::at(&self.child(NAME));
        names.is_some_and(|table| table.path.last() == Some(&NAME))
    }

    /// Returns true if this key exists.
    pub(super) fn is_known(&self) -> bool {
        self.parent().is_none_or(|parent| {
            parent.holds_names()
                || SchemaTable::at(&parent)
                    .is_some_and(|table| table.names().contains(&self.last()))
        })
    }

    /// Returns the row of this key; `None` if it is unknown or a table of fixed keys.
    pub(super) fn key(&self) -> Option<&'static Key> {
        let key = SchemaTable::at(&self.parent()?)?.key(self.last())?;
        (!matches!(key.kind, Kind::OneOf | Kind::Tables)).then_some(key)
    }

    /// Returns true if this key holds one value, not a table.
    pub(super) fn is_leaf(&self) -> bool {
        self.key().is_some()
    }
}

/// Displays the keys with dots between them, in quotes where TOML requires them.
impl fmt::Display for KeyPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "";
        for (position, key) in self.keys().enumerate() {
            // The position of a sink or a signal in a list.
            if matches!(std::mem::replace(&mut before, key), "sink" | "signal")
                && key.starts_with('[')
            {
                continue;
            }
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

/// Returns the candidate that is most similar to the text, if one is similar enough.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_written_as_toml_would() {
        let path = KeyPath::of(["sessions", "a.b", "on_shutdown"]);
        assert_eq!(path.to_string(), r#"sessions."a.b".on_shutdown"#);
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
