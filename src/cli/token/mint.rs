//! `token mint`: obtains a token with the OAuth client of a session or of the environment.
//!
//! A token that cannot be handed over is revoked. It must never print the token to a terminal
//! without consent.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use rustix::fs::{FileType, fstat, major, minor};
use serde_json::Value;

use super::super::exec::sink;
use super::super::exit::{Exit, print, print_error};
use super::super::operate::{
    ApiCommand, CommandOutput, ConfigFile, OperationError, block_on, find_session,
};
use crate::api::{Client, Minted};
use crate::config::{ApiBase, Flags, Region};
use crate::keeper::MintFailure;
use crate::status::phrases::{Chain, human_duration};
use crate::sys::clock;
use crate::token::{ClientCredentials, Reader, Sink, SinkContent, Token};

pub(super) const HELP: &str = "\
Examples:
  session-keepalive token mint --config /etc/session-keepalive/config.toml --session kiosk --sink /run/kiosk/token
  GENESYSCLOUD_REGION=eu-central-1 session-keepalive token mint --stdout | another-program

Without --session the client is that of GENESYSCLOUD_OAUTHCLIENT_ID and GENESYSCLOUD_OAUTHCLIENT_SECRET. The token lives until its expiry unless it is revoked or idles out; one that cannot be handed over is revoked at once. --stdout is refused before a token is obtained if standard output is closed or /dev/null. With --stdout the facts are printed to standard error.

Exit status: 0 done, 64 usage error, 65 no secret, 69 the login host was not reached or failed, 74 input/output error, 75 the login host limits the rate, 77 the client is refused, 78 configuration error.";

const MINT: ApiCommand = ApiCommand {
    words: "token mint",
    permission: None,
    scopes: None,
};

/// The name of the session that the client of the environment forms.
const OF_ENVIRONMENT: &str = "default";

/// The major and minor number of the device `/dev/null`, which are the same on every Linux.
const NULL_DEVICE: (u32, u32) = (1, 3);

