//! `simulate`: serves a simulated organisation over HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use futures_util::StreamExt;
use tokio::net::TcpListener;

use super::duration;
use super::exit::{Exit, failed, print};
use super::run::block_on;
use super::text::{Column, Table};
use crate::daemon::{DaemonCommand, signals};
use crate::sim::http::Handle;
use crate::sim::{
    ApiOperation, Fate, IdleSettings, Permission, Record, Server, Settings, TokenSpec,
};
use crate::sys::clock;
use crate::time::ServerTime;
use crate::token::Fingerprint;

pub(super) const HELP: &str = "\
Example: session-keepalive simulate --idle-timeout 30s --token abc

The server stands in for api.REGION and login.REGION: POST /oauth/token issues tokens. Do not expose it to a network: it issues tokens to every caller.";

/// The options of `simulate`.
#[derive(Debug, Args)]
pub(super) struct Simulate {
    /// The address to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8085")]
    listen: SocketAddr,
    /// The idle timeout; 5m to 8h in the real service.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration)]
    idle_timeout: Duration,
    /// A token that exists from the start; repeatable. By default one is generated.
    #[arg(long, value_name = "VALUE")]
    token: Vec<String>,
    /// The absolute lifetime of a token.
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = duration)]
    lifetime: Duration,
    /// An OAuth client as ID:SECRET; repeatable. By default every client is accepted.
    #[arg(long, value_name = "ID:SECRET", value_parser = client)]
    client: Vec<(String, String)>,
    /// The number of tokens that the login host issues per minute; unlimited by default.
    #[arg(long, value_name = "COUNT")]
    mints_a_minute: Option<usize>,
    /// A touch that the organisation excludes from its inactivity timeout.
    #[arg(long, value_name = "TOUCH")]
    exclude: Vec<Exclude>,
}

/// A touch that does not count.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Exclude {
    /// `HEAD /tokens/me`
    Head,
    /// `GET /tokens/me`
    Get,
}

pub(super) fn run(simulate: &Simulate) -> Exit {
    block_on(async { serve(simulate).await.unwrap_or_else(failed(Exit::Io)) })
}

async fn serve(simulate: &Simulate) -> std::io::Result<Exit> {
    let listener = TcpListener::bind(simulate.listen).await.map_err(|error| {
        std::io::Error::new(
            error.kind(),
            format!("cannot listen on {}: {error}", simulate.listen),
        )
    })?;
    let now = clock::now();
    let mut server = Server::new(settings(simulate), fastrand::u64(..));
    let mut tokens = simulate.token.clone();
    if tokens.is_empty() {
        tokens.push("a-simulated-token".to_owned());
    }
    for (number, token) in tokens.iter().enumerate() {
        let user = TokenSpec::user(token.as_str(), format!("user-{}", number + 1));
        let user = user
            .permitting(Permission::OauthTokenDelete)
            .permitting(Permission::DirectoryOrganizationAdmin);
        server.add_token(user, now);
    }
    let handle = Handle::on(listener, server, clock::now)?;
    let mut commands = signals::commands()?;
    print(&usage(&handle.base(), &tokens, simulate));
    while let Some(DaemonCommand::Reload) = commands.next().await {
        print(&records(&handle.server()));
    }
    let records = records(&handle.server());
    Ok(print(&records))
}

/// Returns the records of all tokens; each line names its token by the fingerprint.
fn records(server: &Server) -> String {
    let mut table = record_table("\nTOKEN");
    for (token, record) in server.records(clock::now()) {
        table.row(record_row(
            Fingerprint::of(token.as_bytes()).to_string(),
            &record,
        ));
    }
    table.render()
}

/// Returns a table for the simulator's records; `first` is the head of the first column.
pub(super) fn record_table(first: &'static str) -> Table {
    Table::new(&[
        Column::left(first),
        Column::right("HTTP\nPEEKS"),
        Column::right("HTTP\nHEADS"),
        Column::right("HTTP\nGETS"),
        Column::right("RESETS\nBY HTTP"),
        Column::right("RESETS\nBY APP"),
        Column::left("\nEND"),
    ])
}

/// Returns the row of a token's record.
pub(super) fn record_row(name: String, record: &Record) -> [String; 7] {
    let end = match record.fate {
        Fate::Living => "lives",
        Fate::Lapsed(_) => "idled out",
        Fate::Expired(_) => "expired",
        Fate::Revoked(_) => "lived until it was revoked",
        Fate::Evicted(_) => "evicted",
    };
    let calls = |operation| record.calls(operation).to_string();
    [
        name,
        calls(ApiOperation::PeekMe),
        calls(ApiOperation::HeadMe),
        calls(ApiOperation::GetMe),
        record.resets.to_string(),
        record.resets_by_application.to_string(),
        end.to_owned(),
    ]
}

fn client(text: &str) -> Result<(String, String), &'static str> {
    let parts = text.split_once(':');
    let (id, secret) = parts.ok_or("a client is ID:SECRET")?;
    Ok((id.to_owned(), secret.to_owned()))
}

fn settings(simulate: &Simulate) -> Settings {
    Settings {
        timeout: IdleSettings::of_organisation(simulate.idle_timeout),
        lifetime: simulate.lifetime,
        clients: simulate.client.clone(),
        mints_a_minute: simulate.mints_a_minute,
        excluded: simulate
            .exclude
            .iter()
            .map(|exclude| match exclude {
                Exclude::Head => ApiOperation::HeadMe,
                Exclude::Get => ApiOperation::GetMe,
            })
            .collect(),
        wall_at_boot: wall_at_boot(),
        ..Settings::default()
    }
}

/// Returns the wall clock's time at boot.
pub(super) fn wall_at_boot() -> ServerTime {
    let since_boot = i64::try_from(clock::now().since_boot().as_millis()).unwrap_or(i64::MAX);
    let wall = clock::wall().as_millisecond();
    ServerTime::from_unix_milliseconds(wall.saturating_sub(since_boot))
}

fn usage(base: &str, tokens: &[String], simulate: &Simulate) -> String {
    let token = tokens.first().map_or("", String::as_str);
    let timeout = jiff::SignedDuration::try_from(simulate.idle_timeout).unwrap_or_default();
    format!(
        "\
simulating an organisation at {base}: idle timeout {timeout:#}, {count} token(s)

  curl -i -H 'Authorization: Bearer {token}' '{base}/api/v2/tokens/me?preserveIdleTTL=true'
  curl -d grant_type=client_credentials -u id:secret {base}/oauth/token
  printf %s '{token}' > token && session-keepalive run --api {base} --token-file token

SIGHUP shows what was seen of each token so far; Ctrl-C shows it and stops
",
        count = tokens.len(),
    )
}
