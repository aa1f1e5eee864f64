//! Refuses keys and variables that set nothing: a typing error must not pass in silence.

use std::collections::BTreeSet;

use figment::value::{Dict, Value};

use super::environment;
use super::fault::Fault;
use super::key::{self, KeyPath};
use super::raw::{LayerKind, Raw};
use super::reader::At;

/// The faults of all keys that there are not; variables that hold a token of ours are passed over.
pub(super) fn refuse(raw: &Raw, tokens: &BTreeSet<String>) -> Vec<Fault> {
    let mut faults = Vec::new();
    walk(raw, &raw.table, &KeyPath::default(), &mut |found| {
        if !(found.place.layer == LayerKind::Environment && tokens.contains(found.place.name())) {
            faults.push(fault(found));
        }
    });
    faults
}

fn walk(raw: &Raw, table: &Dict, path: &KeyPath, refuse: &mut impl FnMut(At<()>)) {
    for (key, value) in table {
        let path = path.child(key);
        if !path.is_known() {
            let place = raw.place(&path, value);
            refuse(At {
                value: (),
                path,
                place,
            });
        } else if let Value::Dict(_, table) = value {
            // What is no table by right is refused where it is read.
            if path.holds_names() || path.allowed().is_some() {
                walk(raw, table, &path, refuse);
            }
        }
    }
}

fn is_pool(table: &KeyPath) -> bool {
    table.keys().next() == Some("pools")
}

fn fault(found: At<()>) -> Fault {
    if found.place.layer == LayerKind::Environment {
        return environment::unknown(found.place);
    }
    let key = found.path.last();
    let table = found.path.parent().unwrap_or_default();
    let allowed = table.allowed().unwrap_or_default();
    let fault = found.fault("there is no such key").about_the_key();
    let fault = match key::nearest(key, allowed.iter().copied()) {
        Some(near) => fault.label(&format!("did you mean {near}?")),
        None if key == "token" && is_pool(&table) => {
            fault.label("each file in token_dir is the token of one session")
        }
        None if key == "token" => fault.label("each session has its own"),
        None if key::is_of_a_session(key) => fault.label("a key of [defaults] or of a session"),
        None => fault.label("unknown"),
    };
    let place = match table.to_string() {
        top if top.is_empty() => "here".to_owned(),
        table => format!("in {table}"),
    };
    fault.help(&format!("the keys {place} are {}", allowed.join(", ")))
}
