//! Brings the token from its source, with a limit to how much is read and how long it takes.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use super::file::{self, NoContents};
use super::{Identity, Source, SourceError, Token, Warning, command};
use crate::program;

/// How long a command may take to print a token, unless told otherwise.
pub const COMMAND_TIME_LIMIT: Duration = Duration::from_secs(30);

/// Brings tokens from their sources.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    variable: fn(&str) -> Option<OsString>,
    command_time_limit: Duration,
}

/// A token and what was noticed about its file.
#[derive(Debug)]
pub struct Read {
    /// The token.
    pub token: Token,
    /// The state of the file before it was read; `None` if it did not come from a file.
    pub identity: Option<Identity>,
    /// Who else can get at it.
    pub warning: Option<Warning>,
}

impl Default for Reader {
    /// Reads the variables of this process; a command has [`COMMAND_TIME_LIMIT`].
    fn default() -> Self {
        Self::new(|name| std::env::var_os(name), COMMAND_TIME_LIMIT)
    }
}

impl Reader {
    /// Reads variables through `variable` and gives each command `command_time_limit`.
    #[must_use]
    pub fn new(variable: fn(&str) -> Option<OsString>, command_time_limit: Duration) -> Self {
        Self {
            variable,
            command_time_limit,
        }
    }

    /// Reads the token that is at the source at this moment.
    ///
    /// Only a command takes time. Dropping the future kills it and its children.
    ///
    /// # Errors
    ///
    /// [`SourceError`], which names the source and never shows what was found.
    ///
    /// # Panics
    ///
    /// For a command, outside a tokio runtime with its drivers enabled.
    pub async fn read(&self, source: &Source) -> Result<Read, SourceError> {
        match source {
            Source::File(path) => read_file(source, path),
            Source::Credential(name) => self.read_credential(source, name),
            Source::Env(name) => self.read_variable(source, name),
            Source::Command(words) => {
                let variables = program::inherited(self.variable);
                let output =
                    command::output(source, words, variables, self.command_time_limit).await?;
                Ok(Read {
                    token: token(source, output)?,
                    identity: None,
                    warning: None,
                })
            }
        }
    }

    /// Reads the token without waiting for anything; `None` for a command, which takes time.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    #[must_use]
    pub fn read_at_once(&self, source: &Source) -> Option<Result<Read, SourceError>> {
        match source {
            Source::File(path) => Some(read_file(source, path)),
            Source::Credential(name) => Some(self.read_credential(source, name)),
            Source::Env(name) => Some(self.read_variable(source, name)),
            Source::Command(_) => None,
        }
    }

    /// The file to watch for changes of the source; `None` if there is none.
    #[must_use]
    pub fn file(&self, source: &Source) -> Option<PathBuf> {
        match source {
            Source::File(path) => Some(path.clone()),
            Source::Credential(name) => self.credential(source, name).ok(),
            Source::Env(_) | Source::Command(_) => None,
        }
    }

    fn read_credential(&self, source: &Source, name: &str) -> Result<Read, SourceError> {
        read_file(source, &self.credential(source, name)?)
    }

    fn read_variable(&self, source: &Source, name: &str) -> Result<Read, SourceError> {
        let value = (self.variable)(name);
        let value = value.ok_or_else(|| SourceError::NotSet(source.clone()))?;
        Ok(Read {
            token: token(source, Zeroizing::new(value.into_vec()))?,
            identity: None,
            warning: None,
        })
    }

    fn credential(&self, source: &Source, name: &str) -> Result<PathBuf, SourceError> {
        let mut components = Path::new(name).components();
        let plain = matches!(
            (components.next(), components.next()),
            (Some(Component::Normal(only)), None) if only == name
        );
        if !plain {
            return Err(SourceError::NotAFileName(source.clone()));
        }
        (self.variable)("CREDENTIALS_DIRECTORY")
            .map(|directory| Path::new(&directory).join(name))
            .ok_or_else(|| SourceError::NoCredentials(source.clone()))
    }
}

fn read_file(source: &Source, path: &Path) -> Result<Read, SourceError> {
    let place = || source.clone();
    let contents = file::read(path).map_err(|error| match error {
        NoContents::NotAFile => SourceError::NotAFile(place()),
        NoContents::Failed(cause) if cause.kind() == io::ErrorKind::NotFound => {
            SourceError::Absent(place())
        }
        NoContents::Failed(cause) => SourceError::NotReadable {
            place: place(),
            cause,
        },
    })?;
    Ok(Read {
        token: token(source, contents.bytes)?,
        identity: Some(contents.identity),
        warning: contents.warning,
    })
}

