//! Rules 14 and 15: the expiry of tokens, and the sessions that obtain their own tokens.

use std::time::Duration;

use session_keepalive::keeper::{
    ClientEnd, EventKind, Expiry, ExpirySource, Failure, Generation, HostId, Intent, IssuerPart,
    Keeper, Limits, LoginId, MintFailure, OnShutdown, Plan, Policy, Renewal, State, TimeoutReport,
    Verdict,
};

use session_keepalive::time::ServerTime;

use crate::keeper::timeline::{Timeline, TimelineServer, head, seconds};

const OVERLAP: f64 = 600.0;

fn minting() -> Policy {
    Policy {
        renewal: Some(Renewal {
            login: Some(LoginId(0)),
            every: None,
            overlap: seconds(OVERLAP),
        }),
        ..head()
    }
}

/// Creates a timeline with one session that may obtain tokens.
fn started(policy: Policy) -> Timeline {
    Timeline::with(policy).act(Keeper::handle_source_known)
}

/// Makes the idle timeout of the server longer than the overlap.
fn idle_for_an_hour(timeline: Timeline) -> Timeline {
    timeline.server(|server| {
        server.idle_timeout = seconds(3600.0);
        server.timeout_is = Verdict::Timeout(TimeoutReport {
            organisation: Some(seconds(3600.0)),
            groups: Vec::new(),
        });
    })
}

fn lifetime_of(lifetime: f64) -> Policy {
    Policy {
        lifetime: Some(seconds(lifetime)),
        ..head()
    }
}

#[test]
fn an_expiry_is_announced_at_a_quarter_a_tenth_and_a_fiftieth_of_the_lifetime() {
    let timeline = Timeline::with(lifetime_of(86_400.0)).token(1);
    for (until, announced) in [
        (64_790.0, 0),
        (64_810.0, 1),
        (77_750.0, 1),
        (77_770.0, 2),
        (84_660.0, 2),
        (84_680.0, 3),
        (86_300.0, 3),
    ] {
        let timeline = Timeline::with(lifetime_of(86_400.0)).token(1).pass(until);
        assert_eq!(timeline.count("expiring"), announced, "{until}");
    }
    // A token that is found late is announced once.
    let late = timeline.pass(1.0).act(|keeper, id, now| {
        let expiry = Expiry {
            at: now + seconds(60.0),
            lifetime: seconds(86_400.0),
            source: ExpirySource::Reported,
        };
        let token = keeper.view(id, now).unwrap().token.unwrap();
        keeper.handle_expiry(id, token.fingerprint, expiry, now);
    });
    assert_eq!(late.pass(30.0).count("expiring"), 1);
}

#[test]
fn a_refusal_at_the_expiry_is_the_expiry() {
    for (dies_after, is_expired) in [(3000.0, false), (3600.0, true)] {
        let mut timeline = Timeline::with(lifetime_of(3600.0)).token(1);
        timeline = timeline.pass(dies_after).kill(1).pass(600.0);
        let view = timeline.view();
        assert_eq!(view.state, State::Lost);
        assert_eq!(view.death.unwrap().expired.is_some(), is_expired);
    }
}

#[test]
fn a_session_without_a_token_gets_one_at_once() {
    started(minting())
        .pass(0.0)
        .gives(&["0 mint", "0 minted", "0 peek", "0 alive"]);
    // Until it is known that there is no token to continue with, none is issued.
    Timeline::with(minting()).pass(60.0).gives(&[]);
}

#[test]
fn a_token_is_replaced_before_it_expires_and_nothing_is_announced() {
    for lifetime in [40.0, 3600.0, 86_400.0, 172_800.0] {
        let mut timeline = started(minting());
        timeline.login = Ok(seconds(lifetime));
        let days = timeline.pass(lifetime * 6.5);
        assert_eq!(days.count("lost"), 0, "{lifetime}");
        assert_eq!(days.count("expiring"), 0, "{lifetime}");
        let minted = days.count("minted");
        assert!((7..=14).contains(&minted), "{lifetime}: {minted}");
        assert_eq!(days.view().state, State::Alive);
    }
}

