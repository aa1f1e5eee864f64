//! The document of the organisation's idle timeout, its operations and its validation.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Server;
use crate::sim::error::ApiError;
use crate::sim::registry::TokenNumber;
use crate::sim::{
    GroupBundle, IdleSettings, OmittedBundles, Permission, Precedence, Request, Response, Settings,
};
use crate::time::Instant;

const SECONDS: &str = "idleTokenTimeoutSeconds";
const ENABLED: &str = "enableIdleTokenTimeout";
const UNIT: &str = "inactivityTimeoutUnit";
const GROUPS_ENABLED: &str = "inactivityTimeoutGroupsEnabled";
const BUNDLES: &str = "inactivityTimeoutGroupBundles";

/// The `IdleTokenTimeout` as the API returns it, including fields that the model ignores.
pub(super) struct Document(Map<String, Value>);

impl Document {
    pub(super) fn new(settings: &Settings) -> Self {
        let mut document = Self(settings.unknown_fields.clone());
        document.0.insert(UNIT.to_owned(), json!("Minutes"));
        document.update(settings);
        document
    }

    /// Overwrites the fields of the document with the settings.
    pub(super) fn update(&mut self, settings: &Settings) {
        let timeout = &settings.timeout;
        if let Some(organisation) = timeout.organisation {
            let seconds = organisation.as_secs();
            self.0.insert(SECONDS.to_owned(), json!(seconds));
        }
        let enabled = timeout.organisation.is_some();
        self.0.insert(ENABLED.to_owned(), json!(enabled));
        let groups_enabled = timeout.groups_enabled;
        self.0
            .insert(GROUPS_ENABLED.to_owned(), json!(groups_enabled));
        let bundles = timeout.bundles.iter().map(|bundle| {
            json!({
                "priority": bundle.priority,
                "timeoutSeconds": bundle.timeout.as_secs(),
                UNIT: "Minutes",
                "groups": bundle.groups,
            })
        });
        self.0.insert(BUNDLES.to_owned(), bundles.collect());
    }

    fn response(&self) -> Response {
        let body = serde_json::to_vec(&self.0).expect("JSON that was read can be written");
        Response::new(200, body)
    }
}

impl Server {
    pub(super) fn read_timeout(&self, number: TokenNumber) -> Result<Response, ApiError> {
        self.require_scope(
            number,
            &[
                "authorization:readonly",
                "authorization",
                "organization:readonly",
                "organization",
            ],
        )?;
        Ok(self.timeout.response())
    }

    pub(super) fn set_timeout(
        &mut self,
        request: &Request<'_>,
        number: TokenNumber,
        now: Instant,
    ) -> Result<Response, ApiError> {
        if !request.has_media_type("application/json") {
            return Err(ApiError::wrong_content_type());
        }
        self.require_scope(number, &["authorization", "organization"])?;
        self.require(number, Permission::DirectoryOrganizationAdmin)?;
        let mut document = match serde_json::from_slice(request.body) {
            Ok(Value::Object(document)) => document,
            Ok(_) => return Err(failed(None, "The request body is not an object.")),
            Err(_) => return Err(failed(None, "The request body is not valid JSON.")),
        };
        let bounds = TimeoutLimits::of(&self.settings);
        let organisation = self.organisation_timeout(&mut document, &bounds)?;
        self.keep_omitted(&mut document);
        check_unit(&document)?;
        let timeout = IdleSettings {
            organisation,
            groups_enabled: flag(&document, GROUPS_ENABLED)?.unwrap_or(false),
            bundles: if document.get(BUNDLES) == self.timeout.0.get(BUNDLES) {
                self.settings.timeout.bundles.clone()
            } else {
                bundles(&document, &bounds)?
            },
        };
        self.settings.timeout = timeout;
        self.timeout.0 = document;
        self.begin_timeout_period(now);
        Ok(self.timeout.response())
    }

