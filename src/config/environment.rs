//! Reads the environment variables: each value is the text that the user wrote, without any
//! guess at its type.
//!
//! `SESSION_KEEPALIVE_REGION` is `region`, `SESSION_KEEPALIVE_SHUTDOWN__GRACE` is
//! `shutdown.grace`: two underscores separate a table from its key. `SESSION_KEEPALIVE_TOKEN_FILE`
//! is short for the token file of the session `default`; `SESSION_KEEPALIVE_CONFIG` names the
//! file and is read by the command line. Any other name with the program's prefix is an error,
//! except for a variable that holds a token of a session, the variables that Kubernetes sets and,
//! in a hook or a token command, the variables that the daemon sets for it.

use std::ffi::{OsStr, OsString};

use super::fault::ConfigFault;
use super::hooks::HOOK_VARIABLES;
use super::key::{
    self, COMMAND_VARIABLE, CONFIG_VARIABLE, FLAG_SESSION, KeyPath, PREFIX, TOKEN_FILE_VARIABLE,
};
use super::raw::{Duplicate, Layer, LayerKind, Place};
use super::redact;
use super::schema;

/// The depth of the deepest key.
const DEPTH_MAX: usize = 6;

/// The explanation of the spelling of variables.
const SPELLING: &str = "a variable is SESSION_KEEPALIVE_ and a key; \
    two underscores lead into a table: SESSION_KEEPALIVE_SHUTDOWN__GRACE is shutdown.grace";

/// Returns true for a variable that sets a token, a session or a pool.
#[must_use]
pub fn names_token(name: &OsStr) -> bool {
    let rest = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
    let sources = ["SESSIONS__", "POOLS__"];
    name == TOKEN_FILE_VARIABLE
        || rest.is_some_and(|rest| sources.iter().any(|table| rest.starts_with(table)))
}

/// Reads the variables with the program's prefix.
pub(super) fn read(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    faults: &mut Vec<ConfigFault>,
) -> Layer {
    let mut layer = Layer::new(LayerKind::Environment);
    let mut ours: Vec<_> = variables
        .into_iter()
        .filter(|(name, _)| name.as_encoded_bytes().starts_with(PREFIX.as_bytes()))
        .collect();
    ours.sort();
    if ours
        .iter()
        .any(|(name, _)| is_of_a_hook(name, &HOOK_VARIABLES[..1]))
    {
        ours.retain(|(name, _)| !is_of_a_hook(name, &HOOK_VARIABLES));
    }
    for (name, value) in ours {
        if let Err(fault) = insert(&mut layer, &name, value) {
            faults.push(*fault);
        }
    }
    layer
}

fn is_of_a_hook(name: &OsString, variables: &[&str]) -> bool {
    let rest = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
    rest.is_some_and(|rest| variables.contains(&rest))
}

fn insert(layer: &mut Layer, name: &OsString, value: OsString) -> Result<(), Box<ConfigFault>> {
    let shown_name = redact::line(&name.to_string_lossy());
    let place = |shown: &str| Place::outside(LayerKind::Environment, &shown_name, shown);
    let Some(name) = name.to_str() else {
        let fault = ConfigFault::at(place("…"), "the name is not UTF-8 text");
        return Err(fault.about_the_key().into());
    };
    let rest = name.strip_prefix(PREFIX).unwrap_or(name);
    if name == CONFIG_VARIABLE || name == COMMAND_VARIABLE || is_service_link(rest) {
        return Ok(());
    }
    let path = if name == TOKEN_FILE_VARIABLE {
        KeyPath::of(["sessions", FLAG_SESSION, "token", "file"])
    } else {
        KeyPath::of_variable(rest)
    };
    if path.keys().count() > DEPTH_MAX || path.keys().any(str::is_empty) {
        return Err(unknown(place("…")).into());
    }
    let Ok(value) = value.into_string() else {
        return Err(ConfigFault::at(place("…"), "the value is not UTF-8 text").into());
    };
    let place = place(&redact::value(&path, &value));
    layer
        .insert(&path, &value, &place)
        .map_err(|Duplicate(previous)| {
            ConfigFault::at(place, "contradicts another variable")
                .about_the_key()
                .also(previous, "the other one")
                .into()
        })
}

