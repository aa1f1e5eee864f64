//! Runs a test in a child process with another environment.
//!
//! A test must never change its own environment, which other threads read.

use std::ffi::OsStr;
use std::process::Command;

/// The variable that is set in a process that [`in_child`] started.
const MARK: &str = "SESSION_KEEPALIVE_TEST_CHILD";

/// Runs `test` if this is the child; else starts the child and asserts that it succeeds.
pub(crate) fn in_child(name: &str, environment: &[(&str, &str)], test: impl FnOnce()) {
    in_child_of(&[], name, environment, test);
}

/// Does the same as [`in_child`]; `wrapper` is the command that starts the child.
pub(crate) fn in_child_of(
    wrapper: &[&str],
    name: &str,
    environment: &[(&str, &str)],
    test: impl FnOnce(),
) {
    if std::env::var_os(MARK).is_some() {
        return test();
    }
    let executable = std::env::current_exe().unwrap();
    let mut words = wrapper
        .iter()
        .map(OsStr::new)
        .chain([executable.as_os_str()]);
    let output = Command::new(words.next().unwrap())
        .args(words)
        .args(["--exact", name, "--nocapture"])
        .envs(environment.iter().copied())
        .env(MARK, "1")
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    println!("{stdout}");
    assert!(output.status.success(), "{output:?}");
    assert!(stdout.contains("1 passed"), "no test is called {name}");
}
