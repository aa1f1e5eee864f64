//! Tests with servers that repeat the token in disguise, in every part of an answer: no output
//! contains any of it.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, LazyLock, Mutex};

use super::super::support::ask::get_unix;
use super::super::support::hook::{hook_runs, recorder};
use super::super::support::keepalive::{Folder, Keepalive};
use super::super::support::once::run;
use super::super::support::raw::{RawReply, RawServer};
use super::session;

/// The number of consecutive characters of a token that are never shown.
const RUN: usize = 8;

/// A function that disguises a token, in the text of a JSON value.
type Disguise = fn(&str) -> String;

fn each(token: &str, write: impl Fn(u8) -> String) -> String {
    token.bytes().map(write).collect()
}

/// Encodes as base64 without padding, after some bytes before the token.
fn base64(before: &str, token: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes = format!("{before}{token}").into_bytes();
    let bits: Vec<u8> = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))
        .collect();
    let digit = |bits: &[u8]| {
        let value = (0..6).fold(0, |value, at| {
            value << 1 | usize::from(*bits.get(at).unwrap_or(&0))
        });
        char::from(DIGITS[value])
    };
    bits.chunks(6).map(digit).collect()
}

const DISGUISES: [Disguise; 22] = [
    |token| token.to_owned(),
    |token| token[..43].to_owned(),
    |token| token[11..19].to_owned(),
    |token| token.to_uppercase(),
    |token| token.chars().rev().collect(),
    |token| format!("Bearer {token}, and once more {token}"),
    |token| each(token, |byte| format!("{}\0", char::from(byte))),
    |token| each(token, |byte| format!("{} ", char::from(byte))),
    |token| each(token, |byte| format!("{}\u{200b}", char::from(byte))),
    |token| each(token, |byte| format!("{}\u{1b}", char::from(byte))),
    |token| each(token, |byte| format!("%{byte:02x}")),
    |token| each(token, |byte| format!("%25{byte:02X}")),
    |token| each(token, |byte| format!("\\u{byte:04x}")),
    |token| each(token, |byte| format!("\\x{byte:02x}")),
    |token| each(token, |byte| format!("\\{byte:03o}")),
    |token| each(token, |byte| format!("={byte:02X}")),
    |token| each(token, |byte| format!("&#{byte};")),
    |token| each(token, |byte| format!("&#x{byte:x};")),
    |token| each(token, |byte| format!("{byte:02x}")),
    |token| base64("", token),
    |token| base64("a", token),
    |token| base64("ab", token),
];

/// Returns the token that an answer of this kind repeats in the disguise with this number.
fn token(kind: EchoKind, number: usize) -> String {
    const CHARACTERS: &[u8; 64] =
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut rng = fastrand::Rng::with_seed((kind as usize * 100 + number) as u64);
    (0..84)
        .map(|_| char::from(CHARACTERS[rng.usize(..64)]))
        .collect()
}

/// The kind of an answer that repeats the token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum EchoKind {
    /// A refusal: code, message and all other fields of an error.
    Refusal,
    /// A success: the organisation, the client, the scopes.
    Success,
    /// A body that cannot be read, because of its encoding.
    Encoded,
}

const KINDS: [(EchoKind, &str); 3] = [
    (EchoKind::Refusal, "refusal"),
    (EchoKind::Success, "success"),
    (EchoKind::Encoded, "encoded"),
];

/// Returns a text as a string of JSON. Every character is escaped, which JSON permits.
fn json(text: &str) -> String {
    let escaped: Vec<_> = text
        .encode_utf16()
        .map(|unit| format!("\\u{unit:04X}"))
        .collect();
    format!("\"{}\"", escaped.concat())
}

/// Returns the answer that repeats a token.
fn answer(kind: EchoKind, disguise: &str) -> Vec<u8> {
    let text = json(disguise);
    let (status, body) = match kind {
        EchoKind::Refusal => (
            403,
            format!(
                "{{\"code\":{text},\"message\":{text},\"contextId\":{text},\"status\":403,\
                 \"details\":[{{{text}:{text}}}],\"errors\":[{{\"code\":{text}}}]}}"
            ),
        ),
        EchoKind::Success => (
            200,
            format!(
                "{{\"organization\":{{\"id\":{text},\"name\":{text}}},\"authorizedScope\":[{text}],\
                 \"OAuthClient\":{{\"id\":{text},\"name\":{text},\"authorizedGrantType\":{text}}},\
                 \"idleTokenTimeoutSeconds\":900,\"enableIdleTokenTimeout\":true,{text}:{text}}}"
            ),
        ),
        EchoKind::Encoded => (200, disguise.to_owned()),
    };
    // A header contains only printable ASCII characters.
    let header: String = disguise
        .chars()
        .filter(|c| matches!(c, ' '..='~'))
        .collect();
    let encoding = if kind == EchoKind::Encoded {
        format!("Content-Encoding: {header}\r\n")
    } else {
        String::new()
    };
    let length = body.len();
    format!(
        "HTTP/1.1 {status} {header}\r\n{encoding}ININ-Correlation-Id: {header}\r\n\
         Content-Type: application/json; {header}\r\nX-Echo: {header}\r\nServer: {header}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// A server that repeats each token in the disguise with its number.
struct Echo {
    kind: EchoKind,
    server: RawServer,
    /// The numbers of the tokens that were repeated.
    repeated: Arc<Mutex<Vec<usize>>>,
}

impl Echo {
    fn start(kind: EchoKind) -> Self {
        let repeated = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&repeated);
        let script = move |head: &str| {
            let number = (0..DISGUISES.len()).find(|number| head.contains(&token(kind, *number)));
            // The first request of `doctor` has no token.
            let Some(number) = number else {
                return answer(EchoKind::Refusal, "authentication.required");
            };
            record.lock().unwrap().push(number);
            answer(kind, &DISGUISES[number](&token(kind, number)))
        };
        Self {
            kind,
            server: RawServer::start(RawReply::Answer(Arc::new(script))),
            repeated,
        }
    }

    fn base(&self) -> String {
        format!("http://{}", self.server.address())
    }

    fn has_repeated_all(&self) -> bool {
        let repeated = self.repeated.lock().unwrap();
        (0..DISGUISES.len()).all(|number| repeated.contains(&number))
    }
}

/// Returns the letters and digits of a text, in lower case, as a reader would recognise them.
fn plain(text: &str) -> String {
    text.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|character| character.to_ascii_lowercase())
        .collect()
}

