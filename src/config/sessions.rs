//! Reads the sessions and the pools, which are directories each of whose files is a session: the
//! values of each, over those of `[defaults]`, over the built-in defaults.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use figment::value::Value;

use super::address::{ApiBase, REGIONS, Region};
use super::describe::Origin;
use super::fault::ConfigFault;
use super::model::{PoolConfig, SessionConfig, SessionName, signals_of, sinks_of};
use super::reader::{At, ParseProblem, TableReader, duration, exact_duration, word};
use super::redact;
use super::schema::{Kind, MARGIN_SHARES, allowed_shares};
use super::signal;
use super::sink::{self, SinkScope};
use super::source::{self, sole};
use crate::keeper::{Intent, LoginId, Margin, OnShutdown, Policy, Renewal, TouchPreference};
use crate::token::Source;

/// The help where no file was read either.
const NO_FILE: &str =
    "no configuration was named, and /etc/session-keepalive/config.toml does not exist:
name one with --config PATH, or a token with --region REGION --token-file PATH";

/// An example of a session.
const EXAMPLE: &str = r#"add one:
[sessions.wallboard]
token = { file = "/run/secrets/wallboard-token" }"#;

/// An example of a region.
const REGION_EXAMPLE: &str = r#"write region = "eu-central-1" at the top, or another region"#;

/// The values that apply to every session without its own.
pub(super) struct Common<'a> {
    defaults: TableReader<'a>,
    api: Result<At<ApiBase>, MissingApi>,
}

impl<'a> Common<'a> {
    /// Reads `[defaults]` and the common API.
    pub(super) fn read(top: &TableReader<'a>) -> Self {
        let defaults = top.table("defaults");
        // Wrong values are reported even if every session has its own.
        policy(&defaults);
        sink::read(&defaults, SinkScope::Many);
        signal::read(&defaults);
        Self {
            // Both tables are one level, so `--region` overrides the file whether the file sets the
            // API at the top or in `[defaults]`.
            api: api(&[top, &defaults]),
            defaults,
        }
    }

    /// Returns the API of sessions that do not name their own.
    pub(super) fn api(&self) -> Option<ApiBase> {
        self.api.as_ref().ok().map(|found| found.value.clone())
    }

    /// Builds a configuration from the table of a session or a pool and these values.
    fn build(
        &self,
        table: &TableReader<'_>,
        name: &At<&str>,
        source: Option<Source>,
        scope: SinkScope,
    ) -> Option<SessionConfig> {
        let api = match api(&[table]) {
            Err(MissingApi::Unwritten) => self.api.clone(),
            own => own,
        };
        let profile = source.as_ref().and_then(Source::profile);
        let api = match (&api, profile) {
            (Ok(api), _) => {
                let origin = table.raw.origin(&api.place);
                table.record("api", api.value.as_str().to_owned(), origin);
                Some(api.value.clone())
            }
            (Err(MissingApi::Unwritten), Some(profile)) => {
                let api = source::api_of_profile(profile, table);
                if let Some(api) = &api {
                    let origin = Origin::Outside(profile.to_string().into());
                    table.record("api", api.as_str().to_owned(), origin);
                }
                api
            }
            (Err(MissingApi::Unwritten), None) => {
                let fault = name.fault("no region and no api").about_the_key();
                let fault = fault.label("no API is configured");
                table.note(fault.help(REGION_EXAMPLE));
                None
            }
            (Err(MissingApi::Refused), _) => None,
        };
        let table = table.clone().with_defaults(&self.defaults);
        refuse_wide_margin(&table);
        let mut policy = policy(&table);
        let (source, api) = (source?, api?);
        let source = source::fill_in_login(source, &api, &table)?;
        policy.renewal = renewal(&table, &source);
        let sinks = sink::read(&table, scope);
        let signals = signal::read(&table);
        let (sinks, signals) = match scope {
            SinkScope::One => (
                sinks_of(&sinks, name.value),
                signals_of(&signals, name.value),
            ),
            SinkScope::Many => (sinks, signals),
        };
        let source = source::continue_from(source, &sinks);
        Some(SessionConfig {
            token: source,
            api,
            policy: Arc::new(policy),
            sinks,
            signals,
        })
    }
}

