//! Reads a profile of the official command line: the OAuth client that a table of its
//! configuration file describes.
//!
//! Names match without case, as in the command line itself. No error shows a value: one of them is
//! the client's secret.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use toml_edit::{Document, Item, TableLike};
use zeroize::Zeroizing;

use super::source::is_client_id;
use super::{NotAToken, Token};

/// The longest configuration file that is read, in KiB.
pub(super) const KIBIBYTES_MAX: usize = 64;

/// The names of profiles that an error shows.
const NAMES_SHOWN_MAX: usize = 8;

/// The longest name of a profile that an error shows, in characters.
const NAME_LENGTH_MAX: usize = 32;

/// A profile of the official command line.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Profile {
    /// The name of the table.
    pub name: Arc<str>,
    /// The file.
    pub file: PathBuf,
}

impl fmt::Display for Profile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "profile {} of {}",
            self.name,
            self.file.display()
        )
    }
}

/// The reason for which a profile names no OAuth client.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProfileProblem {
    /// The file is longer than the limit.
    #[error("it is longer than {KIBIBYTES_MAX} KiB")]
    TooLong,
    /// The file is not UTF-8 text.
    #[error("it is not UTF-8 text")]
    NotText,
    /// The file is not TOML from this line on.
    #[error("line {0} is not TOML")]
    NotToml(usize),
    /// The file has no profile of this name, but these.
    #[error("there is no profile {name}; {}", names_found(known))]
    NoProfile {
        /// The name.
        name: Arc<str>,
        /// The names of the file's profiles.
        known: Vec<String>,
    },
    /// The profile, whose table begins at this line, lacks a key.
    #[error("profile {name} (line {line}) has no {key}")]
    NoKey {
        /// The name of the profile.
        name: Arc<str>,
        /// The line of its table.
        line: usize,
        /// The key, with its meaning.
        key: &'static str,
    },
    /// A value is not text.
    #[error("{key} in line {line} is of type {found}; only text is allowed")]
    NotAText {
        /// The key.
        key: &'static str,
        /// The line of the value.
        line: usize,
        /// The type of the value.
        found: &'static str,
    },
    /// The id of the client cannot be one.
    #[error(
        "client_credentials in line {0} is not the id of an OAuth client: visible ASCII without spaces and colons, at most 128 characters"
    )]
    NotAnId(usize),
    /// The secret of the client cannot be one.
    #[error("client_secret in line {line} {reason}")]
    NotASecret {
        /// The line of the value.
        line: usize,
        /// The reason for which it is not a secret.
        reason: NotAToken,
    },
}

fn names_found(known: &[String]) -> String {
    if known.is_empty() {
        return "it has none".to_owned();
    }
    let shown: Vec<_> = known
        .iter()
        .take(NAMES_SHOWN_MAX)
        .map(String::as_str)
        .collect();
    let more = known.len() - shown.len();
    let more = (more > 0).then(|| format!(" and {more} more"));
    format!("it has {}{}", shown.join(", "), more.unwrap_or_default())
}

/// The value of a profile's `environment`, and its line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Environment {
    /// A domain, or the name of a region.
    pub text: String,
    /// The line of the value.
    pub line: usize,
}

/// A parsed file with the table of the profile.
struct ProfileTable<'a> {
    text: &'a str,
    name: &'a Arc<str>,
    table: &'a dyn TableLike,
    line: usize,
}

/// Returns the id and the secret of the profile's client.
pub(super) fn client(
    bytes: &Zeroizing<Vec<u8>>,
    name: &Arc<str>,
) -> Result<(Arc<str>, Token), ProfileProblem> {
    with_profile(bytes, name, |profile| {
        let (id, line) = profile.required(
            "client_credentials",
            "client_credentials, the id of an OAuth client",
        )?;
        if !is_client_id(id) {
            return Err(ProfileProblem::NotAnId(line));
        }
        let (secret, line) = profile.required("client_secret", "client_secret")?;
        let secret = Token::from_bytes(secret.as_bytes().to_vec())
            .map_err(|reason| ProfileProblem::NotASecret { line, reason })?;
        Ok((id.into(), secret))
    })
}

/// Returns the profile's `environment`.
///
/// # Errors
///
/// [`ProfileProblem`] if there is none.
pub fn environment(bytes: &[u8], name: &Arc<str>) -> Result<Environment, ProfileProblem> {
    with_profile(bytes, name, |profile| {
        let (text, line) = profile.required("environment", "environment")?;
        Ok(Environment {
            text: text.to_owned(),
            line,
        })
    })
}

