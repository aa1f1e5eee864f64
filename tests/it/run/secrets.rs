//! Tests that no output contains a token.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use session_keepalive::sim::{Length, Matcher, Processing, Rule, RuleSpan, SimFault};

use super::super::support::ask::get_unix;
use super::super::support::keepalive::{Keepalive, text};
use super::super::support::simulation::Simulation;
use super::{one_session, seconds, session};

const TOKENS: [&str; 6] = [
    "Kx7pQ2mZ9rT4vB1nC6wL8sD3",
    "yH5jG0fE2aU9iO4tR7eW1qA6",
    "M3nB8vC1xZ6lK0jH5gF2dS7a",
    "P9oI4uY1tR6eW3qL8kJ5hG2f",
    "uV3xZ8cB1nM6qW4eR9tY2iO7",
    "sD5fG0hJ3kL8zX1cV6bN4mQ9",
];

/// Returns a piece of 8 bytes of a token that the text contains.
fn find_piece(text: &str) -> Option<&'static str> {
    let pieces = TOKENS
        .iter()
        .flat_map(|token| (0..=token.len() - 8).map(|at| &token[at..at + 8]));
    pieces.into_iter().find(|piece| text.contains(piece))
}

fn faults() -> Vec<SimFault> {
    vec![
        SimFault::error(401, "ip.not.authorized", "no"),
        SimFault::empty(401),
        SimFault::error(403, "missing.permissions", "no"),
        SimFault::error(500, "internal.server.error", "no"),
        SimFault::throttled(1),
        SimFault::Page,
        SimFault::Redirect,
        SimFault::InvalidJson,
        SimFault::ContentLength(Length::TooLong(10)),
        SimFault::Huge { bytes: 100_000 },
        SimFault::Hang {
            processing: Processing::Skipped,
        },
    ]
}

/// Returns the answers to all queries of observers.
fn all_answers(socket: &Path) -> Vec<String> {
    let paths = [
        "/metrics",
        "/status",
        "/status/one",
        "/status/two",
        "/readyz?verbose",
        "/readyz/one",
        "/",
        "/page.js",
        "/page.css",
    ];
    let answers = paths.map(|path| get_unix(socket, path));
    assert!(answers[0].body.contains("session=\"one\""));
    answers.map(|answer| answer.head + &answer.body).into()
}

#[test]
fn no_piece_of_a_token_is_in_output_answers_arguments_or_environment_even_at_trace() {
    let mut simulation = Simulation::new(seconds(6));
    let (folder, config) = one_session(&simulation, "one");
    for token in TOKENS {
        simulation.token(token);
    }
    folder.write("one", TOKENS[0]);
    folder.write("two", TOKENS[1]);
    // These files of the pool have tokens as their names.
    fs::create_dir(folder.path("pool")).unwrap();
    for name in ["four", TOKENS[4], TOKENS[5]] {
        folder.write(&format!("pool/{name}"), TOKENS[4]);
    }
    let config = config.replace("[log]\n", "[log]\nlevel = \"trace\"\n")
        + &session("two", "intent = \"lapse\"")
        + "[sessions.three]\ntoken = { env = \"THE_TOKEN\" }\n"
        + &format!(
            "[pools.pool]\ntoken_dir = \"{}\"\n",
            text(&folder.path("pool"))
        )
        + "[http]\nrequest_timeout = \"1s\"\n";
    folder.write("config.toml", &config);
    let mut command = folder.command(&["run", "--config", "config.toml"]);
    command.env("THE_TOKEN", TOKENS[3]);
    let mut daemon = Keepalive::start(command);
    daemon.wait_for(&["\"state\":\"alive\"", "\"session\":\"three\""]);
    let socket = folder.path("control.sock");
    let mut answers = all_answers(&socket);
    for fault in faults() {
        simulation.server().script().push(Rule {
            calls: Matcher::default(),
            span: RuleSpan::Times(3),
            fault,
        });
        daemon.listen_for(Duration::from_millis(2500));
        answers.extend(all_answers(&socket));
    }
    folder.write("one", TOKENS[2]);
    folder.write("pool/four", TOKENS[5]);
    folder.write("pool/five", TOKENS[4]);
    folder.write("config.toml", &config.replace("intent", TOKENS[1]));
    daemon.signal(Signal::HUP);
    daemon.listen_for(seconds(3));
    simulation.down();
    daemon.listen_for(seconds(3));
    answers.extend(all_answers(&socket));
    let status = folder.command(&["status", "--json"]).output().unwrap();
    let status = String::from_utf8(status.stdout).unwrap();
    assert!(status.starts_with('{'), "{status}");
    answers.push(status);
    for session in ["one", "two", "three"] {
        let explained = folder.command(&["explain", session]).output().unwrap();
        let page = String::from_utf8(explained.stdout).unwrap();
        assert!(page.starts_with("session "), "{page}");
        answers.push(page);
    }
    let process = format!("/proc/{}", daemon.pid());
    let arguments = fs::read_to_string(format!("{process}/cmdline")).unwrap();
    // A user other than root may not be permitted to read the environment.
    let environment = fs::read(format!("{process}/environ")).unwrap_or_default();
    daemon.stop();
    assert!(daemon.count(&["pool_ignores"]) > 0);

    assert!(
        daemon.log.len() > 50,
        "TRACE says much: {}",
        daemon.log.len()
    );
    for line in &daemon.log {
        assert_eq!(find_piece(line), None, "{line}");
    }
    for answer in &answers {
        assert_eq!(find_piece(answer), None, "{answer}");
    }
    assert_eq!(find_piece(&arguments), None);
    let environment = String::from_utf8_lossy(&environment);
    let other_variables: Vec<_> = environment
        .split('\0')
        .filter(|variable| !variable.starts_with("THE_TOKEN="))
        .collect();
    assert_eq!(find_piece(&other_variables.join("\n")), None);
}
