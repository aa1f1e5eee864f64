//! Stages deaths and troubles of known cause, and compares every sentence about the cause with it: in
//! the log and for hooks, in `status`, in `explain` and in the JSON.
//!
//! A sentence must be true, and must be as definite as the facts allow.

mod stage;

use session_keepalive::keeper::{Failure, Intent, OnShutdown, Policy, TouchPreference};
use session_keepalive::sim::{
    ApiOperation, GroupBundle, IdleDate, IdleSettings, Settings, SimFault, TokenSpec,
};

use stage::{StagedCase, TOKEN, Texts, USER, seconds};

/// A case: the true cause, how it is staged, and what must and must not be said about it.
struct Case {
    cause: &'static str,
    stage: fn() -> StagedCase,
    play: fn(&mut StagedCase),
    /// The parts of the log, which hooks get as well.
    log: &'static [&'static str],
    /// The parts of `status`.
    status: &'static [&'static str],
    /// The parts of `explain`.
    explain: &'static [&'static str],
    /// What nobody may say.
    never: &'static [&'static str],
}

/// What nobody may say in any case: claims beyond what can be known, hedges, and false precision.
const NEVER: [&str; 8] = [
    "more frequent touches",
    "touches failed or this machine slept",
    "not idleness",
    "as intended;",
    "the token lives on",
    "under 1ms",
    "999ms",
    "without an answer;",
];

fn keep() -> StagedCase {
    found(Policy::default(), |_| {})
}

fn head() -> StagedCase {
    found(prefer_head(), |_| {})
}

fn prefer_head() -> Policy {
    Policy {
        touch: TouchPreference::Head,
        ..Policy::default()
    }
}

fn lapse() -> StagedCase {
    let policy = Policy {
        intent: Intent::Lapse,
        ..Policy::default()
    };
    found(policy, |_| {})
}

fn found(policy: Policy, change: impl FnOnce(&mut Settings)) -> StagedCase {
    let mut stage = StagedCase::new(policy, change);
    stage.find(TOKEN);
    stage
}

/// Returns a session whose API tells no deadline and whose token may not read the timeout.
fn untold(policy: Policy, timeout: u64) -> StagedCase {
    let mut stage = StagedCase::new(policy, |settings| {
        settings.timeout = IdleSettings::of_organisation(seconds(timeout));
        settings.idle_date = IdleDate::Absent;
    });
    let forbidden = SimFault::error(403, "missing.permissions", "no");
    stage.fault_of(ApiOperation::GetTimeout, forbidden);
    stage.find(TOKEN);
    stage
}

fn down(stage: &mut StagedCase, failure: Failure) {
    stage.pass(1000);
    stage.outage = Some(failure);
    stage.pass(1000);
    stage.outage = None;
    stage.pass(100);
}

fn broken(stage: &mut StagedCase, fault: SimFault) {
    stage.pass(1000);
    stage.fault(fault);
    stage.pass(1000);
    stage.heal();
    stage.pass(4000);
}

fn shorten(stage: &mut StagedCase, to: u64) {
    let now = stage.now;
    stage.server.alter(now, |settings| {
        settings.timeout = IdleSettings::of_organisation(seconds(to));
    });
}

const OTHERS: &str = "revocation, eviction by an eleventh token, the absolute lifetime, a disabled client, or idleness if";
const REPORTED: &str = "its idle deadline, which the API reported";
const AFTER: &str = "after its idle deadline, which the API reported";