#[test]
fn a_token_of_an_earlier_run_that_does_not_tell_its_end_is_replaced_at_once() {
    let timeline = started(minting()).token(1).pass(120.0);
    assert_eq!(timeline.count("minted"), 1);
    assert_eq!(timeline.count("lost"), 0);
    // A program is not run again for that: it may print the same token.
    let mut program = minting();
    program.renewal.as_mut().unwrap().login = None;
    let timeline = started(program).token(1).pass(7200.0);
    assert_eq!(timeline.count("mint"), 0);
}

#[test]
fn a_lost_token_is_replaced_but_not_more_often_than_once_a_minute() {
    let mut timeline = started(minting()).pass(10.0);
    for _ in 0..100 {
        let token = timeline.minted;
        timeline = timeline.kill(token).pass(100.0);
    }
    let minted = timeline.count("mint");
    assert!((10..=60).contains(&minted), "{minted}");
}

#[test]
fn no_answers_lead_to_more_than_sixty_attempts_in_an_hour() {
    let failures = [
        MintFailure::InvalidClient,
        MintFailure::WrongGrant,
        MintFailure::Rejected(400, "x".into()),
        MintFailure::Throttled(None),
        MintFailure::Throttled(Some(Duration::ZERO)),
        MintFailure::Throttled(Some(Duration::MAX)),
        MintFailure::NotTheLoginHost,
        MintFailure::Unreachable(Failure::TimedOut),
        MintFailure::SecretUnreadable("x".into()),
        MintFailure::NothingNew,
    ];
    let lifetimes = [0.001, 1.0, 5.0, 20.0, 60.0].map(|lifetime| Ok(seconds(lifetime)));
    for login in failures.into_iter().map(Err).chain(lifetimes) {
        let mut timeline = started(minting());
        timeline.login = login.clone();
        for hour in 0..3 {
            timeline = timeline.skip().pass(3599.0);
            let attempts = timeline.count("mint");
            assert!(attempts <= 60, "{attempts} in hour {hour}: {login:?}");
        }
    }
}

#[test]
fn refused_credentials_are_tried_again_every_fifteen_minutes() {
    let mut timeline = started(minting());
    timeline.login = Err(MintFailure::InvalidClient);
    let timeline = timeline.pass(3600.0);
    let attempts = timeline.count("mint");
    assert!((4..=6).contains(&attempts), "{attempts}");
    assert_eq!(timeline.count("mint failed"), 1);
    // An operator who has replaced the secret need not wait.
    let mut timeline = timeline.skip();
    timeline.login = Ok(seconds(86_400.0));
    let timeline = timeline
        .act(|keeper, id, _| keeper.handle_renewal_wanted(id))
        .pass(61.0);
    assert_eq!(timeline.count("alive"), 1);
}

#[test]
fn sessions_that_start_together_are_served_one_after_the_other() {
    let mut timeline = started(minting());
    for _ in 1..30 {
        let id = timeline.add_at(HostId(0), minting());
        let now = timeline.now;
        timeline.keeper.handle_source_known(id, now);
    }
    let timeline = timeline.pass(0.0);
    assert_eq!(timeline.count("mint"), 5);
    let timeline = timeline.pass(10.0);
    assert_eq!(timeline.count("mint"), 10);
    let timeline = timeline.pass(40.0);
    assert_eq!(timeline.count("mint"), 30);
}

#[test]
fn a_replaced_token_that_is_not_used_is_revoked_after_the_overlap() {
    let renewed = |on_shutdown| {
        let policy = Policy {
            on_shutdown,
            ..minting()
        };
        idle_for_an_hour(started(policy))
            .pass(70_000.0)
            .skip()
            .pass_until("alive, replaced")
    };
    let revoked = renewed(OnShutdown::Revoke).skip().pass(OVERLAP + 5.0);
    assert_eq!(revoked.count("revoke"), 1);
    assert_eq!(revoked.count("earlier revoked"), 1);
    assert_eq!(revoked.view().state, State::Alive);
    let left = renewed(OnShutdown::Leave).skip().pass(OVERLAP + 5.0);
    assert_eq!(left.count("revoke"), 0);
    assert_eq!(left.count("earlier left"), 1);
}

