//! `status --watch`: draws the table over its last drawing.

use std::io::IsTerminal as _;
use std::time::Duration;

use super::table::{self, Look};
use super::{Exit, NotShown, Status, ask, exit_of, gone, height, is_coloured, print, width};

/// How often it is drawn.
const EVERY: Duration = Duration::from_secs(1);

/// To the top left corner, and what is below the drawing wiped.
const HOME: &str = "\x1b[H";
const WIPE_LINE: &str = "\x1b[K";
const WIPE_REST: &str = "\x1b[J";
const WIPE_ALL: &str = "\x1b[2J";

/// Draws until it is interrupted, or until nobody reads. A daemon that goes away is waited for.
pub(super) async fn watch(status: &Status) -> Result<Exit, NotShown> {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let out = std::io::stdout();
    let is_terminal = out.is_terminal();
    if is_terminal {
        print(WIPE_ALL);
    }
    let mut exit = Exit::Unavailable;
    loop {
        ticks.tick().await;
        let drawing = match ask(status).await {
            Ok(report) => {
                exit = exit_of(&report);
                let look = Look {
                    width: width(&out),
                    is_coloured: is_coloured(&out),
                    rows_max: (!status.all && is_terminal).then_some(table::ROWS_MAX),
                    height: height(&out).filter(|_| !status.all),
                };
                table::draw(&report, &look)
            }
            Err(error @ NotShown::NoSuchSession { .. }) => return Err(error),
            Err(error) => gone(&error),
        };
        let drawn = if is_terminal {
            HOME.to_owned() + &drawing.replace('\n', &format!("{WIPE_LINE}\n")) + WIPE_REST
        } else {
            drawing + "\n"
        };
        if print(&drawn) != Exit::Success {
            return Ok(exit);
        }
    }
}