const CASES: &[Case] = &[
    Case {
        cause: "revoked by somebody",
        stage: keep,
        play: |stage| {
            stage.pass(1000);
            let now = stage.now;
            stage.server.revoke(TOKEN, now);
            stage.pass(900);
        },
        log: &[
            "lost: refused",
            REPORTED,
            OTHERS,
            "the timeout was shortened meanwhile or the reported time was wrong",
        ],
        status: &["lost: refused", REPORTED, OTHERS],
        explain: &["check who revokes tokens", "was lost", REPORTED],
        never: &[
            "is the region right",
            "slept",
            "did not run",
            "failed within",
        ],
    },
    Case {
        cause: "evicted by an eleventh token",
        stage: keep,
        play: |stage| {
            stage.pass(1000);
            for number in 0..10 {
                let now = stage.now;
                let spec = TokenSpec::user(format!("other-{number}"), USER);
                stage.server.add_token(spec, now);
            }
            stage.pass(900);
        },
        log: &[OTHERS],
        status: &[OTHERS],
        explain: &["the API keeps 10 and ends the oldest"],
        never: &["is the region right"],
    },
    Case {
        cause: "end of the absolute lifetime",
        stage: || {
            found(Policy::default(), |settings| {
                settings.lifetime = seconds(3000);
            })
        },
        play: |stage| stage.pass(4000),
        log: &[OTHERS],
        status: &[OTHERS],
        explain: &["how long a token lives"],
        never: &["is the region right"],
    },
    Case {
        cause: "idled out: the organisation's timeout was shortened",
        stage: keep,
        play: |stage| {
            stage.pass(1000);
            shorten(stage, 60);
            stage.pass(900);
        },
        log: &[REPORTED, "idleness if the timeout was shortened meanwhile"],
        status: &["idleness if the timeout was shortened meanwhile"],
        explain: &["whether the idle timeout or the client was changed"],
        never: &["is the region right"],
    },
    Case {
        cause: "idled out: a timeout of its group was added",
        stage: || {
            let mut stage = StagedCase::new(Policy::default(), |_| {});
            let now = stage.now;
            let spec = TokenSpec::user("grouped", "grouped").in_group("g");
            stage.server.add_token(spec, now);
            stage.find("grouped");
            stage
        },
        play: |stage| {
            stage.pass(1000);
            let now = stage.now;
            stage.server.alter(now, |settings| {
                settings.timeout.groups_enabled = true;
                settings.timeout.bundles = vec![GroupBundle {
                    priority: 1,
                    timeout: seconds(60),
                    groups: vec!["g".to_owned()],
                }];
            });
            stage.pass(900);
        },
        log: &["idleness if the timeout was shortened meanwhile"],
        status: &["idleness if the timeout was shortened meanwhile"],
        explain: &["idleness if"],
        never: &[],
    },
    Case {
        cause: "idled out: the configured timeout is too long",
        stage: || {
            untold(
                Policy {
                    idle_timeout: Some(seconds(900)),
                    ..prefer_head()
                },
                300,
            )
        },
        play: |stage| stage.pass(1000),
        log: &[
            "by the configured timeout of 15m",
            "idleness if the real timeout is below the configured 15m",
        ],
        status: &["idleness if the real timeout is below the configured 15m"],
        explain: &["by the configured timeout of 15m"],
        never: &["which the API reported"],
    },
    Case {
        cause: "idled out: the assumed timeout is too long",
        stage: || untold(prefer_head(), 60),
        play: |stage| stage.pass(1000),
        log: &[
            "by an assumed timeout of 5m",
            "idleness if the real timeout is below the assumed 5m",
        ],
        status: &["by an assumed timeout of 5m"],
        explain: &["by an assumed timeout of 5m"],
        never: &["which the API reported"],
    },
    Case {
        cause: "revoked, where the API tells only the organisation's timeout",
        stage: || {
            found(prefer_head(), |settings| {
                settings.idle_date = IdleDate::Absent;
            })
        },
        play: |stage| {
            stage.pass(1000);
            let now = stage.now;
            stage.server.revoke(TOKEN, now);
            stage.pass(900);
        },
        log: &[
            "by the organisation's timeout of 15m",
            "another one holds for its user",
            "the last touch did not count, which was not proven",
        ],
        status: &["by the organisation's timeout of 15m"],
        explain: &["by the organisation's timeout of 15m"],
        never: &["which the API reported"],
    },
    Case {
        cause: "idled out: neither touch counts, and the API tells no deadline",
        stage: || {
            let mut stage = untold(prefer_head(), 300);
            let now = stage.now;
            stage.server.alter(now, |settings| {
                settings.excluded = vec![ApiOperation::HeadMe, ApiOperation::GetMe];
            });
            stage
        },
        play: |stage| stage.pass(1000),
        log: &["the last touch did not count, which was not proven"],
        status: &["the last touch did not count, which was not proven"],
        explain: &["the last touch did not count, which was not proven"],
        never: &["which the API reported"],
    },
    Case {
        cause: "idled out: no connection",
        stage: keep,
        play: |stage| down(stage, Failure::NotConnected),
        log: &[
            AFTER,
            "the deadline passed because",
            "requests failed within",
            "no connection to the API",
            "at risk after",
        ],
        status: &["the deadline passed because", "no connection to the API"],
        explain: &[
            "a larger margin, or a longer idle timeout",
            "no connection to the API",
        ],
        never: &["slept", "did not run", "revocation"],
    },
    Case {
        cause: "idled out: the name was not resolved",
        stage: keep,
        play: |stage| down(stage, Failure::NameNotResolved),
        log: &[
            AFTER,
            "requests failed within",
            "the API's host name was not resolved",
            "check the name service",
        ],
        status: &["the API's host name was not resolved"],
        explain: &["the API's host name was not resolved"],
        never: &["slept", "did not run", "revocation"],
    },
    Case {
        cause: "idled out: TLS fails",
        stage: keep,
        play: |stage| down(stage, Failure::Tls),
        log: &[AFTER, "no trusted TLS connection to the API"],
        status: &["no trusted TLS connection to the API"],
        explain: &["no trusted TLS connection to the API"],
        never: &["slept", "did not run", "revocation"],
    },
    Case {
        cause: "idled out: nothing answers",
        stage: keep,
        play: |stage| down(stage, Failure::TimedOut),
        log: &[AFTER, "requests failed within", "no answer in time"],
        status: &["no answer in time"],
        explain: &["no answer in time"],
        never: &["slept", "did not run", "revocation"],
    },
    Case {
        cause: "idled out: connections break",
        stage: keep,
        play: |stage| down(stage, Failure::Broken),
        log: &[AFTER, "the connection broke before the answer was whole"],
        status: &["the connection broke"],
        explain: &["the connection broke"],
        never: &["slept", "did not run", "revocation"],
    },
    Case {
        cause: "idled out: the API fails with 503",
        stage: keep,
        play: |stage| broken(stage, SimFault::empty(503)),
        log: &[
            AFTER,
            "requests failed within",
            "the server failed with 503",
            "status page",
        ],
        status: &["the server failed with 503"],
        explain: &["the server failed with 503"],
        never: &["slept", "did not run", "revocation"],
    },
    Case {
        cause: "idled out: a gateway has no answer",
        stage: keep,
        play: |stage| broken(stage, SimFault::empty(502)),
        log: &[
            AFTER,
            "the server failed with 502",
            "a gateway had no answer",
        ],
        status: &["the server failed with 502"],
        explain: &["the server failed with 502"],
        never: &["slept", "did not run", "revocation"],
    },
    Case {
        cause: "idled out: requests arrive too slowly",
        stage: keep,
        play: |stage| broken(stage, SimFault::empty(408)),
        log: &[AFTER, "the server failed with 408", "arrived too slowly"],
        status: &["the server failed with 408"],
        explain: &["the server failed with 408"],
        never: &["slept", "did not run", "revocation"],
    },
    Case {
        cause: "idled out: throttled for an hour",
        stage: keep,
        play: |stage| broken(stage, SimFault::throttled(3600)),
        log: &[
            AFTER,
            "the API accepts no more requests for another 1h (429)",
            "daily limit",
        ],
        status: &["the API accepts no more requests for another 1h"],
        explain: &["the API accepts no more requests"],
        never: &["300 requests a minute", "slept", "revocation"],
    },
    Case {
        cause: "idled out: a captive portal redirects",
        stage: keep,
        play: |stage| broken(stage, SimFault::Redirect),
        log: &[AFTER, "answered with a redirect", "blocked:"],
        status: &["answered with a redirect"],
        explain: &["answered with a redirect"],
        never: &["slept", "did not run", "revocation"],
    },
    Case {
        cause: "idled out: a portal answers in place of the API",
        stage: keep,
        play: |stage| broken(stage, SimFault::Page),
        log: &["something other than the API answered", "blocked:"],
        status: &["lost: refused"],
        explain: &["blocked: the API answers, but not about the token"],
        never: &["slept", "did not run"],
    },
    Case {
        cause: "idled out: this machine's address is not allowed",
        stage: keep,
        play: |stage| {
            stage.pass(1000);
            let now = stage.now;
            stage
                .server
                .alter(now, |settings| settings.address_allowed = false);
            stage.pass(1000);
            let now = stage.now;
            stage
                .server
                .alter(now, |settings| settings.address_allowed = true);
            stage.pass(4000);
        },
        log: &[
            AFTER,
            "not on the organisation's list",
            "an administrator adds the address",
        ],
        status: &["not on the organisation's list"],
        explain: &["not on the organisation's list"],
        never: &["slept", "did not run", "revocation"],
    },
    Case {
        cause: "idled out: the machine slept",
        stage: keep,
        play: |stage| {
            stage.pass(1000);
            stage.sleep(2000);
            stage.pass(60);
        },
        log: &[
            AFTER,
            "the deadline passed because this machine slept for 33m 20s",
        ],
        status: &["this machine slept for 33m 20s"],
        explain: &["this machine slept for 33m 20s", "keep this machine awake"],
        never: &[
            "failed within",
            "a request failed",
            "did not run",
            "revocation",
        ],
    },
    Case {
        cause: "idled out: the daemon was stopped by a signal",
        stage: keep,
        play: |stage| {
            stage.pass(1000);
            stage.hold(2000);
            stage.pass(60);
        },
        log: &[AFTER, "the daemon did not run for", "while a touch was due"],
        status: &["the daemon did not run for"],
        explain: &["check what stopped the daemon"],
        never: &["failed within", "a request failed", "slept", "revocation"],
    },
    Case {
        cause: "idled out: an outage, and then the machine slept",
        stage: keep,
        play: |stage| {
            stage.pass(1000);
            stage.outage = Some(Failure::NotConnected);
            stage.pass(500);
            stage.sleep(2000);
            stage.outage = None;
            stage.pass(60);
        },
        log: &[
            "this machine slept for 33m 20s and",
            "no connection to the API",
        ],
        status: &["this machine slept for 33m 20s and"],
        explain: &["this machine slept for 33m 20s and"],
        never: &["did not run", "revocation"],
    },
    Case {
        cause: "idled out: the organisation excludes both calls",
        stage: || {
            found(Policy::default(), |settings| {
                settings.excluded = vec![ApiOperation::HeadMe, ApiOperation::GetMe];
            })
        },
        play: |stage| stage.pass(2000),
        log: &[
            "excluded:",
            AFTER,
            "neither HEAD nor GET moved it",
            "as far as can be known",
        ],
        status: &["neither HEAD nor GET moved it"],
        explain: &["excluded: neither HEAD nor GET moves the idle deadline"],
        never: &["slept", "did not run", "revocation, eviction"],
    },
    Case {
        cause: "lapsed as configured",
        stage: lapse,
        play: |stage| stage.pass(1200),
        log: &[
            "lapsed: refused",
            "it idled out as intended, as far as can be known",
        ],
        status: &["it idled out as intended, as far as can be known"],
        explain: &["it idled out as intended, as far as can be known"],
        never: &["failed within", "slept"],
    },
    Case {
        cause: "revoked while it was to lapse",
        stage: lapse,
        play: |stage| {
            stage.pass(100);
            let now = stage.now;
            stage.server.revoke(TOKEN, now);
            stage.pass(1200);
        },
        log: &["lapsed: refused"],
        status: &["lapsed: refused"],
        explain: &["lapsed: refused"],
        never: &["failed within", "slept"],
    },
    Case {
        cause: "dead when it came, and no other was alive",
        stage: || {
            let mut stage = StagedCase::new(Policy::default(), |_| {});
            let now = stage.now;
            stage.server.revoke(TOKEN, now);
            stage.find(TOKEN);
            stage
        },
        play: |stage| stage.pass(60),
        log: &[
            "lost: is the region right? https://api.mypurecloud.de (eu-central-1) was asked",
            "dead when it came or within seconds, or belongs to another region",
        ],
        status: &["lost: is the region right?"],
        explain: &[
            "is the region right?",
            "whether the token is for this region",
        ],
        never: &["slept", "revocation,"],
    },
    Case {
        cause: "of another region",
        stage: || {
            let mut stage = StagedCase::new(Policy::default(), |_| {});
            stage.find("of-another-region");
            stage
        },
        play: |stage| stage.pass(60),
        log: &["lost: is the region right?", "belongs to another region"],
        status: &["lost: is the region right?"],
        explain: &["is the region right?"],
        never: &["slept", "revocation,"],
    },
    Case {
        cause: "a replacement that is dead",
        stage: keep,
        play: |stage| {
            stage.pass(100);
            stage.find("dead");
            stage.pass(60);
        },
        log: &[
            "newer token, refused from the first answer on: it was dead when it came or within seconds, or belongs to another region",
            "stays",
        ],
        status: &["alive"],
        explain: &["the earlier token stayed"],
        never: &["is the region right", "slept"],
    },
    Case {
        cause: "died unseen during an outage",
        stage: || {
            let mut stage = StagedCase::new(Policy::default(), |_| {});
            stage.outage = Some(Failure::NotConnected);
            stage.find(TOKEN);
            stage
        },
        play: |stage| {
            stage.pass(2000);
            stage.outage = None;
            stage.pass(600);
        },
        log: &[
            "unproven: no connection to the API",
            "it was dead when it came, died unseen, or belongs to another region",
        ],
        status: &["died unseen, or belongs to another region"],
        explain: &["died unseen, or belongs to another region"],
        never: &["slept", "revocation,"],
    },
    Case {
        cause: "nothing is known during an outage",
        stage: || {
            let mut stage = StagedCase::new(Policy::default(), |_| {});
            stage.outage = Some(Failure::NameNotResolved);
            stage.find(TOKEN);
            stage
        },
        play: |stage| stage.pass(200),
        log: &["whether the token lives is not known"],
        status: &[
            "unproven:",
            "attempts failed, the last one: the API's host name was not resolved",
            "check the name service",
        ],
        explain: &["requests in a row have failed", "check the name service"],
        never: &["lost"],
    },
    Case {
        cause: "alive, and the API fails",
        stage: keep,
        play: |stage| {
            stage.pass(1000);
            stage.fault(SimFault::empty(503));
            stage.pass(700);
        },
        log: &["at risk after", "the server failed with 503"],
        status: &[
            "at risk:",
            "the last one: the server failed with 503",
            "status page",
        ],
        explain: &[
            "requests in a row have failed",
            "the server failed with 503",
        ],
        never: &["lost", "answered with 503"],
    },
    Case {
        cause: "alive, and throttled for an hour",
        stage: keep,
        play: |stage| {
            stage.pass(1000);
            stage.fault(SimFault::throttled(3600));
            stage.pass(890);
        },
        log: &["accepts no more requests"],
        status: &[
            "the API accepts no more requests for another 1h (429)",
            "daily limit",
        ],
        explain: &["daily limit"],
        never: &["300 requests a minute", "lost"],
    },
    Case {
        cause: "alive, and throttled for half a minute",
        stage: keep,
        play: |stage| {
            stage.pass(1000);
            stage.fault(SimFault::throttled(30));
            stage.pass(700);
        },
        log: &["accepts no more requests for another 30s"],
        status: &["they share 300 requests a minute"],
        explain: &["they share 300 requests a minute"],
        never: &["daily limit", "lost"],
    },
    Case {
        cause: "alive, and HEAD gets a 401 from a gateway",
        stage: head,
        play: |stage| {
            stage.fault_of(ApiOperation::HeadMe, SimFault::empty(401));
            stage.pass(2000);
        },
        log: &[
            "a 401 was not confirmed, the token lives",
            "GET /api/v2/tokens/me moves the idle deadline",
        ],
        status: &["alive"],
        explain: &["answered with 401 although the token lives"],
        never: &["no request has failed since", "lost"],
    },
    Case {
        cause: "alive after a 401 that passed",
        stage: keep,
        play: |stage| {
            stage.pass(1000);
            stage.server.script().befall_all(
                session_keepalive::sim::RuleSpan::Times(1),
                SimFault::error(401, "bad.credentials", "no"),
            );
            stage.pass(900);
        },
        log: &["a 401 was not confirmed, the token lives"],
        status: &["alive"],
        explain: &["the 401 was not confirmed: the token lives"],
        never: &["lost"],
    },
    Case {
        cause: "alive, and HEAD does not count",
        stage: || {
            found(prefer_head(), |settings| {
                settings.excluded = vec![ApiOperation::HeadMe];
            })
        },
        play: |stage| stage.pass(2000),
        log: &["HEAD /api/v2/tokens/me was accepted but did not move the idle deadline"],
        status: &["alive"],
        explain: &["HEAD was accepted and did not move the idle deadline"],
        never: &["lost", "excluded:"],
    },
    Case {
        cause: "alive, and forbidden without a code",
        stage: keep,
        play: |stage| {
            stage.pass(1000);
            stage.fault(SimFault::empty(418));
            stage.pass(700);
        },
        log: &["had no code"],
        status: &["at risk:", "the last one: rejected with 418", "had no code"],
        explain: &["had no code"],
        never: &["look up the code", "lost"],
    },
    Case {
        cause: "alive, and a scope is missing",
        stage: keep,
        play: |stage| {
            stage.pass(1000);
            stage.fault(SimFault::error(403, "app.not.authorized.for.scope", "no"));
            stage.pass(700);
        },
        log: &[
            "not permitted (app.not.authorized.for.scope)",
            "check the scopes of the OAuth client",
        ],
        status: &["the last one: not permitted (403)", "check the scopes"],
        explain: &["check the scopes of the OAuth client"],
        never: &["look up the code", "lost"],
    },
    Case {
        cause: "alive again after an outage",
        stage: keep,
        play: |stage| {
            stage.pass(1000);
            stage.outage = Some(Failure::NotConnected);
            stage.pass(700);
            stage.outage = None;
            stage.pass(300);
        },
        log: &["alive again after"],
        status: &["alive"],
        explain: &["no request has failed for", "well again after"],
        never: &["lost"],
    },
    Case {
        cause: "revoked by us",
        stage: keep,
        play: |stage| {
            stage.pass(100);
            stage.stop(OnShutdown::Revoke);
        },
        log: &["kiosk", " revoked"],
        status: &[],
        explain: &[],
        never: &["not needed", "lost"],
    },
    Case {
        cause: "dead before it was to be revoked",
        stage: keep,
        play: |stage| {
            stage.pass(100);
            let now = stage.now;
            stage.server.revoke(TOKEN, now);
            stage.stop(OnShutdown::Revoke);
        },
        log: &["revocation not needed: the API no longer knew the token"],
        status: &[],
        explain: &[],
        never: &["lost"],
    },
    Case {
        cause: "not revoked in an outage",
        stage: keep,
        play: |stage| {
            stage.pass(100);
            stage.outage = Some(Failure::NotConnected);
            stage.stop(OnShutdown::Revoke);
        },
        log: &[
            "not revoked: no connection to the API",
            "if the token lives, it does until it idles out or expires, or is revoked by hand",
        ],
        status: &[],
        explain: &[],
        never: &["lost", "; the token lives"],
    },
    Case {
        cause: "left as it is",
        stage: keep,
        play: |stage| {
            stage.pass(100);
            stage.stop(OnShutdown::Leave);
        },
        log: &["left as it is: if the token lives, it does until it idles out or expires"],
        status: &[],
        explain: &[],
        never: &["lost", ": the token lives"],
    },
];

