//! Reads the flags of the command line that set values of the configuration.

use std::ffi::OsString;

use clap::{Args, ValueHint};

use super::fault::ConfigFault;
use super::key::{FLAG_SESSION, KeyPath};
use super::raw::{Layer, LayerKind, Place};
use super::redact;

/// The flags that set a value, as the user wrote them.
#[derive(Clone, PartialEq, Eq, Debug, Default, Args)]
pub struct Flags {
    /// The region of the organisation, such as eu-central-1.
    #[arg(long, value_name = "REGION")]
    pub region: Option<OsString>,
    /// The API's URL instead of a region, such as <https://api.mypurecloud.de>.
    #[arg(long, value_name = "URL")]
    pub api: Option<OsString>,
    /// A file that contains a token: defines a session named "default" without a configuration file.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub token_file: Option<OsString>,
    /// True if the session called "default" obtains tokens with the OAuth client of the environment:
    /// `GENESYSCLOUD_OAUTHCLIENT_ID`, `GENESYSCLOUD_OAUTHCLIENT_SECRET` and `GENESYSCLOUD_REGION`.
    /// Without a client it uses the token in `GENESYSCLOUD_ACCESS_TOKEN`.
    #[arg(skip)]
    pub mint: bool,
    /// The intent of sessions that do not set their own: keep or lapse.
    #[arg(long, value_name = "INTENT")]
    pub intent: Option<OsString>,
    /// The time limit of revocations when the daemon stops, such as 10s.
    #[arg(long, value_name = "DURATION")]
    pub grace: Option<OsString>,
    /// The least severe level that is logged: error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<OsString>,
    /// The format of the log: auto, plain, json or journald.
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<OsString>,
    /// The address that serves /livez, /readyz, /metrics, /status and the status page: a port of 127.0.0.1, or ADDRESS:PORT.
    #[arg(long, value_name = "ADDRESS")]
    pub status_listen: Option<OsString>,
    /// The Unix socket that serves the same: auto, off or a path.
    #[arg(long, value_name = "PATH")]
    pub status_socket: Option<OsString>,
}

/// The variables of an OAuth client that the command-line tool of the vendor and its Terraform
/// provider read as well.
const CLIENT_ID_VARIABLE: &str = "GENESYSCLOUD_OAUTHCLIENT_ID";
const CLIENT_SECRET_VARIABLE: &str = "GENESYSCLOUD_OAUTHCLIENT_SECRET";
const REGION_VARIABLE: &str = "GENESYSCLOUD_REGION";
const ACCESS_TOKEN_VARIABLE: &str = "GENESYSCLOUD_ACCESS_TOKEN";

/// Reads the flags. `environment` names the OAuth client of `--mint`.
pub(super) fn read(
    flags: Flags,
    environment: &[(OsString, OsString)],
    faults: &mut Vec<ConfigFault>,
) -> Layer {
    let mut layer = Layer::new(LayerKind::Flags);
    if flags.mint {
        let has_api = flags.region.is_some() || flags.api.is_some();
        read_client(&mut layer, environment, has_api, faults);
    }
    let token_file = ["sessions", FLAG_SESSION, "token", "file"];
    let written: [(&str, &[&str], Option<OsString>); 9] = [
        ("--region", &["region"], flags.region),
        ("--api", &["api"], flags.api),
        ("--token-file", &token_file, flags.token_file),
        ("--intent", &["defaults", "intent"], flags.intent),
        ("--log-level", &["log", "level"], flags.log_level),
        ("--log-format", &["log", "format"], flags.log_format),
        ("--grace", &["shutdown", "grace"], flags.grace),
        (
            "--status-listen",
            &["status", "listen"],
            flags.status_listen,
        ),
        (
            "--status-socket",
            &["status", "socket"],
            flags.status_socket,
        ),
    ];
    for (name, keys, value) in written {
        let path = KeyPath::of(keys.iter().copied());
        match value.map(OsString::into_string) {
            None => {}
            Some(Ok(text)) => {
                let shown = redact::value(&path, &text);
                let place = Place::outside(LayerKind::Flags, name, &shown);
                // Each flag sets another key, so a duplicate is impossible.
                let _ = layer.insert(&path, &text, &place);
            }
            Some(Err(_)) => {
                let place = Place::outside(LayerKind::Flags, name, "…");
                faults.push(ConfigFault::at(place, "the value is not UTF-8 text"));
            }
        }
    }
    layer
}

/// Reads the OAuth client of the environment, or its token if there is no client.
fn read_client(
    layer: &mut Layer,
    environment: &[(OsString, OsString)],
    has_api: bool,
    faults: &mut Vec<ConfigFault>,
) {
    let value = |name: &str| {
        let found = environment.iter().find(|(known, _)| known == name);
        found
            .and_then(|(_, value)| value.to_str())
            .map(str::to_owned)
    };
    let mint = ["sessions", FLAG_SESSION, "token", "mint"];
    let in_mint = |keys: &[&'static str]| KeyPath::of(mint.iter().chain(keys).copied());
    let mut insert = |path: KeyPath, name: &str, value: &str| {
        let shown = redact::value(&path, value);
        let place = Place::outside(LayerKind::Flags, name, &shown);
        // A value of another flag stays as it is.
        let _ = layer.insert(&path, value, &place);
    };
    if let Some(region) = value(REGION_VARIABLE).filter(|_| !has_api) {
        insert(KeyPath::of(["region"]), REGION_VARIABLE, &region);
    }
    let is_set = |name: &str| value(name).is_some_and(|value| !value.is_empty());
    let client = [CLIENT_ID_VARIABLE, CLIENT_SECRET_VARIABLE];
    if !client.iter().any(|name| is_set(name)) && is_set(ACCESS_TOKEN_VARIABLE) {
        let token = KeyPath::of(["sessions", FLAG_SESSION, "token", "env"]);
        return insert(token, "--mint", ACCESS_TOKEN_VARIABLE);
    }
    for name in client {
        if !is_set(name) {
            let place = Place::outside(LayerKind::Flags, "--mint", "");
            faults.push(ConfigFault::at(
                place,
                format!("the variable {name} is not set"),
            ));
        }
    }
    insert(
        in_mint(&["client_id"]),
        CLIENT_ID_VARIABLE,
        &value(CLIENT_ID_VARIABLE).unwrap_or_default(),
    );
    let secret = in_mint(&["client_secret", "env"]);
    insert(secret, "--mint", CLIENT_SECRET_VARIABLE);
}
