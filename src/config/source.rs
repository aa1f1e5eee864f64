//! Reads where a session's token is: a place, never the token itself.

use std::path::{Component, Path, PathBuf};

use figment::value::Value;

use super::mask;
use super::raw::LayerKind;
use super::reader::{At, Complaint, Reader};
use crate::token::Source;

/// The longest name of a variable or a credential: shorter than any token.
const NAME_LENGTH_MAX: usize = 64;

/// How a token source is written.
pub(super) const SHAPES: &str = r#"write one of
token = { file = "/run/secrets/token" }
token = { env = "NAME" }
token = { credential = "NAME" }
token = { command = ["/usr/bin/program", "argument"] }"#;

/// Reads the key `token` of a session.
pub(super) fn read(session: &Reader<'_>) -> Option<At<Source>> {
    let found = session.value("token")?;
    let Value::Dict(_, table) = found.value else {
        let fault = found
            .fault("a token is never written here, only where it is")
            .label("hidden");
        session.note(fault.help(SHAPES));
        return None;
    };
    if table.is_empty() {
        let fault = found.fault("does not say where the token is");
        session.note(fault.label("empty").help(SHAPES));
        return None;
    }
    let token = session.table("token");
    let written = ["file", "env", "credential", "command"].map(|key| token.value(key));
    let sole = sole(
        session,
        written.into_iter().flatten(),
        "a session has one token source",
    )?;
    let source = match sole.path.last() {
        "file" => path(&token, "file").map(|path| Source::File(path.value)),
        "env" => token
            .text("env", "the name of a variable", variable)
            .map(|name| Source::Env(name.value)),
        "credential" => token
            .text("credential", "the name of a credential", credential)
            .map(|name| Source::Credential(name.value)),
        _ => command(&token, &sole).map(Source::Command),
    };
    source.map(|source| sole.with(source))
}

/// The one that was written, in the layer that has the last word; any other there is refused.
pub(super) fn sole<T>(
    reader: &Reader<'_>,
    written: impl IntoIterator<Item = At<T>>,
    rule: &str,
) -> Option<At<T>> {
    let mut written: Vec<_> = written.into_iter().collect();
    let last_word = written.iter().map(|found| found.place.layer).max()?;
    written.retain(|found| found.place.layer == last_word);
    written.sort_by(|one, other| one.place.cmp(&other.place));
    let mut written = written.into_iter();
    let first = written.next()?;
    for other in written {
        let title = format!("stands beside {}", first.path);
        let fault = other.fault(&title).label(rule);
        reader.note(fault.also(first.place.clone(), "the first one"));
    }
    Some(first)
}

/// The path of a file. A relative path in the file starts at the file's folder, any other at ours.
pub(super) fn path(reader: &Reader<'_>, key: &str) -> Option<At<PathBuf>> {
    let found = reader.text(key, "the path of a file", |text| match text {
        "" => Err(Complaint::new("is empty", "the path of a file")),
        text if text.ends_with('/') => Err(Complaint::new("is a folder", "the path of a file")),
        text if !text.contains(['/', '.']) && mask::is_like_a_token(text) => {
            Err(pasted("the path of a file"))
        }
        text => Ok(Path::new(text)),
    })?;
    Some(match found.place.layer {
        LayerKind::File => found.with(reader.raw.folder.join(found.value)),
        LayerKind::Environment | LayerKind::Flags => found.with(found.value.to_owned()),
    })
}

fn pasted(allowed: &str) -> Complaint {
    Complaint::new("looks like a token itself, and is hidden", allowed)
}

fn variable(name: &str) -> Result<String, Complaint> {
    let allowed = "the name of a variable: letters, digits and '_', at most 64";
    let starts_well = !name.starts_with(|first: char| first.is_ascii_digit());
    let goes_on_well = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if mask::is_like_a_token(name) || name.len() > NAME_LENGTH_MAX {
        Err(pasted(allowed))
    } else if starts_well && goes_on_well && !name.is_empty() {
        Ok(name.to_owned())
    } else {
        Err(Complaint::new("is not the name of a variable", allowed))
    }
}

fn credential(name: &str) -> Result<String, Complaint> {
    let allowed = "the name of a systemd credential: a file name without '/', at most 64";
    let mut parts = Path::new(name).components();
    let plain = matches!(parts.next(), Some(Component::Normal(part)) if part == name);
    if mask::is_like_a_token(name) || name.len() > NAME_LENGTH_MAX {
        Err(pasted(allowed))
    } else if plain && parts.next().is_none() {
        Ok(name.to_owned())
    } else {
        Err(Complaint::new("is not a plain file name", allowed))
    }
}

/// A program and its arguments.
pub(super) fn command(token: &Reader<'_>, found: &At<&Value>) -> Option<Vec<String>> {
    let allowed = r#"a list of words, such as ["/usr/bin/program", "argument"]"#;
    let complain = |title: &str| {
        token.note(found.fault(title).label(allowed));
        None
    };
    let Value::Array(_, words) = found.value else {
        return complain("is not a list");
    };
    let words: Option<Vec<_>> = words
        .iter()
        .map(|word| word.as_str().map(str::to_owned))
        .collect();
    let Some(words) = words else {
        return complain("holds something other than text");
    };
    match words.first() {
        None => complain("names no program"),
        Some(program) if !Path::new(program).is_absolute() => {
            complain("the program's path is not absolute")
        }
        Some(_) if words.iter().any(|word| word.contains('\0')) => complain("holds a NUL"),
        Some(program) if program.chars().any(char::is_control) => {
            complain("the program's path holds a control character")
        }
        Some(_) => Some(words),
    }
}