/// Returns the sentences that are wrong about a case.
fn graded(case: &Case, texts: &Texts) -> Vec<String> {
    let mut wrong = Vec::new();
    for (place, text, parts) in [
        ("log and hooks", &texts.log, case.log),
        ("status", &texts.status, case.status),
        ("explain", &texts.explain, case.explain),
    ] {
        let missing = parts.iter().filter(|part| !text.contains(**part));
        wrong.extend(missing.map(|part| format!("{place} does not say {part:?}: {text}")));
    }
    // The JSON holds the texts of `status` and `explain` and no others.
    let missing = case
        .status
        .iter()
        .filter(|part| !texts.json.contains(**part));
    wrong.extend(missing.map(|part| format!("JSON does not say {part:?}: {}", texts.json)));
    for text in [&texts.log, &texts.status, &texts.explain, &texts.json] {
        let never = case.never.iter().chain(&NEVER);
        let told = never.filter(|part| text.contains(**part));
        wrong.extend(told.map(|part| format!("{part:?} is said: {text}")));
    }
    wrong
}

#[test]
fn every_sentence_about_a_cause_is_true() {
    let mut wrong = Vec::new();
    let mut sentences = 0;
    for case in CASES {
        let mut stage = (case.stage)();
        (case.play)(&mut stage);
        let texts = stage.texts();
        let grades = graded(case, &texts);
        let count = case.log.len() + case.status.len() + case.explain.len();
        sentences += count;
        println!("{:<66} {count} true, {} false", case.cause, grades.len());
        println!("    {}", texts.status);
        wrong.extend(
            grades
                .into_iter()
                .map(|grade| format!("{}: {grade}", case.cause)),
        );
    }
    println!(
        "{} cases, {sentences} sentences, {} false",
        CASES.len(),
        wrong.len()
    );
    assert!(CASES.len() >= 40, "{}", CASES.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
