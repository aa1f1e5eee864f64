//! Timelines of incidents: what comes out, and when.

use super::*;
use crate::keeper::{TokenId, Touch};
use crate::status::fixture::{a_death, alive_view, seconds, token};

const TOUCH: Operation = Operation::Touch(Touch::Head);

/// The incidents of some sessions of one host, each with its idle deadline, and a clock.
struct IncidentTimeline {
    incidents: Incidents,
    now: u64,
    log: Vec<String>,
}

fn at(second: u64) -> Instant {
    Instant::BOOT + seconds(second)
}

fn unreachable() -> FailureReason {
    FailureReason::Unreachable(Failure::NotConnected)
}

fn server_error() -> FailureReason {
    FailureReason::Unreachable(Failure::ServerError(503))
}

impl IncidentTimeline {
    /// Creates sessions whose idle deadlines are 100s, 101s and so on after the boot.
    fn new(sessions: u32) -> Self {
        let mut incidents = Incidents::default();
        for session in 0..sessions {
            incidents.handle_view(&Self::view(session, 100 + u64::from(session)));
        }
        Self {
            incidents,
            now: 0,
            log: Vec::new(),
        }
    }

    fn view(session: u32, deadline: u64) -> SessionView {
        let mut view = SessionView {
            id: SessionId(session),
            ..alive_view()
        };
        if let Some(live) = &mut view.live {
            live.deadline = Some(at(deadline));
        }
        view
    }

    /// Handles an event of a session at this second, after everything that is due before it.
    fn event(&mut self, second: u64, session: u32, kind: EventKind) -> &mut Self {
        self.until(second);
        let mut view = Self::view(session, 100 + u64::from(session));
        if let EventKind::Lost(_) = kind {
            view.state = State::Lost;
            view.live = None;
        }
        let event = Event {
            session: SessionId(session),
            token: Some::<TokenId>(token()),
            at: at(second),
            kind,
        };
        self.incidents.handle_event(&event, Some(&view));
        if event.kind.severity() == crate::keeper::Severity::Warning {
            let follows = self.incidents.cause_of(&event).is_some();
            let follows = if follows { "follows" } else { "alone" };
            let name = event.kind.as_str();
            self.log
                .push(format!("{second} {session} {name} {follows}"));
        }
        self.drain();
        self
    }

    fn answer(&mut self, second: u64, session: u32, verdict: Verdict) -> &mut Self {
        let outcome = Outcome::without_answer(verdict);
        let kind = EventKind::Answered {
            operation: TOUCH,
            sent_at: at(second),
            queued: Duration::ZERO,
            outcome,
        };
        self.event(second, session, kind)
    }

    fn fails(&mut self, second: u64, sessions: &[u32]) -> &mut Self {
        for session in sessions {
            let verdict = Verdict::Unreachable(Failure::NotConnected);
            self.answer(second, *session, verdict);
        }
        self
    }

    fn works(&mut self, second: u64, sessions: &[u32]) -> &mut Self {
        for session in sessions {
            self.answer(second, *session, Verdict::Accepted);
        }
        self
    }

    fn at_risk(&mut self, second: u64, session: u32) -> &mut Self {
        self.event(second, session, EventKind::AtRisk(unreachable()))
    }

    fn lost(&mut self, second: u64, session: u32, idle: Idleness) -> &mut Self {
        let death = Death { idle, ..a_death() };
        self.event(second, session, EventKind::Lost(death))
    }

    /// Moves the clock, and handles everything that is due.
    fn until(&mut self, second: u64) -> &mut Self {
        while let Some(due) = self
            .incidents
            .poll_timeout()
            .filter(|due| *due <= at(second))
        {
            self.now = self.now.max(due.since(Instant::BOOT).as_secs());
            self.incidents.turn(at(self.now));
            self.drain();
        }
        self.now = self.now.max(second);
        self
    }

