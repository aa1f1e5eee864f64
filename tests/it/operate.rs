//! The operations by hand, through the binary, against the simulator.

mod asking;
mod failing;
mod naming;
mod secrets;
mod timeout;
mod token;
mod user;

use std::time::Duration;

use session_keepalive::daemon::clock;
use session_keepalive::sim::{Fault, Matcher, Operation, Permission, Rule, Span, TokenSpec};

use super::support::keepalive::Folder;
use super::support::once::{Said, run};
use super::support::simulation::Simulation;

/// As long as a real one, and unlike anything else that is said.
const TOKEN: &str = "Kx7pQ2mZ9rT4vB1nC6wL8sD3yH5jG0fE2aU9iO4tR7eW1qA6M3nB8vC1xZ6lK0jH";
/// Its fingerprint.
const FINGERPRINT: &str = "031ec3c4";
/// Another user, who has a token too.
const USER: &str = "8b3a2f0e-6c1d-4b7e-9f25-0d4c1a5e7b90";
const TOKEN_OF_USER: &str = "P9oI4uY1tR6eW3qL8kJ5hG2f";

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A simulated organisation, and a folder with the token of an administrator in the file `token`.
struct Bench {
    simulation: Simulation,
    folder: Folder,
}

impl Bench {
    fn new() -> Self {
        Self::of(Simulation::new(seconds(900)))
    }

    fn of(simulation: Simulation) -> Self {
        let admin = TokenSpec::user(TOKEN, "admin")
            .permitting(Permission::OauthTokenDelete)
            .permitting(Permission::DirectoryOrganizationAdmin);
        simulation.server().add_token(admin, clock::now());
        let other = TokenSpec::user(TOKEN_OF_USER, USER);
        simulation.server().add_token(other, clock::now());
        let folder = Folder::new();
        folder.write("token", TOKEN);
        Self { simulation, folder }
    }

    /// Runs these words with the token from its file; nobody is there to be asked.
    fn run(&self, words: &[&str]) -> Said {
        let base = self.simulation.base();
        let more = ["--api", &base, "--token-file", "token"];
        self.run_bare(&[words, &more].concat(), "")
    }

    /// Runs these words alone, with this on standard input.
    fn run_bare(&self, words: &[&str], input: &str) -> Said {
        run(self.folder.command(words), input)
    }

    /// Writes a configuration with one session, `crm`, of this intent, whose token is that of the file.
    fn configure(&self, intent: &str) {
        let base = self.simulation.base();
        self.folder.write(
            "config.toml",
            &format!(
                "api = \"{base}\"\n[sessions.crm]\ntoken = {{ file = \"token\" }}\nintent = \"{intent}\"\n"
            ),
        );
    }

    /// What befalls the next call of an operation.
    fn befall(&self, operation: Operation, fault: Fault) {
        let calls = Matcher::operation(operation);
        let span = Span::Times(1);
        let rule = Rule { calls, span, fault };
        self.simulation.server().script().push(rule);
    }

    fn calls(&self, operation: Operation) -> u32 {
        self.simulation.record(TOKEN).calls(operation)
    }
}
