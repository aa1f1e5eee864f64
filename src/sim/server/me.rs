//! The operations on tokens: token information and revocation.

use serde::Serialize;

use super::Server;
use crate::sim::error::ApiError;
use crate::sim::registry::{Holder, TokenNumber};
use crate::sim::{Fate, IdleDate, Permission, Response, wall};
use crate::time::Instant;

/// The creation and modification date of every OAuth client. Nothing depends on its value.
const CLIENT_DATE: &str = "2026-01-02T03:04:05.678Z";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenInfoBody<'a> {
    organization: Named<'a>,
    home_organization: Named<'a>,
    authorized_scope: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    date_token_idles: Option<String>,
    #[serde(rename = "OAuthClient")]
    oauth_client: OauthClient<'a>,
}

#[derive(Clone, Copy, Serialize)]
struct Named<'a> {
    id: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OauthClient<'a> {
    id: &'a str,
    name: &'a str,
    date_created: &'a str,
    date_modified: &'a str,
    authorized_grant_type: &'a str,
    scope: &'a [String],
    state: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    date_to_delete: Option<String>,
    organization: Named<'a>,
}

impl Server {
    /// Answers with the `TokenInfo`. `previous_reset_at` is the last reset of the idle timer before
    /// the request.
    pub(super) fn token_info(&self, number: TokenNumber, previous_reset_at: Instant) -> Response {
        let token = self.registry.token(number);
        let organization = Named {
            id: &self.organisation_id,
            name: &self.settings.organisation,
        };
        let (id, authorized_grant_type, scope): (&str, _, &[String]) = match &token.holder {
            Holder::User { scopes, .. } => (&self.application_id, "TOKEN", scopes),
            Holder::Client { id } => (id, "CLIENT_CREDENTIALS", &[]),
        };
        let idles_at = match self.settings.idle_date {
            IdleDate::Shown => self.registry.idles_at(token, &self.timeout_history),
            IdleDate::Previous => self
                .timeout_history
                .idles_at(previous_reset_at, self.registry.groups(token)),
            IdleDate::Absent => None,
        };
        let info = TokenInfoBody {
            organization,
            home_organization: organization,
            authorized_scope: scope,
            date_token_idles: idles_at
                .map(|at| wall::iso(wall::at(self.settings.wall_at_boot, at))),
            oauth_client: OauthClient {
                id,
                name: "Simulated application",
                date_created: CLIENT_DATE,
                date_modified: CLIENT_DATE,
                authorized_grant_type,
                scope,
                state: &self.settings.client_state,
                date_to_delete: self.settings.client_deleted_at.map(wall::iso),
                organization,
            },
        };
        let body = serde_json::to_vec(&info).expect("text can always be written");
        Response::new(200, body)
    }

    pub(super) fn delete_me(&mut self, number: TokenNumber, now: Instant) -> Response {
        let fate = Fate::Revoked(now);
        match self.user_of(number) {
            Some(user) if self.settings.universal_logout => {
                self.registry
                    .end_all(user, fate, &self.timeout_history, now);
            }
            Some(_) | None => self.registry.end(number, fate, &self.timeout_history, now),
        }
        Response::new(200, Vec::new())
    }

    pub(super) fn delete_user(
        &mut self,
        number: TokenNumber,
        user: &str,
        now: Instant,
    ) -> Result<Response, ApiError> {
        self.require(number, Permission::OauthTokenDelete)?;
        let user = self.registry.find_user(user);
        let user = user.ok_or_else(ApiError::not_found)?;
        let fate = Fate::Revoked(now);
        self.registry
            .end_all(user, fate, &self.timeout_history, now);
        Ok(Response::new(204, Vec::new()))
    }
}

#[cfg(test)]
mod tests {
    use crate::sim::fixture::{at, json, refusal, server, server_with, status};
    use crate::sim::{Fate, IdleDate, IdleSettings, Method, Permission, Request, TokenSpec};

    #[test]
    fn token_info_says_when_the_token_will_idle_out() {
        let mut server = server();
        let answer = server.answer(&Request::get_me("a"), at(60));
        let info = json(&answer);
        assert_eq!(info["dateTokenIdles"], "2026-11-24T08:16:00.000Z");
        assert_eq!(info["organization"], info["homeOrganization"]);
        assert_eq!(info["organization"]["name"], "Example");
        assert_eq!(info["OAuthClient"]["authorizedGrantType"], "TOKEN");
        assert_eq!(info["authorizedScope"][1], "authorization");
        let header = |name| answer.response.header(name);
        assert_eq!(header("date"), Some("Tue, 24 Nov 2026 08:01:00 GMT"));
        assert_eq!(header("content-type"), Some("application/json"));
        let peek = json(&server.answer(&Request::peek_me("a"), at(90)));
        assert_eq!(peek["dateTokenIdles"], "2026-11-24T08:16:00.000Z");
    }

