//! Scenarios with real files, real events and virtual time.

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
struct Desk {
    directory: TempDir,
    watch: Watch,
    now: Instant,
}

impl Desk {
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
        assert!(self.watch.poll_trouble().is_none());
    }

    /// Watches the whole directory, and nothing else.
    fn set_directory(&mut self, name: &str) {
        let path = self.at(name);
        self.watch.set([(path.as_path(), Watched::Directory)]);
        assert!(self.watch.poll_trouble().is_none());
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.at(name), content).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.at(from), self.at(to)).unwrap();
    }

    /// Awaits the next event, takes those that are there already, and lets time pass.
    async fn settled(&mut self) -> Vec<String> {
        let limit = Duration::from_secs(30);
        let change = tokio::time::timeout(limit, self.watch.next()).await;
        let change = change.expect("there is an event");
        self.watch.handle_change(change, self.now);
        while let Some(change) = self.watch.next().now_or_never() {
            self.watch.handle_change(change, self.now);
        }
        self.rest()
    }

    /// Lets time pass until all is calm.
    fn rest(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        while let Some(now) = self.watch.poll_timeout() {
            self.now = now;
            while let Some(path) = self.watch.poll_settled(now) {
                let name = path.strip_prefix(self.directory.path()).unwrap();
                names.push(name.display().to_string());
            }
        }
        names
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_file_that_is_renamed_over_is_read_again() {
    let mut desk = Desk::new();
    desk.write("token", "old");
    desk.set(&["token"]);
    desk.write("new", "new");
    desk.rename("new", "token");
    assert_eq!(desk.settled().await, ["token"]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_file_that_is_rewritten_in_place_is_read_again() {
    let mut desk = Desk::new();
    desk.write("token", "old");
    desk.set(&["token"]);
    desk.write("token", "new");
    assert_eq!(desk.settled().await, ["token"]);
    fs::set_permissions(desk.at("token"), Permissions::from_mode(0o400)).unwrap();
    assert_eq!(desk.settled().await, ["token"]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_file_that_is_still_open_is_read_when_its_writer_pauses() {
    let mut desk = Desk::new();
    desk.set(&["token"]);
    let mut writer = File::create(desk.at("token")).unwrap();
    writer.write_all(b"half").unwrap();
    assert_eq!(desk.settled().await, ["token"]);
    writer.write_all(b"whole").unwrap();
    assert_eq!(desk.settled().await, ["token"]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_kubernetes_volume_is_followed_from_swap_to_swap() {
    let mut desk = Desk::new();
    let publish = |desk: &Desk, version: &str| {
        fs::create_dir(desk.at(version)).unwrap();
        desk.write(&format!("{version}/token"), version);
        symlink(version, desk.at("..data_tmp")).unwrap();
        desk.rename("..data_tmp", "..data");
    };
    publish(&desk, "..v1");
    symlink("..data/token", desk.at("token")).unwrap();
    desk.set(&["token"]);
    for (old, new) in [("..v1", "..v2"), ("..v2", "..v3")] {
        publish(&desk, new);
        assert_eq!(desk.settled().await, ["token"]);
        assert_eq!(fs::read_to_string(desk.at("token")).unwrap(), new);
        fs::remove_dir_all(desk.at(old)).unwrap();
        // Two directories, and the file itself.
        assert_eq!(desk.watch.index.watches().len(), 3);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_file_may_appear_later_and_its_directories_too() {
    let mut desk = Desk::new();
    desk.set(&["a/b/token"]);
    fs::create_dir(desk.at("a")).unwrap();
    assert_eq!(desk.settled().await, ["a/b/token"]);
    fs::create_dir(desk.at("a/b")).unwrap();
    assert_eq!(desk.settled().await, ["a/b/token"]);
    desk.write("a/b/token", "abc");
    assert_eq!(desk.settled().await, ["a/b/token"]);
    assert_eq!(desk.watch.index.watches().len(), 2);
}

#[tokio::test(flavor = "current_thread")]
async fn a_whole_tree_may_appear_at_once() {
    let mut desk = Desk::new();
    desk.set(&["a/b/token"]);
    fs::create_dir_all(desk.at("a/b")).unwrap();
    desk.write("a/b/token", "abc");
    assert_eq!(desk.settled().await, ["a/b/token"]);
    desk.write("a/b/token", "def");
    assert_eq!(desk.settled().await, ["a/b/token"]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_file_may_disappear_and_come_back() {
    let mut desk = Desk::new();
    desk.write("token", "abc");
    desk.set(&["token"]);
    fs::remove_file(desk.at("token")).unwrap();
    assert_eq!(desk.settled().await, ["token"]);
    desk.write("token", "abc");
    assert_eq!(desk.settled().await, ["token"]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_directory_may_be_removed_and_recreated() {
    let mut desk = Desk::new();
    fs::create_dir(desk.at("a")).unwrap();
    desk.write("a/token", "abc");
    desk.set(&["a/token"]);
    fs::remove_dir_all(desk.at("a")).unwrap();
    assert_eq!(desk.settled().await, ["a/token"]);
    fs::create_dir(desk.at("a")).unwrap();
    desk.write("a/token", "def");
    assert_eq!(desk.settled().await, ["a/token"]);
    fs::create_dir(desk.at("b")).unwrap();
    desk.write("b/token", "ghi");
    desk.rename("a", "c");
    desk.rename("b", "a");
    assert_eq!(desk.settled().await, ["a/token"]);
    desk.write("a/token", "jkl");
    assert_eq!(desk.settled().await, ["a/token"]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_link_is_watched_at_both_ends() {
    let mut desk = Desk::new();
    for name in ["here", "v1", "v2"] {
        fs::create_dir(desk.at(name)).unwrap();
    }
    desk.write("v1/token", "abc");
    desk.write("v2/token", "def");
    symlink("../v1/token", desk.at("here/token")).unwrap();
    desk.set(&["here/token"]);
    desk.write("v1/token", "ghi");
    assert_eq!(desk.settled().await, ["here/token"]);
    symlink("../v2/token", desk.at("here/new")).unwrap();
    desk.rename("here/new", "here/token");
    assert_eq!(desk.settled().await, ["here/token"]);
    desk.write("v2/token", "jkl");
    assert_eq!(desk.settled().await, ["here/token"]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_directory_is_watched_once_for_all_its_files_and_let_go_after() {
    let mut desk = Desk::new();
    let names: Vec<String> = (100..200).map(|number| format!("token-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    desk.set(&names);
    assert_eq!(desk.watch.index.watches().len(), 1);
    desk.write("token-142", "abc");
    desk.write("something-else", "abc");
    assert_eq!(desk.settled().await, ["token-142"]);
    desk.write("token-143", "abc");
    desk.set(&["token-142"]);
    desk.write("token-142", "def");
    assert_eq!(desk.settled().await, ["token-142"]);
    desk.set(&[]);
    assert_eq!(desk.watch.index.watches().len(), 0);
}

#[tokio::test(flavor = "current_thread")]
async fn writing_to_another_file_of_the_directory_wakes_nobody() {
    let mut desk = Desk::new();
    desk.write("token", "abc");
    desk.write("log", "");
    desk.set(&["token"]);
    let mut log = File::options().append(true).open(desk.at("log")).unwrap();
    for _ in 0..100 {
        log.write_all(b"line\n").unwrap();
    }
    assert!(desk.watch.next().now_or_never().is_none());
    let mut token = File::options().write(true).open(desk.at("token")).unwrap();
    token.write_all(b"def").unwrap();
    assert_eq!(desk.settled().await, ["token"]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_directory_comes_up_when_a_name_in_it_comes_or_goes() {
    let mut desk = Desk::new();
    desk.set_directory("tokens");
    fs::create_dir(desk.at("tokens")).unwrap();
    assert_eq!(desk.settled().await, ["tokens"]);
    desk.write("tokens/alice", "abc");
    assert_eq!(desk.settled().await, ["tokens"]);
    desk.rename("tokens/alice", "tokens/bob");
    assert_eq!(desk.settled().await, ["tokens"]);
    let mut bob = File::options()
        .append(true)
        .open(desk.at("tokens/bob"))
        .unwrap();
    bob.write_all(b"def").unwrap();
    drop(bob);
    let written = desk.watch.next().await;
    desk.watch.handle_change(written, desk.now);
    assert!(desk.rest().is_empty(), "the list of names is the same");
    fs::remove_file(desk.at("tokens/bob")).unwrap();
    assert_eq!(desk.settled().await, ["tokens"]);
    desk.rename("tokens", "elsewhere");
    assert_eq!(desk.settled().await, ["tokens"]);
    fs::create_dir(desk.at("tokens")).unwrap();
    assert_eq!(desk.settled().await, ["tokens"]);
    desk.watch.remove(&desk.at("tokens"));
    assert_eq!(desk.watch.index.watches().len(), 0);
}

#[tokio::test(flavor = "current_thread")]
async fn lost_events_concern_every_file() {
    let mut desk = Desk::new();
    desk.set(&["a", "b/c"]);
    desk.write("else", "abc");
    let events = desk.watch.events.as_mut().unwrap();
    let mut event = events.next().await.unwrap().unwrap();
    event.mask = EventMask::Q_OVERFLOW;
    let overflow = Change::of(Some(Ok(event)));
    desk.watch.handle_change(overflow, desk.now);
    assert_eq!(desk.rest(), ["a", "b/c"]);
}

#[tokio::test(flavor = "current_thread")]
async fn trouble_is_told_once_and_the_next_set_tries_again() {
    let mut desk = Desk::new();
    desk.set(&["token"]);
    desk.watch.handle_change(Change::of(None), desk.now);
    let trouble = desk.watch.poll_trouble();
    assert!(matches!(trouble, Some(WatchTrouble::Unavailable(_))));
    assert!(desk.watch.poll_trouble().is_none());
    assert_eq!(desk.rest(), ["token"]);
    assert!(desk.watch.next().now_or_never().is_none());
    desk.set(&["token"]);
    desk.write("token", "abc");
    assert_eq!(desk.settled().await, ["token"]);
}

#[test]
fn a_refused_directory_is_named_with_what_helps() {
    let mut watch = Watch::new();
    let full = io::Error::from(io::ErrorKind::StorageFull);
    watch.not_watched(PathBuf::from("/run"), io::ErrorKind::NotFound.into());
    assert!(watch.poll_trouble().is_none());
    watch.not_watched(PathBuf::from("/run"), full);
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
    let mut desk = Desk::new();
    desk.set(&["token"]);
    let path = desk.at("token");
    let absent = || Err(SourceError::Absent(Source::File(path.clone())));
    let first = desk.watch.handle_read(&path, &absent(), desk.now);
    assert_eq!(first, Finding::Unfinished);
    assert_eq!(desk.rest(), ["token"]);
    let second = desk.watch.handle_read(&path, &absent(), desk.now);
    assert_eq!(second, Finding::Final);
    let stranger = desk.at("stranger");
    let finding = desk.watch.handle_read(&stranger, &absent(), desk.now);
    assert_eq!(finding, Finding::Final);
}