#[test]
fn a_replaced_token_that_is_in_use_is_left_alive_until_its_expiry() {
    let mut timeline = started(minting()).pass(70_000.0).skip();
    timeline = timeline.pass_until("alive, replaced").skip();
    let replaced = timeline.minted - 1;
    // The application never changes over, and uses the earlier token every minute.
    for _ in 0..400 {
        timeline = timeline.pass(60.0);
        if timeline.count("earlier ended") == 0 {
            timeline = timeline.application(replaced);
        }
    }
    assert_eq!(timeline.count("earlier in use"), 1);
    assert_eq!(timeline.count("revoke"), 0);
    assert_eq!(timeline.count("earlier ended"), 1);
    assert_eq!(timeline.view().state, State::Alive);
}

#[test]
fn a_replaced_token_whose_deadline_a_shorter_timeout_moved_is_observed_for_longer() {
    let timeline = idle_for_an_hour(started(minting())).pass(70_000.0).skip();
    let timeline = timeline.pass_until("alive, replaced");
    let replaced = timeline.minted - 1;
    let mut timeline = timeline.application(replaced).pass(60.0).skip();
    timeline.server.idle_timeout = seconds(2400.0);
    // The application uses the token once more, and yet its deadline is earlier than before.
    let timeline = timeline.pass(300.0).application(replaced);
    let timeline = timeline.pass(OVERLAP - 300.0);
    assert_eq!(timeline.count("revoke"), 0);
    let timeline = timeline.pass(OVERLAP);
    assert_eq!(timeline.count("earlier revoked"), 1);
}

#[test]
fn a_replaced_token_that_expires_within_the_overlap_is_not_revoked() {
    let mut timeline = idle_for_an_hour(started(minting()));
    timeline.login = Ok(seconds(60.0));
    let mut timeline = timeline.pass_until("alive, replaced").skip();
    let replaced = timeline.minted - 1;
    // No further token, and the clocks differ: the server ends the token some seconds later.
    timeline.login = Err(MintFailure::NotTheLoginHost);
    let timeline = timeline.pass(33.0).kill(replaced).pass(20.0);
    assert_eq!(timeline.count("revoke"), 0);
    assert_eq!(timeline.count("earlier ended"), 1);
}

#[test]
fn a_pending_revocation_of_a_replaced_token_outlasts_the_next_replacement() {
    let timeline = idle_for_an_hour(started(minting())).pass(70_000.0).skip();
    let mut timeline = timeline.pass_until("alive, replaced");
    let id = timeline.sessions[0];
    let replaced = timeline.view().token.unwrap().generation.0 - 1;
    timeline = timeline.pass(OVERLAP - 1.0);
    // The revocations have no effect while the present token is lost and replaced.
    timeline.server.is_a_proxy = true;
    timeline.server.keeps_revoked = true;
    let present = timeline.minted;
    let timeline = timeline.pass(5.0).kill(present).skip();
    let mut timeline = timeline.act(|keeper, id, now| {
        keeper.handle_touch_wanted(id, now).unwrap();
    });
    timeline = timeline.pass_until("alive");
    assert!(timeline.keeper.holds(id, Generation(replaced)));
    timeline.server.is_a_proxy = false;
    timeline.server.keeps_revoked = false;
    let timeline = timeline.pass(60.0);
    assert_eq!(timeline.count("earlier revoked"), 1);
    assert!(!timeline.keeper.holds(id, Generation(replaced)));
}

#[test]
fn a_stop_revokes_both_tokens_of_an_overlap() {
    let timeline = started(minting()).pass(70_000.0).skip();
    let timeline = timeline.pass_until("alive, replaced").pass(2.0).skip();
    let timeline = timeline.shutdown(OnShutdown::Revoke, 10.0).pass(5.0);
    assert_eq!(timeline.count("revoked"), 2);
    assert!(timeline.keeper.is_stopped());
}

