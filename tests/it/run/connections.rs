//! Tests of connections that are open but do not answer: the next request uses another one.

use session_keepalive::sim::Fate;

use super::super::support::front::{Front, HttpVersion};
use super::super::support::keepalive::{Folder, Keepalive};
use super::super::support::simulation::Simulation;
use super::super::support::tls::Authority;
use super::{seconds, session};

const SESSIONS: usize = 25;

/// The simulator behind TLS, and a folder with the tokens of the sessions.
struct Scene {
    simulation: Simulation,
    front: Front,
    folder: Folder,
    config: String,
    names: Vec<String>,
}

impl Scene {
    /// Creates a scene whose tokens idle out after a minute and are touched after some seconds.
    fn new(version: HttpVersion, sessions: usize, closed: usize, http: &str) -> Self {
        let simulation = Simulation::new(seconds(60));
        let authority = Authority::new();
        let identity = authority.vouch_for("127.0.0.1");
        let front = Front::start_without_streams(&identity, version, simulation.base(), closed);
        let folder = Folder::new();
        folder.write("ca.pem", &authority.pem());
        let names: Vec<_> = (0..sessions)
            .map(|number| format!("kiosk-{number}"))
            .collect();
        let mut config = format!(
            "api = \"{}\"\n[log]\nformat = \"json\"\n\
             [http]\nca_file = \"ca.pem\"\nproxy = \"none\"\n{http}\
             [defaults]\nmargin = \"55s\"\n",
            front.base()
        );
        for name in &names {
            simulation.token(name);
            folder.write(name, name);
            config += &session(name, "");
        }
        Self {
            simulation,
            front,
            folder,
            config,
            names,
        }
    }

    /// Runs the daemon until all tokens are proven alive.
    fn run(&self) -> Keepalive {
        let mut daemon = self.folder.run(&self.config);
        for _ in &self.names {
            daemon.wait_for(&["\"state\":\"alive\""]);
        }
        daemon
    }

    /// Returns the number of touches of each token; asserts that all tokens are alive.
    fn touches(&self, daemon: &Keepalive) -> Vec<usize> {
        let touches = |name: &String| {
            let record = self.simulation.record(name);
            let is_living = record.fate.is_living();
            assert!(is_living, "{name}:\n{}", daemon.log.join("\n"));
            record.resets as usize
        };
        self.names.iter().map(touches).collect()
    }

    /// Waits until the server has received another touch of each token.
    fn wait_for_touches(&self, daemon: &mut Keepalive) {
        let before = self.touches(daemon);
        daemon.listen_until(|daemon| {
            let after = self.touches(daemon);
            after
                .iter()
                .zip(&before)
                .all(|(after, before)| after > before)
        });
    }

    fn is_all_revoked(&self) -> bool {
        let is_revoked =
            |name: &String| matches!(self.simulation.record(name).fate, Fate::Revoked(_));
        self.names.iter().all(is_revoked)
    }
}

/// Asserts that tokens outlive connections that stop answering.
fn outlives_silence(version: HttpVersion) {
    let scene = Scene::new(version, SESSIONS, 0, "request_timeout = \"2s\"\n");
    let mut daemon = scene.run();
    scene.front.silence();
    let accepted = scene.front.accepted();
    scene.wait_for_touches(&mut daemon);
    assert!(scene.front.accepted() > accepted);
    assert!(scene.front.unanswered() > 0, "nothing was silenced");
    assert_eq!(daemon.stop().0, Some(0), "{}", daemon.log.join("\n"));
    assert!(scene.is_all_revoked());
    assert_eq!(daemon.count(&["\"state\":\"lost\""]), 0);
}

#[test]
fn tokens_outlive_an_http2_connection_that_answers_pings_and_no_request() {
    outlives_silence(HttpVersion::Http2);
}

#[test]
fn tokens_outlive_http1_connections_that_were_forgotten_on_the_way() {
    outlives_silence(HttpVersion::Http1);
}

#[test]
fn a_connection_that_allows_no_stream_is_not_used_again() {
    let scene = Scene::new(HttpVersion::Http2, 1, 2, "request_timeout = \"2s\"\n");
    let mut daemon = scene.run();
    assert!(scene.front.accepted() >= 3);
    assert_eq!(daemon.stop().0, Some(0), "{}", daemon.log.join("\n"));
    assert!(scene.is_all_revoked());
}

#[test]
fn a_stop_revokes_over_another_connection_than_the_one_that_a_request_waits_on() {
    let scene = Scene::new(HttpVersion::Http2, 2, 0, "request_timeout = \"120s\"\n");
    let mut daemon = scene.run();
    scene.front.silence();
    // One touch waits for its answer, which never comes.
    daemon.listen_until(|_| scene.front.unanswered() > 0);
    assert_eq!(daemon.stop().0, Some(0), "{}", daemon.log.join("\n"));
    assert!(scene.is_all_revoked());
}
