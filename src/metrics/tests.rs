use super::*;
use crate::keeper::{IncidentClass, Intent, Policy, SessionView, State};
use crate::status::fixture::{
    alive_view, failing, incident_view, lost, named_view, now, seconds, snapshot, view,
};
use crate::status::{IncidentView, NamedView};

fn text(snapshot: &Snapshot, form: MetricsFormat) -> String {
    let totals = snapshot.sums(Totals::default());
    let pieces: Vec<_> = render(snapshot, &totals, form).collect();
    String::from_utf8(pieces.concat()).unwrap()
}

/// Returns sessions of all kinds: alive, without a token, lapsed as intended, at risk, and lost.
fn all_kinds() -> Snapshot {
    let lapsed = SessionView {
        policy: Policy {
            intent: Intent::Lapse,
            ..Policy::default()
        },
        ..view(State::Lapsed)
    };
    let absent = NamedView {
        trouble: Some("token does not exist".into()),
        revoked: None,
        ..named_view("b", view(State::Absent))
    };
    let mut risky = failing(State::AtRisk);
    if let Some(live) = &mut risky.live {
        live.touched_at = Some(now() - seconds(460));
        live.deadline = Some(now() + seconds(440));
    }
    let mut all = snapshot(vec![
        named_view("a", alive_view()),
        absent,
        named_view("c", lapsed),
        named_view("d", risky),
        named_view("e", lost()),
    ]);
    all.counters.handle_slept(seconds(90));
    all.counters.handle_reloaded(false);
    all.counters.touch_durations.observe(seconds(3), None);
    all
}

fn samples<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    text.lines()
        .filter(|line| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(['{', ' ']))
        })
        .collect()
}