#[test]
fn thirty_days_of_a_faulty_login_host_leave_no_session_without_a_token() {
    const HOUR: f64 = 3600.0;
    let mut timeline = started(minting());
    for _ in 1..50 {
        let id = timeline.add_at(HostId(0), minting());
        let now = timeline.now;
        timeline.keeper.handle_source_known(id, now);
    }
    let mut gaps = 0;
    let mut attempts = 0;
    for hour in 0..30 * 24_u32 {
        let lifetime = if (hour / 100).is_multiple_of(2) {
            24.0
        } else {
            48.0
        };
        timeline.login = match hour {
            // A wrong secret for a day, long enough for tokens to expire.
            200..230 => Err(MintFailure::InvalidClient),
            // An outage of three hours.
            300..303 | 420..423 => Err(MintFailure::Unreachable(Failure::TimedOut)),
            hour if hour % 7 == 3 => Err(MintFailure::Throttled(None)),
            hour if hour % 11 == 5 => Err(MintFailure::Unreachable(Failure::ServerError(503))),
            _ => Ok(seconds(lifetime * HOUR)),
        };
        timeline = timeline.skip().pass(HOUR);
        attempts += timeline.count("mint");
        let is_given = timeline.login.is_ok();
        let dead = timeline.sessions.iter().filter(|&&id| {
            let view = timeline.keeper.view(id, timeline.now).unwrap();
            view.state != State::Alive
        });
        // With the wrong secret tokens expire; an hour after it all have one again.
        let dead = dead.count();
        if dead > 0 && !(200..232).contains(&hour) {
            gaps += 1;
        }
        assert!(
            dead == 0 || !is_given || (230..232).contains(&hour),
            "{dead} in hour {hour}"
        );
    }
    let minted = timeline.minted - 1000;
    println!(
        "{minted} tokens, {:.2} a session and day; {attempts} attempts",
        f64::from(minted) / 50.0 / 30.0
    );
    assert_eq!(gaps, 0);
}

#[test]
fn a_lapsing_session_does_not_renew_its_token() {
    let policy = Policy {
        intent: Intent::Lapse,
        ..minting()
    };
    let mut timeline = started(policy);
    timeline.login = Ok(seconds(3600.0));
    let timeline = timeline.pass(20_000.0);
    assert_eq!(timeline.count("mint"), 1);
    assert_eq!(timeline.count("lapsed"), 1);
}

#[test]
fn an_attempt_whose_outcome_never_comes_is_given_up() {
    let mut timeline = started(minting());
    let now = timeline.now;
    let first = timeline.keeper.poll_mint(now).unwrap();
    assert_eq!(timeline.keeper.poll_mint(now), None);
    let later = now + seconds(121.0);
    assert_eq!(timeline.keeper.poll_mint(later), None);
    let second = timeline.keeper.poll_mint(later).unwrap();
    assert_ne!(first, second);
    let outcome = session_keepalive::keeper::MintOutcome::Failed(MintFailure::NothingNew);
    timeline.keeper.handle_minted(first, &outcome, later);
    let events = std::iter::from_fn(|| timeline.keeper.poll_event());
    assert_eq!(
        events
            .filter(|event| matches!(event.kind, EventKind::MintFailed(_)))
            .count(),
        0
    );
}

/// Lets a session live with token 1001 and obtain token 1002, which differs from it as `change` says.
fn with_another(change: impl FnOnce(&mut TimelineServer)) -> Timeline {
    let mut timeline = idle_for_an_hour(started(minting()));
    timeline.login = Ok(seconds(7200.0));
    timeline.pass(60.0).server(change).pass(6600.0)
}

#[test]
fn a_new_token_of_another_organisation_or_client_does_not_replace_a_living_one() {
    for part in [IssuerPart::Organisation, IssuerPart::Client] {
        let timeline = with_another(|server| {
            for token in 1002..1010 {
                let of = match part {
                    IssuerPart::Organisation => &mut server.organisation_of,
                    IssuerPart::Client => &mut server.client_of,
                };
                of.insert(token, "other");
            }
        });
        assert_eq!(timeline.count("alive, replaced"), 0, "{part:?}");
        assert_eq!(timeline.count("earlier revoked"), 0, "{part:?}");
        assert_eq!(timeline.view().state, State::Alive);
        // The attempts come every 15 minutes, and each is reported with its token.
        let refused = timeline.count("newer mismatched");
        assert!((1..=4).contains(&refused), "{part:?}: {refused}");
        assert_eq!(timeline.count("mint"), refused + 1, "{part:?}");
    }
}

#[test]
fn a_new_token_whose_issuer_is_right_again_replaces_the_living_one() {
    let timeline = with_another(|server| {
        server.client_of.insert(1002, "other");
    });
    assert_eq!(timeline.count("newer mismatched"), 1);
    assert_eq!(timeline.count("alive, replaced"), 1);
    // The same token is not asked about again.
    let same = with_another(|server| {
        for token in 1002..1010 {
            server.client_of.insert(token, "other");
        }
    });
    let last = same.minted;
    same.skip().token(last).pass(1.0).gives(&[]);
}

