//! Simulates files: two volumes that may be absent, each with two paths, and a folder that is
//! always present.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::shelf;
use crate::config::SessionName;
use crate::daemon::pools::{ListingExtent, PoolContents, PoolFolder, PoolListing};
use crate::token::{Listing, Source};

#[derive(Default)]
pub(super) struct Disk {
    /// The number of the token in each file.
    pub(super) files: BTreeMap<PathBuf, u32>,
    pub(super) away: [bool; 2],
}

impl Disk {
    /// Returns the path with its links resolved.
    pub(super) fn resolve(path: &Path) -> PathBuf {
        path.strip_prefix("/link")
            .map_or_else(|_| path.to_owned(), |rest| Path::new("/volume").join(rest))
    }

    /// Returns the volume to which a path without links leads.
    pub(super) fn volume(path: &Path) -> Option<usize> {
        (0..2).find(|volume| path.starts_with(format!("/volume/{volume}")))
    }

    /// Returns true if a path without links leads to an absent volume.
    pub(super) fn is_away(&self, path: &Path) -> bool {
        Self::volume(path).is_some_and(|volume| self.away[volume])
    }

    /// Returns the number of the token that a source gives at this moment.
    pub(super) fn content(&self, source: &Source) -> Option<u32> {
        match source {
            Source::File(path) => {
                let path = Self::resolve(path);
                let found = self.files.get(&path).copied();
                found.filter(|_| !self.is_away(&path))
            }
            Source::Command(words) => words[1].parse().ok(),
            Source::Env(_) | Source::Credential(_) | Source::Mint(_) => None,
        }
    }

    /// Returns the names of the files in a folder, even if its volume is absent.
    pub(super) fn names(&self, folder: &Path) -> Vec<String> {
        let files = self
            .files
            .keys()
            .filter(|path| path.parent() == Some(folder));
        files
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect()
    }

    pub(super) fn find(&self, path: &Path, members: Vec<SessionName>) -> PoolContents {
        let canonical = Self::resolve(path);
        let volume = Self::volume(&canonical).unwrap();
        let is_away = self.away[volume];
        let listing = Listing {
            directory: shelf::directory(volume, is_away),
            names: if is_away {
                Vec::new()
            } else {
                self.names(&canonical)
            },
            is_whole: true,
        };
        let listing = PoolListing::new(listing, ListingExtent::Whole(members));
        PoolContents {
            folder: PoolFolder::new(path, canonical),
            listing: Ok(listing),
        }
    }
}
