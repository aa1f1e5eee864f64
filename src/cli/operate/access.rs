//! Which token, and which API: what the command line says, made sense of with the configuration.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueHint};

use super::Failure;
use crate::config::{
    self, ApiBase, Config, Flags, HttpConfig, Layers, Loaded, SessionConfig, SessionName,
};
use crate::keeper::Intent;
use crate::token::Source;

/// Stands for standard input.
const STANDARD_INPUT: &str = "-";

/// Whose token is used, and how the API is reached.
#[derive(Debug, Args)]
pub(in crate::cli) struct Access {
    /// The configuration file: its sessions, and how it has the API reached.
    #[arg(
        long,
        value_name = "PATH",
        value_hint = ValueHint::FilePath,
        env = "SESSION_KEEPALIVE_CONFIG",
        hide_env_values = true
    )]
    config: Option<PathBuf>,
    /// Use the token of this session of the configuration.
    #[arg(long, value_name = "NAME")]
    session: Option<String>,
    /// Use the token in this file; - is standard input.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    token_file: Option<PathBuf>,
    /// Use the token in this systemd credential.
    #[arg(long, value_name = "NAME")]
    credential: Option<String>,
    /// The region that the token belongs to, where no session is named.
    #[arg(long, value_name = "REGION")]
    region: Option<OsString>,
    /// The API instead of a region, such as <https://api.mypurecloud.de>.
    #[arg(long, value_name = "URL")]
    api: Option<OsString>,
    /// Print one JSON object, for machines.
    #[arg(long)]
    pub(super) json: bool,
    /// Read the token from standard input.
    #[arg(value_name = "-")]
    standard_input: Option<OsString>,
}

/// Where the token is.
#[derive(Clone, Copy)]
enum Named<'a> {
    Session(&'a str),
    File(&'a Path),
    Credential(&'a str),
    StandardInput,
}

/// Where to read the token.
pub(super) enum Place {
    /// Where a session's token could be as well.
    Source(Source),
    /// What is piped in.
    StandardInput,
}

/// What the configuration says of the token at hand.
#[derive(Clone)]
pub(in crate::cli) struct Configured {
    /// The session's name.
    pub(in crate::cli) name: SessionName,
    /// Whether it is to be disturbed.
    pub(in crate::cli) intent: Intent,
    /// The idle timeout, if the operator knows better.
    pub(in crate::cli) idle_timeout: Option<Duration>,
}

/// Everything that is needed to ask.
pub(super) struct Means {
    pub(super) place: Place,
    pub(super) api: ApiBase,
    pub(super) http: HttpConfig,
    pub(super) configured: Option<Configured>,
}

impl Access {
    /// Makes sense of it.
    pub(super) fn means(&self) -> Result<Means, Failure> {
        let named = self.named()?;
        if let (Named::Session(_), true) = (named, self.region.is_some() || self.api.is_some()) {
            return usage("a session has its own API: leave out --region and --api");
        }
        if self.region.is_some() && self.api.is_some() {
            return usage("--region and --api say the same: give one of them");
        }
        let loaded = self.load()?;
        let sessions = &loaded.config.sessions;
        let (place, found) = match named {
            Named::Session(name) => {
                let (name, session) = self.session(name, &loaded.config)?;
                let place = Place::Source(session.token.clone());
                (place, Some((name, session)))
            }
            Named::StandardInput => (Place::StandardInput, None),
            Named::File(path) => {
                let is_it =
                    |source: &Source| matches!(source, Source::File(other) if same(path, other));
                let found = sessions.iter().find(|(_, session)| is_it(&session.token));
                (Place::Source(Source::File(path.to_owned())), found)
            }
            Named::Credential(name) => {
                let source = Source::Credential(name.to_owned());
                let found = sessions.iter().find(|(_, session)| session.token == source);
                (Place::Source(source), found)
            }
        };
        let flagged = self.region.is_some() || self.api.is_some();
        let own = found.map(|(_, session)| session.api.clone());
        let Some(api) = own.filter(|_| !flagged).or(loaded.api) else {
            return usage("which API? give --region REGION or --api URL");
        };
        Ok(Means {
            place,
            api,
            http: loaded.config.http.clone(),
            configured: found.map(|(name, session)| Configured::of(name, session)),
        })
    }

    fn named(&self) -> Result<Named<'_>, Failure> {
        if let Some(word) = &self.standard_input
            && word != STANDARD_INPUT
        {
            return usage(
                "a token or another word too many: a token is never given on the command line, where others can read it, but piped in with - or named by --session, --token-file or --credential",
            );
        }
        let file = self.token_file.as_deref().map(|path| {
            if path == Path::new(STANDARD_INPUT) {
                Named::StandardInput
            } else {
                Named::File(path)
            }
        });
        let piped = self.standard_input.as_ref();
        let every = [
            self.session.as_deref().map(Named::Session),
            file,
            self.credential.as_deref().map(Named::Credential),
            piped.map(|_| Named::StandardInput),
        ];
        let mut every = every.into_iter().flatten();
        match (every.next(), every.next()) {
            (Some(named), None) => Ok(named),
            (Some(_), Some(_)) => {
                usage("which token? --session, --token-file, --credential and - exclude each other")
            }
            (None, _) => usage(
                "which token? give --session NAME, --token-file PATH, --credential NAME, or - for standard input",
            ),
        }
    }

    fn load(&self) -> Result<Loaded, Failure> {
        let layers = Layers {
            file: self.config.as_deref(),
            environment: std::env::vars_os().collect(),
            flags: Flags {
                region: self.region.clone(),
                api: self.api.clone(),
                ..Flags::default()
            },
        };
        config::load_for_guest(layers).map_err(Failure::Config)
    }

    fn session<'a>(
        &self,
        name: &str,
        config: &'a Config,
    ) -> Result<(&'a SessionName, &'a SessionConfig), Failure> {
        let known = SessionName::new(name)
            .ok()
            .and_then(|name| config.sessions.get_key_value(&name));
        if let Some(known) = known {
            return Ok(known);
        }
        let names = || config.sessions.keys().map(SessionName::as_str);
        let hint = match (names().next(), config::nearest(name, names()), &self.config) {
            (None, _, None) => "no configuration is named: give --config PATH".to_owned(),
            (None, _, Some(_)) => "the configuration has no session".to_owned(),
            (Some(_), Some(near), _) => format!("did you mean {near}?"),
            (Some(_), None, _) => {
                let names: Vec<_> = names().take(SHOWN_MAX).collect();
                format!("there are {}", names.join(", "))
            }
        };
        let name = config::quoted(name);
        usage(format!("there is no session {name}: {hint}"))
    }
}

/// So many names are listed.
const SHOWN_MAX: usize = 20;

impl Configured {
    fn of(name: &SessionName, session: &SessionConfig) -> Self {
        Self {
            name: name.clone(),
            intent: session.intent,
            idle_timeout: session.idle_timeout,
        }
    }
}

/// Whether both paths lead to one file.
fn same(one: &Path, other: &Path) -> bool {
    let found = |path: &Path| std::fs::canonicalize(path).ok();
    one == other || found(one).is_some_and(|one| Some(one) == found(other))
}

fn usage<T>(why: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Usage(why.into()))
}
