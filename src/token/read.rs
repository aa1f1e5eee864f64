//! Reads tokens from their sources, with limits on size and time.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::content::Content;
use super::file::READ_MAX;
use super::profile;
use super::{
    ClientSource, Denied, FileState, MintSource, Profile, ReportedExpiry, Source, SourceError,
    Token, Warning, command, content,
};
use crate::sys::files::OpenError;
use crate::sys::{files, program};

/// The default time limit of a command that prints a token.
pub const COMMAND_TIME_LIMIT: Duration = Duration::from_secs(30);

/// A reader of tokens.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    variable: fn(&str) -> Option<OsString>,
    command_time_limit: Duration,
}

/// A token and the state of its file.
#[derive(Debug)]
pub struct Read {
    /// The token.
    pub token: Token,
    /// The end of its lifetime, if the source reports it.
    pub expiry: Option<ReportedExpiry>,
    /// True if the token is the `access_token` of a JSON object.
    pub is_object: bool,
    /// The state of the file before it was read; `None` if it did not come from a file.
    pub identity: Option<FileState>,
    /// The warning about the permissions or the mount of the file.
    pub warning: Option<Warning>,
}

/// The credentials of an OAuth client.
#[derive(Debug)]
pub struct ClientCredentials {
    /// The id of the client.
    pub id: Arc<str>,
    /// The secret of the client.
    pub secret: Token,
    /// The warning about the file of the secret.
    pub warning: Option<Warning>,
}

impl Default for Reader {
    /// Creates a reader of the variables of this process, with [`COMMAND_TIME_LIMIT`].
    fn default() -> Self {
        Self::new(|name| std::env::var_os(name), COMMAND_TIME_LIMIT)
    }
}

impl Reader {
    /// Creates a reader that looks up variables with `variable` and limits each command to
    /// `command_time_limit`.
    #[must_use]
    pub fn new(variable: fn(&str) -> Option<OsString>, command_time_limit: Duration) -> Self {
        Self {
            variable,
            command_time_limit,
        }
    }

    /// Reads the present token of the source.
    ///
    /// A file is read on another thread, for 5s at most. Dropping the future kills a command and
    /// its children.
    ///
    /// # Errors
    ///
    /// [`SourceError`], which names the source and never shows its content.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with its drivers enabled.
    pub async fn read(&self, source: &Source) -> Result<Read, SourceError> {
        self.read_within(source, None, None).await
    }

    /// Reads as [`Self::read`] does, but follows no link that leads out of this directory. If the file
    /// still holds the known token, that one is returned. A thread that hangs does not keep it in memory.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    ///
    /// # Panics
    ///
    /// As [`Self::read`].
    pub async fn read_within(
        &self,
        source: &Source,
        directory: Option<&Path>,
        known: Option<Weak<Token>>,
    ) -> Result<Read, SourceError> {
        match source {
            Source::File(path) => read_file(source, path, directory, known).await,
            Source::Credential(name) => {
                let path = self.credential(source, name)?;
                read_file(source, &path, None, known).await
            }
            Source::Env(name) => self.read_variable(source, name),
            Source::Command(words) => {
                let variables = program::inherited(self.variable);
                // In a box, since a task that reads a file would be as large as one that runs a program.
                let output = command::output(source, words, variables, self.command_time_limit);
                let content = content(source, Box::pin(output).await?, None)?;
                Ok(Read {
                    token: content.token,
                    expiry: content.expiry,
                    is_object: content.is_object,
                    identity: None,
                    warning: None,
                })
            }
            Source::Mint(mint) => match &mint.continues {
                Some(path) => {
                    let read = read_file(source, path, None, known).await;
                    read.map_err(|error| {
                        if error.is_absent() {
                            SourceError::NotMinted(source.clone())
                        } else {
                            error
                        }
                    })
                }
                None => Err(SourceError::NotMinted(source.clone())),
            },
        }
    }

    /// Reads the id and the secret of the client, within the limits of [`Self::read`].
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    ///
    /// # Panics
    ///
    /// As [`Self::read`].
    pub async fn client(&self, mint: &MintSource) -> Result<ClientCredentials, SourceError> {
        match &mint.client {
            ClientSource::Configured { id, secret } => {
                let read = Box::pin(self.read(secret)).await?;
                Ok(ClientCredentials {
                    id: Arc::clone(id),
                    secret: read.token,
                    warning: read.warning,
                })
            }
            ClientSource::Profile(profile) => read_profile(profile).await,
        }
    }

    /// Returns the file that holds the token or the client's secret; `None` if there is none.
    #[must_use]
    pub fn secret_file(&self, source: &Source) -> Option<PathBuf> {
        match source {
            Source::Mint(mint) => match &mint.client {
                ClientSource::Configured { secret, .. } => self.file(secret),
                ClientSource::Profile(profile) => Some(profile.file.clone()),
            },
            Source::File(_) | Source::Env(_) | Source::Credential(_) | Source::Command(_) => {
                self.file(source)
            }
        }
    }