/// Reads every session.
pub(super) fn read(
    top: &TableReader<'_>,
    common: &Common<'_>,
) -> BTreeMap<SessionName, SessionConfig> {
    let sessions = top.table("sessions");
    let mut sources = BTreeMap::new();
    let mut configs = BTreeMap::new();
    for (name, found) in in_order(&sessions) {
        let session = sessions.table(name.value);
        let source = token(&session, &found);
        if let Some(source) = &source {
            let origin = session.raw.origin(&source.place);
            session.record("token", source.value.to_string(), origin);
            // Two sessions may have one command or client, which return another token each time.
            if !matches!(source.value, Source::Command(_) | Source::Mint(_)) {
                let words = ["the same token as that of session", "the other session's"];
                refuse_duplicate(&session, source, &name, words, &mut sources);
            }
        }
        let config = common.build(
            &session,
            &name,
            source.map(|found| found.value),
            SinkScope::One,
        );
        let name = valid_name(&session, &name, "is not a session name");
        if let (Some(name), Some(config)) = (name, config) {
            configs.insert(name, config);
        }
    }
    configs
}

/// Reads every pool.
pub(super) fn read_pools(
    top: &TableReader<'_>,
    common: &Common<'_>,
) -> BTreeMap<SessionName, PoolConfig> {
    let pools = top.table("pools");
    let mut directories = BTreeMap::new();
    let mut configs = BTreeMap::new();
    for (name, found) in in_order(&pools) {
        let pool = pools.table(name.value);
        if found.value.as_dict().is_some() && pool.value("token_dir").is_none() {
            let fault = found.fault("no token_dir").about_the_key();
            let fault = fault.label("the pool has no directory");
            pool.note(fault.help("write token_dir = \"/run/tokens\""));
        }
        let directory = directory(&pool);
        if let Some(directory) = &directory {
            let words = ["the directory of pool", "the other pool's"];
            refuse_duplicate(&pool, directory, &name, words, &mut directories);
        }
        let source = directory.map(|found| Source::File(found.value));
        let template = common.build(&pool, &name, source, SinkScope::Many);
        let on_removal = pool.word("on_removal", &OnShutdown::ALL, OnShutdown::as_str);
        let name = valid_name(&pool, &name, "is not a pool's name");
        let pool = template.and_then(|template| PoolConfig::new(template, on_removal));
        if let (Some(name), Some(pool)) = (name, pool) {
            configs.insert(name, pool);
        }
    }
    configs
}

/// Records a fault if there is no session and no pool.
pub(super) fn require_session(top: &TableReader<'_>, has_file: bool) {
    let is_present = |found: At<&Value>| {
        found
            .value
            .as_dict()
            .is_none_or(|entries| !entries.is_empty())
    };
    let tables = ["sessions", "pools"];
    let mut tables = tables.into_iter().filter_map(|key| top.value(key));
    if !tables.any(is_present) {
        let help = if has_file { EXAMPLE } else { NO_FILE };
        top.note(ConfigFault::nowhere("no session is configured").help(help));
    }
}

/// Reads the keys that a session, a pool and `[defaults]` share.
fn policy(table: &TableReader<'_>) -> Policy {
    let intent = table.word("intent", &Intent::ALL, Intent::as_str);
    Policy {
        intent,
        margin: table.get("margin", margin, |margin| match margin {
            Margin::Percent(share) => format!("{share}% of the idle timeout"),
            Margin::Time(time) => exact_duration(*time),
        }),
        idle_timeout: table
            .get_optional("idle_timeout", duration, |time| exact_duration(*time))
            .map(|found| found.value),
        touch: table.word("touch", &TouchPreference::ALL, TouchPreference::as_str),
        verify_every: table.number("verify_every"),
        on_shutdown: on_shutdown(table, intent),
        lifetime: table
            .get_optional("lifetime", duration, |time| exact_duration(*time))
            .map(|found| found.value),
        renewal: None,
    }
}

