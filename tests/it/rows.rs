//! Tests of the kinds of answers: the verdict of each, the log lines about it, and the requests
//! that follow.
//!
//! The binary sends its requests to a server that is healthy except for the answers that a test
//! configures. Each test asserts the exact list of requests, and then none for a while.

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

use server::{Api, DELETE, TOKEN};

use super::support::keepalive::{Folder, Keepalive};

/// The shortest gap between two requests, less than the second between their sending: requests
/// take different times to arrive.
const FLOOR: Duration = Duration::from_millis(750);

/// One kept session, with a server that gives the answers of a test.
struct Row {
    api: Api,
    daemon: Keepalive,
    _folder: Folder,
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Checks all cases in parallel, since each of them has to wait.
fn in_parallel<T: Copy + Send>(cases: &[T], check: impl Fn(T) + Copy + Send) {
    std::thread::scope(|scope| {
        for &case in cases {
            scope.spawn(move || check(case));
        }
    });
}

impl Row {
    /// Starts the daemon with a session that prefers HEAD.
    fn start(api: Api) -> Self {
        Self::start_with(api, "touch = \"head\"", "")
    }

    /// Starts the daemon; `session` is added to the keys of the session, `more` to the end of the
    /// configuration.
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

    /// Waits for an event in a line of this level and with a session in this state.
    fn wait_for_event(&mut self, level: &str, event: &str, state: &str) -> String {
        self.daemon.wait_for(&[
            &format!("\"level\":\"{level}\""),
            &format!("\"event\":\"{event}\""),
            "\"session\":\"kiosk\"",
            &format!("\"state\":\"{state}\""),
        ])
    }

    /// Asserts that an event was logged once, in a line of this level and with a session in this
    /// state.
    fn assert_logged_once(&self, level: &str, event: &str, state: &str) {
        let count = self.daemon.count(&[
            &format!("\"level\":\"{level}\""),
            &format!("\"event\":\"{event}\""),
            &format!("\"state\":\"{state}\""),
        ]);
        assert_eq!(count, 1, "{}", self.daemon.log.join("\n"));
    }

    /// Waits for the log line about an answer.
    fn wait_for_answer(&mut self, operation: &str, verdict: &str) -> String {
        self.daemon.wait_for(&[
            "\"level\":\"DEBUG\"",
            "\"event\":\"answered\"",
            &format!("\"operation\":\"{operation}\""),
            &format!("\"verdict\":\"{verdict}\""),
        ])
    }

    /// Returns the number of times that an event was logged.
    fn event_count(&self, event: &str) -> usize {
        self.daemon.count(&[&format!("\"event\":\"{event}\"")])
    }

    /// Asserts that these and no other requests came, each with the token and after the floor, and
    /// that none comes for `quiet`.
    fn assert_requests(&mut self, expected: &[&str], quiet: Duration) {
        self.daemon.listen_for(quiet);
        self.assert_first_requests(expected);
        let (requests, log) = (self.api.requests(), self.daemon.log.join("\n"));
        assert_eq!(requests.len(), expected.len(), "{requests:#?}\n{log}");
    }

    /// Asserts that these requests came first, each with the token and after the floor.
    fn assert_first_requests(&self, expected: &[&str]) {
        let (requests, log) = (self.api.requests(), self.daemon.log.join("\n"));
        let targets: Vec<_> = requests
            .iter()
            .map(|request| request.target.as_str())
            .collect();
        assert!(targets.starts_with(expected), "{targets:?}\n{log}");
        for request in &requests {
            let expected = format!("Bearer {TOKEN}");
            assert_eq!(request.authorization, Some(expected), "{request:?}");
        }
        for (pair, gap) in requests.windows(2).zip(self.gaps()) {
            // Only the first attempt of a revocation does not wait for the floor.
            let is_first_revocation = pair[1].target == DELETE && pair[0].target != DELETE;
            assert!(
                gap >= FLOOR || is_first_revocation,
                "{gap:?}: {requests:#?}\n{log}"
            );
        }
    }

    /// Returns the times between each request and the next.
    fn gaps(&self) -> Vec<Duration> {
        let requests = self.api.requests();
        let pairs = requests.windows(2);
        pairs.map(|pair| pair[1].at - pair[0].at).collect()
    }

    /// Asserts that the last request was this.
    fn assert_last_request(&self, expected: &str) {
        let requests = self.api.requests();
        let last = requests.last().map(|request| request.target.as_str());
        assert_eq!(last, Some(expected), "{requests:#?}");
    }

    /// Asserts that no log line is a verdict on the token's life.
    fn assert_undecided(&self) {
        for verdict in ["lost", "lapsed", "newer_refused"] {
            assert_eq!(
                self.event_count(verdict),
                0,
                "{}",
                self.daemon.log.join("\n")
            );
        }
    }
}
