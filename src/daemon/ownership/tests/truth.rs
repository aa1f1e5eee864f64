//! Derives from the configuration and the disk which tokens are named, and checks that these are
//! kept alive.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::disk::Disk;
use super::model::{Model, fingerprint, organisation};
use super::shelf;
use crate::config::{ApiBase, Config};
use crate::daemon::session_table::SessionTable;
use crate::time::Instant;
use crate::token::{Fingerprint, Source};

/// The longest time for which a named token may be unmanaged, or unknown to the daemon.
const UNMANAGED_MAX: Duration = Duration::from_secs(2);

/// The time for which a missing file of a pool certainly does not count as removed.
const MISSING_MAX: Duration = Duration::from_secs(9);

#[derive(Default)]
pub(super) struct Truth {
    /// The tokens that the configuration names.
    named: BTreeMap<u32, NamedToken>,
    unmanaged: BTreeMap<u32, Instant>,
    /// The files of pools, as they were when they were last present.
    remembered: BTreeMap<PathBuf, Remembered>,
}

#[derive(Clone, Copy)]
struct Remembered {
    number: u32,
    is_managed: bool,
    since: Instant,
    missing_since: Option<Instant>,
}

#[derive(Clone, Copy)]
struct NamedToken {
    since: Instant,
    /// True if it was managed at some time since.
    was_managed: bool,
}

impl Truth {
    /// Panics if a named token has been unmanaged for too long.
    pub(super) fn check(model: &Model) {
        for (&number, &since) in &model.truth.unmanaged {
            let time = model.now.since(since);
            assert!(
                time <= UNMANAGED_MAX || !model.lives(number),
                "{:?}: token {number} lives, is named and was without care for {time:?}",
                model.now,
            );
        }
    }

    /// Panics if the configuration names the token, which is being revoked.
    pub(super) fn check_revocation(model: &Model, number: u32) {
        if let Some(named) = model.truth.named.get(&number)
            && model.lives(number)
        {
            let time = model.now.since(named.since);
            assert!(
                time <= UNMANAGED_MAX,
                "{:?}: token {number} is revoked though it was named for {time:?}",
                model.now,
            );
        }
    }

    /// Records the state as of this moment.
    pub(super) fn note(model: &mut Model) {
        let managed = managed(model);
        let named = named(model, &managed);
        let (now, truth) = (model.now, &mut model.truth);
        truth.named.retain(|number, _| named.contains_key(number));
        truth
            .unmanaged
            .retain(|number, _| named.contains_key(number));
        for (number, is_known) in named {
            let entry = truth.named.entry(number).or_insert(NamedToken {
                since: now,
                was_managed: false,
            });
            entry.was_managed |= managed.contains(&number);
            if is_known && !managed.contains(&number) {
                truth.unmanaged.entry(number).or_insert(now);
            } else {
                truth.unmanaged.remove(&number);
            }
        }
    }
}

/// Returns the tokens that a session keeps at a host that knows them.
fn managed(model: &Model) -> BTreeSet<u32> {
    let table = model.table.by_id.iter();
    let living = table.filter(|(id, _)| !model.leaving.contains(id));
    living
        .flat_map(|(_, managed)| {
            let organisation = organisation(&managed.config.api);
            let numbers = managed.fingerprints().map(|token| model.number(token));
            numbers.filter(move |number| model.issued[number].organisation == organisation)
        })
        .collect()
}