/// Reads the renewal of tokens that the daemon itself obtains. Elsewhere its keys have no effect.
fn renewal(table: &TableReader<'_>, source: &Source) -> Option<Renewal> {
    let login = match source {
        // The daemon assigns the number of the login host.
        Source::Mint(_) => Some(LoginId(0)),
        Source::Command(_) => None,
        Source::File(_) | Source::Env(_) | Source::Credential(_) => {
            for key in ["renew_every", "overlap"] {
                if let Some(found) = table.value(key) {
                    let fault =
                        found.fault("has no effect: the daemon obtains no token from this source");
                    let fault = fault.about_the_key();
                    table.note(fault.help("it belongs to tokens from `mint` and from `command`"));
                }
            }
            return None;
        }
    };
    Some(Renewal {
        login,
        every: table
            .get_optional("renew_every", duration, |time| exact_duration(*time))
            .map(|found| found.value),
        overlap: table.duration("overlap"),
    })
}

fn on_shutdown(table: &TableReader<'_>, intent: Intent) -> OnShutdown {
    let parse =
        |text: &str, _: &Kind| word(text, &OnShutdown::ALL, OnShutdown::as_str, "not a choice");
    let shard = table.raw.table.get("shard");
    let (action, origin) = match table.find("on_shutdown", parse) {
        Some(found) => {
            if shard.is_some() && found.value == OnShutdown::Revoke {
                let title = "\"revoke\" with [shard]: a shard stops while others touch its tokens";
                let problem =
                    ParseProblem::new(title).allowed("\"leave\", the default with [shard]");
                table.refuse(&found, &table.key("on_shutdown").kind, problem);
            }
            (found.value, table.raw.origin(&found.place))
        }
        None if shard.is_some() => (OnShutdown::Leave, Origin::Default),
        None => (intent.on_shutdown(), Origin::DefaultFor(intent)),
    };
    table.record("on_shutdown", action.as_str().to_owned(), origin);
    action
}

fn margin(text: &str, kind: &Kind) -> Result<Margin, ParseProblem> {
    let Some(share) = text.strip_suffix('%') else {
        return duration(text, kind).map(Margin::Time);
    };
    match share.trim().parse() {
        Ok(share) if MARGIN_SHARES.contains(&share) => Ok(Margin::Percent(share)),
        Ok(_) | Err(_) => {
            let title = format!("{} is out of range", redact::quoted(text));
            Err(ParseProblem::new(title).allowed(allowed_shares()))
        }
    }
}

/// Records a fault if the margin is as long as the idle timeout.
fn refuse_wide_margin(session: &TableReader<'_>) {
    let margin = session.find("margin", margin);
    let idle_timeout = session.find("idle_timeout", duration);
    if let (Some(margin), Some(idle_timeout)) = (margin, idle_timeout)
        && let Margin::Time(time) = margin.value
        && time >= idle_timeout.value
    {
        let (time, limit) = (exact_duration(time), exact_duration(idle_timeout.value));
        let title = format!("margin {time} must be shorter than the idle timeout {limit}");
        let fault = margin.fault(&title).label("too long");
        session.note(fault.also(idle_timeout.place, "the idle timeout"));
    }
}

/// Returns the sessions or pools in the order of their places, so that the later one of two
/// duplicates is refused.
fn in_order<'a>(sessions: &TableReader<'a>) -> Vec<(At<&'a str>, At<&'a Value>)> {
    let found = |name| sessions.value(name).map(|found| (found.with(name), found));
    let mut sessions: Vec<_> = sessions.keys().filter_map(found).collect();
    sessions.sort_by(|(left, _), (right, _)| left.place.cmp(&right.place));
    sessions
}

/// Returns the name if it is valid; otherwise records a fault with this title.
fn valid_name(table: &TableReader<'_>, name: &At<&str>, title: &str) -> Option<SessionName> {
    let parsed = SessionName::new(name.value);
    if let Err(error) = &parsed {
        let fault = name.fault(title).about_the_key();
        table.note(fault.help(&error.to_string()));
    }
    parsed.ok()
}

