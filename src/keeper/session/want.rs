//! What a session does when somebody asks for a touch before it is due.

use super::super::{Instant, Intent, State};
use super::{Present, Session, Shared};

/// Why a token is not touched although somebody asked for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoTouch {
    /// It is to lapse: a touch would keep it alive.
    #[error("it is to lapse, and a touch would keep it alive")]
    Lapsing,
    /// There is no token that is known to live.
    #[error("it is {}: there is no token that is known to live", .0.as_str())]
    NotHeld(State),
    /// It ends or has ended.
    #[error("it is being ended")]
    Ending,
}

impl Session {
    /// Takes in that somebody asks for a touch. A wait for an API that did not answer is cut
    /// short; one that the API asked for is not.
    pub(in crate::keeper) fn want_touch(
        &mut self,
        now: Instant,
        shared: &mut Shared,
    ) -> Result<(), NoTouch> {
        if self.stopping.is_some() {
            return Err(NoTouch::Ending);
        }
        if self.policy.intent == Intent::Lapse {
            return Err(NoTouch::Lapsing);
        }
        let state = self.state();
        match &mut self.present {
            Present::Held(held) => {
                held.is_touch_wanted = true;
                held.tries.network_changed(now, &mut shared.rng);
                Ok(())
            }
            Present::Absent | Present::Ended(_) => Err(NoTouch::NotHeld(state)),
        }
    }
}
