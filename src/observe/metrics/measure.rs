//! What is measured of a session: numbers of one moment, or `None` where there is nothing to measure.

use crate::keeper::{HeldView, Instant, Intent, Reset, SessionView};

/// How long ago the last accepted touch was sent, in seconds.
pub(super) fn since_touch(view: &SessionView, now: Instant) -> Option<f64> {
    let touched_at = view.held.as_ref()?.touched_at?;
    Some(seconds(now.since(touched_at).as_secs_f64()))
}

/// Seconds until the server ends the token if nobody touches it; negative if that has passed.
pub(super) fn until_deadline(view: &SessionView, now: Instant) -> Option<f64> {
    let deadline = view.held.as_ref()?.deadline?;
    let (ahead, behind) = (deadline.until(now), now.since(deadline));
    Some(seconds(ahead.as_secs_f64() - behind.as_secs_f64()))
}

/// Seconds until something is asked next; 0 while something is under way.
pub(super) fn until_next(view: &SessionView, now: Instant) -> Option<f64> {
    let next = view.next?;
    let ahead = next.at.until(now).as_secs_f64();
    Some(if next.is_under_way {
        0.0
    } else {
        seconds(ahead)
    })
}

/// How long the server may be away from the next touch on, in seconds, if touches count.
pub(super) fn outage_budget(view: &SessionView) -> Option<f64> {
    let held = view.held.as_ref()?;
    let is_touched = view.policy.intent == Intent::Keep && held.reset != Reset::Excluded;
    let budget = held.outage_budget.filter(|_| is_touched)?;
    Some(seconds(budget.as_secs_f64()))
}

/// The effective idle timeout in seconds.
pub(super) fn idle_timeout(held: &HeldView) -> f64 {
    seconds(held.idle_timeout.duration.as_secs_f64())
}

/// Nobody reads more than thousandths of a second.
fn seconds(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::{held, now, seconds as lasting, view};
    use super::*;
    use crate::keeper::State;

    #[test]
    fn what_has_passed_is_negative_and_what_is_under_way_is_next_now() {
        let mut session = held();
        assert_eq!(until_deadline(&session, now()), Some(900.0));
        assert_eq!(until_deadline(&session, now() + lasting(901)), Some(-1.0));
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
        let mut session = held();
        assert_eq!(outage_budget(&session), Some(468.0));
        session.held.as_mut().unwrap().reset = Reset::Excluded;
        assert_eq!(outage_budget(&session), None);
    }
}
