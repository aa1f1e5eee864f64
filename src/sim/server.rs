//! The simulated server: it authenticates, counts and executes requests.

mod gate;
mod me;
mod oauth;
mod timeout;

use self::oauth::MintLimit;
pub(super) use self::timeout::TimeoutHistory;
use super::error::ApiError;
use super::operation::RequestTarget;
use super::registry::{Holder, Registry, SimToken, TokenNumber, UserNumber};
use super::{
    ApiOperation, Fate, FaultyResponse, Grant, Method, Processing, Record, Request, Response,
    Script, Settings, SimFault, TokenSpec, wall,
};
use crate::time::Instant;

/// The maximum length of a request's body, in bytes; the server answers a longer one with 413.
pub const BODY_LENGTH_MAX: usize = 64 * 1024;

/// The server of one organisation.
pub struct Server {
    settings: Settings,
    script: Script,
    timeout_history: TimeoutHistory,
    timeout: timeout::Document,
    registry: Registry,
    mint_limit: MintLimit,
    random: fastrand::Rng,
    organisation_id: String,
    application_id: String,
    strangers: u64,
}

impl Server {
    /// Returns a server without tokens; the seed determines every generated id and token.
    #[must_use]
    pub fn new(settings: Settings, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        Self {
            script: Script::default(),
            timeout_history: TimeoutHistory::new(settings.timeout.clone(), settings.precedence),
            timeout: timeout::Document::new(&settings),
            registry: Registry::default(),
            mint_limit: MintLimit::default(),
            organisation_id: uuid(&mut random),
            application_id: uuid(&mut random),
            random,
            strangers: 0,
            settings,
        }
    }

    /// Answers a request that arrives at `now`.
    ///
    /// The answers are meaningful only if `now` does not decrease from call to call;
    /// a decrease does not cause a panic.
    pub fn answer(&mut self, request: &Request<'_>, now: Instant) -> FaultyResponse {
        let route = RequestTarget::of(request);
        let operation = route.operation();
        let context_id = uuid(&mut self.random);
        let token = request.bearer.and_then(|value| self.registry.find(value));
        if let Some(number) = token {
            self.registry
                .update_fate(number, &self.timeout_history, now);
            let record = &mut self.registry.token_mut(number).record;
            record.record_arrival(operation, now);
        }
        let fault = self.script.next(request, operation, now);
        let processing = fault
            .as_ref()
            .map_or(Processing::Done, SimFault::processing);
        let original = match processing {
            Processing::Done => self.process(request, &route, token, &context_id, now),
            // A fault that skips the processing without replacing the response is one of the
            // transmission, so this status does not reach the client.
            Processing::Skipped => Response::new(504, Vec::new()),
        };
        let replacement = fault
            .as_ref()
            .and_then(|fault| fault.replacement(&context_id));
        let mut response = replacement.unwrap_or(original);
        self.add_headers(&mut response, fault.as_ref(), context_id, now);
        if request.method == Method::Head {
            response.body.clear();
        }
        if let Some(fault) = &fault {
            fault.distort(request.method, &mut response);
        }
        FaultyResponse {
            response,
            wire: fault.as_ref().and_then(SimFault::wire),
        }
    }

    fn add_headers(
        &self,
        response: &mut Response,
        fault: Option<&SimFault>,
        context_id: String,
        now: Instant,
    ) {
        let skew = fault.map_or(0, SimFault::date_skew);
        let date = wall::at(self.settings.wall_at_boot, now);
        let date = wall::shifted(date, self.settings.date_skew.saturating_add(skew));
        let headers = &mut response.headers;
        headers.push(("Date", wall::http_date(date).into()));
        if !headers.iter().any(|(name, _)| *name == "Content-Type") {
            headers.push(("Content-Type", "application/json".into()));
        }
        if !fault.is_some_and(SimFault::is_before_the_api) {
            headers.push(("ININ-Correlation-Id", context_id.into()));
        }
    }

    fn process(
        &mut self,
        request: &Request<'_>,
        route: &RequestTarget<'_>,
        token: Option<TokenNumber>,
        context_id: &str,
        now: Instant,
    ) -> Response {
        let result = match route {
            RequestTarget::Login => return self.mint(request, now),
            RequestTarget::NotFound => Err(ApiError::not_found()),
            RequestTarget::WrongMethod { allow } => Err(ApiError::wrong_method(allow)),
            RequestTarget::Api(_) | RequestTarget::User(_) => self
                .authenticate(request, token, now)
                .and_then(|number| self.serve(request, route, number, now)),
        };
        result.unwrap_or_else(|error| error.into_response(context_id))
    }

