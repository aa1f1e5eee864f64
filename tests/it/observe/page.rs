//! Tests of the files of the page for people. The tests in `tests/page` run them in a browser.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::super::support::ask::{ask, get, get_unix, plain};
use super::super::support::keepalive::{Folder, Keepalive};
use super::super::support::simulation::Simulation;
use super::{address, head, seconds, session};

/// The beginnings of links to other hosts; `//` after a quote is an address without a scheme.
const EXTERNAL: [&str; 4] = ["://", "\"//", "'//", "url("];

/// The XML namespace of SVG, which looks like a link but is none.
const NAMESPACE: &str = "http://www.w3.org/2000/svg";

const TOKEN: &str = "secret-wallboard-token";

/// Starts a daemon with one session that is alive and one whose token is missing.
fn running() -> (Simulation, Folder, Keepalive, SocketAddr) {
    let simulation = Simulation::new(seconds(3600));
    let folder = Folder::new();
    simulation.token(TOKEN);
    folder.write("wallboard", TOKEN);
    let sessions = session("wallboard", "") + &session("lobby", "");
    let mut keepalive = folder.run(&(head(&simulation) + &sessions));
    let address = address(&mut keepalive);
    keepalive.wait_for(&["\"event\":\"alive\""]);
    (simulation, folder, keepalive, address)
}

/// Returns the paths of the files that the text names in quotes.
fn named_files(text: &str) -> Vec<String> {
    let quoted = text.split(['"', '\'']);
    let is_file = |name: &&str| {
        let ending = name.rsplit_once('.').map(|(_, ending)| ending);
        matches!(ending, Some("css" | "js" | "svg")) && !name.contains(char::is_whitespace)
    };
    let files = quoted.filter(is_file);
    files
        .map(|name| format!("/{}", name.trim_start_matches("./")))
        .collect()
}

#[test]
fn every_file_of_the_page_is_served_with_its_type_and_a_strict_policy_and_none_leads_elsewhere() {
    let (_simulation, folder, _keepalive, address) = running();
    let mut paths = vec![
        "/".to_owned(),
        "/page.css".to_owned(),
        "/page.js".to_owned(),
    ];
    let mut place = 0;
    while let Some(path) = paths.get(place).cloned() {
        let answer = get(address, &path);
        assert_eq!(answer.status, 200, "{path}");
        let content_type = match path.rsplit_once('.').map(|(_, ending)| ending) {
            None => "text/html; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some(_) => "image/svg+xml",
        };
        for part in [
            &format!("content-type: {content_type}\r\n"),
            "default-src 'none'; script-src 'self'; style-src 'self';",
            "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
            "nosniff",
        ] {
            assert!(
                answer.head.contains(part),
                "{path}: {part} in {}",
                answer.head
            );
        }
        for part in ["unsafe", "http:", "https:", "data:", "*"] {
            let policy = answer
                .head
                .lines()
                .find(|line| line.starts_with("content-security-policy"));
            assert!(!policy.unwrap().contains(part), "{path}: {part}");
        }
        let text = answer.body.replace(NAMESPACE, "");
        for part in EXTERNAL
            .into_iter()
            .chain(["innerHTML", TOKEN, "wallboard"])
        {
            assert!(!text.contains(part), "{path} contains {part}");
        }
        let over_socket = get_unix(&folder.path("control.sock"), &path);
        assert_eq!(over_socket.body, answer.body);
        let request = plain("HEAD", &path, "localhost");
        let bare = ask(TcpStream::connect(address).unwrap(), &request);
        assert_eq!((bare.status, bare.body.as_str()), (200, ""), "{path}");
        let length = format!("content-length: {}\r\n", answer.body.len());
        assert!(bare.head.contains(&length), "{path}: {length}");
        for name in named_files(&answer.body) {
            if !paths.contains(&name) {
                paths.push(name);
            }
        }
        place += 1;
    }
    for path in [
        "/favicon.svg",
        "/favicon-trouble.svg",
        "/sessions.css",
        "/rows.js",
    ] {
        assert!(
            paths.iter().any(|served| served == path),
            "{path} in {paths:?}"
        );
    }
}