fn with_profile<T>(
    bytes: &[u8],
    name: &Arc<str>,
    read: impl FnOnce(&ProfileTable<'_>) -> Result<T, ProfileProblem>,
) -> Result<T, ProfileProblem> {
    if bytes.len() > KIBIBYTES_MAX << 10 {
        return Err(ProfileProblem::TooLong);
    }
    let text = str::from_utf8(bytes).map_err(|_| ProfileProblem::NotText)?;
    // The error of the parser quotes the text.
    let document = Document::parse(text).map_err(|error| {
        ProfileProblem::NotToml(line_of(text, error.span().map_or(0, |span| span.start)))
    })?;
    let (key, item) = find(document.as_table(), name).ok_or_else(|| {
        let tables = document.iter().filter(|(_, item)| item.is_table_like());
        ProfileProblem::NoProfile {
            name: Arc::clone(name),
            known: tables
                .map(|(name, _)| printable(name, NAME_LENGTH_MAX))
                .collect(),
        }
    })?;
    let table = item
        .as_table_like()
        .ok_or_else(|| ProfileProblem::NoProfile {
            name: Arc::clone(name),
            known: Vec::new(),
        })?;
    let line = document
        .get_key_value(key)
        .and_then(|(key, _)| key.span())
        .map_or(0, |span| span.start);
    read(&ProfileTable {
        text,
        name,
        table,
        line: line_of(text, line),
    })
}

impl ProfileTable<'_> {
    /// Returns the text of a key that is not empty, and its line.
    fn required(
        &self,
        key: &'static str,
        described: &'static str,
    ) -> Result<(&str, usize), ProfileProblem> {
        let missing = || ProfileProblem::NoKey {
            name: Arc::clone(self.name),
            line: self.line,
            key: described,
        };
        let (_, item) = find(self.table, key).ok_or_else(missing)?;
        let line = item
            .span()
            .map_or(self.line, |span| line_of(self.text, span.start));
        match item.as_str() {
            // The command line writes keys without a value as empty texts.
            Some("") => Err(missing()),
            Some(text) => Ok((text, line)),
            None => Err(ProfileProblem::NotAText {
                key,
                line,
                found: item.type_name(),
            }),
        }
    }
}

/// Returns the entry of this name, or else one that differs from it in case only.
fn find<'a>(table: &'a dyn TableLike, name: &str) -> Option<(&'a str, &'a Item)> {
    let exact = table.iter().find(|(key, _)| *key == name);
    exact.or_else(|| table.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)))
}

/// Returns the number of the line at this byte, counted from 1.
fn line_of(text: &str, at: usize) -> usize {
    let before = text.bytes().take(at);
    before.filter(|byte| *byte == b'\n').count() + 1
}

/// Returns text that another program wrote, for a message: at most `length_max` characters, with
/// control characters replaced.
pub(crate) fn printable(text: &str, length_max: usize) -> String {
    let shown = text.chars().take(length_max);
    shown
        .map(|character| {
            if character.is_control() {
                '?'
            } else {
                character
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "the-secret-of-the-client-0123456789";

    fn client_of(text: &str, name: &str) -> Result<(String, Vec<u8>), String> {
        let found = client(&Zeroizing::new(text.as_bytes().to_vec()), &name.into());
        found
            .map(|(id, secret)| (id.as_ref().to_owned(), secret.expose().to_vec()))
            .map_err(|problem| problem.to_string())
    }

    #[test]
    fn the_client_of_a_profile_is_found_whatever_the_case() {
        let text = format!(
            "[default]\nclient_credentials = 'other'\nclient_secret = 'another-secret'\n\
             [DEFAULT]\nAccess_Token = \"\"\nClient_Credentials = \"kiosk\"\n\
             CLIENT_SECRET = \"{SECRET}\"\nenvironment = \"mypurecloud.de\"\ngrant_type = \"1\"\n"
        );
        let expected = Ok(("kiosk".to_owned(), SECRET.as_bytes().to_vec()));
        assert_eq!(client_of(&text, "DEFAULT"), expected);
        let found = environment(text.as_bytes(), &"DEFAULT".into());
        let expected = Environment {
            text: "mypurecloud.de".to_owned(),
            line: 8,
        };
        assert_eq!(found, Ok(expected));
        assert!(client_of(&text, "Default").is_ok());
    }

    #[test]
    fn an_error_names_the_line_and_the_key_and_never_the_secret() {
        let profile =
            |rest: &str| client_of(&format!("# gc\n[prod]\n{rest}\n"), "prod").unwrap_err();
        let errors = [
            client_of("", "prod").unwrap_err(),
            client_of("prod = 1\n", "prod").unwrap_err(),
            client_of("[DEFAULT]\n[test]\n", "prod").unwrap_err(),
            profile(""),
            profile("client_credentials = \"\""),
            profile(&format!(
                "client_credentials = 7\nclient_secret = \"{SECRET}\""
            )),
            profile(&format!("client_credentials = \"kiosk:{SECRET}\"")),
            profile("client_credentials = \"kiosk\""),
            profile(&format!(
                "client_credentials = \"kiosk\"\nclient_secret = \"'{SECRET}'\""
            )),
            profile(&format!(
                "client_credentials = \"kiosk\"\nclient_secret = {SECRET}"
            )),
            profile(&format!(
                "client_credentials = \"kiosk\"\nclient_secret = [\"{SECRET}\"]"
            )),
            client_of(&"#".repeat((KIBIBYTES_MAX << 10) + 1), "prod").unwrap_err(),
        ];
        let errors = errors.join("\n");
        assert!(!errors.contains(&SECRET[..8]), "{errors}");
        insta::assert_snapshot!(errors, @r"
        there is no profile prod; it has none
        there is no profile prod; it has none
        there is no profile prod; it has DEFAULT, test
        profile prod (line 2) has no client_credentials, the id of an OAuth client
        profile prod (line 2) has no client_credentials, the id of an OAuth client
        client_credentials in line 3 is of type integer; only text is allowed
        client_credentials in line 3 is not the id of an OAuth client: visible ASCII without spaces and colons, at most 128 characters
        profile prod (line 2) has no client_secret
        client_secret in line 4 is in quotes: leave them out
        line 4 is not TOML
        client_secret in line 4 is of type array; only text is allowed
        it is longer than 64 KiB
        ");
    }
}