/// Creates the fault of a variable that sets nothing.
pub(super) fn unknown(place: Place) -> ConfigFault {
    let rest = place
        .name()
        .strip_prefix(PREFIX)
        .unwrap_or_default()
        .to_owned();
    let path = KeyPath::of_variable(&rest);
    let name = match path.keys().collect::<Vec<_>>().as_slice() {
        ["sessions" | "pools", name, _, ..] => *name,
        _ => "NAME",
    };
    let names = schema::variables(name);
    // The names are compared without the prefix: with it, all would be similar.
    let rests = names.iter().filter_map(|name| name.strip_prefix(PREFIX));
    let fault = ConfigFault::at(place, "there is no such variable").about_the_key();
    match key::nearest(&rest, rests) {
        Some(suggestion) => fault.label(&format!("did you mean {PREFIX}{suggestion}?")),
        None => fault.label("sets nothing").help(SPELLING),
    }
}

/// Returns true for a variable that Kubernetes sets in each container beside a service named
/// `session-keepalive`, `session-keepalive-metrics` and the like. No key is spelt like these.
fn is_service_link(rest: &str) -> bool {
    let is_link = |link: &str| {
        link == "PORT"
            || ["PORT_", "SERVICE_HOST", "SERVICE_PORT"]
                .iter()
                .any(|start| link.starts_with(start))
    };
    let suffixes = || rest.match_indices('_').map(|(at, _)| &rest[at + 1..]);
    !rest.contains("__") && (is_link(rest) || suffixes().any(is_link))
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn faults(variables: &[(&str, &[u8])]) -> (Layer, Vec<ConfigFault>) {
        let mut faults = Vec::new();
        let variables = variables
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from_vec(value.to_vec())));
        (read(variables, &mut faults), faults)
    }

    #[test]
    fn a_value_is_text_whatever_it_looks_like() {
        let (layer, faults) = faults(&[("SESSION_KEEPALIVE_HTTP__PROXY", b" 1e3 ")]);
        assert!(faults.is_empty());
        assert_eq!(
            layer.table["http"].find_ref("proxy").unwrap().as_str(),
            Some(" 1e3 ")
        );
    }

    #[test]
    fn what_others_set_is_passed_over() {
        let (layer, faults) = faults(&[
            ("PATH", b"/bin"),
            ("SESSION_KEEPALIVE_CONFIG", b"/etc/x.toml"),
            (COMMAND_VARIABLE, b"712-1"),
            ("SESSION_KEEPALIVE_SERVICE_HOST", b"10.0.0.1"),
            ("SESSION_KEEPALIVE_PORT_9090_TCP", b"tcp://10.0.0.1:9090"),
            ("SESSION_KEEPALIVE_METRICS_SERVICE_PORT_HTTP", b"9090"),
            ("SESSION_KEEPALIVE_METRICS_PORT", b"tcp://10.0.0.2:9090"),
        ]);
        assert!(faults.is_empty() && layer.table.is_empty());
    }

    #[test]
    fn a_key_that_only_looks_like_a_service_is_read() {
        let (layer, faults) = faults(&[("SESSION_KEEPALIVE_STATUS__PORT", b"9464")]);
        assert!(faults.is_empty() && layer.table.contains_key("status"));
    }

    #[test]
    fn bytes_that_are_no_text_are_a_fault() {
        assert_eq!(faults(&[("SESSION_KEEPALIVE_REGION", b"\xff")]).1.len(), 1);
    }

    #[test]
    fn a_name_of_any_depth_is_a_fault() {
        let name = format!("SESSION_KEEPALIVE_{}", "A__".repeat(50_000));
        assert_eq!(faults(&[(&name, b"x")]).1.len(), 1);
    }
}
