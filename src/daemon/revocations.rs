//! Remembers revoked tokens over restarts, so that the next process can distinguish a token that
//! this daemon revoked from one that ended elsewhere.
//!
//! It must never write a token: each record contains a fingerprint, a time and a reason.
//!
//! # Invariants
//!
//! *Bounded*: at most [`REMEMBERED_MAX`] revocations, none older than [`REMEMBERED_FOR`]. *The loop
//! never waits for a file*: tasks write, one at a time, and each writes all records.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::next_result;
use crate::log::{LogEvent, TokenEvent, log_event};
use crate::sys::files::{self, OpenError};
use crate::token::Fingerprint;

/// The number of revocations that are remembered: enough for the stop of a large pool.
const REMEMBERED_MAX: usize = 5_000;

/// The time for which a revocation is remembered. No token lives longer than 48 hours.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(72);

/// The number of bytes of the file that are read. Each revocation takes less than 200 bytes.
const FILE_MAX: usize = 1024 * 1024;

/// The time limit for the file system, after which the daemon starts or ends without it.
const WITHIN: Duration = Duration::from_secs(2);

const FILE: &str = "revoked.json";

/// The reason for a revocation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reason {
    /// The daemon stopped.
    Stopped,
    /// The session was removed from the configuration, or its file from the pool.
    Removed,
    /// A newer token of the session replaced it.
    Replaced,
}

/// A record of the file.
#[derive(Serialize, Deserialize)]
struct RevocationRecord {
    fingerprint: String,
    /// Seconds since 1970.
    at: i64,
    why: Reason,
}

/// The revoked tokens. The default value remembers nothing over a restart.
#[derive(Debug, Default)]
pub struct Revocations {
    path: Option<PathBuf>,
    by_token: BTreeMap<Fingerprint, (Timestamp, Reason)>,
    is_changed: bool,
    writing: JoinSet<io::Result<()>>,
    has_failed: bool,
}

impl Revocations {
    /// Reads the revocations of earlier processes. `directory` is `STATE_DIRECTORY`; without it
    /// nothing is written or read.
    pub async fn read(directory: Option<PathBuf>) -> Self {
        let Some(directory) = directory else {
            return Self::default();
        };
        let path = directory.join(FILE);
        let reading = files::run(&path, WITHIN, {
            let path = path.clone();
            move || read(&path)
        });
        let read = reading.await;
        let mut revocations = Self {
            path: Some(path),
            ..Self::default()
        };
        match read.unwrap_or_else(|cause| Err(io::Error::other(cause))) {
            Ok(by_token) => revocations.by_token = by_token,
            Err(error) => revocations.log_failure(&error),
        }
        revocations
    }

    /// Remembers that a token was revoked.
    pub(super) fn handle_revoked(&mut self, token: Fingerprint, why: Reason, at: Timestamp) {
        let oldest = at.checked_sub(REMEMBERED_FOR).unwrap_or(Timestamp::MIN);
        self.by_token.insert(token, (at, why));
        self.by_token.retain(|_, (at, _)| *at >= oldest);
        if self.by_token.len() > REMEMBERED_MAX
            && let Some((&first, _)) = self.by_token.iter().min_by_key(|(_, (at, _))| *at)
        {
            self.by_token.remove(&first);
        }
        self.is_changed = true;
    }

    /// Returns a text with the time and the reason if this daemon revoked the token.
    pub(super) fn find(&self, token: Fingerprint, now: Timestamp) -> Option<Arc<str>> {
        let (at, why) = self.by_token.get(&token)?;
        let day = |at: &Timestamp| at.as_second().div_euclid(24 * 60 * 60);
        let form = if day(at) == day(&now) {
            "%H:%M:%S UTC"
        } else {
            "%Y-%m-%d %H:%M:%S UTC"
        };
        let occasion = match why {
            Reason::Stopped => "when it stopped",
            Reason::Removed => "when its session was removed",
            Reason::Replaced => "after a newer token had replaced it",
        };
        let at = at.strftime(form);
        Some(format!("this daemon revoked it at {at} {occasion}").into())
    }

