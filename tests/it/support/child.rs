//! Runs one test again, in a process with another environment: a test must not change its own.

use std::ffi::OsStr;
use std::process::Command;

/// Set for a test that was started by [`in_child`].
const MARK: &str = "SESSION_KEEPALIVE_TEST_CHILD";

/// Runs `test` here if this is the child, or else starts the child and demands that it succeeds.
pub(crate) fn in_child(name: &str, environment: &[(&str, &str)], test: impl FnOnce()) {
    in_child_of(&[], name, environment, test);
}

/// As [`in_child`], but `wrapper` is the command that starts the child.
pub(crate) fn in_child_of(
    wrapper: &[&str],
    name: &str,
    environment: &[(&str, &str)],
    test: impl FnOnce(),
) {
    if std::env::var_os(MARK).is_some() {
        return test();
    }
    let us = std::env::current_exe().unwrap();
    let mut words = wrapper.iter().map(OsStr::new).chain([us.as_os_str()]);
    let output = Command::new(words.next().unwrap())
        .args(words)
        .args(["--exact", name, "--nocapture"])
        .envs(environment.iter().copied())
        .env(MARK, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{output:?}");
    assert!(said.contains("1 passed"), "no test is called {name}");
}
