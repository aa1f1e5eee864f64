//! What an answer means: each kind of answer, what the operator is told of it, and which requests follow.
//!
//! The binary asks a server that is healthy but for the answers that it is told to give.
//! What follows is the exact list of the requests, and then silence for a while.

mod accepted;
mod answers;
mod blocked;
mod doubted;
mod failing;
mod lost;
mod server;
mod strange;
mod throttled;
mod unrevoked;

use std::time::Duration;

use super::support::keepalive::{Folder, Keepalive};
use server::{Api, DELETE, TOKEN};

/// Less than the second that lies between two requests of a session: they may take longer or
/// shorter to arrive.
const FLOOR: Duration = Duration::from_millis(750);

/// One kept session at a server that answers as a row says.
struct Row {
    api: Api,
    daemon: Keepalive,
    _folder: Folder,
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Checks all cases at the same time, for each of them has to wait.
fn at_once<T: Copy + Send>(cases: &[T], check: impl Fn(T) + Copy + Send) {
    std::thread::scope(|scope| {
        for &case in cases {
            scope.spawn(move || check(case));
        }
    });
}

impl Row {
    fn start(api: Api) -> Self {
        Self::start_with(api, "", "")
    }

    /// `session` goes to the keys of the session, `more` to the end of the configuration.
    fn start_with(api: Api, session: &str, more: &str) -> Self {
        let folder = Folder::new();
        folder.write("kiosk", TOKEN);
        let config = format!(
            "api = \"{}\"\n[log]\nformat = \"json\"\nlevel = \"debug\"\n\
             [sessions.kiosk]\ntoken = {{ file = \"kiosk\" }}\n{session}\n{more}\n",
            api.base()
        );
        let daemon = folder.run(&config);
        Self {
            api,
            daemon,
            _folder: folder,
        }
    }

    /// Waits for an event in a line of this level and, after it, a session in this state.
    fn tells(&mut self, level: &str, event: &str, state: &str) -> String {
        self.daemon.wait_for(&[
            &format!("\"level\":\"{level}\""),
            &format!("\"event\":\"{event}\""),
            "\"session\":\"kiosk\"",
            &format!("\"state\":\"{state}\""),
        ])
    }

    /// An event was told once, in a line of this level and with a session in this state.
    fn told_as(&self, level: &str, event: &str, state: &str) {
        let count = self.daemon.count(&[
            &format!("\"level\":\"{level}\""),
            &format!("\"event\":\"{event}\""),
            &format!("\"state\":\"{state}\""),
        ]);
        assert_eq!(count, 1, "{}", self.daemon.said.join("\n"));
    }

    /// Waits for what is said of one answer.
    fn answered(&mut self, operation: &str, verdict: &str) -> String {
        self.daemon.wait_for(&[
            "\"level\":\"DEBUG\"",
            "\"event\":\"answered\"",
            &format!("\"operation\":\"{operation}\""),
            &format!("\"verdict\":\"{verdict}\""),
        ])
    }

    /// How often an event was told so far.
    fn told(&self, event: &str) -> usize {
        self.daemon.count(&[&format!("\"event\":\"{event}\"")])
    }

    /// These and no other requests came, each with the token and after the floor; and for `quiet`
    /// none comes.
    fn asked(&mut self, expected: &[&str], quiet: Duration) {
        self.daemon.listen_for(quiet);
        self.asked_first(expected);
        let (asked, said) = (self.api.asked(), self.daemon.said.join("\n"));
        assert_eq!(asked.len(), expected.len(), "{asked:#?}\n{said}");
    }

    /// These requests came first, each with the token and after the floor.
    fn asked_first(&self, expected: &[&str]) {
        let (asked, said) = (self.api.asked(), self.daemon.said.join("\n"));
        let what: Vec<_> = asked.iter().map(|asked| asked.what.as_str()).collect();
        assert!(what.starts_with(expected), "{what:?}\n{said}");
        for request in &asked {
            let expected = format!("Bearer {TOKEN}");
            assert_eq!(request.authorization, Some(expected), "{request:?}");
        }
        for (pair, gap) in asked.windows(2).zip(self.gaps()) {
            // The first try of a revocation alone does not wait.
            let is_last_of_all = pair[1].what == DELETE && pair[0].what != DELETE;
            assert!(
                gap >= FLOOR || is_last_of_all,
                "{gap:?}: {asked:#?}\n{said}"
            );
        }
    }

    /// Between each request and the next.
    fn gaps(&self) -> Vec<Duration> {
        let asked = self.api.asked();
        let pairs = asked.windows(2);
        pairs.map(|pair| pair[1].at - pair[0].at).collect()
    }

    /// The last request was this.
    fn asked_last(&self, expected: &str) {
        let asked = self.api.asked();
        let last = asked.last().map(|asked| asked.what.as_str());
        assert_eq!(last, Some(expected), "{asked:#?}");
    }

    /// Nothing that was said is a verdict on the token's life.
    fn is_undecided(&self) {
        for verdict in ["lost", "lapsed", "newer_refused"] {
            assert_eq!(self.told(verdict), 0, "{}", self.daemon.said.join("\n"));
        }
    }
}
