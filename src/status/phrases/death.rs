//! Phrases the possible causes of a refusal.
//!
//! The API reports that a token is refused, but never the cause. A phrase must therefore name all
//! causes that the known facts allow.

use std::time::Duration;

use super::{append, human_duration, reason};
use crate::config::{ApiBase, Region};
use crate::keeper::{
    Absence, DeadlineBasis, Death, Expiry, ExpirySource, FailedRequests, Idleness, Intent,
    TimeoutSource,
};

/// The age up to which a refused token counts as dead from the start.
const AT_FIRST: Duration = Duration::from_secs(30);

/// Returns the known facts about a refusal, for a session with this intent.
///
/// `configured` is the configured idle timeout. It can be longer than the server's, so that a token
/// idles out before the daemon expects it.
#[must_use]
pub fn death(death: &Death, intent: Intent, configured: Option<Duration>) -> String {
    if let Some(expiry) = &death.expired {
        return expired(expiry);
    }
    if !death.was_alive {
        return unproven(death.age);
    }
    match death.idle {
        Idleness::Before(left) => before(death, left, configured),
        Idleness::After(passed) => after(death, passed, intent),
        Idleness::Unknown => {
            let mut phrase = life(death);
            phrase.push_str("; no idle deadline was known, so the cause is not known either");
            phrase
        }
    }
}

/// Returns the known facts about a refusal, or the earlier revocation of the token by this daemon.
///
/// `revoked` is the time of that revocation in words, if there was one.
#[must_use]
pub fn death_of(
    cause: &Death,
    intent: Intent,
    configured: Option<Duration>,
    revoked: Option<&str>,
) -> String {
    match revoked {
        // A token that has since been proven alive cannot have been revoked before.
        Some(revoked) if !cause.was_alive => format!("refused at first: {revoked}"),
        Some(_) | None => death(cause, intent, configured),
    }
}

/// Returns the possible causes of a refusal by this API, and the remedy.
///
/// The phrase is for a single request, without any earlier knowledge of the token.
#[must_use]
pub fn refused_by(api: &ApiBase) -> String {
    let asked = asked(api);
    format!(
        "the token idled out, expired, was revoked or evicted, or it belongs to another region: {asked} was asked, so check the region first, then get a new token"
    )
}

/// Returns the question that comes before all others where no token was alive yet at this API.
#[must_use]
pub fn region_question(api: &ApiBase) -> String {
    format!(
        "is the region right? {} was asked, and no token was alive there yet",
        asked(api)
    )
}

fn asked(api: &ApiBase) -> String {
    let region = Region::of_api(api.as_str())
        .map_or_else(String::new, |region| format!(" ({})", region.name));
    format!("{api}{region}")
}

fn expired(expiry: &Expiry) -> String {
    let lifetime = human_duration(expiry.lifetime);
    match expiry.source {
        ExpirySource::Reported => format!("expired: its lifetime of {lifetime} was over"),
        ExpirySource::Estimated => format!(
            "probably expired: it was first seen {lifetime} before, which is the configured lifetime"
        ),
    }
}

fn unproven(age: Duration) -> String {
    if age < AT_FIRST {
        "refused from the first answer on: it was dead when it came or within seconds, or belongs to another region"
            .to_owned()
    } else {
        format!(
            "refused by the first answer about it, {} after it was first seen: it was dead when it came, died unseen, or belongs to another region",
            human_duration(age)
        )
    }
}

fn before(death: &Death, left: Duration, configured: Option<Duration>) -> String {
    let mut phrase = life(death);
    phrase.push_str(if death.since_touch.is_some() {
        " and"
    } else {
        ","
    });
    append(
        &mut phrase,
        format_args!(
            " {} before its idle deadline{}: {OTHER_CAUSES}, or idleness",
            human_duration(left),
            basis(death)
        ),
    );
    append(
        &mut phrase,
        format_args!("{}", conditions(death, configured)),
    );
    phrase
}

/// The causes of a death before the idle deadline that leave no trace here.
const OTHER_CAUSES: &str =
    "revocation, eviction by an eleventh token, the absolute lifetime, a disabled client";

/// Returns the conditions under which a token idles out before the deadline that was known.
fn conditions(death: &Death, configured: Option<Duration>) -> String {
    let wrong = match death.basis {
        Some(DeadlineBasis::Reported(_)) => {
            "the timeout was shortened meanwhile or the reported time was wrong".to_owned()
        }
        Some(DeadlineBasis::Computed(timeout)) => match timeout.source {
            TimeoutSource::Configured => format!(
                "the real timeout is below the configured {}",
                human_duration(configured.unwrap_or(timeout.duration))
            ),
            TimeoutSource::Assumed => format!(
                "the real timeout is below the assumed {}",
                human_duration(timeout.duration)
            ),
            TimeoutSource::Organisation => {
                "the timeout was shortened meanwhile or another one holds for its user".to_owned()
            }
            TimeoutSource::Proven => "the timeout was shortened meanwhile".to_owned(),
        },
        None => "the timeout was shortened meanwhile".to_owned(),
    };
    let is_reported = matches!(death.basis, Some(DeadlineBasis::Reported(_)));
    let touch = match death.since_touch {
        Some(_) if !death.was_proven => ", or the last touch did not count, which was not proven",
        // An application that moved the deadline can look like a touch that counts.
        Some(_) if !is_reported => ", or the last touch did not count",
        // Without a touch the deadline comes from a report, cut to what the timeout allows.
        None if !is_reported => ", or the reported time was wrong",
        Some(_) | None => "",
    };
    format!(" if {wrong}{touch}")
}