    #[test]
    fn the_idle_date_is_left_out_where_there_is_none_or_none_is_told() {
        let absent = server_with(|settings| settings.idle_date = IdleDate::Absent);
        let disabled = server_with(|settings| settings.timeout = IdleSettings::disabled());
        for mut server in [absent, disabled] {
            let info = json(&server.answer(&Request::peek_me("a"), at(0)));
            assert!(info.get("dateTokenIdles").is_none());
        }
    }

    #[test]
    fn the_idle_date_may_be_the_one_before_the_request() {
        let mut server = server_with(|settings| settings.idle_date = IdleDate::Previous);
        let mut idles = |request, seconds| {
            json(&server.answer(&request, at(seconds)))["dateTokenIdles"].clone()
        };
        assert_eq!(idles(Request::get_me("a"), 60), "2026-11-24T08:15:00.000Z");
        assert_eq!(idles(Request::peek_me("a"), 90), "2026-11-24T08:16:00.000Z");
    }

    #[test]
    fn the_date_may_be_ahead_of_the_wall_clock() {
        let mut server = server_with(|settings| settings.date_skew = 3_600_000);
        let answer = server.answer(&Request::peek_me("a"), at(0));
        let date = answer.response.header("Date");
        assert_eq!(date, Some("Tue, 24 Nov 2026 09:00:00 GMT"));
        assert_eq!(json(&answer)["dateTokenIdles"], "2026-11-24T08:15:00.000Z");
    }

    #[test]
    fn head_has_no_body_even_when_it_is_refused() {
        let mut server = server();
        for (token, expected) in [("a", 200), ("x", 401)] {
            let response = server.answer(&Request::head_me(token), at(0)).response;
            assert_eq!((response.status, response.body.len()), (expected, 0));
        }
    }

    #[test]
    fn a_revoked_token_is_dead_and_its_siblings_live() {
        let mut server = server();
        server.add_token(TokenSpec::user("a2", "ann"), at(0));
        assert_eq!(status(&mut server, &Request::delete_me("a"), 5), 200);
        let bad = (401, "bad.credentials".to_owned());
        assert_eq!(refusal(&mut server, &Request::delete_me("a"), 6), bad);
        assert_eq!(status(&mut server, &Request::head_me("a2"), 6), 200);
        let record = server.record("a", at(7)).unwrap();
        assert_eq!((record.revoked_at(), record.resets), (Some(at(5)), 0));
    }

    #[test]
    fn universal_logout_takes_the_siblings_along() {
        let mut server = server_with(|settings| settings.universal_logout = true);
        server.add_token(TokenSpec::user("a2", "ann"), at(0));
        server.add_token(TokenSpec::user("b", "bob"), at(0));
        assert_eq!(status(&mut server, &Request::delete_me("a"), 5), 200);
        let fate = |value| server.record(value, at(5)).unwrap().fate;
        assert_eq!(fate("a2"), Fate::Revoked(at(5)));
        assert_eq!(fate("b"), Fate::Living);
    }

    #[test]
    fn the_tokens_of_a_user_are_ended_by_who_may() {
        let mut server = server();
        let delete = |token, path| Request::new(Method::Delete, path).bearer(token);
        let forbidden = (403, "missing.permissions".to_owned());
        let by_ann = delete("a", "/api/v2/tokens/ann");
        assert_eq!(refusal(&mut server, &by_ann, 1), forbidden);
        let admin = TokenSpec::client("admin", "c").permitting(Permission::OauthTokenDelete);
        server.add_token(admin, at(0));
        let unknown = delete("admin", "/api/v2/tokens/%zz%ff");
        assert_eq!(
            refusal(&mut server, &unknown, 1),
            (404, "not.found".to_owned())
        );
        let answer = server.answer(&delete("admin", "/api/v2/tokens/%61nn"), at(2));
        assert_eq!(
            (answer.response.status, answer.response.body.len()),
            (204, 0)
        );
        assert_eq!(status(&mut server, &Request::head_me("a"), 3), 401);
        assert_eq!(status(&mut server, &Request::head_me("admin"), 3), 200);
    }
}
