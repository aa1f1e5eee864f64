//! Resolves the token and the API that a command names, with the help of the configuration.
//!
//! It must never leave a copy of a token from standard input in memory that is not wiped.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueHint};
use zeroize::Zeroizing;

use super::OperationError;
use crate::cli::standard_config;
use crate::config::{
    self, ApiBase, Config, Flags, HttpConfig, Layers, Loaded, SessionConfig, SessionName,
};
use crate::token::{Source, TOKEN_LENGTH_MAX, Token};

/// The argument that stands for standard input.
const STANDARD_INPUT: &str = "-";

/// The number of bytes that are read from standard input: a token, CRLF, and one byte that shows
/// that it is too long.
const READ_MAX: usize = TOKEN_LENGTH_MAX + 3;

/// The time within which standard input must end.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The number of session names that an error lists.
const SHOWN_MAX: usize = 20;

/// The option of commands that use the configuration without running the daemon.
#[derive(Debug, Args)]
pub(in crate::cli) struct ConfigFile {
    /// The configuration file, for its sessions and connection settings.
    #[arg(
        long,
        value_name = "PATH",
        value_hint = ValueHint::FilePath,
        env = "SESSION_KEEPALIVE_CONFIG",
        hide_env_values = true
    )]
    pub(in crate::cli) config: Option<PathBuf>,
}

impl ConfigFile {
    /// Loads the configuration for a command that names this session, if it names one.
    pub(in crate::cli) fn load(
        &self,
        session: Option<&str>,
        flags: Flags,
    ) -> Result<Loaded, OperationError> {
        // Only a session can be meant to be in the configuration of the packaged service: other
        // tokens must not need permission to read that.
        let standard = || standard_config().filter(|_| session.is_some());
        let layers = Layers {
            file: self.config.as_deref().or_else(standard),
            environment: std::env::vars_os().collect(),
            flags,
        };
        config::load_for_guest(layers).map_err(OperationError::Config)
    }
}

/// The options for the token that is used, and for the way to the API.
#[derive(Debug, Args)]
pub(in crate::cli) struct Access {
    #[command(flatten)]
    config_file: ConfigFile,
    /// Use the token of this session of the configuration.
    #[arg(long, value_name = "NAME")]
    session: Option<String>,
    /// Use the token in this file; - is standard input.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    token_file: Option<PathBuf>,
    /// Use the token in this systemd credential.
    #[arg(long, value_name = "NAME")]
    credential: Option<String>,
    /// The token's region, if no session is given.
    #[arg(long, value_name = "REGION")]
    region: Option<OsString>,
    /// The API's URL instead of a region, such as <https://api.mypurecloud.de>.
    #[arg(long, value_name = "URL")]
    api: Option<OsString>,
    /// Print one JSON object.
    #[arg(long)]
    pub(super) json: bool,
    /// Read the token from standard input.
    #[arg(value_name = "-")]
    standard_input: Option<OsString>,
}

/// The token's location as named on the command line.
#[derive(Clone, Copy)]
enum TokenName<'a> {
    Session(&'a str),
    File(&'a Path),
    Credential(&'a str),
    StandardInput,
}

/// The token's place and the settings of the requests.
pub(super) struct ResolvedAccess {
    /// The token's source, or `None` for standard input.
    pub(super) source: Option<Source>,
    pub(super) api: ApiBase,
    pub(super) http: HttpConfig,
    /// The session of the configuration that the token belongs to.
    pub(super) configured: Option<(SessionName, SessionConfig)>,
}

impl Access {
    /// Resolves the arguments with the configuration.
    pub(super) fn resolve(&self) -> Result<ResolvedAccess, OperationError> {
        let token_name = self.token_name()?;
        let is_api_given = self.region.is_some() || self.api.is_some();
        if is_api_given && matches!(token_name, TokenName::Session(_)) {
            return usage("a session has its own API: leave out --region and --api");
        }
        if self.region.is_some() && self.api.is_some() {
            return usage("--region and --api exclude each other: give one of them");
        }
        let Loaded { config, api, .. } = self.load()?;
        let with_token = |is_same: &dyn Fn(&Source) -> bool| {
            let mut sessions = config.sessions.iter();
            sessions.find(|(_, session)| is_same(&session.token))
        };
        let (source, found) = match token_name {
            TokenName::StandardInput => (None, None),
            TokenName::Session(name) => {
                let (name, session) =
                    find_session(name, &config, self.config_file.config.is_some())?;
                (Some(session.token.clone()), Some((name, session)))
            }
            TokenName::File(path) => {
                let is_same = |source: &Source| matches!(source, Source::File(file) if is_same_file(path, file));
                (Some(Source::File(path.to_owned())), with_token(&is_same))
            }
            TokenName::Credential(name) => {
                let source = Source::Credential(name.to_owned());
                let found = with_token(&|other| *other == source);
                (Some(source), found)
            }
        };
        let own = found.map(|(_, session)| session.api.clone());
        let Some(api) = own.filter(|_| !is_api_given).or(api) else {
            return usage("which API? give --region REGION or --api URL");
        };
        Ok(ResolvedAccess {
            source,
            api,
            http: config.http.clone(),
            configured: found.map(|(name, session)| (name.clone(), session.clone())),
        })
    }

    fn token_name(&self) -> Result<TokenName<'_>, OperationError> {
        if let Some(word) = &self.standard_input
            && word != STANDARD_INPUT
        {
            return usage(
                "unexpected argument: a token is not accepted on the command line, where other users can read it; pipe it in with - or use --session, --token-file or --credential",
            );
        }
        let file = self.token_file.as_deref().map(|path| {
            if path == Path::new(STANDARD_INPUT) {
                TokenName::StandardInput
            } else {
                TokenName::File(path)
            }
        });
        let piped = self.standard_input.as_ref();
        let given = [
            self.session.as_deref().map(TokenName::Session),
            file,
            self.credential.as_deref().map(TokenName::Credential),
            piped.map(|_| TokenName::StandardInput),
        ];
        let mut given = given.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(token_name), None) => Ok(token_name),
            (Some(_), Some(_)) => {
                usage("which token? --session, --token-file, --credential and - exclude each other")
            }
            (None, _) => usage(
                "which token? give --session NAME, --token-file PATH, --credential NAME, or - for standard input",
            ),
        }
    }

    fn load(&self) -> Result<Loaded, OperationError> {
        let flags = Flags {
            region: self.region.clone(),
            api: self.api.clone(),
            ..Flags::default()
        };
        self.config_file.load(self.session.as_deref(), flags)
    }
}