    /// Returns the file to watch for changes of the source; `None` if there is none.
    #[must_use]
    pub fn file(&self, source: &Source) -> Option<PathBuf> {
        match source {
            Source::File(path) => Some(path.clone()),
            Source::Credential(name) => self.credential(source, name).ok(),
            Source::Env(_) | Source::Command(_) | Source::Mint(_) => None,
        }
    }

    fn read_variable(&self, source: &Source, name: &str) -> Result<Read, SourceError> {
        let value = (self.variable)(name);
        let value = value.ok_or_else(|| SourceError::NotSet(source.clone()))?;
        let content = content(source, Zeroizing::new(value.into_vec()), None)?;
        Ok(Read {
            token: content.token,
            expiry: content.expiry,
            is_object: content.is_object,
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

async fn read_file(
    source: &Source,
    path: &Path,
    directory: Option<&Path>,
    known: Option<Weak<Token>>,
) -> Result<Read, SourceError> {
    let (place, at, within) = (
        source.clone(),
        path.to_owned(),
        directory.map(Path::to_owned),
    );
    let work = move || read_file_here(&place, &at, within.as_deref(), known);
    let read = files::run(path, files::TOKEN_LIMIT, work).await;
    read.unwrap_or_else(|cause| Err(SourceError::not_read(source, cause)))
}

/// Reads a file on this thread, which may block for an unlimited time.
fn read_file_here(
    source: &Source,
    path: &Path,
    directory: Option<&Path>,
    known: Option<Weak<Token>>,
) -> Result<Read, SourceError> {
    let whole = files::read_start(path, directory, READ_MAX);
    let whole = whole.map_err(|error| not_opened(source, path, error))?;
    let known = known.and_then(|known| known.upgrade());
    let content = content(source, whole.bytes, known.as_deref())?;
    let written = whole.metadata.modified().ok();
    let written = written.and_then(|at| Timestamp::try_from(at).ok());
    Ok(Read {
        token: content.token,
        is_object: content.is_object,
        expiry: content.expiry.map(|expiry| expiry.since(written)),
        // A change after this state was read shows as another state.
        identity: Some(FileState::from(&whole.metadata)),
        warning: Warning::about(path, &whole.metadata),
    })
}

async fn read_profile(profile: &Profile) -> Result<ClientCredentials, SourceError> {
    let place = Source::File(profile.file.clone());
    let Profile { name, file } = profile.clone();
    let work = move || {
        let place = Source::File(file.clone());
        let whole = files::read_start(&file, None, (profile::KIBIBYTES_MAX << 10) + 1);
        let whole = whole.map_err(|error| not_opened(&place, &file, error))?;
        match profile::client(&whole.bytes, &name) {
            Ok((id, secret)) => Ok(ClientCredentials {
                id,
                secret,
                warning: Warning::about(&file, &whole.metadata),
            }),
            Err(problem) => Err(SourceError::Profile { place, problem }),
        }
    };
    let read = files::run(&profile.file, files::TOKEN_LIMIT, work).await;
    read.unwrap_or_else(|cause| Err(SourceError::not_read(&place, cause)))
}

fn not_opened(source: &Source, path: &Path, error: OpenError) -> SourceError {
    let place = source.clone();
    match error {
        OpenError::NotAFile => SourceError::NotAFile(place),
        OpenError::Directory => SourceError::Directory(place),
        OpenError::LeadsOut => SourceError::LeadsOut(place),
        OpenError::TooLong(_) => SourceError::TooMuchOutput(place),
        OpenError::Failed(cause) if cause.kind() == io::ErrorKind::NotFound => {
            SourceError::Absent(place)
        }
        OpenError::Failed(cause) if cause.kind() == io::ErrorKind::PermissionDenied => {
            SourceError::NotPermitted {
                place,
                user: rustix::process::geteuid().as_raw(),
                denied: denied(path),
            }
        }
        OpenError::Failed(cause) => SourceError::NotReadable { place, cause },
    }
}

/// Returns the reason for which this user may not read the file.
fn denied(path: &Path) -> Denied {
    match std::fs::metadata(path) {
        Ok(file) => Denied::ByMode {
            owner: file.uid(),
            group: file.gid(),
            mode: file.mode() & 0o7777,
        },
        Err(_) => Denied::ByDirectory,
    }
}

fn content(
    source: &Source,
    bytes: Zeroizing<Vec<u8>>,
    known: Option<&Token>,
) -> Result<Content, SourceError> {
    content::parse(bytes, known).map_err(|reason| SourceError::NotAToken {
        place: source.clone(),
        reason,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns a reader with these variables as its environment.
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
            let identity = reader().file(&source).and_then(|path| FileState::of(&path));
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
