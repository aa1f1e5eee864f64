//! Asks for consent before a command does harm.
//!
//! It must never ask where no person can answer: without a terminal the command needs `--yes`.

use std::io::{self, BufRead, IsTerminal, Read};

use clap::Args;

use super::{ApiSession, OperationError};
use crate::cli::exit::print_error;
use crate::keeper::Intent;

/// The number of bytes of an answer that are read, more than a yes needs.
const ANSWER_LENGTH_MAX: u64 = 256;

/// The option that replaces the question.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(in crate::cli) struct Yes {
    /// Do not ask for confirmation.
    #[arg(long)]
    yes: bool,
}

impl ApiSession {
    /// Prints `shown` and asks whether to continue, unless `--yes` is given; `consequence` is a
    /// whole sentence.
    ///
    /// # Errors
    ///
    /// [`OperationError::Declined`] if the answer is not yes, [`OperationError::Usage`] without a terminal.
    pub(in crate::cli) fn consent(
        &self,
        shown: &str,
        consequence: &str,
    ) -> Result<(), OperationError> {
        self.consent_is_possible(consequence)?;
        if self.yes.yes {
            return Ok(());
        }
        print_error(&format!("{shown}{consequence}\nGo on? [y/N] "));
        let mut answer = String::new();
        let input = io::stdin().lock().take(ANSWER_LENGTH_MAX);
        let read = io::BufReader::new(input).read_line(&mut answer);
        let is_yes = ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str());
        if read.is_ok() && is_yes {
            Ok(())
        } else {
            Err(OperationError::Declined)
        }
    }

    /// Fails if consent is needed and there is no terminal, before any request is made.
    pub(in crate::cli) fn consent_is_possible(
        &self,
        consequence: &str,
    ) -> Result<(), OperationError> {
        let reason = if self.yes.yes {
            return Ok(());
        } else if self.input_is_used {
            "standard input is the token, so no confirmation is possible"
        } else if io::stdin().is_terminal() && io::stderr().is_terminal() {
            return Ok(());
        } else {
            "there is no terminal, so no confirmation is possible"
        };
        // A question shows the consequence as a sentence, an error as a lower-case clause.
        let mut consequence = consequence.trim_end_matches('.').to_owned();
        if let Some(first) = consequence.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        Err(OperationError::Usage(format!(
            "{consequence}; {reason}: confirm with --yes"
        )))
    }

    /// Asks for consent to a call that resets the idle timer, if the token is to lapse.
    pub(in crate::cli) fn consent_to_reset(&mut self, call: &str) -> Result<(), OperationError> {
        match &self.configured {
            Some((name, config)) if config.policy.intent == Intent::Lapse => {
                let consequence = format!(
                    "Session {name} is configured to lapse, and {call} resets its idle timer: the token lives longer than intended."
                );
                self.consent("", &consequence)?;
                self.notes.push(consequence);
                Ok(())
            }
            Some(_) | None => Ok(()),
        }
    }
}