#[test]
fn of_each_session_it_is_told_how_it_stands() {
    let text = text(&all_kinds(), MetricsFormat::Classic);
    let of = |name: &str| {
        let name = format!("session_keepalive_session_{name}");
        let lines = samples(&text, &name).into_iter();
        lines
            .filter(|line| !line.ends_with(" 0"))
            .collect::<Vec<_>>()
    };
    let all = [
        "info",
        "state",
        "ready",
        "generation",
        "consecutive_failures",
        "since_touch_seconds",
        "idle_deadline_seconds",
        "next_request_seconds",
        "outage_budget_seconds",
        "idle_timeout_seconds",
        "reset",
        "token_source_trouble",
    ]
    .map(of)
    .concat();
    insta::assert_snapshot!(all.join("\n"), @r#"
    session_keepalive_session_info{session="a",intent="keep",api="https://api.mypurecloud.de"} 1
    session_keepalive_session_info{session="b",intent="keep",api="https://api.mypurecloud.de"} 1
    session_keepalive_session_info{session="c",intent="lapse",api="https://api.mypurecloud.de"} 1
    session_keepalive_session_info{session="d",intent="keep",api="https://api.mypurecloud.de"} 1
    session_keepalive_session_info{session="e",intent="keep",api="https://api.mypurecloud.de"} 1
    session_keepalive_session_state{session="a",state="alive"} 1
    session_keepalive_session_state{session="b",state="absent"} 1
    session_keepalive_session_state{session="c",state="lapsed"} 1
    session_keepalive_session_state{session="d",state="at risk"} 1
    session_keepalive_session_state{session="e",state="lost"} 1
    session_keepalive_session_ready{session="a"} 1
    session_keepalive_session_ready{session="c"} 1
    session_keepalive_session_ready{session="d"} 1
    session_keepalive_session_generation{session="a"} 1
    session_keepalive_session_generation{session="b"} 1
    session_keepalive_session_generation{session="c"} 1
    session_keepalive_session_generation{session="d"} 1
    session_keepalive_session_generation{session="e"} 1
    session_keepalive_session_consecutive_failures{session="d"} 3
    session_keepalive_session_since_touch_seconds{session="d"} 460
    session_keepalive_session_idle_deadline_seconds{session="a"} 900
    session_keepalive_session_idle_deadline_seconds{session="d"} 440
    session_keepalive_session_next_request_seconds{session="a"} 432
    session_keepalive_session_next_request_seconds{session="d"} 4
    session_keepalive_session_outage_budget_seconds{session="a"} 468
    session_keepalive_session_outage_budget_seconds{session="d"} 468
    session_keepalive_session_idle_timeout_seconds{session="a",source="proven"} 900
    session_keepalive_session_idle_timeout_seconds{session="d",source="proven"} 900
    session_keepalive_session_reset{session="a",reset="unproven"} 1
    session_keepalive_session_reset{session="d",reset="unproven"} 1
    session_keepalive_session_token_source_trouble{session="b"} 1
    "#);
}

#[test]
fn the_daemon_tells_of_itself_and_of_all_sessions_together() {
    let mut all = all_kinds();
    all.per_session_max = 4;
    let text = text(&all, MetricsFormat::OpenMetrics);
    let text = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    // Samples of zero are left out for brevity.
    let lines: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with('#') || !line.ends_with(" 0"))
        .filter(|line| !line.starts_with("# HELP"))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    # TYPE session_keepalive_build info
    session_keepalive_build_info{version="VERSION"} 1
    # TYPE session_keepalive_live gauge
    session_keepalive_live 1
    # TYPE session_keepalive_start_time_seconds gauge
    # UNIT session_keepalive_start_time_seconds seconds
    session_keepalive_start_time_seconds 1795507200.1234567
    # TYPE session_keepalive_ready gauge
    # TYPE session_keepalive_stopping gauge
    # TYPE session_keepalive_incident gauge
    # TYPE session_keepalive_incident_sessions gauge
    # TYPE session_keepalive_incident_first_loss_timestamp_seconds gauge
    # UNIT session_keepalive_incident_first_loss_timestamp_seconds seconds
    # TYPE session_keepalive_requests counter
    # TYPE session_keepalive_touch_duration_seconds histogram
    # UNIT session_keepalive_touch_duration_seconds seconds
    session_keepalive_touch_duration_seconds_bucket{le="5.0"} 1
    session_keepalive_touch_duration_seconds_bucket{le="10.0"} 1
    session_keepalive_touch_duration_seconds_bucket{le="30.0"} 1
    session_keepalive_touch_duration_seconds_bucket{le="+Inf"} 1
    session_keepalive_touch_duration_seconds_sum 3
    session_keepalive_touch_duration_seconds_count 1
    # TYPE session_keepalive_touch_delay_seconds histogram
    # UNIT session_keepalive_touch_delay_seconds seconds
    # TYPE session_keepalive_events counter
    # TYPE session_keepalive_reloads counter
    session_keepalive_reloads_total{result="refused"} 1
    # TYPE session_keepalive_last_reload_accepted gauge
    # TYPE session_keepalive_sink_writes counter
    # TYPE session_keepalive_sinks_waiting gauge
    # TYPE session_keepalive_suspends counter
    session_keepalive_suspends_total 1
    # TYPE session_keepalive_suspended_seconds counter
    # UNIT session_keepalive_suspended_seconds seconds
    session_keepalive_suspended_seconds_total 90
    # TYPE session_keepalive_clock_steps counter
    # TYPE session_keepalive_per_session_metrics_enabled gauge
    # TYPE session_keepalive_sessions gauge
    session_keepalive_sessions{intent="keep",state="absent"} 1
    session_keepalive_sessions{intent="keep",state="alive"} 1
    session_keepalive_sessions{intent="keep",state="at risk"} 1
    session_keepalive_sessions{intent="keep",state="lost"} 1
    session_keepalive_sessions{intent="lapse",state="lapsed"} 1
    # TYPE session_keepalive_sessions_not_ready gauge
    session_keepalive_sessions_not_ready 2
    # TYPE session_keepalive_sessions_failing gauge
    session_keepalive_sessions_failing 1
    # TYPE session_keepalive_sessions_with_source_trouble gauge
    session_keepalive_sessions_with_source_trouble 1
    # TYPE session_keepalive_sessions_by_reset gauge
    session_keepalive_sessions_by_reset{reset="unproven"} 2
    # TYPE session_keepalive_sessions_by_idle_timeout_source gauge
    session_keepalive_sessions_by_idle_timeout_source{source="proven"} 2
    # TYPE session_keepalive_idle_deadline_min_seconds gauge
    # UNIT session_keepalive_idle_deadline_min_seconds seconds
    session_keepalive_idle_deadline_min_seconds 440
    # TYPE session_keepalive_outage_budget_min_seconds gauge
    # UNIT session_keepalive_outage_budget_min_seconds seconds
    session_keepalive_outage_budget_min_seconds 468
    # TYPE session_keepalive_since_touch_max_seconds gauge
    # UNIT session_keepalive_since_touch_max_seconds seconds
    session_keepalive_since_touch_max_seconds 460
    # TYPE session_keepalive_idle_timeout_min_seconds gauge
    # UNIT session_keepalive_idle_timeout_min_seconds seconds
    session_keepalive_idle_timeout_min_seconds 900
    # TYPE session_keepalive_idle_timeout_max_seconds gauge
    # UNIT session_keepalive_idle_timeout_max_seconds seconds
    session_keepalive_idle_timeout_max_seconds 900
    # TYPE session_keepalive_consecutive_failures_max gauge
    session_keepalive_consecutive_failures_max 3
    # EOF
    "#);
}

