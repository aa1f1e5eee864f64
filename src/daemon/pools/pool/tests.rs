//! Tests pools with listings in virtual time.

use std::path::PathBuf;

use super::*;

/// A pool whose directory is listed by hand.
#[derive(Default)]
struct PoolTimeline {
    pool: Pool,
    taken: Vec<&'static str>,
    now: u64,
}

fn directory() -> DirectoryId {
    let metadata = std::fs::metadata(std::env::temp_dir()).unwrap();
    DirectoryId::from(&metadata)
}

fn another_directory() -> DirectoryId {
    DirectoryId::from(&std::fs::metadata("/").unwrap())
}

fn moment(seconds: u64) -> Instant {
    Instant::from_boot(Duration::from_secs(seconds))
}

fn name(text: &str) -> SessionName {
    SessionName::new(text).unwrap()
}

impl PoolTimeline {
    fn at(mut self, seconds: u64) -> Self {
        self.now = seconds;
        self
    }

    fn take(mut self, names: &[&'static str]) -> Self {
        self.taken = names.to_vec();
        self
    }

    fn lists(self, listing: Listing, expected: &[&str]) -> Self {
        let members = self.pool.members.keys().cloned().collect();
        let listing = PoolListing::new(listing, ListingExtent::Whole(members));
        self.listing(Ok(listing), expected)
    }

    fn listing(mut self, listing: Result<PoolListing, ListingError>, expected: &[&str]) -> Self {
        let owner = |name: &SessionName| {
            if self.taken.contains(&name.as_str()) {
                Owner::OfName
            } else {
                Owner::Nobody
            }
        };
        let now = moment(self.now);
        let changes = self.pool.handle_listing(listing, owner, now);
        let added = changes.added.iter().map(|name| format!("+{name}"));
        let removed = changes.removed.iter().map(|name| format!("-{name}"));
        let events = changes.events.iter().map(|event| match event {
            PoolEvent::Away { sessions, .. } => format!("away with {sessions}"),
            PoolEvent::Back { sessions } => format!("back with {sessions}"),
            PoolEvent::Strange(names) => format!("strange {}", names.join(" ")),
            PoolEvent::Taken(names) => format!("taken {}", names.join(" ")),
            PoolEvent::Full => "full".to_owned(),
        });
        let found: Vec<_> = added.chain(removed).chain(events).collect();
        assert_eq!(found, expected, "at {}s", self.now);
        self
    }

    fn finds(self, names: &[&str], expected: &[&str]) -> Self {
        self.finds_in(directory(), names, expected)
    }

    fn finds_in(self, directory: DirectoryId, names: &[&str], expected: &[&str]) -> Self {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let listing = Listing {
            directory,
            names,
            is_whole: true,
        };
        self.lists(listing, expected)
    }

    fn finds_part(self, names: &[&str], expected: &[&str]) -> Self {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let listing = Listing {
            directory: directory(),
            names,
            is_whole: false,
        };
        self.lists(listing, expected)
    }

    /// Looks for names alone, of which these are there.
    fn looks_for(self, looked_for: &[&str], names: &[&str], expected: &[&str]) -> Self {
        let listing = Listing {
            directory: directory(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            is_whole: true,
        };
        let looked_for = looked_for.iter().map(|name| (*name).to_owned()).collect();
        let listing = PoolListing::Names(looked_for, listing);
        self.listing(Ok(listing), expected)
    }

    fn finds_nothing_there(self, expected: &[&str]) -> Self {
        let absent = ListingError::Absent(PathBuf::from("/run/tokens"));
        self.listing(Err(absent), expected)
    }

    fn looks_at(self, seconds: u64) -> Self {
        assert_eq!(self.pool.poll_timeout(), Some(moment(seconds)));
        self
    }
}

#[test]
fn each_file_is_a_session_and_ends_ten_seconds_after_it_went() {
    PoolTimeline::default()
        .finds(&["alice", "bob"], &["+alice", "+bob"])
        .looks_at(60)
        .at(5)
        .finds(&["bob", "carol"], &["+carol"])
        .looks_at(15)
        .at(14)
        .finds(&["bob", "carol"], &[])
        .looks_at(15)
        .at(15)
        .finds(&["bob", "carol"], &["-alice"])
        .looks_at(75);
}

#[test]
fn a_file_that_comes_back_in_time_was_never_away() {
    let timeline = PoolTimeline::default()
        .finds(&["alice"], &["+alice"])
        .at(5)
        .finds(&[], &[]);
    assert!(timeline.pool.is_missing(&name("alice")));
    let timeline = timeline.at(14).finds(&["alice"], &[]);
    assert!(!timeline.pool.is_missing(&name("alice")));
    timeline.looks_at(74).at(20).finds(&[], &[]).looks_at(30);
}

#[test]
fn nothing_goes_with_its_directory() {
    let away = PoolTimeline::default()
        .finds(&["alice"], &["+alice"])
        .at(5)
        .finds(&[], &[])
        .at(6)
        .finds_nothing_there(&["away with 1"])
        .at(600)
        .finds_nothing_there(&[]);
    assert!(away.pool.is_missing(&name("alice")));
    // There is a minute to fill the directory again.
    away.at(601)
        .finds(&[], &["back with 1"])
        .at(660)
        .finds(&[], &[])
        .looks_at(661)
        .at(661)
        .finds(&[], &["-alice"]);
}

#[test]
fn a_volume_that_is_not_mounted_removes_nothing() {
    PoolTimeline::default()
        .finds(&["alice", "bob"], &["+alice", "+bob"])
        .at(5)
        .finds_in(another_directory(), &[], &["away with 2"])
        .at(500)
        .finds_in(another_directory(), &[], &[])
        .finds(&["alice", "bob"], &["back with 2"]);
}

#[test]
fn a_directory_that_is_replaced_by_another_with_files_has_a_minute_to_be_filled() {
    PoolTimeline::default()
        .finds(&["alice", "bob"], &["+alice", "+bob"])
        .at(5)
        .finds_in(another_directory(), &["bob"], &[])
        .looks_at(65)
        .at(64)
        .finds_in(another_directory(), &["bob"], &[])
        .at(65)
        .finds_in(another_directory(), &["bob"], &["-alice"]);
}

#[test]
fn a_directory_that_is_not_there_yet_is_waited_for() {
    PoolTimeline::default()
        .finds_nothing_there(&["away with 0"])
        .looks_at(60)
        .at(60)
        .finds_nothing_there(&[])
        .at(61)
        .finds(&["alice"], &["+alice", "back with 0"]);
}

#[test]
fn what_is_no_session_is_told_once_and_again_when_it_comes_again() {
    PoolTimeline::default()
        .take(&["crm"])
        .finds(
            &["alice", "Bob", "crm"],
            &["+alice", "strange `Bob`", "taken crm"],
        )
        .finds(&["alice", "Bob", "crm"], &[])
        .finds(&["alice", "crm"], &[])
        .finds(&["alice", "Bob", "crm"], &["strange `Bob`"])
        .take(&[])
        .finds(&["alice", "Bob", "crm"], &["+crm"]);
}

#[test]
fn a_name_that_looks_like_a_token_is_hidden() {
    let token = "x9Rk2mPq_7sT-wYb4NcVh8LdFg3JzKa1";
    PoolTimeline::default().finds(&[token], &["strange `********************************`"]);
}

#[test]
fn where_there_are_too_many_files_none_goes() {
    PoolTimeline::default()
        .finds(&["alice"], &["+alice"])
        .finds_part(&["bob"], &["+bob", "full"])
        .at(60)
        .finds_part(&["bob"], &[])
        .at(120)
        .finds_part(&["bob"], &[])
        .finds(&["bob"], &[])
        .at(130)
        .finds(&["bob"], &["-alice"]);
}

#[test]
fn a_file_that_is_missing_while_the_machine_sleeps_has_not_gone() {
    let mut timeline = PoolTimeline::default()
        .finds(&["a", "b"], &["+a", "+b"])
        .at(5)
        .finds(&["a"], &[]);
    timeline
        .pool
        .handle_resume(Duration::from_secs(3600), moment(3606));
    assert_eq!(timeline.pool.poll_timeout(), Some(moment(3606)));
    timeline
        .at(3606)
        .finds(&["a"], &[])
        .at(3616)
        .finds(&["a"], &["-b"]);
}

#[test]
fn a_file_that_was_missing_before_its_directory_was_replaced_has_a_minute_as_well() {
    PoolTimeline::default()
        .finds(&["alice", "bob"], &["+alice", "+bob"])
        .at(5)
        .finds(&["bob"], &[])
        .looks_at(15)
        .at(14)
        .finds_in(another_directory(), &["bob"], &[])
        .looks_at(74)
        .at(73)
        .finds_in(another_directory(), &["bob"], &[])
        .at(74)
        .finds_in(another_directory(), &["bob"], &["-alice"]);
}

#[test]
fn a_file_whose_name_becomes_free_is_a_session_without_another_listing() {
    let mut timeline = PoolTimeline::default()
        .take(&["alice", "bob"])
        .finds(&["alice", "bob", "carol"], &["+carol", "taken alice bob"]);
    assert!(timeline.pool.admit(&name("alice")));
    assert!(!timeline.pool.admit(&name("alice")));
    assert!(timeline.pool.has(&name("alice")));
    let owner = |name: &SessionName| match name.as_str() {
        "carol" => Owner::OfFile,
        _ => Owner::Nobody,
    };
    let chosen: Vec<_> = timeline.pool.choose(owner).cloned().collect();
    assert_eq!(chosen, [name("alice"), name("bob")]);
    let chosen = timeline.pool.choose(|_| Owner::Nobody);
    assert_eq!(chosen.count(), 3);
}

#[test]
fn a_pool_is_known_by_its_path_without_links_and_by_its_directory() {
    let folder = |path: &str| PoolFolder::new(Path::new("/as/configured"), PathBuf::from(path));
    let mut timeline = PoolTimeline::default().finds(&["alice"], &["+alice"]);
    timeline.pool.folder = folder("/run/tokens");
    let is_of = |path, directory| timeline.pool.is_of(&folder(path), directory);
    assert!(is_of("/run/tokens", None));
    assert!(is_of("/elsewhere", Some(directory())));
    assert!(!is_of("/elsewhere", Some(another_directory())));
    assert!(!is_of("/elsewhere", None));
}

#[test]
fn a_name_that_comes_or_goes_is_looked_for_alone() {
    PoolTimeline::default()
        .finds(&["alice", "bob"], &["+alice", "+bob"])
        .at(5)
        .looks_for(&["bob", "carol", "dora"], &["carol"], &["+carol"])
        .looks_at(15)
        .at(6)
        .looks_for(&["bob"], &["bob"], &[])
        .at(15)
        .finds(&["alice", "bob"], &[])
        .looks_at(25)
        .at(25)
        .finds(&["alice", "bob"], &["-carol"]);
}

#[test]
fn what_a_name_alone_does_not_show_is_found_by_a_whole_listing() {
    let begun = || PoolTimeline::default().finds(&["alice"], &["+alice"]).at(5);
    let taken = begun().take(&["dora"]);
    taken.looks_for(&["dora"], &["dora"], &[]).looks_at(5);
    begun().looks_for(&["A b"], &["A b"], &[]).looks_at(5);
    let away = begun().finds_nothing_there(&["away with 1"]);
    away.at(6).looks_for(&["bob"], &["bob"], &[]).looks_at(6);
    let part = begun().finds_part(&["alice"], &["full"]);
    part.at(6).looks_for(&["bob"], &["bob"], &[]).looks_at(6);
    let unknown = PoolTimeline::default().at(5);
    unknown.looks_for(&["bob"], &["bob"], &[]).looks_at(5);
}

#[test]
fn changed_names_are_looked_for_unless_the_directory_is_listed_anyway() {
    let mut pool = PoolTimeline::default().finds(&["alice"], &["+alice"]).pool;
    pool.handle_changed_names(["bob".to_owned()]);
    assert_eq!(pool.poll_timeout(), Some(Instant::BOOT));
    let extent = pool.handle_listing_begun(moment(5));
    assert_eq!(extent, ListingExtent::Names(["bob".to_owned()].into()));
    assert_eq!(pool.poll_timeout(), Some(moment(60)));
    pool.handle_changed_names(["bob".to_owned()]);
    let extent = pool.handle_listing_begun(moment(60));
    assert_eq!(extent, ListingExtent::Whole(vec![name("alice")]));
    assert_eq!(pool.poll_timeout(), None);
}

#[test]
fn a_directory_is_listed_again_after_other_sessions_took_names_of_its_files() {
    let mut pool = PoolTimeline::default().finds(&["alice"], &["+alice"]).pool;
    assert_eq!(pool.choose(|_| Owner::OfName).count(), 0);
    assert_eq!(pool.poll_timeout(), Some(Instant::BOOT));
}
