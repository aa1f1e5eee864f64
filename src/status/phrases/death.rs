//! Phrases the possible causes of a refusal.
//!
//! The API reports that a token is refused, but never the cause. A phrase must therefore name all
//! causes that the known facts allow.

use std::time::Duration;

use super::{append, human_duration};
use crate::config::{ApiBase, REGIONS};
use crate::keeper::{Death, Expiry, ExpirySource, Idleness, Intent};

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
    let region = REGIONS.iter().find(|region| region.api() == api.as_str());
    let region = region.map_or_else(String::new, |region| format!(" ({})", region.name));
    format!(
        "the token idled out, expired, was revoked or evicted, or it belongs to another region: {api}{region} was asked, so look at the region first, then get a new token"
    )
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
        "refused from the first answer on: it was dead when it came, or belongs to another region"
            .to_owned()
    } else {
        format!(
            "refused by the first answer about it, {} after it was first seen: it was dead when it came or died unseen",
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
        format_args!(" {} before its idle deadline: ", human_duration(left)),
    );
    match configured {
        None if !death.was_proven && death.since_touch.is_some() => phrase.push_str(
            "revocation, eviction by an eleventh token, the absolute lifetime, or idleness: it was not proven that touches count",
        ),
        None => phrase.push_str(
            "revocation, eviction by an eleventh token, the absolute lifetime, a disabled client, or an idle timeout that was shortened meanwhile",
        ),
        Some(configured) => append(
            &mut phrase,
            format_args!(
                "revocation, eviction by an eleventh token, the absolute lifetime, or idleness if the real timeout is below the configured {}",
                human_duration(configured)
            ),
        ),
    }
    phrase
}

fn after(death: &Death, passed: Duration, intent: Intent) -> String {
    let passed = human_duration(passed);
    match intent {
        Intent::Lapse => format!("refused {passed} after its idle deadline, as intended"),
        Intent::Keep if death.excluded => format!(
            "refused {passed} after its idle deadline, which no touch could move: the organisation excludes these calls from its inactivity timeout"
        ),
        Intent::Keep => {
            let mut phrase = format!(
                "refused {passed} after its idle deadline, which passed because touches failed or this machine slept"
            );
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
    use super::super::super::fixture::{a_death as long_life, seconds};
    use super::*;

    fn keep(cause: &Death) -> String {
        death(cause, Intent::Keep, None)
    }

    #[test]
    fn a_death_before_the_deadline_is_not_idleness() {
        assert_eq!(
            keep(&long_life()),
            "refused 23h 59m after it was first seen, 2m after an accepted touch and 13m before its idle deadline: revocation, eviction by an eleventh token, the absolute lifetime, a disabled client, or an idle timeout that was shortened meanwhile"
        );
        let untouched = Death {
            since_touch: None,
            ..long_life()
        };
        assert_eq!(
            death(&untouched, Intent::Keep, Some(seconds(900))),
            "refused 23h 59m after it was first seen, 13m before its idle deadline: revocation, eviction by an eleventh token, the absolute lifetime, or idleness if the real timeout is below the configured 15m"
        );
    }

    #[test]
    fn a_death_after_the_deadline_names_what_let_it_pass() {
        let late = Death {
            idle: Idleness::After(seconds(12)),
            since_touch: Some(seconds(912)),
            ..long_life()
        };
        assert_eq!(
            keep(&late),
            "refused 12s after its idle deadline, which passed because touches failed or this machine slept; the last touch was accepted 15m 12s before"
        );
        let excluded = Death {
            excluded: true,
            ..late.clone()
        };
        assert_eq!(
            keep(&excluded),
            "refused 12s after its idle deadline, which no touch could move: the organisation excludes these calls from its inactivity timeout"
        );
        assert_eq!(
            death(&late, Intent::Lapse, None),
            "refused 12s after its idle deadline, as intended"
        );
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
            "refused from the first answer on: it was dead when it came, or belongs to another region"
        );
        let later = Death {
            age: seconds(3720),
            ..at_first
        };
        assert_eq!(
            keep(&later),
            "refused by the first answer about it, 1h 2m after it was first seen: it was dead when it came or died unseen"
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