    /// Starts writing the records if they changed, unless a write is in progress.
    pub(super) fn turn(&mut self) {
        let Some(path) = self.path.clone() else {
            return;
        };
        if !self.is_changed || !self.writing.is_empty() {
            return;
        }
        self.is_changed = false;
        let entries: Vec<_> = self
            .by_token
            .iter()
            .map(|(token, &(at, why))| RevocationRecord {
                fingerprint: token.to_hex(),
                at: at.as_second(),
                why,
            })
            .collect();
        self.writing.spawn_blocking(move || write(&path, &entries));
    }

    /// Waits for the end of a write, or for ever if none is in progress. Cancel-safe.
    pub(super) async fn next(&mut self) {
        if let Err(error) = next_result(&mut self.writing).await {
            self.log_failure(&error);
        }
    }

    /// Writes the remaining changes before the process ends, as long as the file system answers.
    pub(super) async fn finish(&mut self) {
        let writing = async {
            self.turn();
            while !self.writing.is_empty() {
                self.next().await;
                self.turn();
            }
        };
        if tokio::time::timeout(WITHIN, writing).await.is_err() {
            self.log_failure(&io::ErrorKind::TimedOut.into());
        }
    }

    fn log_failure(&mut self, error: &io::Error) {
        if let Some(path) = &self.path
            && !std::mem::replace(&mut self.has_failed, true)
        {
            log_event(&LogEvent::Token(TokenEvent::RevocationsForgotten {
                path,
                cause: error,
            }));
        }
    }
}

fn read(path: &Path) -> io::Result<BTreeMap<Fingerprint, (Timestamp, Reason)>> {
    let bytes = match files::read_start(path, path.parent(), FILE_MAX) {
        Ok(whole) => whole.bytes,
        Err(OpenError::Failed(error)) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(BTreeMap::new());
        }
        Err(error) => return Err(io::Error::other(error)),
    };
    let entries: Vec<RevocationRecord> = serde_json::from_slice(&bytes)?;
    let of = |entry: RevocationRecord| {
        let token = Fingerprint::from_hex(&entry.fingerprint)?;
        Some((token, (Timestamp::from_second(entry.at).ok()?, entry.why)))
    };
    Ok(entries
        .into_iter()
        .take(REMEMBERED_MAX)
        .filter_map(of)
        .collect())
}

fn write(path: &Path, entries: &[RevocationRecord]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&new)?;
    file.write_all(&serde_json::to_vec(entries)?)?;
    drop(file);
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_oldest_give_way_and_none_stays_for_ever() {
        let mut revocations = Revocations::default();
        let token = |number: i64| Fingerprint::of(&number.to_be_bytes());
        let began = at("2026-11-27T09:00:00Z");
        let later = |seconds| began + SignedDuration::from_secs(seconds);
        for number in 0..5_010 {
            revocations.handle_revoked(token(number), Reason::Stopped, later(number));
        }
        assert_eq!(revocations.by_token.len(), REMEMBERED_MAX);
        assert_eq!(revocations.find(token(9), began), None);
        assert!(revocations.find(token(10), began).is_some());
        revocations.handle_revoked(token(-1), Reason::Removed, later(80 * 60 * 60));
        assert_eq!(revocations.by_token.len(), 1);
    }

    #[test]
    fn the_day_is_named_where_it_is_another() {
        let mut revocations = Revocations::default();
        let token = Fingerprint::of(b"abc");
        revocations.handle_revoked(token, Reason::Stopped, at("2026-11-27T09:53:31Z"));
        let find = |now| revocations.find(token, at(now)).unwrap();
        assert_eq!(
            &*find("2026-11-27T10:00:00Z"),
            "this daemon revoked it at 09:53:31 UTC when it stopped"
        );
        assert_eq!(
            &*find("2026-11-28T01:00:00Z"),
            "this daemon revoked it at 2026-11-27 09:53:31 UTC when it stopped"
        );
    }

    #[test]
    fn what_was_written_is_read_back_and_nonsense_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        assert!(read(&path).unwrap().is_empty());
        let token = Fingerprint::of(b"abc");
        let entry = RevocationRecord {
            fingerprint: token.to_hex(),
            at: 1_700_000_000,
            why: Reason::Removed,
        };
        write(&path, &[entry]).unwrap();
        let expected = (
            Timestamp::from_second(1_700_000_000).unwrap(),
            Reason::Removed,
        );
        assert_eq!(read(&path).unwrap(), BTreeMap::from([(token, expected)]));
        fs::write(&path, "[{").unwrap();
        assert!(read(&path).is_err());
    }
}
