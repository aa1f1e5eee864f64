//! Tests of `--version`.

use super::support::keepalive::Folder;

fn printed(argument: &str) -> String {
    let output = Folder::new().command(&[argument]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_version_is_printed_with_the_commit_and_the_features_of_the_build() {
    let short = concat!("session-keepalive ", env!("CARGO_PKG_VERSION"));
    assert_eq!(printed("-V"), format!("{short}\n"));
    let long = printed("--version");
    let lines = long.lines().collect::<Vec<_>>();
    let [version, commit, target, features] = lines[..] else {
        panic!("{long}");
    };
    assert_eq!(version, short);
    // A build outside the packaging scripts has no commit.
    let expected = match option_env!("BUILD_COMMIT") {
        Some(commit) if !commit.is_empty() => commit,
        _ => "unknown",
    };
    assert_eq!(commit, format!("commit: {expected}"));
    assert!(target.starts_with(&format!("target: {}-linux-", std::env::consts::ARCH)));
    assert!(features.starts_with("features: "));
    assert!(features.contains("rustls"));
}
