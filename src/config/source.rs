//! Reads the source of a session's token: a place, never the token itself.

use std::path::{Component, Path, PathBuf};

use figment::value::Value;
use zeroize::Zeroizing;

use super::address::{ApiBase, Region};
use super::key::KeyPath;
use super::raw::LayerKind;
use super::reader::{At, ParseProblem, TableReader};
use super::redact;
use super::schema::{Kind, NAME, SchemaTable};
use crate::sys::files;
use crate::token::{
    CLIENT_ID_LENGTH_MAX, ClientSource, MintSource, Profile, Sink, SinkFormat, Source, environment,
    is_client_id,
};

/// The longest name of a variable or a credential: shorter than any token.
const NAME_LENGTH_MAX: usize = 64;

/// Describes the forms of a token source.
pub(super) fn forms() -> String {
    let token = SchemaTable::at(&KeyPath::of(["sessions", NAME, "token"]));
    let keys = token.into_iter().flat_map(SchemaTable::all_keys);
    keys.fold("write one of".to_owned(), |text, key| {
        text + &format!("\ntoken = {{ {} = {} }}", key.name, key.toml())
    })
}

/// Reads the key `token` of a session.
pub(super) fn read(session: &TableReader<'_>) -> Option<At<Source>> {
    let titles = [
        "a token is never written here, only where it is",
        "does not say where the token is",
        "a session has one token source",
    ];
    place(session, "token", titles, &forms())
}

/// Reads the key `client_secret` of an OAuth client.
fn client_secret(client: &TableReader<'_>) -> Option<Source> {
    let titles = [
        "a secret is never written here, only where it is",
        "does not say where the secret is",
        "a client has one secret",
    ];
    let forms =
        "write client_secret = { credential = \"NAME\" }, or file, env or command in its place";
    place(client, "client_secret", titles, forms).map(|found| found.value)
}

/// Reads an OAuth client. The login host is empty where the API's region decides on it.
fn mint(session: &TableReader<'_>) -> Option<Source> {
    let client = session.table("token").table("mint");
    let names_profile = ["profile", "file"].map(|key| client.value(key).is_some());
    let found = if names_profile.contains(&true) {
        profile(&client).map(ClientSource::Profile)
    } else {
        configured_client(session, &client)
    };
    let login = client.find("login", |text, _| {
        ApiBase::new(text).map_err(|error| ParseProblem::about(text, error))
    });
    Some(Source::Mint(Box::new(MintSource {
        login: login.map_or_else(|| "".into(), |login| login.value.as_str().into()),
        client: found?,
        continues: None,
    })))
}

/// Reads an OAuth client that the configuration names.
fn configured_client(session: &TableReader<'_>, client: &TableReader<'_>) -> Option<ClientSource> {
    let missing = |key: &str| {
        if client.value(key).is_none()
            && let Some(found) = session.table("token").value("mint")
        {
            let fault = found.fault(&format!("no {key}")).about_the_key();
            let key = client.key(key);
            session.note(fault.help(&format!(
                "write {} = {}, or profile = \"DEFAULT\" for that profile of the official command line",
                key.name,
                key.toml()
            )));
        }
    };
    missing("client_id");
    missing("client_secret");
    let id = client.find("client_id", client_id);
    let secret = client_secret(client);
    Some(ClientSource::Configured {
        id: id?.value.into(),
        secret: secret?,
    })
}

/// Reads the profile that names an OAuth client.
fn profile(client: &TableReader<'_>) -> Option<Profile> {
    let name = client.find("profile", profile_name);
    let file = profile_file(client);
    for key in ["client_id", "client_secret"] {
        if let Some(found) = client.value(key) {
            let fault = found.fault("stands beside a profile").about_the_key();
            let fault = fault.label("the profile names the client");
            client.note(fault.help("write client_id and client_secret, or profile and file"));
        }
    }
    let default = |key| client.key(key).effect();
    let name = match name {
        None if client.value("profile").is_some() => return None,
        name => name.map_or_else(|| default("profile").to_owned(), |name| name.value),
    };
    Some(Profile {
        name: name.into(),
        file: file?,
    })
}

fn profile_name(text: &str, _: &Kind) -> Result<String, ParseProblem> {
    if redact::is_like_a_token(text) || text.len() > NAME_LENGTH_MAX {
        Err(pasted())
    } else if text.is_empty() {
        Err(ParseProblem::new("is empty"))
    } else {
        Ok(text.to_owned())
    }
}

