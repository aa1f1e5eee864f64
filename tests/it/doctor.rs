//! `doctor`, through the binary, in worlds that are broken in one way each.

mod network;
mod tokens;

use std::time::Duration;

use super::support::keepalive::Folder;
use super::support::once::{Said, run};
use super::support::simulation::Simulation;

/// As long as a real one, and unlike anything else that is said.
const TOKEN: &str = "Kx7pQ2mZ9rT4vB1nC6wL8sD3yH5jG0fE2aU9iO4tR7eW1qA6M3nB8vC1xZ6lK0jH";

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A folder with the token in the file `token`, and a configuration whose one session keeps it.
fn folder(api: &str, more: &str) -> Folder {
    let folder = Folder::new();
    folder.write("token", TOKEN);
    let session = "[sessions.wallboard]\ntoken = { file = \"token\" }\n";
    folder.write("config.toml", &format!("api = \"{api}\"\n{session}{more}"));
    folder
}

/// What the doctor says, none of which is a piece of the token.
fn doctor(folder: &Folder, more: &[&str]) -> Said {
    let words = [&["doctor", "--config", "config.toml"], more].concat();
    let said = run(folder.command(&words), "");
    for at in 0..=TOKEN.len() - 8 {
        let piece = &TOKEN[at..at + 8];
        assert!(
            !said.out.contains(piece) && !said.err.contains(piece),
            "{said:#?}"
        );
    }
    said
}

fn simulation() -> Simulation {
    let simulation = Simulation::new(seconds(900));
    simulation.token(TOKEN);
    simulation
}

/// Demands one line with this beginning that holds these parts.
#[track_caller]
fn has_line(said: &Said, beginning: &str, parts: &[&str]) {
    let is_it = |line: &&str| line.starts_with(beginning);
    let lines: Vec<_> = said.out.lines().filter(is_it).collect();
    assert_eq!(lines.len(), 1, "{beginning}: {said:#?}");
    for part in parts {
        assert!(lines[0].contains(part), "{part}: {said:#?}");
    }
}
