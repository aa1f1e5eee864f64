//! Output to the journal, without a journal, and to a reader that does not read.

use std::collections::BTreeMap;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use tempfile::TempDir;
use tracing::subscriber::with_default;
use tracing::{Subscriber, error, info, warn};

use super::super::TARGET;
use super::super::install::{LogEnvironment, LogHandle, subscriber};
use super::*;
use crate::config::{LogConfig, LogFormat, LogLevel};
use crate::status::fixture::{WrittenLines, captured, log_environment, wall_clock};

type Entry = BTreeMap<String, String>;

/// A replacement for journald.
struct FakeJournal {
    folder: TempDir,
    socket: UnixDatagram,
}

impl FakeJournal {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = Self::listen(folder.path());
        Self { folder, socket }
    }

    fn listen(folder: &Path) -> UnixDatagram {
        let socket = UnixDatagram::bind(folder.join("socket")).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    }

    fn start(&mut self) {
        self.socket = Self::listen(self.folder.path());
    }

    fn stop(&mut self) {
        std::fs::remove_file(self.folder.path().join("socket")).unwrap();
        self.socket = UnixDatagram::unbound().unwrap();
        self.socket.set_nonblocking(true).unwrap();
    }

    fn log(
        &self,
        format: LogFormat,
        stderr: LineFormat,
    ) -> (impl Subscriber + Send + Sync, LogHandle, WrittenLines) {
        let written = WrittenLines::default();
        let writer = written.clone();
        let (subscriber, handle) = subscriber(
            config(format),
            LogEnvironment {
                stderr,
                journal: self.folder.path().join("socket"),
            },
            wall_clock,
            Stream::new(move || writer.clone(), || true),
        );
        (subscriber, handle, written)
    }

    /// Receives the entries so far and returns their fields.
    fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut datagram = vec![0; 1 << 20];
        while let Ok(length) = self.socket.recv(&mut datagram) {
            entries.push(parse(&datagram[..length]));
        }
        entries
    }
}

fn config(format: LogFormat) -> LogConfig {
    LogConfig {
        level: LogLevel::Info,
        format,
    }
}

/// Parses an entry as journald does.
fn parse(mut rest: &[u8]) -> Entry {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut entry = Entry::new();
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap();
        let (line, after) = (&rest[..end], &rest[end + 1..]);
        let (name, value) = if let Some(equals) = line.iter().position(|byte| *byte == b'=') {
            rest = after;
            (text(&line[..equals]), text(&line[equals + 1..]))
        } else {
            let (length, after) = after.split_at(8);
            let length = u64::from_le_bytes(length.try_into().unwrap());
            let (value, after) = after.split_at(usize::try_from(length).unwrap());
            assert_eq!(after[0], b'\n');
            rest = &after[1..];
            (text(line), text(value))
        };
        assert_eq!(entry.insert(name, value), None, "a field is there once");
    }
    entry
}

fn entry(fields: &[(&str, &str)]) -> Entry {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    fields.iter().map(owned).collect()
}

#[test]
fn a_sentence_becomes_an_entry_with_fields_and_no_line() {
    let journal = FakeJournal::new();
    for (format, stderr) in [
        (LogFormat::Auto, LineFormat::Journal),
        (LogFormat::Journald, LineFormat::Plain),
    ] {
        let (subscriber, _handle, written) = journal.log(format, stderr);
        with_default(subscriber, || {
            warn!(target: TARGET, event = "at_risk", session = "wallboard", fingerprint = "ba7816bf",
                generation = 2, state = "at_risk", api = "https://api.mypurecloud.de",
                correlation_id = "5a0e", absent = None::<&str>, "wallboard at risk");
        });
        assert_eq!(
            journal.entries(),
            [entry(&[
                ("MESSAGE", "wallboard at risk correlation_id=5a0e"),
                ("PRIORITY", "4"),
                ("SYSLOG_IDENTIFIER", "session-keepalive"),
                ("EVENT", "at_risk"),
                ("SESSION", "wallboard"),
                ("FINGERPRINT", "ba7816bf"),
                ("GENERATION", "2"),
                ("STATE", "at_risk"),
                ("API", "https://api.mypurecloud.de"),
                ("CORRELATION_ID", "5a0e"),
            ])]
        );
        assert_eq!(written.take(), "");
    }
}