    fn drain(&mut self) {
        while let Some((incident, stage)) = self.incidents.poll_update() {
            let since = incident.began_at.since(Instant::BOOT).as_secs();
            let answered = incident
                .answered_at
                .map(|at| at.since(Instant::BOOT).as_secs());
            let answered = answered.map_or_else(String::new, |at| format!(" until {at}"));
            self.log.push(format!(
                "{} {} {stage:?} since {since}{answered}: {} sessions, {} at risk, {} lost",
                self.now.max(since),
                incident.class.as_str(),
                incident.sessions,
                incident.ever_at_risk.len(),
                incident.lost.len()
            ));
        }
    }

    #[track_caller]
    fn expect(&self, log: &[&str]) {
        assert_eq!(self.log, log);
    }
}

#[test]
fn what_a_single_retry_cures_is_no_incident() {
    let mut timeline = IncidentTimeline::new(2);
    timeline.fails(1, &[0]).works(2, &[0]);
    timeline.fails(10, &[1]).works(11, &[1]).fails(20, &[0]);
    timeline.until(1000).expect(&[]);
}

#[test]
fn a_second_failure_of_the_same_session_opens_an_incident() {
    let mut timeline = IncidentTimeline::new(1);
    timeline.fails(1, &[0]).fails(3, &[0]).works(5, &[0]);
    timeline.until(1000).expect(&[
        "3 unreachable Open since 1: 1 sessions, 0 at risk, 0 lost",
        "35 unreachable Over since 1 until 5: 1 sessions, 0 at risk, 0 lost",
    ]);
}

#[test]
fn a_failure_of_another_session_opens_an_incident_of_all_sessions_of_the_host() {
    let mut timeline = IncidentTimeline::new(300);
    timeline.fails(1, &[7]).fails(2, &[9]);
    let incident = timeline.incidents.open().next().unwrap();
    let first_loss = timeline.incidents.first_loss(incident);
    assert_eq!(first_loss, Some((at(100), SessionId(0))));
    timeline.expect(&["2 unreachable Open since 1: 300 sessions, 0 at risk, 0 lost"]);
}

#[test]
fn a_session_at_risk_opens_an_incident_at_once() {
    let mut timeline = IncidentTimeline::new(2);
    timeline.fails(1, &[0]).at_risk(1, 0);
    timeline.expect(&[
        "1 0 at_risk follows",
        "1 unreachable Open since 1: 2 sessions, 1 at risk, 0 lost",
    ]);
}

#[test]
fn sessions_that_are_at_risk_no_more_are_worth_no_line() {
    let mut timeline = IncidentTimeline::new(2);
    timeline.fails(0, &[0, 1]).at_risk(1, 0).works(20, &[0]);
    timeline.works(40, &[1]).until(1000).expect(&[
        "0 unreachable Open since 0: 2 sessions, 0 at risk, 0 lost",
        "1 0 at_risk follows",
        "70 unreachable Over since 0 until 20: 2 sessions, 1 at risk, 0 lost",
    ]);
}

#[test]
fn an_incident_is_told_when_it_opens_when_it_gets_worse_and_when_it_is_over() {
    let mut timeline = IncidentTimeline::new(300);
    timeline.fails(0, &[0, 1, 2, 3]);
    timeline.at_risk(4, 0).at_risk(5, 1).at_risk(40, 2);
    timeline.works(101, &[1, 2, 3]);
    timeline.answer(101, 0, Verdict::Refused(Refusal::BadCredentials));
    timeline.lost(106, 0, Idleness::After(seconds(1)));
    timeline.until(1000).expect(&[
        "0 unreachable Open since 0: 300 sessions, 0 at risk, 0 lost",
        "4 0 at_risk follows",
        "5 1 at_risk follows",
        "30 unreachable AtRisk since 0: 300 sessions, 2 at risk, 0 lost",
        "40 2 at_risk follows",
        "106 0 lost follows",
        "106 unreachable Lost since 0 until 101: 300 sessions, 3 at risk, 1 lost",
        "131 unreachable Over since 0 until 101: 300 sessions, 3 at risk, 1 lost",
    ]);
}