/// Returns the way in which the idle deadline was known, as an addition to it.
fn basis(death: &Death) -> String {
    match death.basis {
        Some(DeadlineBasis::Reported(ago)) => {
            format!(", which the API reported {} before", human_duration(ago))
        }
        Some(DeadlineBasis::Computed(timeout)) => {
            let duration = human_duration(timeout.duration);
            match timeout.source {
                TimeoutSource::Configured => format!(" by the configured timeout of {duration}"),
                TimeoutSource::Proven => format!(" by the proven timeout of {duration}"),
                TimeoutSource::Organisation => {
                    format!(" by the organisation's timeout of {duration}")
                }
                TimeoutSource::Assumed => format!(" by an assumed timeout of {duration}"),
            }
        }
        None => String::new(),
    }
}

fn after(death: &Death, passed: Duration, intent: Intent) -> String {
    let mut phrase = format!(
        "refused {} after its idle deadline{}",
        human_duration(passed),
        basis(death)
    );
    if intent == Intent::Lapse {
        phrase.push_str("; it idled out as intended, as far as can be known");
        return phrase;
    }
    let reasons = passed_because(death);
    if reasons.is_empty() {
        phrase.push_str("; no failed request explains that");
    } else {
        append(
            &mut phrase,
            format_args!("; the deadline passed because {}", reasons.join(" and ")),
        );
    }
    match death.since_touch {
        Some(since) => append(
            &mut phrase,
            format_args!(
                "; the last touch was accepted {} before",
                human_duration(since)
            ),
        ),
        None => phrase.push_str("; no touch was ever accepted"),
    }
    phrase
}

/// Returns the known reasons for which no touch moved the deadline in time.
fn passed_because(death: &Death) -> Vec<String> {
    if death.excluded {
        return vec![
            "neither HEAD nor GET moved it: the organisation excludes these calls from its inactivity timeout, as far as can be known"
                .to_owned(),
        ];
    }
    let absence = death.absence.map(|absence| match absence {
        Absence::Slept(slept) => format!("this machine slept for {}", human_duration(slept)),
        Absence::NotRunning(absent) => format!(
            "the daemon did not run for {} while a touch was due",
            human_duration(absent)
        ),
    });
    let failed = death.failed.as_deref().map(failed);
    absence.into_iter().chain(failed).collect()
}

/// Returns the number of failed requests, their time and the reason of the last one.
fn failed(failed: &FailedRequests) -> String {
    let why = reason(&failed.reason);
    let lasted = human_duration(failed.until.since(failed.from));
    match failed.count {
        1 => format!("a request failed: {why}"),
        count => format!("{count} requests failed within {lasted}, the last one: {why}"),
    }
}