    /// Executes a request whose token, address and rate have been accepted.
    fn serve(
        &mut self,
        request: &Request<'_>,
        route: &RequestTarget<'_>,
        number: TokenNumber,
        now: Instant,
    ) -> Result<Response, ApiError> {
        let previous_reset_at = self.registry.token(number).record.last_reset_at;
        // The request counts as activity even if a check below fails.
        self.record_activity(route.operation(), number, now);
        if request.body.len() > BODY_LENGTH_MAX {
            return Err(ApiError::too_large());
        }
        let response = match route {
            RequestTarget::User(user) => self.delete_user(number, user, now)?,
            RequestTarget::Api(ApiOperation::GetTimeout) => self.read_timeout(number)?,
            RequestTarget::Api(ApiOperation::PutTimeout) => {
                self.set_timeout(request, number, now)?
            }
            RequestTarget::Api(ApiOperation::DeleteMe) => self.delete_me(number, now),
            RequestTarget::Api(ApiOperation::HeadMe) => Response::new(200, Vec::new()),
            RequestTarget::Api(_)
            | RequestTarget::Login
            | RequestTarget::WrongMethod { .. }
            | RequestTarget::NotFound => self.token_info(number, previous_reset_at),
        };
        let record = &mut self.registry.token_mut(number).record;
        record.accepted = record.accepted.saturating_add(1);
        Ok(response)
    }

    fn record_activity(&mut self, operation: ApiOperation, number: TokenNumber, now: Instant) {
        let resets = !matches!(operation, ApiOperation::PeekMe | ApiOperation::DeleteMe)
            && !self.settings.excluded.contains(&operation);
        if resets {
            let record = &mut self.registry.token_mut(number).record;
            record.last_reset_at = now;
            record.resets = record.resets.saturating_add(1);
        }
    }

    fn user_of(&self, number: TokenNumber) -> Option<UserNumber> {
        match &self.registry.token(number).holder {
            Holder::User { number, .. } => Some(*number),
            Holder::Client { .. } => None,
        }
    }
}

/// Returns a random id in the form of a version 4 UUID.
fn uuid(random: &mut fastrand::Rng) -> String {
    let bits = random.u128(..);
    let part = |from: u32, width: u32| (bits >> from) & ((1 << width) - 1);
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        part(96, 32),
        part(80, 16),
        part(64, 12),
        part(48, 14) | 0x8000,
        part(0, 48)
    )
}

impl Server {
    /// Returns the organisation's settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Changes the organisation's settings from `now` on.
    pub fn alter(&mut self, now: Instant, change: impl FnOnce(&mut Settings)) {
        let timeout = self.settings.timeout.clone();
        change(&mut self.settings);
        if self.settings.timeout != timeout {
            self.timeout.update(&self.settings);
        }
        self.begin_timeout_period(now);
    }

    pub(super) fn begin_timeout_period(&mut self, now: Instant) {
        if self.timeout_history.is_full() {
            self.registry.update_all_fates(&self.timeout_history, now);
            self.timeout_history.drop_past();
        }
        let timeout = self.settings.timeout.clone();
        self.timeout_history
            .begin(timeout, self.settings.precedence, now);
    }

    /// Returns the script of injected faults.
    pub fn script(&mut self) -> &mut Script {
        &mut self.script
    }

    /// Adds a token; its issue counts as activity. Revokes an earlier token with the same value.
    ///
    /// The oldest tokens of a user are evicted as [`Settings::tokens_per_user_max`] requires.
    pub fn add_token(&mut self, spec: TokenSpec, now: Instant) {
        let expires_at = now + spec.lifetime.unwrap_or(self.settings.lifetime);
        if let Grant::User { id, .. } = &spec.grant {
            let tokens_max = self.settings.tokens_per_user_max;
            self.registry
                .make_room(id, tokens_max, &self.timeout_history, now);
        }
        self.registry
            .add(spec, expires_at, &self.timeout_history, now);
    }

    /// Simulates a call by the application that shares the token; returns true if it was accepted.
    pub fn touch_by_application(&mut self, value: &str, now: Instant) -> bool {
        let Some(number) = self.registry.find(value) else {
            return false;
        };
        if !self
            .registry
            .update_fate(number, &self.timeout_history, now)
            .is_living()
            || self.admit(number, now).is_err()
        {
            return false;
        }
        let record = &mut self.registry.token_mut(number).record;
        record.last_reset_at = now;
        record.resets_by_application = record.resets_by_application.saturating_add(1);
        true
    }

