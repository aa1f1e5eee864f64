//! Tests of the commands that make one operation of the API, run as a binary against the simulator.

mod asking;
mod failing;
mod messages;
mod naming;
mod pasted;
mod path;
mod secrets;
mod timeout;
mod token;
mod user;

use std::time::Duration;

use session_keepalive::sim::{
    ApiOperation, Matcher, Permission, Rule, RuleSpan, SimFault, TokenSpec,
};
use session_keepalive::sys::clock;

use super::support::keepalive::Folder;
use super::support::once::{ProcessOutput, run};
use super::support::simulation::Simulation;

/// A token as long as a real one, whose pieces appear in no other text.
const TOKEN: &str = "Kx7pQ2mZ9rT4vB1nC6wL8sD3yH5jG0fE2aU9iO4tR7eW1qA6M3nB8vC1xZ6lK0jH";
/// The fingerprint of [`TOKEN`].
const FINGERPRINT: &str = "031ec3c4";
/// The id of another user, who has the token [`TOKEN_OF_USER`].
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
        let user = TokenSpec::user(TOKEN_OF_USER, USER);
        simulation.server().add_token(user, clock::now());
        let folder = Folder::new();
        folder.write("token", TOKEN);
        Self { simulation, folder }
    }

    /// Runs the command with the token from its file, without a terminal.
    fn run(&self, arguments: &[&str]) -> ProcessOutput {
        let base = self.simulation.base();
        let more = ["--api", &base, "--token-file", "token"];
        self.run_bare(&[arguments, &more].concat(), "")
    }

    /// Runs the command without further arguments, with `input` on standard input.
    fn run_bare(&self, arguments: &[&str], input: &str) -> ProcessOutput {
        run(self.folder.command(arguments), input)
    }

    /// Writes a configuration with one session, `crm`, of this intent, with the token of the file.
    fn configure(&self, intent: &str) {
        let base = self.simulation.base();
        self.folder.write(
            "config.toml",
            &format!(
                "api = \"{base}\"\n[sessions.crm]\ntoken = {{ file = \"token\" }}\nintent = \"{intent}\"\n"
            ),
        );
    }

    /// Lets the next call of an operation fail.
    fn fail_next(&self, operation: ApiOperation, fault: SimFault) {
        let calls = Matcher::operation(operation);
        let span = RuleSpan::Times(1);
        let rule = Rule { calls, span, fault };
        self.simulation.server().script().push(rule);
    }

    fn calls(&self, operation: ApiOperation) -> u32 {
        self.simulation.record(TOKEN).calls(operation)
    }
}