/// Returns the time from the first sight of the token, and from its last touch, to the refusal.
fn life(death: &Death) -> String {
    let mut phrase = format!(
        "refused {} after it was first seen",
        human_duration(death.age)
    );
    if let Some(since) = death.since_touch {
        append(
            &mut phrase,
            format_args!(", {} after an accepted touch", human_duration(since)),
        );
    }
    phrase
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::{a_death as long_life, now, seconds};
    use super::*;
    use crate::keeper::{Failure, FailureReason, IdleTimeout};

    fn keep(cause: &Death) -> String {
        death(cause, Intent::Keep, None)
    }

    fn computed(source: TimeoutSource) -> Death {
        let duration = seconds(900);
        Death {
            basis: Some(DeadlineBasis::Computed(IdleTimeout { duration, source })),
            ..long_life()
        }
    }

    #[test]
    fn a_death_before_the_deadline_says_how_that_was_known_and_when_idleness_is_possible() {
        insta::assert_snapshot!(keep(&long_life()), @"refused 23h 59m after it was first seen, 2m after an accepted touch and 13m before its idle deadline, which the API reported 1m 58s before: revocation, eviction by an eleventh token, the absolute lifetime, a disabled client, or idleness if the timeout was shortened meanwhile or the reported time was wrong");
        let untouched = Death {
            since_touch: None,
            ..computed(TimeoutSource::Configured)
        };
        insta::assert_snapshot!(death(&untouched, Intent::Keep, Some(seconds(900))), @"refused 23h 59m after it was first seen, 13m before its idle deadline by the configured timeout of 15m: revocation, eviction by an eleventh token, the absolute lifetime, a disabled client, or idleness if the real timeout is below the configured 15m, or the reported time was wrong");
        let unproven = Death {
            was_proven: false,
            ..computed(TimeoutSource::Assumed)
        };
        insta::assert_snapshot!(keep(&unproven), @"refused 23h 59m after it was first seen, 2m after an accepted touch and 13m before its idle deadline by an assumed timeout of 15m: revocation, eviction by an eleventh token, the absolute lifetime, a disabled client, or idleness if the real timeout is below the assumed 15m, or the last touch did not count, which was not proven");
        insta::assert_snapshot!(keep(&computed(TimeoutSource::Organisation)), @"refused 23h 59m after it was first seen, 2m after an accepted touch and 13m before its idle deadline by the organisation's timeout of 15m: revocation, eviction by an eleventh token, the absolute lifetime, a disabled client, or idleness if the timeout was shortened meanwhile or another one holds for its user, or the last touch did not count");
        insta::assert_snapshot!(keep(&computed(TimeoutSource::Proven)), @"refused 23h 59m after it was first seen, 2m after an accepted touch and 13m before its idle deadline by the proven timeout of 15m: revocation, eviction by an eleventh token, the absolute lifetime, a disabled client, or idleness if the timeout was shortened meanwhile, or the last touch did not count");
    }

    #[test]
    fn a_death_after_the_deadline_names_what_let_it_pass() {
        let late = Death {
            idle: Idleness::After(seconds(12)),
            since_touch: Some(seconds(912)),
            basis: Some(DeadlineBasis::Reported(seconds(910))),
            ..long_life()
        };
        insta::assert_snapshot!(keep(&late), @"refused 12s after its idle deadline, which the API reported 15m 10s before; no failed request explains that; the last touch was accepted 15m 12s before");
        let failed = FailedRequests {
            count: 9,
            from: now() - seconds(73),
            until: now() - seconds(12),
            reason: FailureReason::Unreachable(Failure::NotConnected),
        };
        let outage = Death {
            failed: Some(Box::new(failed.clone())),
            ..late.clone()
        };
        insta::assert_snapshot!(keep(&outage), @"refused 12s after its idle deadline, which the API reported 15m 10s before; the deadline passed because 9 requests failed within 1m 1s, the last one: no connection to the API; the last touch was accepted 15m 12s before");
        let stopped = Death {
            absence: Some(Absence::NotRunning(seconds(14))),
            ..late.clone()
        };
        insta::assert_snapshot!(keep(&stopped), @"refused 12s after its idle deadline, which the API reported 15m 10s before; the deadline passed because the daemon did not run for 14s while a touch was due; the last touch was accepted 15m 12s before");
        let once = FailedRequests { count: 1, ..failed };
        let slept = Death {
            absence: Some(Absence::Slept(seconds(3600))),
            failed: Some(Box::new(once)),
            since_touch: None,
            ..late.clone()
        };
        insta::assert_snapshot!(keep(&slept), @"refused 12s after its idle deadline, which the API reported 15m 10s before; the deadline passed because this machine slept for 1h and a request failed: no connection to the API; no touch was ever accepted");
        let excluded = Death {
            excluded: true,
            ..late.clone()
        };
        insta::assert_snapshot!(keep(&excluded), @"refused 12s after its idle deadline, which the API reported 15m 10s before; the deadline passed because neither HEAD nor GET moved it: the organisation excludes these calls from its inactivity timeout, as far as can be known; the last touch was accepted 15m 12s before");
        insta::assert_snapshot!(death(&late, Intent::Lapse, None), @"refused 12s after its idle deadline, which the API reported 15m 10s before; it idled out as intended, as far as can be known");
    }

    #[test]
    fn what_is_not_known_is_not_said() {
        let unknown = Death {
            idle: Idleness::Unknown,
            ..long_life()
        };
        assert_eq!(
            keep(&unknown),
            "refused 23h 59m after it was first seen, 2m after an accepted touch; no idle deadline was known, so the cause is not known either"
        );
        let at_first = Death {
            was_alive: false,
            age: seconds(1),
            ..unknown
        };
        assert_eq!(
            keep(&at_first),
            "refused from the first answer on: it was dead when it came or within seconds, or belongs to another region"
        );
        let later = Death {
            age: seconds(3720),
            ..at_first
        };
        assert_eq!(
            keep(&later),
            "refused by the first answer about it, 1h 2m after it was first seen: it was dead when it came, died unseen, or belongs to another region"
        );
    }

    #[test]
    fn whoever_asked_once_is_told_which_region_was_asked() {
        let causes = |api: &str| refused_by(&ApiBase::new(api).unwrap());
        assert!(
            causes("https://api.mypurecloud.de")
                .contains("https://api.mypurecloud.de (eu-central-1) was asked")
        );
        assert!(causes("http://127.0.0.1:8085").contains(": http://127.0.0.1:8085 was asked"));
    }
}