    /// Revokes the token, as an administrator; has no effect on an unknown or dead token.
    pub fn revoke(&mut self, value: &str, now: Instant) {
        if let Some(number) = self.registry.find(value) {
            let fate = Fate::Revoked(now);
            self.registry.end(number, fate, &self.timeout_history, now);
        }
    }

    /// Returns the record by `now` of the token with this value; `None` if it is unknown.
    #[must_use]
    pub fn record(&self, value: &str, now: Instant) -> Option<Record> {
        let token = self.registry.token(self.registry.find(value)?);
        Some(self.record_of(token, now))
    }

    /// Returns the values and records of all tokens by `now`, in the order of their addition.
    pub fn records(&self, now: Instant) -> impl Iterator<Item = (&str, Record)> {
        let tokens = self.registry.tokens();
        tokens.map(move |token| (&*token.value, self.record_of(token, now)))
    }

    fn record_of(&self, token: &SimToken, now: Instant) -> Record {
        let mut record = token.record;
        record.fate = self.registry.fate(token, &self.timeout_history, now);
        record
    }

    /// Returns the idle deadline of the token with this value, under the current timeout.
    ///
    /// `None` if the token is unknown or does not idle out.
    #[must_use]
    pub fn idles_at(&self, value: &str) -> Option<Instant> {
        let token = self.registry.token(self.registry.find(value)?);
        self.registry.idles_at(token, &self.timeout_history)
    }

