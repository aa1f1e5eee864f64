//! Finds programs, configuration and files of tokens and secrets that other users can change.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::check::Check;
use crate::config::{Config, SessionConfig, SessionName};
use crate::token::Reader;

/// The mode bit that lets all users write.
const OTHERS_WRITE: u32 = 0o002;
/// The mode bit of a directory in which only a file's owner may remove or replace it.
const STICKY: u32 = 0o1000;

/// Checks the configuration file, the programs that it names, and the folders of token files.
pub(super) fn examine(
    file: Option<&Path>,
    config: &Config,
    sessions: &BTreeMap<SessionName, SessionConfig>,
) -> Vec<Check> {
    let mut checks = Vec::new();
    let commands = sessions
        .iter()
        .filter_map(|(name, session)| Some((name.as_str(), session.token.program()?.first()?)));
    let hooks = config.hooks.iter();
    let hooks =
        hooks.filter_map(|(name, hook)| Some((name.as_str(), hook.command.words().first()?)));
    let programs: BTreeMap<_, _> = commands
        .chain(hooks)
        .map(|(name, path)| (path, name))
        .collect();
    if let Some(file) = file
        && !programs.is_empty()
        && let Some(how) = changeable_by_all(file)
    {
        let finding = format!("{how}, and it names programs that the daemon runs");
        let check = Check::failure(&file.display().to_string(), "configuration", finding);
        checks.push(check.advise("chmod o-w: anyone who can write it has the daemon's rights"));
    }
    for (path, name) in programs {
        if let Some(how) = changeable_by_all(Path::new(path)) {
            let check = Check::failure(name, "program", format!("{how}, and the daemon runs it"));
            checks.push(check.advise("chmod o-w: anyone who can write it has the daemon's rights"));
        }
    }
    let mut folders = BTreeMap::new();
    for (name, session) in sessions {
        if let Some(path) = Reader::default().secret_file(&session.token)
            && let Some(how) = replaceable_by_all(&path)
        {
            folders.entry(how).or_insert((name.as_str(), path));
        }
    }
    for (how, (name, path)) in folders {
        let finding = format!("{how}, so that everyone can replace {}", path.display());
        let check = Check::warning(name, "folder", finding);
        checks.push(check.advise("chmod o-w, or chmod +t if everyone has to write there"));
    }
    checks
}

/// Describes the mode that lets every user change the file, or returns `None` if there is none.
fn changeable_by_all(path: &Path) -> Option<String> {
    let found = fs::metadata(path).ok()?;
    if found.mode() & OTHERS_WRITE != 0 {
        return Some(format!("{} has mode {}", path.display(), mode(&found)));
    }
    replaceable_by_all(path)
}

/// Describes the folder in which every user can replace the file, or returns `None`.
fn replaceable_by_all(path: &Path) -> Option<String> {
    let path = std::path::absolute(path).ok()?;
    let mut folders = path.ancestors().skip(1);
    folders.find_map(|folder| {
        let found = fs::metadata(folder).ok()?;
        let is_open = found.mode() & OTHERS_WRITE != 0 && found.mode() & STICKY == 0;
        is_open.then(|| format!("the folder {} has mode {}", folder.display(), mode(&found)))
    })
}

fn mode(found: &Metadata) -> String {
    format!("{:04o}", found.mode() & 0o7777)
}