#[test]
fn after_a_change_of_the_source_the_new_token_may_have_another_client() {
    let timeline = idle_for_an_hour(started(minting())).pass(60.0);
    let timeline = timeline.server(|server| {
        for token in 1002..1010 {
            server.client_of.insert(token, "other");
        }
    });
    let timeline = timeline.act(Keeper::handle_source_changed);
    let timeline = timeline.pass(86_400.0);
    assert_eq!(timeline.count("newer mismatched"), 0);
    assert_eq!(timeline.count("alive, replaced"), 1);
}

#[test]
fn a_lost_token_is_replaced_by_one_of_another_client() {
    let timeline = with_another(|server| {
        for token in 1002..1010 {
            server.client_of.insert(token, "other");
        }
    });
    let timeline = timeline.skip().kill(1001).pass(3600.0);
    assert_eq!(timeline.count("lost"), 1);
    assert!(timeline.count("alive") >= 1);
    assert_eq!(timeline.view().state, State::Alive);
}

#[test]
fn a_token_that_a_person_provides_may_be_of_any_issuer() {
    let timeline = Timeline::new().token(1).pass(60.0).server(|server| {
        server.organisation_of.insert(2, "other");
        server.client_of.insert(2, "other");
    });
    let timeline = timeline.token(2).pass(10.0);
    assert_eq!(timeline.count("alive, replaced"), 1);
}

#[test]
fn the_end_of_a_client_is_announced_once_whatever_follows() {
    let inactive = ClientEnd {
        is_inactive: true,
        deleted_at: None,
    };
    let deleted = ClientEnd {
        deleted_at: Some(ServerTime::from_unix_milliseconds(1_795_507_200_000)),
        ..inactive
    };
    let reporting = |end| move |server: &mut TimelineServer| server.client_end = end;
    let shown = |timeline: &Timeline| timeline.view().live.and_then(|live| live.client_end);
    let lapsing = Policy {
        intent: Intent::Lapse,
        ..head()
    };
    let timeline = Timeline::with(lapsing).server(reporting(Some(inactive)));
    assert_eq!(timeline.token(1).pass(1.0).count("client ending"), 1);
    let timeline = Timeline::new().server(reporting(Some(inactive)));
    let timeline = timeline.token(1).pass(1.0);
    assert_eq!(timeline.count("client ending"), 1);
    assert_eq!(shown(&timeline), Some(inactive));
    // Servers that disagree, and another token of the client, are nothing new.
    let timeline = timeline.skip().server(reporting(None)).pass(800.0);
    assert_eq!(shown(&timeline), None);
    let timeline = timeline.server(reporting(Some(inactive)));
    let timeline = timeline.token(2).pass(100.0);
    assert_eq!(shown(&timeline), Some(inactive));
    assert_eq!(timeline.count("client ending"), 0);
    let timeline = timeline.server(reporting(Some(deleted))).token(3);
    let timeline = timeline.pass(900.0);
    assert_eq!(timeline.count("client ending"), 1);
    assert_eq!(shown(&timeline), Some(deleted));
    let healthy = Timeline::new().token(1).pass(900.0);
    assert_eq!(healthy.count("client ending"), 0);
}

#[test]
fn a_day_has_as_many_tokens_as_planned() {
    let hours = |hours: f64| seconds(3600.0 * hours);
    for (policy, lifetime) in [
        (minting(), hours(24.0)),
        (
            Policy {
                lifetime: Some(hours(48.0)),
                ..minting()
            },
            hours(48.0),
        ),
        (
            Policy {
                renewal: minting().renewal.map(|renewal| Renewal {
                    every: Some(hours(6.0)),
                    ..renewal
                }),
                ..minting()
            },
            hours(24.0),
        ),
    ] {
        let mut timeline = idle_for_an_hour(started(policy));
        timeline.login = Ok(lifetime);
        let days = 20.0;
        let timeline = timeline.pass(days * 86_400.0);
        let minted = f64::from(timeline.minted - 1000);
        let planned = Plan::new(policy, &Limits::default(), hours(1.0));
        let planned = planned.tokens_a_day().unwrap();
        let is_planned =
            minted >= days * planned.least - 1.0 && minted <= days * planned.most + 1.0;
        assert!(is_planned, "{minted} in {days} days, {planned:?}");
    }
}
