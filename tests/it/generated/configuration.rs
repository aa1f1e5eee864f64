//! Renders the schema of the configuration as the sample file, the reference and a manual page.

use std::fmt::Write as _;

use clap_mangen::roff::{Inline, Roff, bold, roman};
use session_keepalive::config::schema::{Key, KeyDefault, Kind, NAME, SchemaTable, TABLES};

/// The longest line of the sample file, in characters.
const WIDTH: usize = 80;

/// The rules that hold for all keys.
const RULES: [&str; 3] = [
    "A duration has units: \"500ms\", \"15s\", \"5m\", \"1h 30m\". An unknown key is an error.",
    "A key can be set by a variable as well, with two underscores between a table and its key: \
     SESSION_KEEPALIVE_SHUTDOWN__GRACE=20s sets `shutdown.grace`. A variable overrides the file, \
     and a flag of the command line overrides both.",
    "`session-keepalive check` prints all errors at once, or the effective value of each key and \
     where it comes from.",
];

/// Renders the commented sample file, in which every line is a comment.
pub(super) fn sample() -> String {
    let intro = "session-keepalive: every key with its default. To set a key, remove the \"# \" \
                 before it and before the heading of its table, and change the value.";
    let mut text = comment(intro);
    for rule in RULES {
        write!(text, "#\n{}", comment(rule)).unwrap();
    }
    for table in &TABLES {
        // The sources of a token are alternatives, which are shown as values of the key `token`.
        if is_of_alternatives(table) {
            continue;
        }
        if !table.path.is_empty() {
            let heading = heading(table).replace(NAME, table.example);
            write!(text, "\n{}# {heading}\n", comment(table.doc)).unwrap();
        }
        for key in documented_keys(table) {
            write!(text, "\n{}", sample_key(table, key)).unwrap();
        }
    }
    text
}

fn sample_key(table: &SchemaTable, key: &Key) -> String {
    let description = match key.default {
        _ if matches!(key.kind, Kind::OneOf) => format!("{} One of:", key.doc),
        KeyDefault::Value(_) => describe(key),
        KeyDefault::Unset { effect: "", .. } => {
            format!("{} No default; an example:", describe(key))
        }
        KeyDefault::Unset { effect, .. } => {
            format!("{} By default {effect}; an example:", describe(key))
        }
    };
    let mut text = comment(&description);
    if matches!(key.kind, Kind::OneOf) {
        let is_of_key =
            |forms: &&SchemaTable| forms.path.split_last() == Some((&key.name, table.path));
        let forms = TABLES
            .iter()
            .filter(is_of_key)
            .flat_map(SchemaTable::all_keys);
        for form in forms {
            let shown = format!("{{ {} = {} }}", form.name, form.toml());
            text += &wrap(&format!("{shown}: {}", form.doc), "#   ");
        }
    }
    // A file with both `region` and `api`, or with both `unit` and `pid_file`, would be invalid.
    let is_other = ["api", "pid_file"].contains(&key.name);
    let start = if is_other { "#   " } else { "# " };
    text + &format!("{start}{} = {}\n", key.name, key.toml())
}

/// Renders the sections of the reference in Markdown, one for each table.
pub(super) fn reference() -> String {
    let mut text = String::new();
    for table in &TABLES {
        if !table.path.is_empty() {
            write!(text, "\n## `{}`\n\n{}\n", heading(table), table.doc).unwrap();
        }
        text += "\n| key | values | default | meaning |\n| --- | --- | --- | --- |\n";
        for key in documented_keys(table) {
            let (name, allowed, doc) = (key.name, key.kind.allowed(), key.doc);
            let default = match key.default {
                KeyDefault::Value(_) => format!("`{}`", key.toml()),
                KeyDefault::Unset { effect: "", .. } => "–".to_owned(),
                KeyDefault::Unset { effect, .. } => effect.to_owned(),
            };
            writeln!(text, "| `{name}` | {allowed} | {default} | {doc} |").unwrap();
        }
    }
    text
}