/// Returns the path of the file with the profile. `~/` stands for the directory of the user.
fn profile_file(client: &TableReader<'_>) -> Option<PathBuf> {
    let written = client.value("file");
    let text = match &written {
        Some(found) => found.value.as_str().unwrap_or_default(),
        None => client.key("file").effect(),
    };
    let Some(below) = text.strip_prefix("~/") else {
        return path(client, "file").map(|found| found.value);
    };
    let home = client.raw.home.as_ref().map(|home| home.join(below));
    if home.is_none()
        && let Some(found) = written.or_else(|| client.value("profile"))
    {
        let fault = found.fault("the directory of the user is not known");
        let fault = fault.label("HOME is not set to an absolute path");
        client.note(fault.help("write file = \"/home/USER/.gc/config.toml\""));
    }
    home
}

/// Returns the API of the region that the session's profile names as its `environment`. Records a
/// fault if there is none.
pub(super) fn api_of_profile(profile: &Profile, session: &TableReader<'_>) -> Option<ApiBase> {
    let found = session.table("token").value("mint")?;
    let refuse = |title: &str| {
        let fault = found.fault(title).about_the_key();
        let fault = fault.label("no region, no api, and no region in the profile");
        session.note(fault.help("write region = \"eu-central-1\" at the top, or another region"));
        None
    };
    let file = redact::quoted(&profile.file.display().to_string());
    let bytes = match files::read_whole(&profile.file, 1) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(error) => return refuse(&format!("cannot read {file}: {error}")),
    };
    let environment = match environment(&bytes, &profile.name) {
        Ok(environment) => environment,
        Err(problem) => return refuse(&format!("{file}: {}", redact::clean(&problem.to_string()))),
    };
    let region = Region::find(&environment.text);
    let api = region.and_then(|region| ApiBase::new(&region.api()).ok());
    api.or_else(|| {
        let (text, line) = (redact::quoted(&environment.text), environment.line);
        refuse(&format!(
            "{file}: environment {text} in line {line} is not a region or its domain"
        ))
    })
}

/// Fills in the login host of the API's region. Records a fault if the API is of no region.
pub(super) fn fill_in_login(
    source: Source,
    api: &ApiBase,
    table: &TableReader<'_>,
) -> Option<Source> {
    let Source::Mint(mut mint) = source else {
        return Some(source);
    };
    if mint.login.is_empty() {
        let Some(login) = Region::login_of(api) else {
            let found = table.table("token").value("mint")?;
            let fault = found.fault("no login host").about_the_key();
            let help = "the API is not that of a region: write login = \"https://login.…\"";
            table.note(fault.help(help));
            return None;
        };
        mint.login = login.into();
    }
    Some(Source::Mint(mint))
}

/// Lets a session that obtains its tokens continue with the one that an earlier run wrote to a sink.
pub(super) fn continue_from(source: Source, sinks: &[Sink]) -> Source {
    let Source::Mint(mut mint) = source else {
        return source;
    };
    // JSON comes first, since it also tells when the token expires.
    let mut formats = [SinkFormat::Json, SinkFormat::Bare].into_iter();
    let sink = formats.find_map(|format| sinks.iter().find(|sink| sink.format == format));
    mint.continues = sink.map(|sink| sink.file.clone());
    Source::Mint(mint)
}

fn client_id(text: &str, _: &Kind) -> Result<String, ParseProblem> {
    if text.len() > CLIENT_ID_LENGTH_MAX {
        Err(pasted())
    } else if is_client_id(text) {
        Ok(text.to_owned())
    } else {
        Err(ParseProblem::new("is not the id of an OAuth client"))
    }
}

/// Reads a key that names the place of a secret.
fn place(
    session: &TableReader<'_>,
    key: &str,
    [written_here, nowhere, rule]: [&str; 3],
    forms: &str,
) -> Option<At<Source>> {
    let found = session.value(key)?;
    let Value::Dict(_, table) = found.value else {
        let fault = found.fault(written_here).label("hidden");
        session.note(fault.help(forms));
        return None;
    };
    if table.is_empty() {
        let fault = found.fault(nowhere);
        session.note(fault.label("empty").help(forms));
        return None;
    }
    let token = session.table(key);
    let written = ["file", "env", "credential", "command", "mint"].map(|key| token.value(key));
    let sole = sole(session, written.into_iter().flatten(), rule)?;
    let source = match sole.path.last() {
        "mint" => mint(session),
        "file" => path(&token, "file").map(|path| Source::File(path.value)),
        "env" => token
            .find("env", variable)
            .map(|name| Source::Env(name.value)),
        "credential" => token
            .find("credential", credential)
            .map(|name| Source::Credential(name.value)),
        _ => command(&token, &sole).map(Source::Command),
    };
    source.map(|source| sole.with(source))
}

