//! Tests ten thousand random sequences of reloads, renames, listings, mounts, hand-overs and
//! failures.
//!
//! A failing test prints its seed: `SESSION_KEEPALIVE_SEED=17 cargo test ownership` runs that
//! sequence alone and prints its steps.

mod disk;
mod glue;
mod model;
mod shelf;
mod truth;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use self::model::{Model, fingerprint};
use self::shelf::{PATHS, name};
use self::truth::Truth;
use super::{Decision, Ownership};
use crate::keeper::{HostId, OnShutdown, SessionId};
use crate::time::Instant;
use crate::token::Source;

const SEED: &str = "SESSION_KEEPALIVE_SEED";
const SEQUENCES: u64 = 10_000;
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn paths() -> impl Iterator<Item = PathBuf> {
    let folders = ["/plain", "/volume/0", "/volume/1"].into_iter();
    folders.flat_map(|folder| NAMES.map(|name| PathBuf::from(folder).join(name)))
}

impl Model {
    fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.random.usize(0..choices.len())].clone()
    }

    fn pick_path(&mut self) -> PathBuf {
        let paths: Vec<_> = paths().collect();
        self.pick(&paths)
    }

    /// Returns the number of an issued token or of a new one.
    fn pick_token(&mut self) -> u32 {
        let issued: Vec<_> = self.issued.keys().copied().collect();
        if issued.is_empty() || self.random.u8(0..3) == 0 {
            self.issue()
        } else {
            self.pick(&issued)
        }
    }

    fn pick_source(&mut self) -> Source {
        match self.random.u8(0..8) {
            0 => {
                let number = self.pick_token();
                Source::Command(vec!["/bin/print".to_owned(), number.to_string()])
            }
            1 => {
                let path = self.pick_path();
                let linked = path
                    .strip_prefix("/volume")
                    .map(|rest| PathBuf::from("/link").join(rest));
                Source::File(linked.unwrap_or(path))
            }
            _ => Source::File(self.pick_path()),
        }
    }

    fn pick_host(&mut self) -> usize {
        self.pick(&[0, 0, 0, 1, 1, 2])
    }

    fn pick_own(&mut self) -> Option<crate::config::SessionName> {
        let names: Vec<_> = self.written.sessions.keys().cloned().collect();
        (!names.is_empty()).then(|| self.pick(&names))
    }

    /// Makes one change of the written configuration. Returns a description of it.
    fn rewrite(&mut self) -> String {
        let what = self.random.u8(0..10);
        match (what, self.pick_own()) {
            (0, Some(own)) => {
                let session = self.written.sessions.remove(&own).unwrap();
                let new = name(self.pick(&NAMES));
                self.written.sessions.insert(new.clone(), session);
                format!("{own} is renamed to {new}")
            }
            (1, Some(own)) => {
                self.written.sessions.remove(&own);
                format!("{own} is removed")
            }
            (2, Some(own)) => {
                let source = self.pick_source();
                let text = format!("{own} has {source}");
                self.written.sessions.get_mut(&own).unwrap().token = source;
                text
            }
            (3, Some(own)) => {
                let host = self.pick_host();
                self.written.sessions.get_mut(&own).unwrap().api = shelf::hosts()[host].clone();
                format!("{own} is at host {host}")
            }
            (4..=6, _) => self.rewrite_pool(),
            _ => {
                let new = name(self.pick(&NAMES));
                let source = self.pick_source();
                let host = self.pick_host();
                let text = format!("{new} is added with {source} at host {host}");
                let mut session = shelf::session();
                session.token = source;
                session.api = shelf::hosts()[host].clone();
                if self.random.u8(0..6) == 0 {
                    Arc::make_mut(&mut session.policy).on_shutdown = OnShutdown::Leave;
                }
                self.written.sessions.insert(new, session);
                text
            }
        }
    }

    /// Gives a volume a pool of a random name and path, or none. Returns a description.
    fn rewrite_pool(&mut self) -> String {
        let volume = self.random.usize(0..2);
        let is_of = |directory: &str| directory.ends_with(&volume.to_string());
        self.written
            .pools
            .retain(|_, pool| !is_of(pool.token_dir().to_str().unwrap()));
        if self.random.u8(0..4) == 0 {
            return format!("volume {volume} has no pool");
        }
        let path = volume * 2 + self.random.usize(0..2);
        let (host, is_revoked) = (self.pick_host(), self.random.bool());
        let mut new = self.pick(&["p", "q", "r"]);
        while self.written.pools.contains_key(&name(new)) {
            new = self.pick(&["p", "q", "r"]);
        }
        let pool = shelf::pool(path, host, is_revoked);
        self.written.pools.insert(name(new), pool);
        format!("pool {new} is {} at host {host}", PATHS[path])
    }

    /// Changes files at random. Returns a description of the change.
    fn change_files(&mut self) -> String {
        let (path, second_path) = (self.pick_path(), self.pick_path());
        let text = match self.random.u8(0..4) {
            0 | 1 => {
                let number = self.pick_token();
                self.disk.files.insert(path.clone(), number);
                format!("{} holds {number}", path.display())
            }
            2 => {
                self.disk.files.remove(&path);
                format!("{} is removed", path.display())
            }
            _ => {
                let (first, second) = (
                    self.disk.files.remove(&path),
                    self.disk.files.remove(&second_path),
                );
                self.disk
                    .files
                    .extend(second.map(|number| (path.clone(), number)));
                self.disk
                    .files
                    .extend(first.map(|number| (second_path.clone(), number)));
                format!(
                    "{} and {} are exchanged",
                    path.display(),
                    second_path.display()
                )
            }
        };
        self.changed(&path);
        self.changed(&second_path);
        text
    }

    fn step(&mut self) -> String {
        match self.random.u8(0..10) {
            0..=4 => {
                let mut text = String::from("reload:");
                for _ in 0..self.random.u8(1..4) {
                    text = text + " " + &self.rewrite() + ";";
                }
                self.reload();
                text
            }
            5..=7 => self.change_files(),
            8 => {
                let volume = self.random.usize(0..2);
                self.disk.away[volume] = !self.disk.away[volume];
                for path in paths().filter(|path| disk::Disk::volume(path) == Some(volume)) {
                    self.changed(&path);
                }
                format!("volume {volume} is away: {}", self.disk.away[volume])
            }
            _ => {
                let host = self.random.usize(0..3);
                self.failing[host] = !self.failing[host];
                format!("host {host} fails: {}", self.failing[host])
            }
        }
    }
}

