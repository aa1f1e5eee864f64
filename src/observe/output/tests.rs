//! Into the journal, past a journal that is not there, and past a reader that sleeps.

use std::collections::BTreeMap;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use tempfile::TempDir;
use tracing::subscriber::with_default;
use tracing::{Subscriber, error, info, warn};

use super::super::TARGET;
use super::super::fixture::{Written, captured, surroundings, wall_clock};
use super::super::install::{Handle, Surroundings, subscriber};
use super::*;
use crate::config::{LogConfig, LogFormat, LogLevel};

type Entry = BTreeMap<String, String>;

/// What stands in for journald.
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
        stderr: Form,
    ) -> (impl Subscriber + Send + Sync, Handle, Written) {
        let written = Written::default();
        let writer = written.clone();
        let (subscriber, handle) = subscriber(
            config(format),
            Surroundings {
                stderr,
                journal: self.folder.path().join("socket"),
            },
            wall_clock,
            Stream::new(move || writer.clone(), || true),
        );
        (subscriber, handle, written)
    }

    /// The fields of the entries so far.
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

/// Reads an entry as journald does.
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
        (LogFormat::Auto, Form::Journal),
        (LogFormat::Journald, Form::Plain),
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
    let (subscriber, _handle, _written) = journal.log(LogFormat::Journald, Form::Plain);
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
    let (subscriber, _handle, written) = journal.log(LogFormat::Auto, Form::Journal);
    with_default(subscriber, || {
        let tell = || info!(target: TARGET, "told");
        info!(target: TARGET, "{}", "x".repeat(1 << 20));
        assert!(written.take().starts_with("<6>xxx"), "too large");
        journal.stop();
        tell();
        assert_eq!(written.take(), "<6>told\n");
        journal.start();
        tell();
        assert_eq!((journal.entries().len(), &*written.take()), (1, ""));
        // Nobody reads for a while: the socket takes some entries, and then none.
        (0..2000).for_each(|_| tell());
        let passed_on = written.take().lines().count();
        assert!(passed_on > 0);
        assert_eq!(journal.entries().len() + passed_on, 2000);
    });
}

#[test]
fn a_reload_leads_into_the_journal_and_out_again() {
    let journal = FakeJournal::new();
    let (subscriber, handle, written) = journal.log(LogFormat::Json, Form::Plain);
    let heard = |format| {
        handle.reload(config(format));
        info!(target: TARGET, "told");
        (journal.entries().len(), written.take())
    };
    with_default(subscriber, || {
        let plain = "2026-11-24T08:00:00.123Z INFO  told\n";
        assert_eq!(heard(LogFormat::Journald), (1, String::new()));
        assert_eq!(heard(LogFormat::Plain), (0, plain.to_owned()));
        assert_eq!(heard(LogFormat::Journald), (1, String::new()));
        assert_eq!(heard(LogFormat::Auto), (0, plain.to_owned()));
        assert!(heard(LogFormat::Json).1.starts_with('{'));
    });
    let (subscriber, _handle, written) = captured(LogLevel::Info, LogFormat::Journald, Form::Plain);
    with_default(subscriber, || info!(target: TARGET, "no journal"));
    assert!(written.take().ends_with("no journal\n"));
}

thread_local! {
    /// How many chunks there is room for.
    static ROOM: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

fn takes_room() -> bool {
    let room = ROOM.get();
    ROOM.set(room.saturating_sub(1));
    room > 0
}

#[test]
fn lines_that_find_no_room_are_counted_and_the_count_is_told() {
    let written = Written::default();
    let writer = written.clone();
    let stream = Stream::new(move || writer.clone(), takes_room);
    let surroundings = surroundings(Form::Journal);
    let (subscriber, _handle) =
        subscriber(config(LogFormat::Auto), surroundings, wall_clock, stream);
    with_default(subscriber, || {
        let tell = || info!(target: TARGET, "told");
        (0..3).for_each(|_| tell());
        assert_eq!(written.take(), "");
        ROOM.set(1);
        tell();
        assert_eq!(
            written.take(),
            "<4>3 lines dropped: nobody took the log for a while\n"
        );
        ROOM.set(2);
        tell();
        assert_eq!(
            written.take(),
            "<4>1 line dropped: nobody took the log for a while\n<6>told\n"
        );
        // Room for the beginning of a long line only: the next one begins anew.
        ROOM.set(1);
        info!(target: TARGET, "{}", "x".repeat(5000));
        assert_eq!(written.take().len(), 4096);
        ROOM.set(9);
        tell();
        assert_eq!(
            written.take(),
            "\n<4>1 line dropped: nobody took the log for a while\n<6>told\n"
        );
    });
}