/// Returns the value that was written in the highest layer; further values in that layer are
/// refused.
pub(super) fn sole<T>(
    reader: &TableReader<'_>,
    written: impl IntoIterator<Item = At<T>>,
    rule: &str,
) -> Option<At<T>> {
    let mut written: Vec<_> = written.into_iter().collect();
    let highest = written.iter().map(|found| found.place.layer).max()?;
    written.retain(|found| found.place.layer == highest);
    written.sort_by(|left, right| left.place.cmp(&right.place));
    let mut written = written.into_iter();
    let first = written.next()?;
    for duplicate in written {
        let title = format!("stands beside {}", first.path);
        let fault = duplicate.fault(&title).label(rule);
        reader.note(fault.also(first.place.clone(), "the first one"));
    }
    Some(first)
}

/// Returns the path of a file. A relative path in the configuration file starts at the folder of
/// that file, any other at the working directory.
pub(super) fn path(reader: &TableReader<'_>, key: &str) -> Option<At<PathBuf>> {
    let found = reader.find(key, |text, _| match text {
        "" => Err(ParseProblem::new("is empty")),
        text if text.ends_with('/') => Err(ParseProblem::new("is a folder")),
        text if !text.contains(['/', '.']) && redact::is_like_a_token(text) => Err(pasted()),
        text => Ok(PathBuf::from(text)),
    })?;
    Some(match found.place.layer {
        LayerKind::File => found.with(reader.raw.folder.join(&found.value)),
        LayerKind::Environment | LayerKind::Flags => found,
    })
}

/// Returns the problem of a token in the place of its source.
pub(super) fn pasted() -> ParseProblem {
    ParseProblem::new("looks like a token itself, and is hidden")
}

/// Parses the absolute path of a file that lies anywhere. The components drop what does not matter, so
/// that equal files have equal paths.
pub(super) fn absolute_file(text: &str) -> Result<PathBuf, ParseProblem> {
    let path = Path::new(text);
    let title = if !text.contains('/') && redact::is_like_a_token(text) {
        return Err(pasted());
    } else if !path.is_absolute() {
        "is not an absolute path"
    } else if text.ends_with('/') || path.file_name().is_none() {
        "is a folder"
    } else if path.components().any(|part| part == Component::ParentDir) {
        "contains \"..\""
    } else {
        return Ok(path.components().collect());
    };
    Err(ParseProblem::about(text, title))
}

fn variable(name: &str, _: &Kind) -> Result<String, ParseProblem> {
    let starts_validly = !name.starts_with(|first: char| first.is_ascii_digit());
    let continues_validly = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if redact::is_like_a_token(name) || name.len() > NAME_LENGTH_MAX {
        Err(pasted())
    } else if starts_validly && continues_validly && !name.is_empty() {
        Ok(name.to_owned())
    } else {
        Err(ParseProblem::new("is not the name of a variable"))
    }
}

fn credential(name: &str, _: &Kind) -> Result<String, ParseProblem> {
    let mut parts = Path::new(name).components();
    let plain = matches!(parts.next(), Some(Component::Normal(part)) if part == name);
    if redact::is_like_a_token(name) || name.len() > NAME_LENGTH_MAX {
        Err(pasted())
    } else if plain && parts.next().is_none() {
        Ok(name.to_owned())
    } else {
        Err(ParseProblem::new("is not a plain file name"))
    }
}

/// Reads a program and its arguments.
pub(super) fn command(token: &TableReader<'_>, found: &At<&Value>) -> Option<Vec<String>> {
    let refuse = |title: &str| {
        token.refuse(found, &Kind::Command, ParseProblem::new(title));
        None
    };
    let Value::Array(_, words) = found.value else {
        return refuse("is not a list");
    };
    let words: Option<Vec<_>> = words
        .iter()
        .map(|word| word.as_str().map(str::to_owned))
        .collect();
    let Some(words) = words else {
        return refuse("holds something other than text");
    };
    match words.first() {
        None => refuse("names no program"),
        Some(program) if !Path::new(program).is_absolute() => {
            refuse("the program's path is not absolute")
        }
        Some(_) if words.iter().any(|word| word.contains('\0')) => refuse("holds a NUL"),
        Some(program) if program.chars().any(char::is_control) => {
            refuse("the program's path holds a control character")
        }
        Some(_) => Some(words),
    }
}