#[test]
fn pages_of_the_origins_that_a_reload_names_may_frame_the_page() {
    let simulation = Simulation::new(seconds(3600));
    let folder = Folder::new();
    simulation.token(TOKEN);
    folder.write("wallboard", TOKEN);
    let sessions = session("wallboard", "");
    let mut keepalive = folder.run(&(head(&simulation) + &sessions));
    let address = address(&mut keepalive);
    let allowed = |path: &str| {
        let answers = [
            get(address, path),
            get_unix(&folder.path("control.sock"), path),
        ];
        let [over_tcp, over_socket] = answers.map(|answer| {
            let (_, rest) = answer.head.split_once("; frame-ancestors ").unwrap();
            rest.split_once("; require-trusted").unwrap().0.to_owned()
        });
        assert_eq!(over_tcp, over_socket);
        over_tcp
    };
    assert_eq!(allowed("/"), "'none'");
    let mut reload = |key: &str, line: &str| {
        folder.write("config.toml", &(head(&simulation) + key + &sessions));
        keepalive.signal(Signal::HUP);
        keepalive.wait_for(&[line]);
    };
    let players = "frame_ancestors = [\"https://Signage.example\", \"'self'\"]\n";
    reload(players, "\"event\":\"reloaded\"");
    assert_eq!(allowed("/?wall"), "https://signage.example 'self'");
    assert_eq!(allowed("/nothing"), "https://signage.example 'self'");
    let injected = "frame_ancestors = [\"https://a; script-src 'unsafe-inline'\"]\n";
    reload(injected, "status.frame_ancestors");
    assert_eq!(allowed("/"), "https://signage.example 'self'");
    reload("", "\"event\":\"reloaded\"");
    assert_eq!(allowed("/"), "'none'");
}

#[test]
fn whoever_has_no_scripts_is_led_to_the_same_in_text() {
    let (_simulation, _folder, _keepalive, address) = running();
    let page = get(address, "/?session=wallboard&find=%00").body;
    let (_, noscript) = page.split_once("<noscript>").unwrap();
    assert!(noscript.contains("href=\"readyz?verbose\""), "{noscript}");
    assert!(
        get(address, "/nothing.js")
            .body
            .contains("no such path: /nothing.js")
    );
}

#[test]
fn the_status_is_of_those_that_are_asked_for_and_counts_all() {
    let (_simulation, _folder, _keepalive, address) = running();
    let trouble = get(address, "/status?sort=trouble&limit=1").json();
    assert_eq!(trouble["matching"], 2);
    assert_eq!(trouble["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(trouble["sessions"][0]["name"], "lobby");
    assert_eq!(trouble["sessions"][0]["warning"], true);
    assert_eq!(
        trouble["sessions"][0]["advice"],
        "a new token in file lobby takes over at once"
    );
    assert_eq!(trouble["summary"], "not ready: 1 of 2 kept: lobby absent");
    assert_eq!(
        (&trouble["kept"], &trouble["warnings"]),
        (&2.into(), &1.into())
    );
    let filtered = get(address, "/status?session=wallboard").json();
    assert_eq!(filtered["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(filtered["sessions"][0]["advice"], serde_json::Value::Null);
    for event in filtered["events"].as_array().unwrap() {
        assert_eq!(event["session"], "wallboard");
    }
    let refused = get(address, "/status?only=dead");
    assert_eq!(refused.status, 400);
    assert!(
        refused.body.contains("not revoked, left\n"),
        "{}",
        refused.body
    );
}

#[test]
fn the_demo_serves_the_page_at_the_address_that_it_prints() {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_session-keepalive"))
        .args(["demo", "--seconds", "5", "--listen", "0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let line = lines.find_map(|line| {
        let line = line.unwrap();
        let place = line.strip_prefix("The web page: http://")?;
        place.strip_suffix('/').map(str::to_owned)
    });
    let address: SocketAddr = line.unwrap().parse().unwrap();
    assert!(address.ip().is_loopback());
    assert!(get(address, "/").body.contains("page.js"));
    let status = get(address, "/status").json();
    assert_eq!(status["sessions"][0]["name"], "crm");
    lines.for_each(drop);
    assert!(demo.wait().unwrap().success());
}

#[test]
fn an_address_that_the_demo_cannot_serve_ends_it_before_it_begins() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (listen, code) in [(port.as_str(), 74), ("everywhere", 64)] {
        let output = Command::new(env!("CARGO_BIN_EXE_session-keepalive"))
            .args(["demo", "--listen", listen])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
    }
}
