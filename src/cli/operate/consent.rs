//! Asks before harm is done: on a terminal, or not at all.

use std::io::{self, BufRead, IsTerminal, Read};

use clap::Args;

use super::{Failure, Hand};
use crate::cli::exit::print_error;
use crate::keeper::Intent;

/// More than anyone types for a yes.
const ANSWER_LENGTH_MAX: u64 = 256;

/// Whether to go on without being asked.
#[derive(Clone, Copy, Debug, Args)]
pub(in crate::cli) struct Yes {
    /// Do it without asking.
    #[arg(long)]
    yes: bool,
}

impl Hand {
    /// Asks whether to go on, unless that was said; `why` is a whole sentence.
    pub(in crate::cli) fn consent(&self, yes: Yes, why: &str) -> Result<(), Failure> {
        self.consent_shown(yes, why, "")
    }

    /// The same; who is asked is shown this first.
    pub(in crate::cli) fn consent_shown(
        &self,
        yes: Yes,
        why: &str,
        shown: &str,
    ) -> Result<(), Failure> {
        if yes.yes {
            return Ok(());
        }
        self.refuse_unasked(why)?;
        print_error(&format!("{shown}{why}\nGo on? [y/N] "));
        let mut answer = String::new();
        let input = io::stdin().lock().take(ANSWER_LENGTH_MAX);
        let read = io::BufReader::new(input).read_line(&mut answer);
        let is_yes = ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str());
        match read {
            Ok(_) if is_yes => Ok(()),
            Ok(_) | Err(_) => Err(Failure::Declined),
        }
    }

    /// Refuses what would have to be asked where nobody can be: before anything is done.
    pub(in crate::cli) fn consent_is_possible(&self, yes: Yes, why: &str) -> Result<(), Failure> {
        if yes.yes {
            Ok(())
        } else {
            self.refuse_unasked(why)
        }
    }

    /// Asks before a call that resets the idle timer of a token that is to lapse.
    pub(in crate::cli) fn consent_to_reset(&mut self, yes: Yes, call: &str) -> Result<(), Failure> {
        let Some(configured) = &self.configured else {
            return Ok(());
        };
        match configured.intent {
            Intent::Keep => Ok(()),
            Intent::Lapse => {
                let name = &configured.name;
                let why = format!(
                    "Session {name} is configured to lapse, and {call} resets its idle timer: the token lives longer than was meant."
                );
                self.consent(yes, &why)?;
                self.notes.push(why);
                Ok(())
            }
        }
    }

    fn refuse_unasked(&self, why: &str) -> Result<(), Failure> {
        let obstacle = if self.input_is_used {
            "standard input is the token, so nobody can be asked"
        } else if io::stdin().is_terminal() && io::stderr().is_terminal() {
            return Ok(());
        } else {
            "there is no terminal, so nobody can be asked"
        };
        // A sentence where it is asked, a clause where it is an error.
        let mut why = why.trim_end_matches('.').to_owned();
        if let Some(first) = why.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        Err(Failure::Usage(format!("{why}; {obstacle}: --yes does it")))
    }
}
