//! Tests of the memory of a token, with the daemon in the test's own process, which the test can
//! always read.
//!
//! Only root can read the memory of a daemon in another process. Here the server is another
//! process, and the tokens never pass through the memory of the test: they are in read-only
//! memory, which is not searched, and are written from there directly to files.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use session_keepalive::keeper::{OnShutdown, SessionView, State};
use session_keepalive::sys::clock;

use super::super::support::inside::{self, look_until, pause};
use super::super::support::keepalive::{Folder, now};
use super::super::support::memory::{Piece, pieces};
use super::seconds;

/// The old token, which occurs in no other test: all tests run in this process.
const OLD: &str = "uR4zT9yX2wV7-kP0nM5bL8cJ3hG6fD1sA_qE4iO9uY2tW7xZ5vB8nK1mJ6gH3dS0";
const NEW: &str = "Zm3Vb8Nc1Xk6-Lj5Hg0Fd9Sa4Pq2Wo7_Ei";

/// The simulator, which reads its tokens from files; killed when dropped.
struct SimulatorProcess {
    child: Child,
    /// The rest of the simulator's output, which contains a token and is never read.
    _stdout: ChildStdout,
    api: String,
}

impl SimulatorProcess {
    fn start(folder: &Folder) -> Self {
        let script = "exec \"$0\" simulate --listen 127.0.0.1:0 --token \"$(cat old)\" --token \"$(cat new)\"";
        let mut child = Command::new("/bin/sh")
            .args(["-c", script, env!("CARGO_BIN_EXE_session-keepalive")])
            .current_dir(folder.path("."))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let mut line = String::new();
        // The buffer of one byte reads nothing beyond the line.
        BufReader::with_capacity(1, &mut stdout)
            .read_line(&mut line)
            .unwrap();
        let (_, api) = line.split_once(" at ").unwrap();
        let (api, _) = api.split_once(": ").unwrap();
        Self {
            api: api.to_owned(),
            _stdout: stdout,
            child,
        }
    }
}

impl Drop for SimulatorProcess {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

fn find_pieces(secret: &'static str) -> Vec<Piece> {
    pieces(std::process::id(), secret.as_bytes()).expect("a process may look at itself")
}

/// Returns true if the session's token of that generation is proven alive.
fn is_alive(view: &SessionView, generation: u32) -> bool {
    view.state == State::Alive
        && view
            .token
            .is_some_and(|token| token.generation.0 == generation)
}

/// Waits until no piece remains.
async fn wait_until_gone(secret: &'static str) {
    let began = now();
    while let pieces = find_pieces(secret)
        && !pieces.is_empty()
    {
        assert!(now() - began < seconds(10), "{pieces:?}");
        pause().await;
    }
    println!("nothing is left after {:?}", now() - began);
}

#[test]
fn nothing_is_left_of_a_replaced_or_revoked_token_for_anybody_to_find() {
    let folder = Folder::new();
    folder.write("old", OLD);
    folder.write("new", NEW);
    let organisation = SimulatorProcess::start(&folder);
    let file = folder.write("token", OLD);
    let stopped = inside::run(
        &organisation.api,
        &file,
        clock::read,
        OnShutdown::Revoke,
        async |queries| {
            look_until(queries, |view| is_alive(view, 1)).await;
            let in_use = find_pieces(OLD);
            println!("{} pieces while it is in use", in_use.len());
            assert!(!in_use.is_empty(), "the search finds what is there");
            drop(in_use);
            folder.write("token", NEW);
            look_until(queries, |view| is_alive(view, 2)).await;
            wait_until_gone(OLD).await;
            assert!(
                !find_pieces(NEW).is_empty(),
                "the search finds what is there"
            );
        },
    );
    assert_eq!(stopped.not_revoked, 0);
    let left = find_pieces(NEW);
    assert!(left.is_empty(), "{left:?}");
}
