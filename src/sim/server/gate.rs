//! The checks of a request: token, address, rate, scope and permission, in this order.

use std::time::Duration;

use super::Server;
use crate::sim::error::ApiError;
use crate::sim::registry::{Holder, TokenNumber};
use crate::sim::{Permission, Request};
use crate::time::Instant;

/// The period of the rate limit.
const MINUTE: Duration = Duration::from_secs(60);

impl Server {
    pub(super) fn authenticate(
        &mut self,
        request: &Request<'_>,
        token: Option<TokenNumber>,
        now: Instant,
    ) -> Result<TokenNumber, ApiError> {
        if request.bearer.is_none() {
            return Err(ApiError::authentication_required());
        }
        let Some(number) = token else {
            self.strangers = self.strangers.saturating_add(1);
            return Err(ApiError::bad_credentials());
        };
        let record = &mut self.registry.token_mut(number).record;
        if !record.fate.is_living() {
            record.refused = record.refused.saturating_add(1);
            return Err(ApiError::bad_credentials());
        }
        if !self.settings.address_allowed {
            return Err(ApiError::address_not_allowed());
        }
        self.admit(number, now).map_err(|retry_after| {
            let record = &mut self.registry.token_mut(number).record;
            record.throttled = record.throttled.saturating_add(1);
            ApiError::throttled(retry_after)
        })?;
        Ok(number)
    }

    /// Counts one call against the rate limit.
    ///
    /// # Errors
    ///
    /// The number of seconds until the rate limit accepts the next call.
    pub(super) fn admit(&mut self, number: TokenNumber, now: Instant) -> Result<(), u64> {
        let Some(calls_max) = self.settings.calls_per_minute else {
            return Ok(());
        };
        let token = self.registry.token_mut(number);
        let elapsed = now.since(token.minute_began_at);
        if elapsed >= MINUTE {
            token.minute_began_at = now;
            token.calls_in_minute = 0;
        }
        if token.calls_in_minute >= calls_max.get() {
            let remaining = MINUTE.saturating_sub(elapsed);
            return Err(remaining
                .as_millis()
                .div_ceil(1000)
                .try_into()
                .unwrap_or(60));
        }
        token.calls_in_minute += 1;
        Ok(())
    }

    pub(super) fn require(
        &self,
        number: TokenNumber,
        permission: Permission,
    ) -> Result<(), ApiError> {
        if self
            .registry
            .token(number)
            .permissions
            .contains(&permission)
        {
            Ok(())
        } else {
            Err(ApiError::missing_permission(permission))
        }
    }

    /// Requires one of `accepted`; scopes do not apply to a client's own token.
    pub(super) fn require_scope(
        &self,
        number: TokenNumber,
        accepted: &[&str],
    ) -> Result<(), ApiError> {
        match &self.registry.token(number).holder {
            Holder::User { scopes, .. }
                if !scopes
                    .iter()
                    .any(|scope| accepted.contains(&scope.as_str())) =>
            {
                Err(ApiError::out_of_scope(accepted))
            }
            Holder::User { .. } | Holder::Client { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::fixture::{at, json, refusal, server, server_with, status};
    use crate::sim::{Method, TokenSpec};

    #[test]
    fn who_shows_no_token_or_a_bad_one_is_refused() {
        let mut server = server();
        let without_token = Request::new(Method::Get, "/api/v2/tokens/me");
        let required = (401, "authentication.required".to_owned());
        assert_eq!(refusal(&mut server, &without_token, 0), required);
        let bad = (401, "bad.credentials".to_owned());
        assert_eq!(refusal(&mut server, &Request::get_me("x"), 0), bad);
        assert_eq!(server.strangers(), 1);
    }

    #[test]
    fn an_address_that_is_not_allowed_resets_nothing() {
        let mut server = server_with(|settings| settings.address_allowed = false);
        let refused = (401, "ip.not.authorized".to_owned());
        assert_eq!(refusal(&mut server, &Request::get_me("a"), 10), refused);
        assert_eq!(server.idles_at("a"), Some(at(900)));
        let record = server.record("a", at(10)).unwrap();
        assert_eq!((record.accepted, record.refused), (0, 0));
    }

    #[test]
    fn the_301st_call_of_a_minute_is_throttled_until_the_minute_is_over() {
        let mut server = server();
        for _ in 0..299 {
            assert_eq!(status(&mut server, &Request::peek_me("a"), 100), 200);
        }
        assert!(server.touch_by_application("a", at(100)));
        let answer = server.answer(&Request::get_me("a"), at(118));
        assert_eq!(answer.response.status, 429);
        assert_eq!(answer.response.header("retry-after"), Some("42"));
        let body = json(&answer);
        assert_eq!(body["code"], "too.many.requests.retry.after");
        let message = "Rate limit exceeded the maximum. Retry the request in [42] seconds";
        assert_eq!(body["message"], message);
        assert_eq!(server.record("a", at(118)).unwrap().last_reset_at, at(100));
        assert_eq!(status(&mut server, &Request::head_me("a"), 160), 200);
    }

    #[test]
    fn a_narrow_token_may_not_read_the_timeout_and_is_active_all_the_same() {
        let mut server = server();
        server.add_token(
            TokenSpec::user("n", "nic").scoped(&["user-basic-info"]),
            at(0),
        );
        assert_eq!(status(&mut server, &Request::head_me("n"), 1), 200);
        let forbidden = (403, "app.not.authorized.for.scope".to_owned());
        assert_eq!(
            refusal(&mut server, &Request::get_timeout("n"), 10),
            forbidden
        );
        assert_eq!(server.idles_at("n"), Some(at(910)));
        let spec = TokenSpec::user("r", "rob").scoped(&["organization:readonly"]);
        server.add_token(spec, at(0));
        assert_eq!(status(&mut server, &Request::get_timeout("r"), 10), 200);
    }

    #[test]
    fn an_unknown_path_and_a_wrong_method_are_refused_and_reset_nothing() {
        let mut server = server();
        let request = |method, path| Request::new(method, path).bearer("a");
        let nowhere = request(Method::Get, "/api/v2/users/me");
        assert_eq!(
            refusal(&mut server, &nowhere, 10),
            (404, "not.found".to_owned())
        );
        for (method, path, allow) in [
            (Method::Put, "/api/v2/tokens/me", "DELETE, GET, HEAD"),
            (Method::Delete, "/api/v2/tokens/timeout", "GET, PUT"),
            (Method::Get, "/api/v2/tokens/ann", "DELETE"),
            (Method::Other, "/oauth/token", "POST"),
        ] {
            let answer = server.answer(&request(method, path), at(10));
            assert_eq!(answer.response.status, 405);
            assert_eq!(answer.response.header("Allow"), Some(allow));
        }
        assert_eq!(server.idles_at("a"), Some(at(900)));
    }
}
