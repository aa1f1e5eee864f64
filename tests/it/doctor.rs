//! Tests of `doctor`, run as a binary, each with one thing broken.

mod network;
mod tokens;

use std::time::Duration;

use super::support::keepalive::Folder;
use super::support::once::{ProcessOutput, run};
use super::support::simulation::Simulation;

/// A token as long as a real one, whose pieces appear in no other text.
const TOKEN: &str = "Kx7pQ2mZ9rT4vB1nC6wL8sD3yH5jG0fE2aU9iO4tR7eW1qA6M3nB8vC1xZ6lK0jH";

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Returns a folder with the token in the file `token`, and a configuration whose one session
/// keeps it.
fn folder(api: &str, more: &str) -> Folder {
    let folder = Folder::new();
    folder.write("token", TOKEN);
    let session = "[sessions.wallboard]\ntoken = { file = \"token\" }\n";
    folder.write("config.toml", &format!("api = \"{api}\"\n{session}{more}"));
    folder
}

/// Runs `doctor` and asserts that its output contains no piece of the token.
fn doctor(folder: &Folder, more: &[&str]) -> ProcessOutput {
    let arguments = [&["doctor", "--config", "config.toml"], more].concat();
    let output = run(folder.command(&arguments), "");
    for at in 0..=TOKEN.len() - 8 {
        let piece = &TOKEN[at..at + 8];
        assert!(
            !output.out.contains(piece) && !output.err.contains(piece),
            "{output:#?}"
        );
    }
    output
}

fn simulation() -> Simulation {
    let simulation = Simulation::new(seconds(900));
    simulation.token(TOKEN);
    simulation
}

/// Asserts that one line has this beginning, and that it contains these parts.
#[track_caller]
fn has_line(output: &ProcessOutput, beginning: &str, parts: &[&str]) {
    let is_match = |line: &&str| line.starts_with(beginning);
    let lines: Vec<_> = output.out.lines().filter(is_match).collect();
    assert_eq!(lines.len(), 1, "{beginning}: {output:#?}");
    for part in parts {
        assert!(lines[0].contains(part), "{part}: {output:#?}");
    }
}
