//! Reads the pools: directories each of whose files is a session.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::mask;
use super::meant::{PoolConfig, SessionName};
use super::reader::{At, Complaint, Reader};
use super::sessions::{Common, in_order, sound_name};
use crate::keeper::OnShutdown;
use crate::token::Source;

/// What a directory is to look like.
const DIRECTORY: &str = "the absolute path of a directory, such as \"/run/tokens\"";

/// Reads every pool.
pub(super) fn read(top: &Reader<'_>, common: &Common) -> BTreeMap<SessionName, PoolConfig> {
    let pools = top.table("pools");
    let mut directories = BTreeMap::new();
    let mut meant = BTreeMap::new();
    for (name, found) in in_order(&pools) {
        let pool = pools.table(name.value);
        if found.value.as_dict().is_some() && pool.value("token_dir").is_none() {
            let fault = found.fault("no token_dir").about_the_key();
            let fault = fault.label("whose files are the sessions of this pool?");
            pool.note(fault.help("write token_dir = \"/run/tokens\""));
        }
        let directory = directory(&pool);
        if let Some(directory) = &directory {
            refuse_twin(&pool, directory, &name, &mut directories);
        }
        let on_removal = on_removal(&pool);
        let source = directory.map(|found| At {
            value: Source::File(found.value),
            path: found.path,
            place: found.place,
        });
        let template = common.settle(&pool, &name, source);
        let name = sound_name(&pool, &name, "is not a pool's name");
        let pool = template.and_then(|template| PoolConfig::new(template, on_removal));
        if let (Some(name), Some(pool)) = (name, pool) {
            meant.insert(name, pool);
        }
    }
    meant
}

fn directory(pool: &Reader<'_>) -> Option<At<PathBuf>> {
    pool.text("token_dir", DIRECTORY, |text| {
        let path = Path::new(text);
        if mask::is_like_a_token(text) && !path.is_absolute() {
            let title = "looks like a token itself, and is hidden";
            Err(Complaint::new(title, DIRECTORY))
        } else if path.is_absolute() {
            // Without a slash at its end, so that one directory is written in one way.
            Ok(path.components().collect())
        } else {
            let title = format!("{} is not an absolute path", mask::quoted(text));
            Err(Complaint::new(title, DIRECTORY))
        }
    })
}

fn on_removal(pool: &Reader<'_>) -> OnShutdown {
    let words = [OnShutdown::Revoke, OnShutdown::Leave].map(|what| (what.as_str(), what));
    pool.word("on_removal", &words)
        .map_or(OnShutdown::Leave, |found| found.value)
}

/// A file is one session: two pools of one directory would care for each token twice.
fn refuse_twin<'a>(
    pool: &Reader<'_>,
    directory: &At<PathBuf>,
    name: &At<&'a str>,
    directories: &mut BTreeMap<PathBuf, At<&'a str>>,
) {
    match directories.get(&directory.value) {
        Some(twin) => {
            let title = format!("the directory of pool {}", mask::quoted(twin.value));
            let fault = directory.fault(&title).label("a token is cared for once");
            pool.note(fault.also(twin.place.clone(), "the other pool's"));
        }
        None => {
            directories.insert(directory.value.clone(), directory.with(name.value));
        }
    }
}