#[test]
fn no_text_can_forge_a_field_or_steer_a_terminal() {
    let journal = FakeJournal::new();
    let (subscriber, _handle, _written) = journal.log(LogFormat::Journald, LineFormat::Plain);
    with_default(subscriber, || {
        let errors = "error: one\nSESSION=forged\n\u{1b}[1m";
        error!(target: TARGET, errors, session = "a\nPRIORITY=0", "refused\nSESSION=forged");
        info!(target: "hyper", priority = 0, "x\ny");
    });
    let entries = journal.entries();
    let refused = "refused\\nSESSION=forged\n    error: one\n    SESSION=forged\n    \\u{1b}[1m";
    assert_eq!(entries[0]["MESSAGE"], refused);
    assert_eq!(entries[0]["SESSION"], "a\\nPRIORITY=0");
    assert_eq!(entries[0]["PRIORITY"], "3");
    assert!(!entries[0].contains_key("ERRORS"));
    assert_eq!(entries[1]["MESSAGE"], "hyper: x\\ny priority=0");
    assert_eq!(entries[1]["PRIORITY"], "6");
    assert_eq!(entries[1]["FIELD_PRIORITY"], "0");
    assert_eq!(entries[1]["TARGET"], "hyper");
    assert!(entries[1]["CODE_FILE"].ends_with("tests.rs"));
}

#[test]
fn what_the_journal_does_not_take_goes_to_standard_error() {
    let mut journal = FakeJournal::new();
    let (subscriber, _handle, written) = journal.log(LogFormat::Auto, LineFormat::Journal);
    with_default(subscriber, || {
        let log = || info!(target: TARGET, "told");
        info!(target: TARGET, "{}", "x".repeat(1 << 20));
        assert!(written.take().starts_with("<6>xxx"), "too large");
        journal.stop();
        log();
        assert_eq!(written.take(), "<6>told\n");
        journal.start();
        log();
        assert_eq!((journal.entries().len(), &*written.take()), (1, ""));
        // Without a reader, the socket accepts entries until its buffer is full.
        (0..2000).for_each(|_| log());
        let on_stderr = written.take().lines().count();
        assert!(on_stderr > 0);
        assert_eq!(journal.entries().len() + on_stderr, 2000);
    });
}

#[test]
fn a_reload_leads_into_the_journal_and_out_again() {
    let journal = FakeJournal::new();
    let (subscriber, handle, written) = journal.log(LogFormat::Json, LineFormat::Plain);
    let log_as = |format| {
        handle.reload(config(format));
        info!(target: TARGET, "told");
        (journal.entries().len(), written.take())
    };
    with_default(subscriber, || {
        let plain = "2026-11-24T08:00:00.123Z INFO  told\n";
        assert_eq!(log_as(LogFormat::Journald), (1, String::new()));
        assert_eq!(log_as(LogFormat::Plain), (0, plain.to_owned()));
        assert_eq!(log_as(LogFormat::Journald), (1, String::new()));
        assert_eq!(log_as(LogFormat::Auto), (0, plain.to_owned()));
        assert!(log_as(LogFormat::Json).1.starts_with('{'));
    });
    let (subscriber, _handle, written) =
        captured(LogLevel::Info, LogFormat::Journald, LineFormat::Plain);
    with_default(subscriber, || info!(target: TARGET, "no journal"));
    assert!(written.take().ends_with("no journal\n"));
}

thread_local! {
    /// The number of chunks that there is room for.
    static ROOM: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

fn takes_room() -> bool {
    let room = ROOM.get();
    ROOM.set(room.saturating_sub(1));
    room > 0
}

#[test]
fn lines_that_find_no_room_are_counted_and_the_count_is_told() {
    let written = WrittenLines::default();
    let writer = written.clone();
    let stream = Stream::new(move || writer.clone(), takes_room);
    let log_environment = log_environment(LineFormat::Journal);
    let (subscriber, _handle) =
        subscriber(config(LogFormat::Auto), log_environment, wall_clock, stream);
    with_default(subscriber, || {
        let log = || info!(target: TARGET, "told");
        (0..3).for_each(|_| log());
        assert_eq!(written.take(), "");
        ROOM.set(1);
        log();
        assert_eq!(
            written.take(),
            "<4>3 lines dropped: the reader of the log was too slow\n"
        );
        ROOM.set(2);
        log();
        assert_eq!(
            written.take(),
            "<4>1 line dropped: the reader of the log was too slow\n<6>told\n"
        );
        // There is room only for the beginning of a long line, so the next line starts a new one.
        ROOM.set(1);
        info!(target: TARGET, "{}", "x".repeat(5000));
        assert_eq!(written.take().len(), 4096);
        ROOM.set(9);
        log();
        assert_eq!(
            written.take(),
            "\n<4>1 line dropped: the reader of the log was too slow\n<6>told\n"
        );
    });
}