    /// Returns the organisation's own timeout of a PUT, and sets the fields of that timeout that
    /// `document` omits to their current values.
    fn organisation_timeout(
        &self,
        document: &mut Map<String, Value>,
        bounds: &TimeoutLimits,
    ) -> Result<Option<Duration>, ApiError> {
        let current = self.timeout.0.get(SECONDS);
        if document.get(SECONDS).is_none_or(Value::is_null) {
            document.remove(SECONDS);
            let kept = current.map(|seconds| (SECONDS.to_owned(), seconds.clone()));
            document.extend(kept);
        } else if document.get(SECONDS) != current {
            // An unchanged timeout is not checked: the timeout of a demonstration may be shorter
            // than the API's minimum, and a client must be able to send it back.
            bounds.check(document, SECONDS, bounds.organisation_code)?;
        }
        let in_force = self.settings.timeout.organisation;
        let enabled = flag(document, ENABLED)?.unwrap_or(in_force.is_some());
        document.insert(ENABLED.to_owned(), json!(enabled));
        match document.get(SECONDS).and_then(Value::as_u64) {
            _ if !enabled => Ok(None),
            // The document has whole seconds only: an unchanged value must not round the timeout
            // in force.
            Some(_) if document.get(SECONDS) == current && in_force.is_some() => Ok(in_force),
            Some(seconds) => Ok(Some(Duration::from_secs(seconds))),
            None => Err(failed(Some(SECONDS), "The idle token timeout is missing.")),
        }
    }

    fn keep_omitted(&self, document: &mut Map<String, Value>) {
        if self.settings.omitted_bundles == OmittedBundles::Kept {
            for name in [GROUPS_ENABLED, BUNDLES] {
                if let (None, Some(kept)) = (document.get(name), self.timeout.0.get(name)) {
                    document.insert(name.to_owned(), kept.clone());
                }
            }
        }
    }
}

/// The range of accepted timeouts, and the error codes of refusals.
///
/// The API's documentation lists four codes without their causes; the model uses those with
/// `max.idle` for group bundles.
struct TimeoutLimits {
    seconds: RangeInclusive<u64>,
    organisation_code: &'static str,
    bundle_code: &'static str,
}

impl TimeoutLimits {
    fn of(settings: &Settings) -> Self {
        if settings.hipaa {
            Self {
                seconds: 300..=900,
                organisation_code: "token.timeout.exceeded.hipaa",
                bundle_code: "max.idle.hipaa.token.timeout.exceeded",
            }
        } else {
            Self {
                seconds: 300..=28_800,
                organisation_code: "token.timeout.exceeded",
                bundle_code: "max.idle.token.timeout.exceeded",
            }
        }
    }

    fn check(
        &self,
        object: &Map<String, Value>,
        field: &'static str,
        code: &'static str,
    ) -> Result<Duration, ApiError> {
        let number = object.get(field);
        if !number.is_some_and(|number| number.is_i64() || number.is_u64()) {
            return Err(failed(Some(field), "The timeout is not a whole number."));
        }
        let seconds = number.and_then(Value::as_u64);
        let (least, most) = (*self.seconds.start(), *self.seconds.end());
        seconds
            .filter(|seconds| self.seconds.contains(seconds))
            .map(Duration::from_secs)
            .ok_or_else(|| ApiError::out_of_range(code, field, least, most))
    }
}

fn failed(field: Option<&'static str>, message: &'static str) -> ApiError {
    ApiError::failed_request(field, message)
}

fn flag(document: &Map<String, Value>, field: &'static str) -> Result<Option<bool>, ApiError> {
    match document.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(failed(Some(field), "The value is neither true nor false.")),
    }
}

fn check_unit(object: &Map<String, Value>) -> Result<(), ApiError> {
    match object.get(UNIT) {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(unit)) if matches!(unit.as_str(), "Minutes" | "Hours") => Ok(()),
        Some(_) => Err(failed(Some(UNIT), "The unit is neither Minutes nor Hours.")),
    }
}

fn bundles(
    document: &Map<String, Value>,
    bounds: &TimeoutLimits,
) -> Result<Vec<GroupBundle>, ApiError> {
    let bundles = match document.get(BUNDLES) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(bundles)) => bundles,
        Some(_) => return Err(failed(Some(BUNDLES), "The bundles are not a list.")),
    };
    bundles.iter().map(|value| bundle(value, bounds)).collect()
}