fn token(session: &TableReader<'_>, found: &At<&Value>) -> Option<At<Source>> {
    let is_table = matches!(found.value, Value::Dict(..));
    if is_table && session.value("token").is_none() {
        let fault = found.fault("no token").about_the_key();
        let fault = fault.label("this session has no token source");
        session.note(fault.help(&source::forms()));
    }
    source::read(session)
}

fn directory(pool: &TableReader<'_>) -> Option<At<PathBuf>> {
    let parse = |text: &str, _: &Kind| {
        let path = Path::new(text);
        if redact::is_like_a_token(text) && !path.is_absolute() {
            Err(source::pasted())
        } else if path.is_absolute() {
            // The components drop a slash at the end, so that equal directories have equal paths.
            Ok(path.components().collect())
        } else {
            let title = format!("{} is not an absolute path", redact::quoted(text));
            Err(ParseProblem::new(title))
        }
    };
    pool.get_optional("token_dir", parse, |path: &PathBuf| {
        path.display().to_string()
    })
}

/// Records a fault if an earlier session or pool of the same kind has this value: its tokens would
/// be kept twice. `same` introduces the name of the other one, `other` its place.
fn refuse_duplicate<'a, T: Ord + Clone>(
    table: &TableReader<'_>,
    found: &At<T>,
    name: &At<&'a str>,
    [same, other]: [&str; 2],
    known: &mut BTreeMap<T, At<&'a str>>,
) {
    match known.get(&found.value) {
        Some(earlier) => {
            let title = format!("{same} {}", redact::quoted(earlier.value));
            let fault = found.fault(&title).label("a token belongs to one session");
            table.note(fault.also(earlier.place.clone(), other));
        }
        None => {
            known.insert(found.value.clone(), found.with(name.value));
        }
    }
}

/// The reason for a missing API.
#[derive(Clone, Copy, PartialEq, Eq)]
enum MissingApi {
    /// No API was named.
    Unwritten,
    /// The API was invalid and a fault was recorded.
    Refused,
}

/// Returns the API that the tables name together.
fn api(tables: &[&TableReader<'_>]) -> Result<At<ApiBase>, MissingApi> {
    let written = tables.iter().flat_map(|table| {
        ["region", "api"].map(|key| table.value(key).map(|found| found.with(*table)))
    });
    let rule = "give one of them";
    let sole = tables
        .first()
        .and_then(|table| sole(table, written.flatten(), rule))
        .ok_or(MissingApi::Unwritten)?;
    let api = match sole.path.last() {
        "region" => sole.value.find("region", region),
        _ => sole.value.find("api", |text, _| api_base(text)),
    };
    api.ok_or(MissingApi::Refused)
}

/// Parses an address of an API. One of another service of a region is refused, and corrected.
fn api_base(text: &str) -> Result<ApiBase, ParseProblem> {
    let meant = Region::find(text).map(Region::api);
    let reason = match ApiBase::new(text) {
        Ok(base) if meant.as_deref().is_none_or(|meant| meant == base.as_str()) => return Ok(base),
        Ok(_) => "is not the API of its region".to_owned(),
        Err(error) => error.to_string(),
    };
    let problem = ParseProblem::about(text, reason);
    Err(match meant {
        Some(meant) => problem.allowed(format!("did you mean \"{meant}\"?")),
        None => problem,
    })
}

fn region(text: &str, _: &Kind) -> Result<ApiBase, ParseProblem> {
    if let Some(base) = Region::find(text).and_then(|region| ApiBase::new(&region.api()).ok()) {
        return Ok(base);
    }
    let allowed = match Region::suggest(text) {
        Some(candidate) => format!("did you mean \"{candidate}\"?"),
        None => "a region of Genesys Cloud".to_owned(),
    };
    let names: Vec<_> = REGIONS.iter().map(|region| region.name).collect();
    let lines: Vec<_> = names.chunks(6).map(|names| names.join(", ")).collect();
    let help = format!(
        "the regions are\n{};\nany other API is named by api = \"https://…\"",
        lines.join(",\n")
    );
    let title = format!("{} is not a region", redact::quoted(text));
    Err(ParseProblem::new(title).allowed(allowed).help(Some(help)))
}