fn token(source: &Source, mut bytes: Zeroizing<Vec<u8>>) -> Result<Token, SourceError> {
    Token::from_bytes(std::mem::take(&mut *bytes)).map_err(|reason| SourceError::NotAToken {
        place: source.clone(),
        reason,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A reader in whose environment the variables are these.
    fn reader() -> Reader {
        let variable = |name: &str| match name {
            "TOKEN" => Some("abc\n".into()),
            "BINARY" => Some(OsString::from_vec(vec![b'a', 0xff])),
            "PATH" => Some("/usr/bin:/bin".into()),
            "CREDENTIALS_DIRECTORY" => Some("/no/credentials".into()),
            _ => None,
        };
        Reader::new(variable, COMMAND_TIME_LIMIT)
    }

    async fn error(reader: Reader, source: Source) -> String {
        reader.read(&source).await.unwrap_err().to_string()
    }

    fn command(words: &[&str]) -> Source {
        Source::Command(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[tokio::test(flavor = "current_thread")]
    async fn each_source_gives_its_token() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, "abc\r\n").unwrap();
        for source in [
            Source::File(path.clone()),
            Source::Env("TOKEN".into()),
            command(&["echo", "abc"]),
        ] {
            let read = reader().read(&source).await.unwrap();
            assert_eq!(read.token.expose(), b"abc", "{source}");
            let identity = reader().file(&source).and_then(|path| Identity::of(&path));
            assert_eq!(read.identity, identity);
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn every_error_names_the_place_and_the_reason() {
        let absent = reader().read(&Source::File("/no/such/file".into())).await;
        assert!(absent.is_err_and(|error| error.is_absent()));
        for (source, expected) in [
            (
                Source::File("/no/such/file".into()),
                "file /no/such/file does not exist",
            ),
            (
                Source::File("/dev/null/token".into()),
                "file /dev/null/token cannot be read",
            ),
            (
                Source::File("/dev/zero".into()),
                "file /dev/zero is not a regular file",
            ),
            (
                Source::Env("MISSING".into()),
                "environment variable MISSING is not set",
            ),
            (
                Source::Env("BINARY".into()),
                "the token from environment variable BINARY has a character at position 2 that \
                 no token has: only visible ASCII is allowed, without spaces",
            ),
            (
                Source::Credential("crm".into()),
                "systemd credential crm does not exist",
            ),
            (
                command(&["true", "--secret"]),
                "the token from command true is empty",
            ),
        ] {
            assert_eq!(error(reader(), source).await, expected);
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn without_credentials_the_unit_is_to_blame() {
        let bare = Reader::new(|_| None, COMMAND_TIME_LIMIT);
        assert_eq!(
            error(bare, Source::Credential("crm".into())).await,
            "systemd credential crm: CREDENTIALS_DIRECTORY is not set; \
             the unit needs LoadCredential= for it"
        );
    }

    #[test]
    fn a_reading_can_be_a_task_of_its_own() {
        fn task(_: impl Future + Send + 'static) {}
        task(async { Reader::default().read(&command(&["true"])).await });
    }

    #[test]
    fn a_credential_is_a_plain_file_name() {
        let file = |name: &str| reader().file(&Source::Credential(name.into()));
        assert_eq!(file("crm"), Some("/no/credentials/crm".into()));
        for name in [
            "",
            ".",
            "..",
            "a/b",
            "/etc/shadow",
            "../crm",
            "crm/",
            "./crm",
        ] {
            assert_eq!(file(name), None, "{name}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_error_shows_what_was_found(
            secret in "[A-Za-z0-9]{12,40}",
            junk in proptest::collection::vec(any::<u8>(), 0..9000),
            exit in 0..2,
        ) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("token");
            let content = [secret.as_bytes(), b" ", secret.as_bytes(), &junk].concat();
            std::fs::write(&path, content).unwrap();
            let script = format!("cat {}; : {secret}; exit {exit}", path.display());
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build().unwrap();
            for source in [Source::File(path.clone()), command(&["sh", "-c", &script])] {
                let error = runtime.block_on(reader().read(&source)).unwrap_err();
                let shown = format!("{error} {error:?} {source} {source:?}");
                for part in secret.as_bytes().windows(8) {
                    let part = str::from_utf8(part).unwrap();
                    prop_assert!(!shown.contains(part), "{}", shown);
                }
            }
        }
    }
}