fn bundle(bundle: &Value, bounds: &TimeoutLimits) -> Result<GroupBundle, ApiError> {
    let Value::Object(bundle) = bundle else {
        return Err(failed(Some(BUNDLES), "A bundle is not an object."));
    };
    check_unit(bundle)?;
    let priority = bundle.get("priority").and_then(Value::as_u64);
    let priority = priority.and_then(|priority| u8::try_from(priority).ok());
    let groups = bundle.get("groups").and_then(Value::as_array);
    let groups = groups.map_or(&[][..], Vec::as_slice).iter();
    let groups: Option<Vec<String>> = groups
        .map(|group| group.as_str().map(str::to_owned))
        .collect();
    Ok(GroupBundle {
        priority: priority
            .filter(|priority| (1..=5).contains(priority))
            .ok_or_else(|| failed(Some("priority"), "The priority must be between 1 and 5."))?,
        timeout: bounds.check(bundle, "timeoutSeconds", bounds.bundle_code)?,
        groups: groups.ok_or_else(|| failed(Some("groups"), "A group's id is not text."))?,
    })
}

/// The number of periods above which the server updates all tokens and drops the past periods.
const PERIODS_MAX: usize = 256;

/// The past idle timeouts of the organisation, so that a change does not visit every token: each token
/// stores the number of the period in which its fate was last updated, and the periods from that one
/// on determine whether it has idled out since.
pub(in crate::sim) struct TimeoutHistory(Vec<TimeoutPeriod>);

struct TimeoutPeriod {
    since: Instant,
    timeout: IdleSettings,
    precedence: Precedence,
}

impl TimeoutHistory {
    pub(in crate::sim) fn new(timeout: IdleSettings, precedence: Precedence) -> Self {
        Self(vec![TimeoutPeriod {
            since: Instant::BOOT,
            timeout,
            precedence,
        }])
    }

    /// Returns the number of the current period.
    pub(in crate::sim) fn current(&self) -> usize {
        self.0.len() - 1
    }

    /// Begins a period at `since`, unless the timeout and the precedence are those of the current
    /// period.
    pub(in crate::sim) fn begin(
        &mut self,
        timeout: IdleSettings,
        precedence: Precedence,
        since: Instant,
    ) {
        let same =
            |period: &TimeoutPeriod| period.timeout == timeout && period.precedence == precedence;
        if self.0.last().is_some_and(same) {
            return;
        }
        self.0.push(TimeoutPeriod {
            since,
            timeout,
            precedence,
        });
    }

    /// Returns true if the past periods are due to be dropped, which requires that the fates of all
    /// tokens are updated first.
    pub(in crate::sim) fn is_full(&self) -> bool {
        self.0.len() >= PERIODS_MAX
    }

    /// Drops all periods but the current one, which gets the number zero.
    pub(in crate::sim) fn drop_past(&mut self) {
        self.0.drain(..self.current());
    }

    /// Returns the idle deadline of a token that was last active at `reset_at`, under the current
    /// timeout.
    pub(in crate::sim) fn idles_at(&self, reset_at: Instant, groups: &[String]) -> Option<Instant> {
        self.0
            .last()
            .and_then(|period| period.idles_at(reset_at, groups))
    }

    /// Returns the instant by `now` at which a token idled out that was alive in period
    /// `first_period` and last active at `reset_at`; `None` if it did not.
    pub(in crate::sim) fn lapsed_at(
        &self,
        first_period: usize,
        reset_at: Instant,
        groups: &[String],
        now: Instant,
    ) -> Option<Instant> {
        let periods = self.0.get(first_period..).unwrap_or_default();
        periods.iter().enumerate().find_map(|(number, period)| {
            let until = periods.get(number + 1).map_or(now, |next| next.since);
            // A token whose deadline lies before a shorter timeout began ends when it begins.
            let idles_at = period.idles_at(reset_at, groups)?.max(period.since);
            (idles_at <= until).then_some(idles_at)
        })
    }
}

