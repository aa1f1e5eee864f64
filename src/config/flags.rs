//! Reads the flags of the command line that set a value of the configuration.

use std::ffi::OsString;

use super::fault::Fault;
use super::key::{FLAG_SESSION, KeyPath};
use super::mask;
use super::raw::{Layer, LayerKind, Place};

/// The flags that set a value, as the user wrote them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Flags {
    /// `--region`: `region`, for sessions that do not name their own.
    pub region: Option<OsString>,
    /// `--api`: `api`, for sessions that do not name their own.
    pub api: Option<OsString>,
    /// `--token-file`: makes a session named `default`.
    pub token_file: Option<OsString>,
    /// `--intent`: `defaults.intent`, for sessions that do not name their own.
    pub intent: Option<OsString>,
    /// `--log-level`: `log.level`.
    pub log_level: Option<OsString>,
    /// `--log-format`: `log.format`.
    pub log_format: Option<OsString>,
    /// `--grace`: `shutdown.grace`.
    pub grace: Option<OsString>,
    /// `--status-listen`: `status.listen`.
    pub status_listen: Option<OsString>,
    /// `--status-socket`: `status.socket`.
    pub status_socket: Option<OsString>,
}

/// Reads the flags.
pub(super) fn read(flags: Flags, faults: &mut Vec<Fault>) -> Layer {
    let mut layer = Layer::new(LayerKind::Flags);
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
                let shown = mask::value(&path, &text);
                let place = Place::outside(LayerKind::Flags, name, &shown);
                // No two flags set one key, so nothing was said before.
                let _ = layer.insert(&path, &text, &place);
            }
            Some(Err(_)) => {
                let place = Place::outside(LayerKind::Flags, name, "…");
                faults.push(Fault::at(place, "the value is not UTF-8 text"));
            }
        }
    }
    layer
}