#[derive(Debug, Args)]
pub(in crate::cli) struct Mint {
    #[command(flatten)]
    config_file: ConfigFile,
    /// Use the OAuth client of this session instead of the one in the environment.
    #[arg(long, value_name = "NAME")]
    session: Option<String>,
    /// A file to write the token to: FILE or FILE,FORMAT (bare, env, json, gc-profile).
    #[arg(long, value_name = "FILE[,FORMAT]", value_parser = sink)]
    sink: Option<Sink>,
    /// Print the token itself, and the facts about it to standard error.
    #[arg(long)]
    stdout: bool,
    /// Print the token even if standard output is a terminal.
    #[arg(long, requires = "stdout")]
    yes: bool,
    /// Print one JSON object with the facts.
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(mint: &Mint) -> Exit {
    match block_on(obtain(mint)) {
        // Standard output holds the token and nothing else.
        Ok(facts) if mint.stdout => {
            print_error(&facts.render(mint.json));
            Exit::Success
        }
        Ok(facts) => print(&facts.render(mint.json)),
        Err(failure) => failure.print(&MINT, None, mint.json && !mint.stdout),
    }
}

/// Obtains a token, hands it over, and returns the facts about it.
async fn obtain(mint: &Mint) -> Result<CommandOutput, OperationError> {
    check_destination(mint)?;
    // Without a named session, the client of the environment forms one.
    let flags = Flags {
        mint: mint.session.is_none(),
        ..Flags::default()
    };
    let session = mint.session.as_deref();
    let config = mint.config_file.load(session, flags)?.config;
    let name = session.unwrap_or(OF_ENVIRONMENT);
    let (name, session) = find_session(name, &config, mint.config_file.config.is_some())?;
    let Some(source) = session.token.mint() else {
        return Err(OperationError::Usage(format!(
            "session {name} has no OAuth client: its token is from {}",
            session.token
        )));
    };
    let credentials = Reader::default().client(source).await;
    let ClientCredentials {
        id,
        secret,
        warning,
    } = credentials.map_err(OperationError::Source)?;
    let client = Client::new(&config.http).map_err(OperationError::Client)?;
    let failed = |failure| OperationError::Mint {
        failure,
        login: source.login.to_string(),
        client_id: id.to_string(),
    };
    let login = ApiBase::new(&source.login).map_err(|_| failed(MintFailure::NotTheLoginHost))?;
    let sent_at = clock::wall();
    let minted = client.mint(&login, &id, &secret).await;
    let Minted { token, lifetime } = minted.map_err(failed)?;
    let expires_at = lifetime.and_then(|lifetime| sent_at.checked_add(lifetime).ok());
    if let Err(why) = hand_over(mint, &token, expires_at, session.api.as_str()) {
        let end = revoke(&client, &session.api, &token).await;
        return Err(OperationError::HandOver(format!("{why}; {end}")));
    }
    let mut facts = CommandOutput::new();
    facts.line("token", token.fingerprint().to_string());
    facts.line("client", format!("{id} at {login}"));
    facts.line("expires", expiry(expires_at, lifetime));
    if let Some(sink) = &mint.sink {
        facts.line("written to", sink.file.display().to_string());
    }
    if let Some(warning) = warning {
        facts.note(warning.to_string());
    }
    facts.value("command", MINT.words);
    facts.value("session", name.as_str());
    facts.value("token_source", session.token.to_string());
    facts.value("fingerprint", token.fingerprint().to_string());
    facts.value("api", session.api.as_str());
    facts.value("status", 200);
    for absent in ["date", "correlation_id"] {
        facts.value(absent, Value::Null);
    }
    facts.value("login", login.as_str());
    facts.value("client_id", &*id);
    facts.value("expires_at", expires_at.map(|at| at.to_string()));
    facts.value(
        "expires_in_seconds",
        lifetime.map(|lifetime| lifetime.as_secs()),
    );
    let sink = mint.sink.as_ref().map(|sink| sink.file.to_string_lossy());
    facts.value("sink", sink);
    Ok(facts)
}

/// Checks that the options name a destination that keeps the token, and that no terminal shows the
/// token without consent.
fn check_destination(mint: &Mint) -> Result<(), OperationError> {
    let usage = |message: &str| OperationError::Usage(message.to_owned());
    if mint.sink.is_none() && !mint.stdout {
        return Err(usage("where to? give --sink FILE, --stdout, or both"));
    }
    if mint.stdout && is_null(io::stdout()) {
        return Err(OperationError::HandOver(
            "standard output is closed or /dev/null, where nothing receives the token, so none was obtained: redirect it to a file or a program, or use --sink FILE"
                .to_owned(),
        ));
    }
    if mint.stdout && !mint.yes && io::stdout().is_terminal() {
        return Err(usage(
            "standard output is a terminal, which would show the token: redirect it, use --sink FILE, or confirm with --yes",
        ));
    }
    Ok(())
}

/// Returns true if the file is `/dev/null`. The runtime opens it in place of a standard stream that
/// is closed at the start, and writing to it succeeds.
fn is_null(file: impl AsFd) -> bool {
    fstat(file).is_ok_and(|file| {
        FileType::from_raw_mode(file.st_mode).is_char_device()
            && (major(file.st_rdev), minor(file.st_rdev)) == NULL_DEVICE
    })
}

/// Revokes a token that could not be handed over. Returns its end as a clause for people.
async fn revoke(client: &Client, api: &ApiBase, token: &Token) -> String {
    match client.delete_own_token(api, token).await {
        Ok(_) => "the token was revoked".to_owned(),
        Err(error) => format!(
            "the token was not revoked and lives until its expiry: {}",
            Chain(&error)
        ),
    }
}

/// Returns the token's expiry in words.
fn expiry(expires_at: Option<Timestamp>, lifetime: Option<Duration>) -> String {
    match (expires_at, lifetime) {
        (Some(at), Some(lifetime)) => {
            let at = at.strftime("%Y-%m-%d %H:%M:%S UTC");
            format!(
                "{at}, in {}; until then it lives unless it is revoked or idles out",
                human_duration(lifetime)
            )
        }
        _ => "not reported by the login host".to_owned(),
    }
}

/// Writes the token to where it was asked for. The error is a clause for people.
fn hand_over(
    mint: &Mint,
    token: &Token,
    expires_at: Option<Timestamp>,
    api: &str,
) -> Result<(), String> {
    if mint.stdout {
        // The buffer of the standard library is never wiped.
        let output = io::stdout().as_fd().try_clone_to_owned().map(File::from);
        let written = output.and_then(|mut output| {
            output.write_all(token.expose())?;
            output.write_all(b"\n")
        });
        written.map_err(|error| format!("standard output cannot be written: {error}"))?;
    }
    if let Some(sink) = &mint.sink {
        let region = Region::of_api(api);
        let content = SinkContent {
            token,
            generation: 1,
            expires_at,
            api,
            region: region.map(|region| (region.name, region.domain)),
        };
        let written = sink.write(&content);
        written.map_err(|error| {
            format!("{} is not written: {}", sink.file.display(), Chain(&error))
        })?;
    }
    Ok(())
}
