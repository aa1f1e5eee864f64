//! Computes the numbers of a session at one moment, or `None` where there is nothing to measure.

use crate::keeper::{LiveTokenView, SessionView};
use crate::time::{Instant, rounded_seconds};

/// Returns the time since the last accepted touch was sent, in seconds.
pub(crate) fn since_touch(view: &SessionView, now: Instant) -> Option<f64> {
    let touched_at = view.live.as_ref()?.touched_at?;
    Some(rounded_seconds(now.since(touched_at).as_secs_f64()))
}

/// Returns the time until the idle deadline, in seconds; negative if it has passed.
pub(crate) fn until_deadline(view: &SessionView, now: Instant) -> Option<f64> {
    let deadline = view.live.as_ref()?.deadline?;
    let (ahead, behind) = (deadline.until(now), now.since(deadline));
    Some(rounded_seconds(ahead.as_secs_f64() - behind.as_secs_f64()))
}

/// Returns the time until the next request, in seconds; 0 while a request is under way.
pub(crate) fn until_next(view: &SessionView, now: Instant) -> Option<f64> {
    let next = view.next?;
    let ahead = next.at.until(now).as_secs_f64();
    Some(if next.is_under_way {
        0.0
    } else {
        rounded_seconds(ahead)
    })
}

/// Returns the longest outage from the next touch on that the token survives, in seconds.
pub(crate) fn outage_budget(view: &SessionView) -> Option<f64> {
    Some(rounded_seconds(view.outage_budget()?.as_secs_f64()))
}

/// Returns the effective idle timeout, in seconds.
pub(crate) fn idle_timeout(live: &LiveTokenView) -> f64 {
    rounded_seconds(live.idle_timeout.duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::{Reset, State};
    use crate::status::fixture::{alive_view, now, seconds as human_duration, view};

    #[test]
    fn what_has_passed_is_negative_and_what_is_under_way_is_next_now() {
        let mut session = alive_view();
        assert_eq!(until_deadline(&session, now()), Some(900.0));
        assert_eq!(
            until_deadline(&session, now() + human_duration(901)),
            Some(-1.0)
        );
        assert_eq!(until_next(&session, now()), Some(432.0));
        session.next.as_mut().unwrap().is_under_way = true;
        assert_eq!(until_next(&session, now()), Some(0.0));
    }

    #[test]
    fn nothing_is_invented_where_nothing_is_known() {
        let absent = view(State::Absent);
        assert_eq!(since_touch(&absent, now()), None);
        assert_eq!(until_deadline(&absent, now()), None);
        assert_eq!(until_next(&absent, now()), None);
        assert_eq!(outage_budget(&absent), None);
    }

    #[test]
    fn touches_that_do_not_count_buy_no_outage() {
        let mut session = alive_view();
        assert_eq!(outage_budget(&session), Some(468.0));
        session.live.as_mut().unwrap().reset = Reset::Excluded;
        assert_eq!(outage_budget(&session), None);
    }
}
