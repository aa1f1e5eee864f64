//! `explain`: what a session went through, as a page for people or as JSON.

mod page;

use clap::Args;

use super::exit::{Exit, print};
use super::run::block_on;
use super::socket::{NotShown, Socket};
use super::width::width;
use crate::config::SessionName;
use crate::observe::report::{Report, StoryReport};

pub(super) const HELP: &str = "\
Examples:
  session-keepalive explain wallboard          why did its token die, or how has it been?
  session-keepalive explain wallboard --json   the same for machines

It is known since the daemon began; the oldest is forgotten first.

Exit status: 0 told, 64 there is no such session, 69 nobody answers.";

/// Which story is told, and how.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The session.
    #[arg(value_name = "NAME")]
    name: String,
    /// What the daemon says as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: Socket,
}

pub(super) fn run(explain: &Explain) -> Exit {
    block_on(async {
        match ask(explain).await {
            Ok((_, text)) if explain.json => print(&(text + "\n")),
            Ok((story, _)) => print(&page::draw(&story, width(&std::io::stdout()))),
            Err(error) => error.complain(),
        }
    })
}

/// The story, and as it came.
async fn ask(explain: &Explain) -> Result<(StoryReport, String), NotShown> {
    let name = &explain.name;
    // What is no name is not put into a path.
    if SessionName::new(name).is_ok() {
        match explain.socket.report(&format!("/status/{name}")).await {
            Err(NotShown::Refused(404, _)) => {}
            answered => return answered,
        }
    }
    let (report, _) = explain.socket.report::<Report>("/status").await?;
    if report.sessions.iter().any(|it| it.name == *name) {
        let older = "it is older than this program and tells no stories".to_owned();
        return Err(NotShown::Refused(404, older));
    }
    Err(NotShown::no_such_session(name, &report))
}