#[test]
fn a_token_that_was_refused_before_its_deadline_was_not_lost_by_the_outage() {
    let mut timeline = IncidentTimeline::new(2);
    timeline.fails(0, &[0, 1]).works(10, &[1]);
    timeline.answer(10, 0, Verdict::Refused(Refusal::BadCredentials));
    timeline.lost(15, 0, Idleness::Before(seconds(85)));
    timeline.until(1000).expect(&[
        "0 unreachable Open since 0: 2 sessions, 0 at risk, 0 lost",
        "15 0 lost alone",
        "40 unreachable Over since 0 until 10: 2 sessions, 0 at risk, 0 lost",
    ]);
}

#[test]
fn the_incident_of_a_single_session_leaves_its_lines_to_the_session() {
    let mut timeline = IncidentTimeline::new(1);
    timeline.fails(0, &[0, 0]).at_risk(4, 0).works(50, &[0]);
    timeline.until(1000).expect(&[
        "0 unreachable Open since 0: 1 sessions, 0 at risk, 0 lost",
        "4 0 at_risk alone",
        "80 unreachable Over since 0 until 50: 1 sessions, 1 at risk, 0 lost",
    ]);
}

#[test]
fn what_a_single_session_has_told_is_not_told_again_by_its_incident() {
    let is_reported = |timeline: &IncidentTimeline| {
        let open = timeline.incidents.open().next().unwrap();
        open.is_reported_by_session
    };
    for sessions in [1, 2] {
        let mut timeline = IncidentTimeline::new(sessions);
        timeline.fails(0, &[0]);
        timeline.event(0, 0, EventKind::Unanswered(unreachable()));
        timeline.fails(2, &[0]);
        assert_eq!(is_reported(&timeline), sessions == 1);
        let mut timeline = IncidentTimeline::new(sessions);
        timeline.fails(0, &[0]).at_risk(0, 0);
        assert_eq!(is_reported(&timeline), sessions == 1);
    }
    let mut timeline = IncidentTimeline::new(1);
    timeline.fails(0, &[0, 0]);
    assert!(!is_reported(&timeline));
}

#[test]
fn flapping_is_one_incident_and_each_time_the_end_is_waited_for_longer() {
    let mut timeline = IncidentTimeline::new(2);
    timeline.fails(0, &[0, 1]);
    for (works, fails) in [(10, 30), (40, 95), (100, 215)] {
        timeline.works(works, &[0, 1]).fails(fails, &[0]);
    }
    timeline.works(220, &[0]).until(2000).expect(&[
        "0 unreachable Open since 0: 2 sessions, 0 at risk, 0 lost",
        "460 unreachable Over since 0 until 220: 2 sessions, 0 at risk, 0 lost",
    ]);
}

#[test]
fn timeouts_and_5xx_belong_to_the_same_incident_and_a_portal_does_not() {
    let mut timeline = IncidentTimeline::new(3);
    timeline.fails(0, &[0]);
    for failure in [
        Failure::TimedOut,
        Failure::ServerError(502),
        Failure::Broken,
    ] {
        timeline.answer(1, 1, Verdict::Unreachable(failure));
    }
    let portal = || Verdict::Blocked(BlockReason::NotTheApi(NotTheApi::UnexpectedBody));
    timeline.answer(2, 2, portal()).answer(4, 2, portal());
    timeline.works(10, &[0, 1, 2]).until(1000).expect(&[
        "1 unreachable Open since 0: 3 sessions, 0 at risk, 0 lost",
        "4 not-the-api Open since 2: 3 sessions, 0 at risk, 0 lost",
        "40 unreachable Over since 0 until 10: 3 sessions, 0 at risk, 0 lost",
        "40 not-the-api Over since 2 until 10: 3 sessions, 0 at risk, 0 lost",
    ]);
}

#[test]
fn what_concerns_one_token_is_no_incident() {
    let mut timeline = IncidentTimeline::new(2);
    for second in 0..10 {
        let forbidden = BlockReason::Forbidden("missing.permissions".into());
        timeline.answer(second, 0, Verdict::Blocked(forbidden));
    }
    timeline.until(1000).expect(&[]);
}

