//! Reads the variables: each value is the text that the user wrote, whatever it looks like.
//!
//! `SESSION_KEEPALIVE_REGION` is `region`, `SESSION_KEEPALIVE_SHUTDOWN__GRACE` is
//! `shutdown.grace`: two underscores lead into a table. `SESSION_KEEPALIVE_TOKEN_FILE` is
//! short for the token file of the session `default`; `SESSION_KEEPALIVE_CONFIG` names the
//! file and is left to the command line. Any other name with our prefix is refused, but for
//! a variable that holds a token of ours, for what Kubernetes sets and, in a hook, for what
//! the hook is told.

use std::ffi::OsString;

use super::fault::Fault;
use super::hooks::HOOK_VARIABLES;
use super::key::{self, CONFIG_VARIABLE, FLAG_SESSION, KeyPath, PREFIX, TOKEN_FILE_VARIABLE};
use super::mask;
use super::raw::{Layer, LayerKind, Place, SaidBefore};

/// No key lies deeper than this.
const DEPTH_MAX: usize = 4;

/// How a variable is spelt.
const SPELLING: &str = "a variable is SESSION_KEEPALIVE_ and a key; \
    two underscores lead into a table: SESSION_KEEPALIVE_SHUTDOWN__GRACE is shutdown.grace";

/// Reads those of the variables that are ours.
pub(super) fn read(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    faults: &mut Vec<Fault>,
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

fn insert(layer: &mut Layer, name: &OsString, value: OsString) -> Result<(), Box<Fault>> {
    let shown_name = mask::line(&name.to_string_lossy());
    let place = |shown: &str| Place::outside(LayerKind::Environment, &shown_name, shown);
    let Some(name) = name.to_str() else {
        let fault = Fault::at(place("…"), "the name is not UTF-8 text");
        return Err(fault.about_the_key().into());
    };
    let rest = name.strip_prefix(PREFIX).unwrap_or(name);
    if name == CONFIG_VARIABLE || is_service_link(rest) {
        return Ok(());
    }
    let path = if name == TOKEN_FILE_VARIABLE {
        KeyPath::of(["sessions", FLAG_SESSION, "token", "file"])
    } else {
        key::of_variable(rest)
    };
    if path.keys().count() > DEPTH_MAX || path.keys().any(str::is_empty) {
        return Err(unknown(place("…")).into());
    }
    let Ok(value) = value.into_string() else {
        return Err(Fault::at(place("…"), "the value is not UTF-8 text").into());
    };
    let place = place(&mask::value(&path, &value));
    layer
        .insert(&path, &value, &place)
        .map_err(|SaidBefore(other)| {
            Fault::at(place, "contradicts another variable")
                .about_the_key()
                .also(other, "the other one")
                .into()
        })
}

/// A variable that sets nothing.
pub(super) fn unknown(place: Place) -> Fault {
    let rest = place
        .name()
        .strip_prefix(PREFIX)
        .unwrap_or_default()
        .to_owned();
    let path = key::of_variable(&rest);
    let name = match path.keys().collect::<Vec<_>>().as_slice() {
        ["sessions" | "pools", name, _, ..] => *name,
        _ => "NAME",
    };
    let names = key::variables(name);
    // The prefix is left out: what all share would make all look near.
    let rests = names.iter().filter_map(|name| name.strip_prefix(PREFIX));
    let fault = Fault::at(place, "there is no such variable").about_the_key();
    match key::nearest(&rest, rests) {
        Some(near) => fault.label(&format!("did you mean {PREFIX}{near}?")),
        None => fault.label("sets nothing").help(SPELLING),
    }
}

/// What Kubernetes sets in each container beside a service named `session-keepalive`, or
/// `session-keepalive-metrics` and the like. None of our keys is spelt so.
fn is_service_link(rest: &str) -> bool {
    let of_service = |link: &str| {
        link == "PORT"
            || ["PORT_", "SERVICE_HOST", "SERVICE_PORT"]
                .iter()
                .any(|start| link.starts_with(start))
    };
    let after_a_name = || rest.match_indices('_').map(|(at, _)| &rest[at + 1..]);
    !rest.contains("__") && (of_service(rest) || after_a_name().any(of_service))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    fn faults(variables: &[(&str, &[u8])]) -> (Layer, Vec<Fault>) {
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
