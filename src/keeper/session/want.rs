//! Touches on request, before they are due.

use super::super::{Intent, State};
use super::{KeeperState, Session, TokenState};
use crate::time::Instant;

/// The reason for not touching a token on request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoTouch {
    /// The intent is to let the token lapse; a touch would keep it alive.
    #[error("it is to lapse, and a touch would keep it alive")]
    Lapsing,
    /// The session has no token that is proven alive.
    #[error("it is {}: there is no token that is known to live", .0.as_str())]
    NotAlive(State),
    /// The session is ending or has ended.
    #[error("it is being ended")]
    Ending,
}

impl Session {
    /// Handles the request for a touch. A retry delay after a missing answer is cut short; a delay
    /// that the API asked for is not.
    pub(in crate::keeper) fn request_touch(
        &mut self,
        now: Instant,
        shared: &mut KeeperState,
    ) -> Result<(), NoTouch> {
        if self.stopping.is_some() {
            return Err(NoTouch::Ending);
        }
        if self.policy.intent == Intent::Lapse {
            return Err(NoTouch::Lapsing);
        }
        let state = self.state();
        match &mut self.present {
            TokenState::Alive(live) => {
                live.is_touch_requested = true;
                live.tries.network_changed(now, &mut shared.rng);
                Ok(())
            }
            TokenState::Absent | TokenState::Ended(_) => Err(NoTouch::NotAlive(state)),
        }
    }
}
