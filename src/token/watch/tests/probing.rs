//! Tests of probes: before the first one, while one runs, and when one is not answered.

use super::*;

#[tokio::test(flavor = "current_thread")]
async fn a_path_that_is_watched_for_the_first_time_is_told_with_its_state() {
    let mut fixture = WatchFixture::new();
    fixture.write("token", "abc");
    fixture.set(&[]);
    let path = fixture.at("token");
    fixture.watch.add(&path, Watched::File);
    let settled = fixture.probe();
    assert_eq!(settled.len(), 1);
    assert!(settled[0].is_fresh && settled[0].identity == FileState::of(&path));
    assert!(fixture.watch.has_events(&path));
}

#[tokio::test(flavor = "current_thread")]
async fn a_watch_that_was_given_up_while_a_probe_ran_is_made_again() {
    let mut fixture = WatchFixture::new();
    fixture.write("a", "abc");
    fixture.write("b", "abc");
    fixture.set(&["a"]);
    let (a, b) = (fixture.at("a"), fixture.at("b"));
    fixture.watch.add(&b, Watched::Member);
    let job = fixture.watch.poll_probe(fixture.now).unwrap();
    let probed = job.run_here();
    // The kernel returned the watch of the directory to the probe, and that watch is removed
    // with the other file.
    fixture.watch.remove(&a);
    fixture.watch.handle_probed(probed, fixture.now);
    fixture.probe();
    while fixture.watch.next().now_or_never().is_some() {}
    fixture.write("b", "def");
    assert_eq!(fixture.changed_names().await, ["b"]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_path_that_is_removed_while_it_is_probed_leaves_no_watch() {
    let mut fixture = WatchFixture::new();
    fixture.set(&[]);
    let path = fixture.at("token");
    fixture.watch.add(&path, Watched::Member);
    let job = fixture.watch.poll_probe(fixture.now).unwrap();
    let probed = job.run_here();
    fixture.watch.remove(&path);
    assert_eq!(fixture.watch.handle_probed(probed, fixture.now), None);
    fixture.write("token", "abc");
    while let Some(change) = fixture.watch.next().now_or_never() {
        fixture.watch.handle_change(change, fixture.now);
    }
    assert!(fixture.rest().is_empty() && fixture.watch.index.watches().is_empty());
}

#[tokio::test(flavor = "current_thread")]
async fn a_directory_that_another_one_covers_without_an_event_is_watched_anew() {
    let mut fixture = WatchFixture::new();
    for name in ["tokens", "other"] {
        fs::create_dir(fixture.at(name)).unwrap();
    }
    fixture.set_directory("tokens");
    let id = |name: &str| DirectoryId::from(&fixture.at(name).metadata().unwrap());
    let (same, another) = (id("tokens"), id("other"));
    let path = fixture.at("tokens");
    fixture.watch.handle_listed(&path, same);
    assert!(fixture.probe().is_empty());
    fixture.watch.handle_listed(&path, another);
    assert_eq!(fixture.probe().len(), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn a_file_system_that_does_not_answer_is_named_and_its_file_is_read_all_the_same() {
    let mut fixture = WatchFixture::new();
    let path = fixture.at("token");
    fixture.watch.add(&path, Watched::File);
    let job = fixture.watch.poll_probe(fixture.now).unwrap();
    let settled = fixture
        .watch
        .handle_unanswered(job.path(), fixture.now)
        .unwrap();
    assert!(settled.is_fresh && settled.identity.is_none());
    let trouble = fixture.watch.poll_trouble().unwrap().to_string();
    assert!(!fixture.watch.has_events(&path));
    assert!(
        trouble.ends_with("its file system does not answer"),
        "{trouble}"
    );
    assert_eq!(fixture.watch.poll_timeout(), None);
}