#[test]
fn a_session_that_ends_does_not_hold_up_the_end() {
    let mut timeline = IncidentTimeline::new(2);
    timeline.fails(0, &[0, 1]).works(5, &[0]).until(1000);
    assert_eq!(timeline.incidents.open().count(), 1);
    timeline.incidents.forget(SessionId(1), at(1000));
    timeline.until(2000).expect(&[
        "0 unreachable Open since 0: 2 sessions, 0 at risk, 0 lost",
        "1030 unreachable Over since 0 until 5: 2 sessions, 0 at risk, 0 lost",
    ]);
    assert_eq!(timeline.incidents.sessions.len(), 1);
}

#[test]
fn an_exclusion_is_one_incident_of_the_organisation_until_touches_count_again() {
    let proven = || EventKind::ResetProven {
        touch: Touch::Get,
        was_excluded: true,
    };
    let mut timeline = IncidentTimeline::new(3);
    for session in [0, 1] {
        timeline.event(1, session, EventKind::Excluded);
    }
    timeline.works(2, &[0, 1, 2]);
    timeline.event(50, 0, proven()).event(60, 1, proven());
    timeline.until(1000).expect(&[
        "1 0 excluded follows",
        "1 excluded Open since 1: 3 sessions, 0 at risk, 0 lost",
        "1 1 excluded follows",
        "90 excluded Over since 1 until 50: 3 sessions, 0 at risk, 0 lost",
    ]);
}

#[test]
fn a_timeout_that_is_shortened_is_one_incident_until_every_token_was_touched_or_has_ended() {
    let read = |timeout: Option<u64>| {
        EventKind::TimeoutRead(TimeoutReport {
            organisation: timeout.map(seconds),
            groups: Vec::new(),
        })
    };
    let mut timeline = IncidentTimeline::new(3);
    timeline.event(0, 0, read(Some(900)));
    timeline.event(10, 0, read(Some(300)));
    timeline.lost(20, 2, Idleness::Before(seconds(500)));
    timeline
        .event(400, 0, read(Some(900)))
        .event(410, 0, read(None));
    timeline.until(1000).expect(&[
        "10 timeout-shortened Open since 10: 3 sessions, 0 at risk, 0 lost",
        "20 2 lost follows",
        "40 timeout-shortened Lost since 10: 3 sessions, 0 at risk, 1 lost",
        "310 timeout-shortened Over since 10: 3 sessions, 0 at risk, 1 lost",
        "410 timeout-disabled Open since 410: 2 sessions, 0 at risk, 0 lost",
        "440 timeout-disabled Over since 410: 2 sessions, 0 at risk, 0 lost",
    ]);
}

#[test]
fn the_number_of_open_incidents_and_of_remembered_ones_is_limited() {
    let mut incidents = Incidents::default();
    let event = |session| Event {
        session: SessionId(session),
        token: None,
        at: at(0),
        kind: EventKind::AtRisk(server_error()),
    };
    for session in 0..2 * u32::try_from(INCIDENTS_MAX).unwrap() {
        let view = SessionView {
            host: HostId(session),
            ..IncidentTimeline::view(session, 100)
        };
        incidents.handle_view(&view);
        let failed = Event {
            kind: EventKind::Answered {
                operation: TOUCH,
                sent_at: at(0),
                queued: Duration::ZERO,
                outcome: Outcome {
                    verdict: Verdict::Unreachable(Failure::ServerError(503)),
                    status: Some(503),
                    date: None,
                    is_cached: false,
                    correlation_id: None,
                },
            },
            ..event(session)
        };
        incidents.handle_event(&failed, Some(&view));
        incidents.handle_event(&event(session), Some(&view));
    }
    assert_eq!(incidents.open().count(), INCIDENTS_MAX);
    for session in 0..2 * u32::try_from(INCIDENTS_MAX).unwrap() {
        incidents.forget(SessionId(session), at(1));
    }
    incidents.turn(at(1000));
    assert_eq!(incidents.open().count(), 0);
    assert_eq!(incidents.ended.len(), ENDED_MAX);
    assert!(incidents.sessions.is_empty() && incidents.scopes.is_empty());
    assert!(incidents.unconfirmed.is_empty());
}
