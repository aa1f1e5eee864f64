//! What is left of a token in memory, where everybody may look: the daemon in the test's own process.
//!
//! The daemon as a process of its own lets nobody but root look. Here the server is a process
//! of its own, and the tokens pass through nothing of the test: they lie in memory that
//! cannot be written to, which is not searched, and go straight from there into files.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use session_keepalive::daemon::clock;
use session_keepalive::keeper::{OnShutdown, SessionView, State};

use super::super::support::inside::{self, look_until, pause};
use super::super::support::keepalive::{Folder, now};
use super::super::support::memory::{Piece, pieces};
use super::seconds;

/// Not to be found in any other test: all of them are in this process.
const OLD: &str = "uR4zT9yX2wV7-kP0nM5bL8cJ3hG6fD1sA_qE4iO9uY2tW7xZ5vB8nK1mJ6gH3dS0";
const NEW: &str = "Zm3Vb8Nc1Xk6-Lj5Hg0Fd9Sa4Pq2Wo7_Ei";

/// The simulator, which finds its tokens in files; killed when dropped.
struct Organisation {
    child: Child,
    /// What it says after its first line has a token in it and is not read.
    _says: ChildStdout,
    api: String,
}

impl Organisation {
    fn start(folder: &Folder) -> Self {
        let script = "exec \"$0\" simulate --listen 127.0.0.1:0 --token \"$(cat old)\" --token \"$(cat new)\"";
        let mut child = Command::new("/bin/sh")
            .args(["-c", script, env!("CARGO_BIN_EXE_session-keepalive")])
            .current_dir(folder.path("."))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut says = child.stdout.take().unwrap();
        let mut line = String::new();
        // A byte at a time, and so no byte of what follows.
        BufReader::with_capacity(1, &mut says)
            .read_line(&mut line)
            .unwrap();
        let (_, api) = line.split_once(" at ").unwrap();
        let (api, _) = api.split_once(": ").unwrap();
        Self {
            api: api.to_owned(),
            _says: says,
            child,
        }
    }
}

impl Drop for Organisation {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

fn found(secret: &'static str) -> Vec<Piece> {
    pieces(std::process::id(), secret.as_bytes()).expect("a process may look at itself")
}

/// Whether the session's token of that generation is proven alive.
fn is_held(view: &SessionView, generation: u32) -> bool {
    view.state == State::Held && view.token.is_some_and(|it| it.generation.0 == generation)
}

/// Waits until nothing is left.
async fn goes(secret: &'static str) {
    let began = now();
    while let pieces = found(secret)
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
    let organisation = Organisation::start(&folder);
    let file = folder.write("token", OLD);
    let stopped = inside::run(
        &organisation.api,
        &file,
        clock::read,
        OnShutdown::Revoke,
        async |looks| {
            look_until(looks, |view| is_held(view, 1)).await;
            let in_use = found(OLD);
            println!("{} pieces while it is in use", in_use.len());
            assert!(!in_use.is_empty(), "the search finds what is there");
            drop(in_use);
            folder.write("token", NEW);
            look_until(looks, |view| is_held(view, 2)).await;
            goes(OLD).await;
            assert!(!found(NEW).is_empty(), "the search finds what is there");
        },
    );
    assert_eq!(stopped.not_revoked, 0);
    let left = found(NEW);
    assert!(left.is_empty(), "{left:?}");
}
