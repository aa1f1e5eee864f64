//! Tests with real files, real events and virtual time.

mod probing;

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use futures_util::FutureExt;
use inotify::EventMask;
use tempfile::TempDir;

use super::*;
use crate::token::Source;

/// A directory, a watch on files in it, and a clock that jumps from deadline to deadline.
struct WatchFixture {
    directory: TempDir,
    watch: Watch,
    now: Instant,
}

impl WatchFixture {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            watch: Watch::new(),
            now: Instant::BOOT,
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn set(&mut self, names: &[&str]) {
        let paths: Vec<PathBuf> = names.iter().map(|name| self.at(name)).collect();
        let files = paths.iter().map(|path| (path.as_path(), Watched::File));
        self.watch.set(files);
        self.probe();
        assert!(self.watch.poll_trouble().is_none());
    }

    /// Watches the whole directory, and nothing else.
    fn set_directory(&mut self, name: &str) {
        let path = self.at(name);
        self.watch.set([(path.as_path(), Watched::Directory)]);
        self.probe();
        assert!(self.watch.poll_trouble().is_none());
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.at(name), content).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.at(from), self.at(to)).unwrap();
    }

    /// Awaits the next event, handles those that are already there, and returns the names that are
    /// to be read.
    async fn changed_names(&mut self) -> Vec<String> {
        let limit = Duration::from_secs(30);
        let change = tokio::time::timeout(limit, self.watch.next()).await;
        let change = change.expect("there is an event");
        self.watch.handle_change(change, self.now);
        while let Some(change) = self.watch.next().now_or_never() {
            self.watch.handle_change(change, self.now);
        }
        self.rest()
    }

    /// Awaits the event after which the directory is to be listed, and returns the names that came or
    /// went in it.
    async fn listed_names(&mut self) -> Option<BTreeSet<OsString>> {
        loop {
            let change = self.watch.next().await;
            self.watch.handle_change(change, self.now);
            while let Some(now) = self.watch.poll_timeout() {
                self.now = now;
                if let Some(settled) = self.probe().pop() {
                    return settled.names;
                }
            }
        }
    }

    /// Runs the probes that are due, as the loop does, and returns the paths that are to be read.
    fn probe(&mut self) -> Vec<Settled> {
        let mut settled = Vec::new();
        while let Some(job) = self.watch.poll_probe(self.now) {
            settled.extend(self.watch.handle_probed(job.run_here(), self.now));
        }
        settled
    }

    /// Advances the clock until nothing is due.
    fn rest(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        while let Some(now) = self.watch.poll_timeout() {
            self.now = now;
            for Settled { path, .. } in self.probe() {
                let name = path.strip_prefix(self.directory.path()).unwrap();
                names.push(name.display().to_string());
            }
        }
        names
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_file_that_is_renamed_over_is_read_again() {
    let mut fixture = WatchFixture::new();
    fixture.write("token", "old");
    fixture.set(&["token"]);
    fixture.write("new", "new");
    fixture.rename("new", "token");
    assert_eq!(fixture.changed_names().await, ["token"]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_file_that_is_rewritten_in_place_is_read_again() {
    let mut fixture = WatchFixture::new();
    fixture.write("token", "old");
    fixture.set(&["token"]);
    fixture.write("token", "new");
    assert_eq!(fixture.changed_names().await, ["token"]);
    fs::set_permissions(fixture.at("token"), Permissions::from_mode(0o400)).unwrap();
    assert_eq!(fixture.changed_names().await, ["token"]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_file_that_is_still_open_is_read_when_its_writer_pauses() {
    let mut fixture = WatchFixture::new();
    fixture.set(&["token"]);
    let mut writer = File::create(fixture.at("token")).unwrap();
    writer.write_all(b"half").unwrap();
    assert_eq!(fixture.changed_names().await, ["token"]);
    writer.write_all(b"whole").unwrap();
    assert_eq!(fixture.changed_names().await, ["token"]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_kubernetes_volume_is_followed_from_swap_to_swap() {
    let mut fixture = WatchFixture::new();
    let publish = |fixture: &WatchFixture, version: &str| {
        fs::create_dir(fixture.at(version)).unwrap();
        fixture.write(&format!("{version}/token"), version);
        symlink(version, fixture.at("..data_tmp")).unwrap();
        fixture.rename("..data_tmp", "..data");
    };
    publish(&fixture, "..v1");
    symlink("..data/token", fixture.at("token")).unwrap();
    fixture.set(&["token"]);
    for (old, new) in [("..v1", "..v2"), ("..v2", "..v3")] {
        publish(&fixture, new);
        assert_eq!(fixture.changed_names().await, ["token"]);
        assert_eq!(fs::read_to_string(fixture.at("token")).unwrap(), new);
        fs::remove_dir_all(fixture.at(old)).unwrap();
        // The watches are those of two directories and of the file itself.
        assert_eq!(fixture.watch.index.watches().len(), 3);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_file_may_appear_later_and_its_directories_too() {
    let mut fixture = WatchFixture::new();
    fixture.set(&["a/b/token"]);
    fs::create_dir(fixture.at("a")).unwrap();
    assert_eq!(fixture.changed_names().await, ["a/b/token"]);
    fs::create_dir(fixture.at("a/b")).unwrap();
    assert_eq!(fixture.changed_names().await, ["a/b/token"]);
    fixture.write("a/b/token", "abc");
    assert_eq!(fixture.changed_names().await, ["a/b/token"]);
    assert_eq!(fixture.watch.index.watches().len(), 2);
}

#[tokio::test(flavor = "current_thread")]
async fn a_whole_tree_may_appear_at_once() {
    let mut fixture = WatchFixture::new();
    fixture.set(&["a/b/token"]);
    fs::create_dir_all(fixture.at("a/b")).unwrap();
    fixture.write("a/b/token", "abc");
    assert_eq!(fixture.changed_names().await, ["a/b/token"]);
    fixture.write("a/b/token", "def");
    assert_eq!(fixture.changed_names().await, ["a/b/token"]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_file_may_disappear_and_come_back() {
    let mut fixture = WatchFixture::new();
    fixture.write("token", "abc");
    fixture.set(&["token"]);
    fs::remove_file(fixture.at("token")).unwrap();
    assert_eq!(fixture.changed_names().await, ["token"]);
    fixture.write("token", "abc");
    assert_eq!(fixture.changed_names().await, ["token"]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_directory_may_be_removed_and_recreated() {
    let mut fixture = WatchFixture::new();
    fs::create_dir(fixture.at("a")).unwrap();
    fixture.write("a/token", "abc");
    fixture.set(&["a/token"]);
    fs::remove_dir_all(fixture.at("a")).unwrap();
    assert_eq!(fixture.changed_names().await, ["a/token"]);
    fs::create_dir(fixture.at("a")).unwrap();
    fixture.write("a/token", "def");
    assert_eq!(fixture.changed_names().await, ["a/token"]);
    fs::create_dir(fixture.at("b")).unwrap();
    fixture.write("b/token", "ghi");
    fixture.rename("a", "c");
    fixture.rename("b", "a");
    assert_eq!(fixture.changed_names().await, ["a/token"]);
    fixture.write("a/token", "jkl");
    assert_eq!(fixture.changed_names().await, ["a/token"]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_link_is_watched_at_both_ends() {
    let mut fixture = WatchFixture::new();
    for name in ["here", "v1", "v2"] {
        fs::create_dir(fixture.at(name)).unwrap();
    }
    fixture.write("v1/token", "abc");
    fixture.write("v2/token", "def");
    symlink("../v1/token", fixture.at("here/token")).unwrap();
    fixture.set(&["here/token"]);
    fixture.write("v1/token", "ghi");
    assert_eq!(fixture.changed_names().await, ["here/token"]);
    symlink("../v2/token", fixture.at("here/new")).unwrap();
    fixture.rename("here/new", "here/token");
    assert_eq!(fixture.changed_names().await, ["here/token"]);
    fixture.write("v2/token", "jkl");
    assert_eq!(fixture.changed_names().await, ["here/token"]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_directory_is_watched_once_for_all_its_files_and_let_go_after() {
    let mut fixture = WatchFixture::new();
    let names: Vec<String> = (100..200).map(|number| format!("token-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    fixture.set(&names);
    assert_eq!(fixture.watch.index.watches().len(), 1);
    fixture.write("token-142", "abc");
    fixture.write("something-else", "abc");
    assert_eq!(fixture.changed_names().await, ["token-142"]);
    fixture.write("token-143", "abc");
    fixture.set(&["token-142"]);
    fixture.write("token-142", "def");
    assert_eq!(fixture.changed_names().await, ["token-142"]);
    fixture.set(&[]);
    assert_eq!(fixture.watch.index.watches().len(), 0);
}

#[tokio::test(flavor = "current_thread")]
async fn writing_to_another_file_of_the_directory_wakes_nobody() {
    let mut fixture = WatchFixture::new();
    fixture.write("token", "abc");
    fixture.write("log", "");
    fixture.set(&["token"]);
    let mut log = File::options()
        .append(true)
        .open(fixture.at("log"))
        .unwrap();
    for _ in 0..100 {
        log.write_all(b"line\n").unwrap();
    }
    assert!(fixture.watch.next().now_or_never().is_none());
    let mut token = File::options()
        .write(true)
        .open(fixture.at("token"))
        .unwrap();
    token.write_all(b"def").unwrap();
    assert_eq!(fixture.changed_names().await, ["token"]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_directory_comes_up_when_a_name_in_it_comes_or_goes() {
    let mut fixture = WatchFixture::new();
    fixture.set_directory("tokens");
    fs::create_dir(fixture.at("tokens")).unwrap();
    assert_eq!(fixture.changed_names().await, ["tokens"]);
    fixture.write("tokens/alice", "abc");
    assert_eq!(fixture.changed_names().await, ["tokens"]);
    fixture.rename("tokens/alice", "tokens/bob");
    assert_eq!(fixture.changed_names().await, ["tokens"]);
    let mut bob = File::options()
        .append(true)
        .open(fixture.at("tokens/bob"))
        .unwrap();
    bob.write_all(b"def").unwrap();
    drop(bob);
    let written = fixture.watch.next().await;
    fixture.watch.handle_change(written, fixture.now);
    assert!(fixture.rest().is_empty(), "the list of names is the same");
    fs::remove_file(fixture.at("tokens/bob")).unwrap();
    assert_eq!(fixture.changed_names().await, ["tokens"]);
    fixture.rename("tokens", "elsewhere");
    assert_eq!(fixture.changed_names().await, ["tokens"]);
    fs::create_dir(fixture.at("tokens")).unwrap();
    assert_eq!(fixture.changed_names().await, ["tokens"]);
    fixture.watch.remove(&fixture.at("tokens"));
    assert_eq!(fixture.watch.index.watches().len(), 0);
}

#[tokio::test(flavor = "current_thread")]
async fn lost_events_concern_every_file() {
    let mut fixture = WatchFixture::new();
    fixture.set(&["a", "b/c"]);
    fixture.write("else", "abc");
    let events = fixture.watch.events.as_mut().unwrap();
    let mut event = events.next().await.unwrap().unwrap();
    event.mask = EventMask::Q_OVERFLOW;
    let overflow = FileChange::of(Some(Ok(event)));
    fixture.watch.handle_change(overflow, fixture.now);
    assert_eq!(fixture.rest(), ["a", "b/c"]);
}

#[tokio::test(flavor = "current_thread")]
async fn trouble_is_told_once_and_the_next_set_tries_again() {
    let mut fixture = WatchFixture::new();
    fixture.set(&["token"]);
    fixture
        .watch
        .handle_change(FileChange::of(None), fixture.now);
    let trouble = fixture.watch.poll_trouble();
    assert!(matches!(trouble, Some(WatchTrouble::Unavailable(_))));
    assert!(fixture.watch.poll_trouble().is_none());
    assert_eq!(fixture.rest(), ["token"]);
    assert!(fixture.watch.next().now_or_never().is_none());
    fixture.set(&["token"]);
    fixture.write("token", "abc");
    assert_eq!(fixture.changed_names().await, ["token"]);
}

#[test]
fn a_refused_directory_is_named_with_what_helps() {
    let mut watch = Watch::new();
    let full = io::Error::from(io::ErrorKind::StorageFull);
    watch.record_failure(PathBuf::from("/run"), io::ErrorKind::NotFound.into());
    assert!(watch.poll_trouble().is_none());
    watch.record_failure(PathBuf::from("/run"), full);
    assert_eq!(
        watch.poll_trouble().map(|trouble| trouble.to_string()),
        Some(
            "directory /run is not watched, its tokens are only read at each touch: \
             fs.inotify.max_user_watches is reached"
                .into()
        )
    );
}

#[tokio::test(flavor = "current_thread")]
async fn an_unfinished_file_comes_up_again_by_itself() {
    let mut fixture = WatchFixture::new();
    fixture.set(&["token"]);
    let path = fixture.at("token");
    let absent = || Err(SourceError::Absent(Source::File(path.clone())));
    let first = fixture.watch.handle_read(&path, &absent(), fixture.now);
    assert_eq!(first, ReadState::Unfinished);
    assert_eq!(fixture.rest(), ["token"]);
    let second = fixture.watch.handle_read(&path, &absent(), fixture.now);
    assert_eq!(second, ReadState::Final);
    let unwatched = fixture.at("stranger");
    let state = fixture
        .watch
        .handle_read(&unwatched, &absent(), fixture.now);
    assert_eq!(state, ReadState::Final);
}

#[tokio::test(flavor = "current_thread")]
async fn a_directory_comes_up_with_the_names_that_came_or_went() {
    let mut fixture = WatchFixture::new();
    fs::create_dir(fixture.at("pool")).unwrap();
    fixture.set_directory("pool");
    fixture.write("pool/alice", "abc");
    let alice = BTreeSet::from([OsString::from("alice")]);
    assert_eq!(fixture.listed_names().await, Some(alice));
    // The directory itself may have become another one.
    fs::set_permissions(fixture.at("pool"), Permissions::from_mode(0o750)).unwrap();
    assert_eq!(fixture.listed_names().await, None);
}

#[tokio::test(flavor = "current_thread")]
async fn a_file_of_a_listed_directory_needs_no_entry_and_follows_the_directory() {
    let mut fixture = WatchFixture::new();
    fs::create_dir(fixture.at("pool")).unwrap();
    fixture.write("pool/alice", "abc");
    fixture.set_directory("pool");
    let (pool, alice) = (fixture.at("pool"), fixture.at("pool/alice"));
    let set = |watch: &mut Watch| {
        watch.set([(&*pool, Watched::Directory), (&*alice, Watched::Member)]);
    };
    set(&mut fixture.watch);
    fixture.probe();
    let entries = fixture.watch.index.entries_of(&alice);
    assert!(entries == 0 && fixture.watch.has_events(&alice));
    fixture.write("pool/new", "def");
    fixture.rename("pool/new", "pool/alice");
    let names = fixture.changed_names().await;
    assert!(names.contains(&"pool/alice".to_owned()), "{names:?}");
    fs::create_dir(fixture.at("other")).unwrap();
    fixture.write("other/alice", "ghi");
    fixture.rename("pool", "old");
    fixture.rename("other", "pool");
    let names = fixture.changed_names().await;
    assert!(names.contains(&"pool/alice".to_owned()), "{names:?}");
    fixture.write("pool/alice", "jkl");
    let names = fixture.changed_names().await;
    assert!(names.contains(&"pool/alice".to_owned()), "{names:?}");
    assert!(fixture.watch.has_events(&alice));
}