/// Returns the tokens that the configuration names, each with true if it is named at a host that
/// knows it.
fn named(model: &mut Model, managed: &BTreeSet<u32>) -> BTreeMap<u32, bool> {
    let mut named = BTreeMap::new();
    let issued = &model.issued;
    let mut name = |number: u32, api: Option<&ApiBase>| {
        let is_known = api.is_some_and(|api| issued[&number].organisation == organisation(api));
        *named.entry(number).or_insert(false) |= is_known;
    };
    let (written, disk) = (&model.written, &model.disk);
    for session in written.sessions.values() {
        let Some(number) = disk.content(&session.token) else {
            continue;
        };
        let is_command = matches!(session.token, Source::Command(_));
        let was_known = model
            .truth
            .named
            .get(&number)
            .is_some_and(|named| named.was_managed);
        if !is_command || managed.contains(&number) || was_known {
            name(number, Some(&session.api));
        } else {
            // The command may fail once, so the daemon does not know its token before.
            name(number, None);
        }
    }
    let in_force = &model.config.sessions;
    let mut missing = Vec::new();
    let mut remembered = std::mem::take(&mut model.truth.remembered);
    let folders = |path: &Path| {
        let pools = written.pools.values();
        pools
            .filter(|pool| Disk::resolve(pool.token_dir()) == path)
            .count()
    };
    remembered.retain(|path, _| folders(path.parent().unwrap()) > 0);
    for pool in written.pools.values() {
        let folder = Disk::resolve(pool.token_dir());
        let mut files: BTreeSet<_> = disk.names(&folder).into_iter().collect();
        let known = remembered
            .keys()
            .filter(|path| path.parent() == Some(&folder));
        files.extend(known.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()));
        for file in files {
            let path = folder.join(&file);
            let api = &pool.session(&file).api;
            let is_anothers = in_force.iter().any(|(name, session)| {
                let is_elsewhere = match &session.token {
                    Source::File(file) => Disk::resolve(file) != path,
                    Source::Command(_)
                    | Source::Env(_)
                    | Source::Credential(_)
                    | Source::Mint(_) => true,
                };
                name.as_str() == file && is_elsewhere
            });
            if is_anothers
                || taken(written, disk, &folder).contains(&file)
                || claims(written, &pool.token_dir().join(&file))
            {
                // The owner of the file depends on the order in which files and sessions came.
                remembered.remove(&path);
                continue;
            }
            match disk.files.get(&path).filter(|_| !disk.is_away(&path)) {
                Some(&number) => {
                    name(number, Some(api));
                    let earlier = remembered.get(&path).filter(|known| known.number == number);
                    let found = Remembered {
                        number,
                        is_managed: managed.contains(&number)
                            && is_held_by(&model.table, &file, fingerprint(number)),
                        since: earlier.map_or(model.now, |known| known.since),
                        missing_since: None,
                    };
                    remembered.insert(path, found);
                }
                None => missing.push((path, api.clone())),
            }
        }
    }
    for (path, api) in missing {
        let Some(known) = remembered.get_mut(&path) else {
            continue;
        };
        let number = known.number;
        let is_away = disk.is_away(&path);
        let missing_since = *known.missing_since.get_or_insert(model.now);
        // The file may not have been read before it disappeared.
        let is_known = known.is_managed && missing_since.since(known.since) > UNMANAGED_MAX;
        let is_elsewhere = named.contains_key(&number) || !is_known;
        let has_gone = !is_away && missing_since + MISSING_MAX <= model.now;
        if is_elsewhere || has_gone {
            remembered.remove(&path);
        } else {
            let is_known = model.issued[&number].organisation == organisation(&api);
            *named.entry(number).or_insert(false) |= is_known;
        }
    }
    model.truth.remembered = remembered;
    named
}

/// Returns true if the configured session of this name has the token. Only a session that has read
/// the token can keep it alive while its file is absent.
fn is_held_by(table: &SessionTable, session: &str, token: Fingerprint) -> bool {
    let id = table.by_name.get(&shelf::name(session));
    let managed = id.and_then(|id| table.by_id.get(id));
    managed.is_some_and(|managed| managed.fingerprints().any(|held| held == token))
}

/// Returns the names that are not free for a file of a folder.
fn taken(written: &Config, disk: &Disk, folder: &Path) -> BTreeSet<String> {
    let own = written.sessions.keys().map(ToString::to_string);
    let others = written
        .pools
        .values()
        .map(|pool| Disk::resolve(pool.token_dir()));
    let others = others.filter(|directory| directory != folder);
    own.chain(others.flat_map(|directory| disk.names(&directory)))
        .collect()
}

fn claims(written: &Config, path: &Path) -> bool {
    let mut sessions = written.sessions.values();
    sessions.any(|session| matches!(&session.token, Source::File(file) if file == path))
}