#[test]
fn above_the_limit_there_are_the_same_totals_and_nothing_of_each() {
    let mut all = all_kinds();
    let below = text(&all, MetricsFormat::Classic);
    all.per_session_max = 4;
    let above = text(&all, MetricsFormat::Classic);
    let is_of_each = |line: &&str| {
        line.contains("session_keepalive_session_")
            || line.contains("session_keepalive_token_expires_timestamp_seconds")
    };
    assert!(below.lines().any(|line| is_of_each(&line)));
    let enabled = "session_keepalive_per_session_metrics_enabled";
    let below = below.replace(&format!("\n{enabled} 1\n"), &format!("\n{enabled} 0\n"));
    let left = below.lines().filter(|line| !is_of_each(line));
    assert_eq!(left.collect::<Vec<_>>(), above.lines().collect::<Vec<_>>());
    assert!(above.contains(&format!("\n{enabled} 0\n")));
}

#[test]
fn exactly_one_state_and_one_reset_of_a_session_is_true() {
    let text = text(&all_kinds(), MetricsFormat::Classic);
    for name in ["a", "b", "c", "d", "e"] {
        let session = format!("session=\"{name}\"");
        let of = |family: &str| {
            let lines = samples(&text, family).into_iter();
            let lines = lines.filter(|line| line.contains(&session));
            lines.filter(|line| line.ends_with(" 1")).count()
        };
        assert_eq!(of("session_keepalive_session_state"), 1, "{name}");
        let is_living = usize::from(matches!(name, "a" | "d"));
        assert_eq!(of("session_keepalive_session_reset"), is_living, "{name}");
    }
}

#[test]
fn every_family_is_described_once_in_plain_words() {
    for form in [MetricsFormat::Classic, MetricsFormat::OpenMetrics] {
        let text = text(&all_kinds(), form);
        let mut described = std::collections::BTreeSet::new();
        for line in text.lines().filter(|line| line.starts_with("# HELP ")) {
            let (name, help) = line["# HELP ".len()..].split_once(' ').unwrap();
            assert!(described.insert(name), "{name} is described twice");
            assert!(name.starts_with("session_keepalive_"), "{name}");
            assert!(help.ends_with('.') && !help.contains(['"', '\\']), "{help}");
        }
        assert_eq!(
            text.ends_with("# EOF\n"),
            form == MetricsFormat::OpenMetrics
        );
    }
}

#[test]
fn a_loop_that_does_not_answer_is_neither_live_nor_ready() {
    let text = String::from_utf8(render_silent(MetricsFormat::Classic)).unwrap();
    assert_eq!(samples(&text, "session_keepalive_live").len(), 1);
    assert!(text.contains("\nsession_keepalive_live 0\n"), "{text}");
    assert!(text.contains("\nsession_keepalive_ready 0\n"), "{text}");
}

#[test]
fn an_open_incident_has_its_host_its_class_its_sessions_and_its_first_loss() {
    let mut all = all_kinds();
    let of_organisation = || IncidentView {
        class: IncidentClass::Excluded,
        first_loss_at: None,
        ..incident_view()
    };
    let harmless = IncidentView {
        class: IncidentClass::TimeoutDisabled,
        ..incident_view()
    };
    all.incidents = vec![
        incident_view(),
        of_organisation(),
        of_organisation(),
        harmless,
    ];
    let text = text(&all, MetricsFormat::Classic);
    let labels = |class: &str| format!("{{host=\"https://api.mypurecloud.de\",class=\"{class}\"}}");
    let (unreachable, excluded) = (labels("unreachable"), labels("excluded"));
    let name = "session_keepalive_incident";
    let expected = [
        format!("{name}{excluded} 1"),
        format!("{name}{unreachable} 1"),
        format!("{name}_sessions{excluded} 600"),
        format!("{name}_sessions{unreachable} 300"),
        format!("{name}_first_loss_timestamp_seconds{unreachable} 1795507344.1234567"),
    ];
    let lines = text.lines().filter(|line| line.starts_with(name));
    assert_eq!(lines.collect::<Vec<_>>(), expected);
}