    /// Returns the number of calls with a token that was never added.
    #[must_use]
    pub fn strangers(&self) -> u64 {
        self.strangers
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sim::fixture::{at, server, server_with, status};
    use crate::sim::{GroupBundle, IdleSettings, Matcher, Rule, RuleSpan};

    #[test]
    fn a_token_is_dead_at_its_idle_deadline_and_stays_dead() {
        let mut server = server();
        assert_eq!(status(&mut server, &Request::head_me("a"), 899), 200);
        assert_eq!(status(&mut server, &Request::get_me("a"), 1798), 200);
        assert_eq!(status(&mut server, &Request::head_me("a"), 2698), 401);
        server.alter(at(2699), |settings| {
            settings.timeout = IdleSettings::of_organisation(Duration::from_secs(28_800));
        });
        assert_eq!(status(&mut server, &Request::head_me("a"), 2700), 401);
        let record = server.record("a", at(3000)).unwrap();
        assert_eq!(record.fate, Fate::Lapsed(at(2698)));
        assert_eq!((record.accepted, record.refused), (2, 2));
        assert_eq!((record.resets, record.after_death), (2, 2));
    }

    #[test]
    fn a_peek_does_not_reset_the_idle_timer() {
        let mut server = server();
        assert_eq!(status(&mut server, &Request::peek_me("a"), 899), 200);
        assert_eq!(server.idles_at("a"), Some(at(900)));
        assert_eq!(status(&mut server, &Request::peek_me("a"), 900), 401);
        assert_eq!(server.record("a", at(900)).unwrap().resets, 0);
    }

    #[test]
    fn an_excluded_operation_is_answered_and_resets_nothing() {
        let excluded = vec![ApiOperation::HeadMe, ApiOperation::GetTimeout];
        let mut server = server_with(|settings| settings.excluded = excluded);
        assert_eq!(status(&mut server, &Request::head_me("a"), 100), 200);
        assert_eq!(status(&mut server, &Request::get_timeout("a"), 200), 200);
        assert_eq!(server.idles_at("a"), Some(at(900)));
        assert_eq!(status(&mut server, &Request::get_me("a"), 300), 200);
        assert_eq!(server.idles_at("a"), Some(at(1200)));
    }

    #[test]
    fn a_record_tells_calls_apart_and_how_close_they_came() {
        let mut server = server();
        for (seconds, request) in [
            (0, Request::peek_me("a")),
            (5, Request::head_me("a")),
            (7, Request::head_me("a")),
            (20, Request::new(Method::Post, "/nowhere").bearer("a")),
        ] {
            server.answer(&request, at(seconds));
        }
        let record = server.record("a", at(20)).unwrap();
        let calls = [
            ApiOperation::PeekMe,
            ApiOperation::HeadMe,
            ApiOperation::Unknown,
        ];
        assert_eq!(calls.map(|operation| record.calls(operation)), [1, 2, 1]);
        assert_eq!(record.shortest_gap, Some(Duration::from_secs(2)));
        assert_eq!(record.last_reset_at, at(7));
        assert_eq!(server.records(at(20)).count(), 1);
    }

    #[test]
    fn a_fault_after_processing_has_reset_the_idle_timer_and_one_before_has_not() {
        let mut server = server();
        for (processing, reset_at) in [(Processing::Skipped, 0), (Processing::Done, 10)] {
            for fault in [
                SimFault::Hang { processing },
                SimFault::Empty {
                    status: 504,
                    processing,
                },
            ] {
                let calls = Matcher::token("a");
                let span = RuleSpan::Times(1);
                server.script().push(Rule { calls, span, fault });
                server.answer(&Request::head_me("a"), at(10));
                let record = server.record("a", at(10)).unwrap();
                assert_eq!(record.last_reset_at, at(reset_at));
            }
        }
    }

    #[test]
    fn the_same_calls_bring_the_same_answers() {
        let run = || {
            let mut server = server();
            let requests = [Request::get_me("a"), Request::peek_me("b")];
            requests.map(|request| server.answer(&request, at(5)))
        };
        assert_eq!(run(), run());
    }

    #[test]
    fn absurd_times_are_survived() {
        let mut server = server_with(|settings| settings.lifetime = Duration::MAX);
        let end = at(u64::MAX);
        server.alter(at(0), |settings| {
            settings.timeout = IdleSettings::of_organisation(Duration::MAX);
            settings.date_skew = i64::MIN;
        });
        let request = Request::get_me("a");
        assert_eq!(server.answer(&request, at(1 << 40)).response.status, 401);
        server.add_token(TokenSpec::user("b", "bob"), end);
        server.answer(&Request::get_me("b"), at(0));
        server.answer(&Request::get_me("b"), end);
        for _ in 0..1000 {
            server.alter(at(3), |settings| {
                settings.timeout = IdleSettings::disabled();
            });
        }
        assert!(server.record("a", at(3)).is_some());
    }

    #[test]
    fn a_group_may_have_a_timeout_of_its_own() {
        let mut server = server_with(|settings| {
            settings.timeout.groups_enabled = true;
            settings.timeout.bundles = vec![GroupBundle {
                priority: 1,
                timeout: Duration::from_secs(300),
                groups: vec!["kiosks".to_owned()],
            }];
        });
        server.add_token(TokenSpec::user("b", "bob").in_group("kiosks"), at(0));
        assert_eq!(server.idles_at("a"), Some(at(900)));
        assert_eq!(server.idles_at("b"), Some(at(300)));
        server.alter(at(10), |settings| settings.timeout.organisation = None);
        assert_eq!(server.idles_at("a"), None);
        assert_eq!(
            server.record("b", at(301)).unwrap().lapsed_at(),
            Some(at(300))
        );
    }

    #[test]
    fn no_call_extends_the_lifetime() {
        let mut server = server();
        let spec = TokenSpec::user("b", "bob").living_for(Duration::from_secs(1000));
        server.add_token(spec, at(0));
        assert_eq!(status(&mut server, &Request::head_me("b"), 500), 200);
        assert_eq!(status(&mut server, &Request::head_me("b"), 999), 200);
        assert_eq!(status(&mut server, &Request::head_me("b"), 1000), 401);
        let fate = server.record("b", at(5000)).unwrap().fate;
        assert_eq!(fate, Fate::Expired(at(1000)));
    }

    #[test]
    fn the_eleventh_token_of_a_user_evicts_the_oldest_that_lives() {
        let mut server = server();
        for number in 1..=9 {
            server.add_token(TokenSpec::user(format!("a{number}"), "ann"), at(1));
        }
        server.revoke("a", at(2));
        server.add_token(TokenSpec::user("a10", "ann"), at(3));
        assert!(server.record("a1", at(3)).unwrap().fate.is_living());
        server.add_token(TokenSpec::user("a11", "ann"), at(4));
        let fate = |value| server.record(value, at(4)).unwrap().fate;
        assert_eq!(fate("a"), Fate::Revoked(at(2)));
        assert_eq!(fate("a1"), Fate::Evicted(at(4)));
        assert_eq!(fate("a2"), Fate::Living);
    }

    #[test]
    fn the_application_that_shares_the_token_keeps_it_too() {
        let mut server = server();
        assert!(server.touch_by_application("a", at(800)));
        assert_eq!(server.idles_at("a"), Some(at(1700)));
        assert!(!server.touch_by_application("a", at(1700)));
        assert!(!server.touch_by_application("unknown", at(0)));
        let record = server.record("a", at(1700)).unwrap();
        assert_eq!(
            (record.resets_by_application, record.calls_in_all()),
            (1, 0)
        );
    }
}