/// Returns the session of this name. `is_file_given` is true if a configuration is named.
pub(in crate::cli) fn find_session<'a>(
    name: &str,
    config: &'a Config,
    is_file_given: bool,
) -> Result<(&'a SessionName, &'a SessionConfig), OperationError> {
    let known = SessionName::new(name)
        .ok()
        .and_then(|name| config.sessions.get_key_value(&name));
    if let Some(known) = known {
        return Ok(known);
    }
    let names = || config.sessions.keys().map(SessionName::as_str);
    let hint = match (
        names().next(),
        config::nearest(name, names()),
        is_file_given,
    ) {
        (None, _, false) => "no configuration is named: give --config PATH".to_owned(),
        (None, _, true) => "the configuration has no session".to_owned(),
        (Some(_), Some(suggestion), _) => format!("did you mean {suggestion}?"),
        (Some(_), None, _) => {
            let names: Vec<_> = names().take(SHOWN_MAX).collect();
            format!("there are {}", names.join(", "))
        }
    };
    let name = config::quoted(name);
    usage(format!("there is no session {name}: {hint}"))
}

/// Returns true if both paths lead to the same file.
fn is_same_file(left: &Path, right: &Path) -> bool {
    let canonical = |path: &Path| std::fs::canonicalize(path).ok();
    left == right || canonical(left).is_some_and(|left| Some(left) == canonical(right))
}

fn usage<T>(message: impl Into<String>) -> Result<T, OperationError> {
    Err(OperationError::Usage(message.into()))
}

/// Reads the token from standard input; refuses a terminal, which would show it.
pub(super) async fn read_standard_input() -> Result<Token, OperationError> {
    if io::stdin().is_terminal() {
        return usage(
            "a terminal would show the token while it is typed: pipe it in, such as: read -rs T; printf %s \"$T\" | session-keepalive …",
        );
    }
    let reading = tokio::task::spawn_blocking(read_unbuffered);
    let failure = match tokio::time::timeout(TIME_LIMIT, reading).await {
        Ok(Ok(Ok(mut bytes))) => match Token::from_bytes(std::mem::take(&mut *bytes)) {
            Ok(token) => return Ok(token),
            Err(error) => format!("the token from standard input {error}"),
        },
        Ok(Ok(Err(cause))) => format!("standard input cannot be read: {cause}"),
        Ok(Err(_panicked)) => "standard input was not read".to_owned(),
        Err(_elapsed) => {
            let seconds = TIME_LIMIT.as_secs();
            format!("standard input did not end within {seconds}s")
        }
    };
    Err(OperationError::Input(failure))
}

/// Reads standard input without the standard library's buffer, which is never wiped.
fn read_unbuffered() -> io::Result<Zeroizing<Vec<u8>>> {
    let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    // The spare capacity keeps the buffer from being reallocated, which would leave a copy.
    let mut bytes = Zeroizing::new(Vec::with_capacity(READ_MAX + 64));
    input.take(READ_MAX as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}
