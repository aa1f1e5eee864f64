//! Reads the sessions: what each says, over what `[defaults]` says, over what we say.

use std::collections::BTreeMap;

use figment::value::Value;

use super::address::ApiBase;
use super::fault::Fault;
use super::key;
use super::mask;
use super::meant::{SessionConfig, SessionName};
use super::reader::{At, Complaint, Reader};
use super::region::{REGIONS, Region};
use super::source::{self, sole};
use super::wishes::Wishes;
use crate::token::Source;

/// How a session is written.
const EXAMPLE: &str = r#"add one:
[sessions.wallboard]
token = { file = "/run/secrets/wallboard-token" }"#;

/// How a region is written.
const REGION_EXAMPLE: &str = r#"write region = "eu-central-1" at the top, or another region"#;

/// What holds for every session that does not say otherwise.
pub(super) struct Common {
    wishes: Wishes,
    api: Result<At<ApiBase>, Lack>,
}

impl Common {
    /// Reads `[defaults]`, and which API it is.
    pub(super) fn read(top: &Reader<'_>) -> Self {
        let defaults = top.table("defaults");
        Self {
            wishes: Wishes::read(&defaults),
            // One level: `--region` overrules the file, whichever of the two holds it there.
            api: api(&[top, &defaults]),
        }
    }

    /// What the table of a session or a pool says, over this.
    pub(super) fn settle(
        &self,
        table: &Reader<'_>,
        name: &At<&str>,
        source: Option<At<Source>>,
    ) -> Option<SessionConfig> {
        let api = match api(&[table]) {
            Err(Lack::Unwritten) => self.api.clone(),
            own => own,
        };
        if api == Err(Lack::Unwritten) {
            let fault = name.fault("no region and no api").about_the_key();
            let fault = fault.label("which API is it?");
            table.note(fault.help(REGION_EXAMPLE));
        }
        let wishes = Wishes::read(table).over(self.wishes.clone());
        wishes.settle(table, source, api.ok())
    }
}

/// Reads every session.
pub(super) fn read(top: &Reader<'_>, common: &Common) -> BTreeMap<SessionName, SessionConfig> {
    let sessions = top.table("sessions");
    let mut sources = BTreeMap::new();
    let mut meant = BTreeMap::new();
    for (name, found) in in_order(&sessions) {
        let session = sessions.table(name.value);
        let source = token(&session, &found);
        if let Some(source) = &source {
            refuse_twin(&session, source, &name, &mut sources);
        }
        let config = common.settle(&session, &name, source);
        let name = sound_name(&session, &name, "is not a session name");
        if let (Some(name), Some(config)) = (name, config) {
            meant.insert(name, config);
        }
    }
    meant
}

/// Refuses that there is no session.
pub(super) fn demand_one(top: &Reader<'_>) {
    let is_there = |found: At<&Value>| found.value.as_dict().is_none_or(|them| !them.is_empty());
    let tables = ["sessions", "pools"];
    let mut tables = tables.into_iter().filter_map(|key| top.value(key));
    if !tables.any(is_there) {
        top.note(Fault::nowhere("there is no session to care for").help(EXAMPLE));
    }
}

/// The API of sessions that do not name their own. Notes no fault that [`read`] did not.
pub(super) fn common_api(top: &Reader<'_>) -> Option<ApiBase> {
    let found = api(&[top, &top.table("defaults")]);
    found.ok().map(|found| found.value)
}

/// The sessions or pools by their place, so that of two alike the later one is refused.
pub(super) fn in_order<'a>(sessions: &Reader<'a>) -> Vec<(At<&'a str>, At<&'a Value>)> {
    let found = |name| sessions.value(name).map(|found| (found.with(name), found));
    let mut sessions: Vec<_> = sessions.keys().filter_map(found).collect();
    sessions.sort_by(|(one, _), (other, _)| one.place.cmp(&other.place));
    sessions
}

/// The name, if it is one.
pub(super) fn sound_name(
    table: &Reader<'_>,
    name: &At<&str>,
    otherwise: &str,
) -> Option<SessionName> {
    let refused = SessionName::new(name.value);
    if let Err(why) = &refused {
        let fault = name.fault(otherwise).about_the_key();
        table.note(fault.help(&why.to_string()));
    }
    refused.ok()
}

fn token(session: &Reader<'_>, found: &At<&Value>) -> Option<At<Source>> {
    let is_table = matches!(found.value, Value::Dict(..));
    if is_table && session.value("token").is_none() {
        let fault = found.fault("no token").about_the_key();
        let fault = fault.label("where is the token of this session?");
        session.note(fault.help(source::SHAPES));
    }
    source::read(session)
}

/// A token is cared for once. A command may give another token each time.
fn refuse_twin<'a>(
    session: &Reader<'_>,
    source: &At<Source>,
    name: &At<&'a str>,
    sources: &mut BTreeMap<Source, At<&'a str>>,
) {
    if matches!(source.value, Source::Command(_)) {
        return;
    }
    match sources.get(&source.value) {
        Some(twin) => {
            let title = format!(
                "the same token as that of session {}",
                mask::quoted(twin.value)
            );
            let fault = source.fault(&title).label("a token is cared for once");
            session.note(fault.also(twin.place.clone(), "the other session's"));
        }
        None => {
            sources.insert(source.value.clone(), source.with(name.value));
        }
    }
}

/// Why there is no API.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lack {
    /// Nobody named one.
    Unwritten,
    /// What was written left a fault.
    Refused,
}

/// The API that the tables name together.
fn api(tables: &[&Reader<'_>]) -> Result<At<ApiBase>, Lack> {
    let written = tables.iter().flat_map(|table| {
        ["region", "api"].map(|key| table.value(key).map(|found| found.with(*table)))
    });
    let rule = "say once which API it is";
    let sole = tables
        .first()
        .and_then(|table| sole(table, written.flatten(), rule))
        .ok_or(Lack::Unwritten)?;
    let api = match sole.path.last() {
        "region" => sole.value.text("region", "the name of a region", region),
        _ => sole.value.text("api", "the URL of an API", |text| {
            ApiBase::new(text).map_err(|why| {
                let title = format!("{} {why}", mask::quoted(text));
                Complaint::new(title, "the URL of an API: https:// and a host")
            })
        }),
    };
    api.ok_or(Lack::Refused)
}

fn region(text: &str) -> Result<ApiBase, Complaint> {
    if let Some(base) = Region::find(text).and_then(|region| ApiBase::new(&region.api()).ok()) {
        return Ok(base);
    }
    let names = || REGIONS.iter().map(|region| region.name);
    let domains = REGIONS.iter().map(|region| region.domain);
    let allowed = match key::nearest(text, names().chain(domains)) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => "a region of Genesys Cloud".to_owned(),
    };
    let title = format!("{} is not a region", mask::quoted(text));
    let names: Vec<_> = names().collect();
    let lines: Vec<_> = names.chunks(6).map(|names| names.join(", ")).collect();
    Err(Complaint {
        help: Some(format!(
            "the regions are
{};
any other API is named by api = \"https://…\"",
            lines.join(
                ",
"
            )
        )),
        ..Complaint::new(title, allowed)
    })
}
