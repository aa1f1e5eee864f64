//! Reads the pools: directories each of whose files is a session.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::model::{PoolConfig, SessionName};
use super::reader::{At, ParseProblem, TableReader};
use super::schema::Kind;
use super::sessions::{Common, in_order, refuse_duplicate, valid_name};
use super::sink::SinkScope;
use super::{redact, source};
use crate::keeper::OnShutdown;
use crate::token::Source;

/// Reads every pool.
pub(super) fn read(
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
