//! Why a token died, as far as anyone can know: the API says that it did, never why.

use std::time::Duration;

use super::{append, lasting};
use crate::config::{ApiBase, REGIONS};
use crate::keeper::{Death, Idleness, Intent};

/// A token that is refused this soon was hardly alive when it came.
const AT_FIRST: Duration = Duration::from_secs(10);

/// What is known about why a token was refused, for a session that was to get this.
///
/// `configured` is the idle timeout of the configuration: that one can be longer than the
/// server's, so that a token idles out before we expect it to.
#[must_use]
pub fn death(death: &Death, intent: Intent, configured: Option<Duration>) -> String {
    if !death.was_held {
        return unproven(death.age);
    }
    match death.idle {
        Idleness::Before(left) => before(death, left, configured),
        Idleness::After(passed) => after(death, passed, intent),
        Idleness::Unknown => {
            let mut said = life(death);
            said.push_str("; no idle deadline was known, so the cause is not known either");
            said
        }
    }
}

/// What someone who asked this API once knows about why a token was refused, and what helps.
#[must_use]
pub fn refused_by(api: &ApiBase) -> String {
    let region = REGIONS.iter().find(|region| region.api() == api.as_str());
    let region = region.map_or_else(String::new, |region| format!(" ({})", region.name));
    format!(
        "the token idled out, expired, was revoked or evicted, or it belongs to another region: {api}{region} was asked, so look at the region first, then get a new token"
    )
}

fn unproven(age: Duration) -> String {
    if age < AT_FIRST {
        "refused at first: it was dead when it came".to_owned()
    } else {
        format!(
            "refused by the first answer about it, {} after it was first seen: it was dead when it came or died unseen",
            lasting(age)
        )
    }
}

fn before(death: &Death, left: Duration, configured: Option<Duration>) -> String {
    let mut said = life(death);
    said.push_str(if death.since_touch.is_some() {
        " and"
    } else {
        ","
    });
    append(
        &mut said,
        format_args!(" {} before its idle deadline: ", lasting(left)),
    );
    match configured {
        None if !death.was_proven && death.since_touch.is_some() => said.push_str(
            "revocation, eviction by an eleventh token, the absolute lifetime, or idleness: it was not proven that touches count",
        ),
        None => said.push_str(
            "this is not idleness but revocation, eviction by an eleventh token or the absolute lifetime",
        ),
        Some(configured) => append(
            &mut said,
            format_args!(
                "revocation, eviction by an eleventh token, the absolute lifetime, or idleness if the real timeout is below the configured {}",
                lasting(configured)
            ),
        ),
    }
    said
}

fn after(death: &Death, passed: Duration, intent: Intent) -> String {
    let passed = lasting(passed);
    match intent {
        Intent::Lapse => format!("refused {passed} after its idle deadline, as intended"),
        Intent::Keep if death.excluded => format!(
            "refused {passed} after its idle deadline, which no touch could move: the organisation excludes these calls from its inactivity timeout"
        ),
        Intent::Keep => {
            let mut said = format!(
                "refused {passed} after its idle deadline, which passed because touches failed or this machine slept"
            );
            match death.since_touch {
                Some(since) => append(
                    &mut said,
                    format_args!("; the last touch was accepted {} before", lasting(since)),
                ),
                None => said.push_str("; no touch was ever accepted"),
            }
            said
        }
    }
}

/// How long it was known and when it was last touched.
fn life(death: &Death) -> String {
    let mut said = format!("refused {} after it was first seen", lasting(death.age));
    if let Some(since) = death.since_touch {
        append(
            &mut said,
            format_args!(", {} after an accepted touch", lasting(since)),
        );
    }
    said
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
            "refused 23 h 59 m after it was first seen, 2 m after an accepted touch and 13 m before its idle deadline: this is not idleness but revocation, eviction by an eleventh token or the absolute lifetime"
        );
        let untouched = Death {
            since_touch: None,
            ..long_life()
        };
        assert_eq!(
            death(&untouched, Intent::Keep, Some(seconds(900))),
            "refused 23 h 59 m after it was first seen, 13 m before its idle deadline: revocation, eviction by an eleventh token, the absolute lifetime, or idleness if the real timeout is below the configured 15 m"
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
            "refused 12 s after its idle deadline, which passed because touches failed or this machine slept; the last touch was accepted 15 m 12 s before"
        );
        let excluded = Death {
            excluded: true,
            ..late.clone()
        };
        assert_eq!(
            keep(&excluded),
            "refused 12 s after its idle deadline, which no touch could move: the organisation excludes these calls from its inactivity timeout"
        );
        assert_eq!(
            death(&late, Intent::Lapse, None),
            "refused 12 s after its idle deadline, as intended"
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
            "refused 23 h 59 m after it was first seen, 2 m after an accepted touch; no idle deadline was known, so the cause is not known either"
        );
        let at_first = Death {
            was_held: false,
            age: seconds(1),
            ..unknown
        };
        assert_eq!(
            keep(&at_first),
            "refused at first: it was dead when it came"
        );
        let later = Death {
            age: seconds(3720),
            ..at_first
        };
        assert_eq!(
            keep(&later),
            "refused by the first answer about it, 1 h 2 m after it was first seen: it was dead when it came or died unseen"
        );
    }

    #[test]
    fn whoever_asked_once_is_told_which_region_was_asked() {
        let said = |api: &str| refused_by(&ApiBase::new(api).unwrap());
        assert!(
            said("https://api.mypurecloud.de")
                .contains("https://api.mypurecloud.de (eu-central-1) was asked")
        );
        assert!(said("http://127.0.0.1:8085").contains(": http://127.0.0.1:8085 was asked"));
    }
}