impl TimeoutPeriod {
    fn idles_at(&self, reset_at: Instant, groups: &[String]) -> Option<Instant> {
        let timeout = self.timeout.effective(groups, self.precedence)?;
        Some(reset_at + timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::fixture::{at, json as body_of, refusal, server_with};
    use crate::sim::{BODY_LENGTH_MAX, Server, TokenSpec};

    fn admin(change: impl FnOnce(&mut Settings)) -> Server {
        let mut server = server_with(change);
        let permission = Permission::DirectoryOrganizationAdmin;
        server.add_token(
            TokenSpec::client("admin", "c").permitting(permission),
            at(0),
        );
        server
    }

    fn read(server: &mut Server) -> Value {
        body_of(&server.answer(&Request::get_timeout("admin"), at(0)))
    }

    fn put(server: &mut Server, document: &Value, seconds: u64) -> u16 {
        let body = document.to_string();
        let request = Request::put_timeout("admin", body.as_bytes());
        server.answer(&request, at(seconds)).response.status
    }

    #[test]
    fn what_was_put_counts_and_is_given_back_with_fields_that_mean_nothing() {
        let mut server = admin(|settings| {
            settings
                .unknown_fields
                .insert("future".to_owned(), json!([1]));
        });
        let mut document = read(&mut server);
        assert_eq!(document["idleTokenTimeoutSeconds"], 900);
        assert_eq!(document["future"], json!([1]));
        document["idleTokenTimeoutSeconds"] = json!(600);
        document["inactivityTimeoutGroupBundles"] =
            json!([{"priority": 1, "timeoutSeconds": 300, "groups": ["g"], "note": "x"}]);
        assert_eq!(put(&mut server, &document, 0), 200);
        assert_eq!(read(&mut server), document);
        assert_eq!(server.idles_at("a"), Some(at(600)));
        assert_eq!(server.settings().timeout.bundles.len(), 1);
    }

    #[test]
    fn disabling_needs_no_seconds_and_enabling_remembers_them() {
        let mut server = admin(|_| {});
        assert_eq!(
            put(&mut server, &json!({"enableIdleTokenTimeout": false}), 1),
            200
        );
        assert_eq!(server.idles_at("a"), None);
        assert_eq!(
            put(&mut server, &json!({"enableIdleTokenTimeout": true}), 2),
            200
        );
        assert_eq!(server.idles_at("a"), Some(at(900)));
        let mut server = admin(|settings| settings.timeout = IdleSettings::disabled());
        assert_eq!(
            put(&mut server, &json!({"enableIdleTokenTimeout": true}), 2),
            400
        );
    }

    #[test]
    fn omitted_bundles_are_dropped_or_kept_as_the_organisation_has_it() {
        for (omitted, left) in [(OmittedBundles::Dropped, 0), (OmittedBundles::Kept, 1)] {
            let mut server = admin(|settings| {
                settings.omitted_bundles = omitted;
                settings.timeout.groups_enabled = true;
                settings.timeout.bundles = vec![GroupBundle {
                    priority: 1,
                    timeout: Duration::from_secs(10),
                    groups: vec!["g".to_owned()],
                }];
            });
            let document = json!({"idleTokenTimeoutSeconds": 600});
            assert_eq!(put(&mut server, &document, 0), 200);
            let timeout = &server.settings().timeout;
            assert_eq!(
                (timeout.bundles.len(), timeout.groups_enabled),
                (left, left == 1)
            );
        }
    }

    #[test]
    fn a_timeout_out_of_range_is_refused_by_its_code() {
        let bundle = |seconds| {
            let bundle = json!({"priority": 1, "timeoutSeconds": seconds, "groups": []});
            json!({"inactivityTimeoutGroupBundles": [bundle]})
        };
        let whole = |seconds: i64| json!({"idleTokenTimeoutSeconds": seconds});
        for (hipaa, document, code) in [
            (false, whole(299), "token.timeout.exceeded"),
            (false, whole(28_801), "token.timeout.exceeded"),
            (false, whole(-1), "token.timeout.exceeded"),
            (true, whole(901), "token.timeout.exceeded.hipaa"),
            (false, bundle(28_801), "max.idle.token.timeout.exceeded"),
            (true, bundle(901), "max.idle.hipaa.token.timeout.exceeded"),
        ] {
            let mut server = admin(|settings| settings.hipaa = hipaa);
            let body = document.to_string();
            let request = Request::put_timeout("admin", body.as_bytes());
            assert_eq!(refusal(&mut server, &request, 0), (400, code.to_owned()));
            assert_eq!(read(&mut server)["idleTokenTimeoutSeconds"], 900);
        }
    }

    #[test]
    fn a_body_that_is_no_idle_token_timeout_is_refused() {
        let mut server = admin(|_| {});
        let deep = "[".repeat(10_000);
        for body in [
            "{",
            "[]",
            &deep,
            r#"{"idleTokenTimeoutSeconds": 1e999}"#,
            r#"{"idleTokenTimeoutSeconds": 600.5}"#,
            r#"{"idleTokenTimeoutSeconds": "600"}"#,
            r#"{"enableIdleTokenTimeout": 1}"#,
            r#"{"inactivityTimeoutUnit": "Days"}"#,
            r#"{"inactivityTimeoutGroupBundles": [1]}"#,
            r#"{"inactivityTimeoutGroupBundles": [{"priority": 6, "timeoutSeconds": 300}]}"#,
            r#"{"inactivityTimeoutGroupBundles": [{"priority": 1, "timeoutSeconds": 300, "groups": [1]}]}"#,
        ] {
            let request = Request::put_timeout("admin", body.as_bytes());
            let refused = (400, "client.failed.request".to_owned());
            assert_eq!(refusal(&mut server, &request, 0), refused);
        }
    }

    #[test]
    fn who_may_not_set_it_and_what_is_not_json_are_refused() {
        let mut server = admin(|_| {});
        let by_ann = Request::put_timeout("a", b"{}");
        let refused = |status, code: &str| (status, code.to_owned());
        assert_eq!(
            refusal(&mut server, &by_ann, 0),
            refused(403, "missing.permissions")
        );
        let text = Request {
            content_type: Some("text/plain"),
            ..Request::put_timeout("admin", b"{}")
        };
        assert_eq!(
            refusal(&mut server, &text, 0),
            refused(415, "unsupported.media.type")
        );
        let large = vec![b' '; BODY_LENGTH_MAX + 1];
        let large = Request::put_timeout("admin", &large);
        assert_eq!(
            refusal(&mut server, &large, 0),
            refused(413, "request.entity.too.large")
        );
    }

    fn timeout_history(changes: &[(u64, u64)]) -> TimeoutHistory {
        let timeout = |seconds| IdleSettings::of_organisation(Duration::from_secs(seconds));
        let mut timeout_history = TimeoutHistory::new(timeout(300), Precedence::default());
        for (since, seconds) in changes {
            timeout_history.begin(timeout(*seconds), Precedence::default(), at(*since));
        }
        timeout_history
    }

    #[test]
    fn a_deadline_that_passed_is_not_undone_by_a_longer_timeout() {
        let timeout_history = timeout_history(&[(400, 3600)]);
        assert_eq!(
            timeout_history.lapsed_at(0, at(0), &[], at(500)),
            Some(at(300))
        );
        assert_eq!(timeout_history.lapsed_at(0, at(200), &[], at(3799)), None);
        assert_eq!(
            timeout_history.lapsed_at(0, at(200), &[], at(3800)),
            Some(at(3800))
        );
    }

    #[test]
    fn a_shorter_timeout_ends_at_once_what_has_idled_longer() {
        let timeout_history = timeout_history(&[(250, 100), (260, 3600)]);
        assert_eq!(
            timeout_history.lapsed_at(0, at(0), &[], at(255)),
            Some(at(250))
        );
        assert_eq!(timeout_history.lapsed_at(0, at(200), &[], at(300)), None);
    }
}