fn run(seed: u64, is_printed: bool) {
    let mut model = Model::new(seed);
    model.is_printed = is_printed;
    for path in paths().step_by(2) {
        let number = model.issue();
        model.print(|| format!("{} holds {number}", path.display()));
        model.disk.files.insert(path, number);
    }
    for _ in 0..10 {
        let text = model.step();
        model.print(|| format!("* {text}"));
        Truth::note(&mut model);
        let time = match model.random.u8(0..3) {
            0 => model.random.u64(0..600),
            _ => model.random.u64(0..15_000),
        };
        model.pass(Duration::from_millis(time));
    }
    model.failing = [false; 3];
    model.pass(Duration::from_secs(70));
}

/// Runs sequences on two threads. A failure is printed with its seed.
fn run_all(seeds: std::ops::Range<u64>) {
    std::thread::scope(|scope| {
        for first in 0..2 {
            let seeds = seeds.clone().skip(first).step_by(2);
            scope.spawn(move || {
                for seed in seeds {
                    let result = catch_unwind(AssertUnwindSafe(|| run(seed, false)));
                    if let Err(panic) = result {
                        println!("{SEED}={seed}");
                        resume_unwind(panic);
                    }
                }
            });
        }
    });
}

#[test]
fn no_living_token_that_the_configuration_names_is_revoked_or_left_without_care() {
    match std::env::var(SEED) {
        Ok(seed) => run(seed.parse().expect("a seed is a number"), true),
        Err(_) => run_all(0..SEQUENCES),
    }
}

#[test]
fn a_token_that_another_session_proved_is_dropped_and_the_others_are_revoked() {
    let now = Instant::from_boot(Duration::from_secs(1000));
    let (departed, successor) = (SessionId(1), SessionId(2));
    let (old, new) = (fingerprint(1), fingerprint(2));
    let mut ownership = Ownership::default();
    ownership.handle_added(departed, HostId(0), now);
    for token in [old, new] {
        ownership.handle_read(departed, Some(token));
        ownership.handle_taken_on(departed, token);
    }
    ownership.handle_proven(departed, old);
    ownership.handle_departed(departed, OnShutdown::Revoke, false, now);
    ownership.handle_added(successor, HostId(1), now);
    ownership.handle_read(successor, Some(new));
    ownership.handle_taken_on(successor, new);
    assert_eq!(ownership.poll_decision(|_| false, now), None);
    ownership.handle_proven(successor, new);
    assert_eq!(
        ownership.poll_decision(|_| false, now),
        Some(Decision::DropNewest {
            holder: departed,
            proven: old
        })
    );
    ownership.handle_released(departed, new);
    assert_eq!(
        ownership.poll_decision(|_| false, now),
        Some(Decision::Revoke(departed))
    );
}