/// The texts that must not be shown, by length: pieces of tokens, and longer pieces of disguises.
static PIECES: LazyLock<BTreeMap<usize, HashSet<String>>> = LazyLock::new(|| {
    let mut pieces: BTreeMap<usize, HashSet<String>> = BTreeMap::new();
    let mut insert = |whole: &str, length: usize| {
        let length = length.min(whole.len());
        let windows = (0..=whole.len() - length).map(|at| whole[at..at + length].to_owned());
        pieces.entry(length).or_default().extend(windows);
    };
    for (kind, _) in KINDS {
        for (number, disguise) in DISGUISES.iter().enumerate() {
            let token = token(kind, number);
            insert(&plain(&token), RUN);
            insert(&plain(&disguise(&token)), 40);
        }
    }
    pieces
});

/// Asserts that the text contains no piece of a token and no disguise of one.
#[track_caller]
fn has_no_token(place: &str, text: &str) {
    let recognised = plain(text);
    for (&length, pieces) in &*PIECES {
        for at in 0..(recognised.len() + 1).saturating_sub(length) {
            let piece = &recognised[at..at + length];
            assert!(!pieces.contains(piece), "{place}: {piece} in\n{text}");
        }
    }
}

fn name(kind: &str, number: usize) -> String {
    format!("{kind}-{number}")
}

/// Returns a folder with the tokens, and a configuration with a session for each kind and
/// disguise.
fn scene(echoes: &[(Echo, &'static str)]) -> (Folder, String) {
    let folder = Folder::new();
    let mut config = recorder(&folder, &["blocked", "at-risk", "lost"], "");
    for (echo, kind) in echoes {
        for number in 0..DISGUISES.len() {
            let name = name(kind, number);
            folder.write(&name, &token(echo.kind, number));
            config += &session(
                &name,
                &format!("api = \"{}\"\non_shutdown = \"leave\"", echo.base()),
            );
        }
    }
    (folder, config)
}

fn echoes() -> Vec<(Echo, &'static str)> {
    KINDS
        .iter()
        .map(|(kind, name)| (Echo::start(*kind), *name))
        .collect()
}

#[test]
fn a_token_that_a_server_repeats_in_disguise_is_shown_by_no_part_of_the_daemon() {
    for format in ["plain", "json"] {
        let echoes = echoes();
        let (folder, config) = scene(&echoes);
        let log = format!("[log]\nlevel = \"trace\"\nformat = \"{format}\"\n");
        let mut daemon = folder.run(&(log + &config));
        daemon.listen_until(|_| echoes.iter().all(|(echo, _)| echo.has_repeated_all()));
        daemon.listen_until(|_| hook_runs(&folder).len() >= DISGUISES.len());
        let socket = folder.path("control.sock");
        for path in ["/status", "/metrics", "/readyz?verbose", "/"] {
            let answer = get_unix(&socket, path);
            has_no_token(path, &(answer.head + &answer.body));
        }
        for (_, kind) in &echoes {
            for number in 0..DISGUISES.len() {
                let path = format!("/status/{}", name(kind, number));
                has_no_token(&path, &get_unix(&socket, &path).body);
            }
        }
        for words in [
            &["status"][..],
            &["status", "--json"],
            &["explain", "success-0"],
        ] {
            let output = run(folder.command(words), "");
            has_no_token(words[0], &(output.out + &output.err));
        }
        daemon.stop();
        check_log(&daemon);
        for hook_run in hook_runs(&folder) {
            has_no_token("hook", &hook_run.input);
            for file in ["environ", "arguments"] {
                has_no_token("hook", &hook_run.file(file));
            }
        }
    }
}

#[track_caller]
fn check_log(daemon: &Keepalive) {
    assert!(daemon.count(&["blocked"]) > 0, "{}", daemon.log.join("\n"));
    for line in &daemon.log {
        has_no_token("log", line);
    }
}

#[test]
fn a_token_that_a_server_repeats_in_disguise_is_shown_by_no_command() {
    let echoes = echoes();
    let (folder, config) = scene(&echoes);
    folder.write("config.toml", &config);
    for (_, kind) in &echoes {
        for number in 0..DISGUISES.len() {
            for words in [["token", "show"], ["timeout", "show"]] {
                let name = name(kind, number);
                let access = ["--config", "config.toml", "--session", &name, "--json"];
                for access in [&access[..4], &access] {
                    let output = run(folder.command(&[&words[..], access].concat()), "");
                    has_no_token(&words.join(" "), &(output.out + &output.err));
                }
            }
        }
    }
    for words in [&["doctor"][..], &["doctor", "--json"]] {
        let output = run(
            folder.command(&[words, &["--config", "config.toml"]].concat()),
            "",
        );
        assert!(output.out.contains("refusal-0"), "{output:?}");
        has_no_token("doctor", &(output.out + &output.err));
    }
}
