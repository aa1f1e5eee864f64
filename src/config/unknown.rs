//! Refuses keys and variables that set nothing: a typing error must not pass silently.

use std::collections::BTreeSet;

use figment::value::{Dict, Value};

use super::environment;
use super::fault::ConfigFault;
use super::key::{self, KeyPath};
use super::raw::{LayerKind, Raw};
use super::reader::At;
use super::schema::{SESSION_OPTIONS, SchemaTable};

/// Returns the faults of all unknown keys, except for variables that hold a token of a session.
pub(super) fn refuse(raw: &Raw, tokens: &BTreeSet<String>) -> Vec<ConfigFault> {
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
            // A value in the place of a table is refused by its reader.
            if path.holds_names() || SchemaTable::at(&path).is_some() {
                walk(raw, table, &path, refuse);
            }
        }
    }
}

fn is_of_a_session(key: &str) -> bool {
    SESSION_OPTIONS.iter().any(|option| option.name == key)
}

fn is_pool(table: &KeyPath) -> bool {
    table.keys().next() == Some("pools")
}

fn fault(found: At<()>) -> ConfigFault {
    if found.place.layer == LayerKind::Environment {
        return environment::unknown(found.place);
    }
    let key = found.path.last();
    let table = found.path.parent().unwrap_or_default();
    let allowed = SchemaTable::at(&table)
        .map(SchemaTable::names)
        .unwrap_or_default();
    let fault = found.fault("there is no such key").about_the_key();
    let fault = match key::nearest(key, allowed.iter().copied()) {
        Some(candidate) => fault.label(&format!("did you mean {candidate}?")),
        None if key == "token" && is_pool(&table) => {
            fault.label("each file in token_dir is the token of one session")
        }
        None if key == "token" => fault.label("each session has its own"),
        None if is_of_a_session(key) => fault.label("a key of [defaults] or of a session"),
        None => fault.label("unknown"),
    };
    let place = match table.to_string() {
        top if top.is_empty() => "here".to_owned(),
        table => format!("in {table}"),
    };
    fault.help(&format!("the keys {place} are {}", allowed.join(", ")))
}