/// Renders `session-keepalive.toml(5)`, without version and date.
pub(super) fn manual_page() -> String {
    let mut page = Roff::new();
    let title = ["session-keepalive.toml", "5", "DATE", "session-keepalive"];
    page.control("TH", title.into_iter().chain(["session-keepalive manual"]));
    page.control("SH", ["NAME"]);
    page.text([roman(
        "session-keepalive.toml - the configuration of session-keepalive",
    )]);
    page.control("SH", ["SYNOPSIS"]);
    page.text([bold("/etc/session-keepalive/config.toml")]);
    page.control("SH", ["DESCRIPTION"]);
    page.text(inlines(
        "The configuration of `session-keepalive run` is a TOML file. Without `--config`, the \
         daemon reads /etc/session-keepalive/config.toml if it exists.",
    ));
    for rule in RULES {
        page.control("PP", []).text(inlines(rule));
    }
    for table in &TABLES {
        if table.path.is_empty() {
            page.control("SH", ["KEYS AT THE TOP"]);
        } else {
            page.control("SH", [heading(table).as_str()]);
            page.text(inlines(table.doc));
        }
        for key in documented_keys(table) {
            let value = match key.default {
                KeyDefault::Value(_) => format!(" = {}", key.toml()),
                KeyDefault::Unset { .. } => String::new(),
            };
            page.control("TP", []).text([bold(key.name), roman(value)]);
            page.text(inlines(&match key.default {
                KeyDefault::Unset { effect, .. } if !effect.is_empty() => {
                    format!("{} By default {effect}.", describe(key))
                }
                KeyDefault::Value(_) | KeyDefault::Unset { .. } => describe(key),
            }));
        }
    }
    page.control("SH", ["EXAMPLE"]).control("nf", []);
    for line in include_str!("../../../config/kiosk.toml").lines() {
        page.text([roman(line)]);
    }
    page.control("fi", []).control("SH", ["SEE ALSO"]);
    page.text([
        bold("session-keepalive"),
        roman("(1), "),
        bold("session-keepalive-run"),
        roman("(1), "),
        bold("session-keepalive-check"),
        roman("(1)"),
    ]);
    page.render().replacen(" 5 DATE ", " 5 \"\" ", 1)
}

/// Returns the keys that are documented with this table. Sessions and pools share those of
/// `[defaults]`; `region` and `api` are documented at the top.
fn documented_keys(table: &SchemaTable) -> impl Iterator<Item = &'static Key> {
    let is_of_top = |key: &Key| TABLES[0].keys.iter().any(|top| top.name == key.name);
    let shared = table.shared.iter().filter(move |key| !is_of_top(key));
    let shared = shared.take(if table.keys.is_empty() { usize::MAX } else { 0 });
    table.keys.iter().chain(shared)
}

fn is_of_alternatives(table: &SchemaTable) -> bool {
    table.path.contains(&"token")
}

fn heading(table: &SchemaTable) -> String {
    format!("[{}]", table.path.join("."))
}

/// Describes a key and its values in sentences.
fn describe(key: &Key) -> String {
    let allowed = key.kind.allowed();
    let (first, rest) = allowed.split_at(1);
    format!("{} {}{rest}.", key.doc, first.to_ascii_uppercase())
}

fn comment(text: &str) -> String {
    wrap(text, "# ")
}

/// Breaks a text into lines that begin with `start`.
fn wrap(text: &str, start: &str) -> String {
    let mut lines = vec![start.to_owned()];
    for word in text.split(' ') {
        let line = lines.last_mut().unwrap();
        if line.chars().count() + word.chars().count() > WIDTH {
            *line = line.trim_end().to_owned();
            lines.push(format!("{start}{word} "));
        } else {
            write!(line, "{word} ").unwrap();
        }
    }
    lines
        .iter()
        .fold(String::new(), |text, line| text + line.trim_end() + "\n")
}

/// Returns the text with the parts between backticks in bold.
fn inlines(text: &str) -> Vec<Inline> {
    let parts = text.split('`').enumerate();
    let styled = parts.map(|(position, part)| match position % 2 {
        0 => roman(part),
        _ => bold(part),
    });
    styled.collect()
}
