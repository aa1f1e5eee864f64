//! The errors of the API and their JSON representation.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::json;

use super::{Permission, Response};

/// An error of the API that has not been converted to a response yet.
pub(super) struct ApiError {
    status: u16,
    code: Cow<'static, str>,
    message: Cow<'static, str>,
    /// The template and the value from which the message was made.
    parameter: Option<Box<Parameter>>,
    /// The invalid field of the request body.
    field: Option<&'static str>,
    header: Option<Header>,
}

enum Header {
    Allow(&'static str),
    RetryAfter(u64),
}

struct Parameter {
    template: &'static str,
    name: &'static str,
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SimErrorBody<'a> {
    message: &'a str,
    code: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_with_params: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_params: Option<serde_json::Value>,
    context_id: &'a str,
    details: Vec<Detail<'a>>,
    errors: [(); 0],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Detail<'a> {
    error_code: &'a str,
    field_name: &'a str,
}

impl ApiError {
    pub(super) fn new(
        status: u16,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            parameter: None,
            field: None,
            header: None,
        }
    }

    fn with_parameter(
        status: u16,
        code: &'static str,
        template: &'static str,
        name: &'static str,
        value: String,
    ) -> Self {
        let message = template.replace(&format!("{{{name}}}"), &value);
        Self {
            parameter: Some(Box::new(Parameter {
                template,
                name,
                value,
            })),
            ..Self::new(status, code, message)
        }
    }

    pub(super) fn bad_credentials() -> Self {
        Self::new(401, "bad.credentials", "Invalid login credentials.")
    }

    pub(super) fn authentication_required() -> Self {
        Self::new(
            401,
            "authentication.required",
            "No authentication bearer token specified in authorization header.",
        )
    }

    pub(super) fn address_not_allowed() -> Self {
        Self::new(
            401,
            "ip.not.authorized",
            "The source IP address is not authorized to access this organization.",
        )
    }

    pub(super) fn out_of_scope(scopes: &[&str]) -> Self {
        Self::with_parameter(
            403,
            "app.not.authorized.for.scope",
            "App not authorized to use scope [{scopes}]",
            "scopes",
            scopes.join(", "),
        )
    }

    pub(super) fn missing_permission(permission: Permission) -> Self {
        Self::with_parameter(
            403,
            "missing.permissions",
            "Unable to perform the requested action. You are missing the following permission(s): {permissions}",
            "permissions",
            permission.as_str().to_owned(),
        )
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, "not.found", "The requested resource was not found.")
    }

    pub(super) fn wrong_method(allow: &'static str) -> Self {
        Self {
            header: Some(Header::Allow(allow)),
            ..Self::new(
                405,
                "method.not.allowed",
                "The requested method is not allowed for this resource.",
            )
        }
    }

    pub(super) fn too_large() -> Self {
        Self::new(
            413,
            "request.entity.too.large",
            "The request is over the size limit.",
        )
    }

    pub(super) fn wrong_content_type() -> Self {
        Self::new(
            415,
            "unsupported.media.type",
            "Unsupported Media Type - Unsupported or incorrect media type, such as an incorrect Content-Type value in the header.",
        )
    }

    pub(super) fn throttled(retry_after: u64) -> Self {
        Self {
            header: Some(Header::RetryAfter(retry_after)),
            ..Self::with_parameter(
                429,
                "too.many.requests.retry.after",
                "Rate limit exceeded the maximum. Retry the request in [{retryAfter}] seconds",
                "retryAfter",
                retry_after.to_string(),
            )
        }
    }

    /// Returns a 400 for one field of the body, or for the whole body if `field` is `None`.
    pub(super) fn failed_request(
        field: Option<&'static str>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            field,
            ..Self::new(400, "client.failed.request", message)
        }
    }

    pub(super) fn out_of_range(
        code: &'static str,
        field: &'static str,
        least: u64,
        most: u64,
    ) -> Self {
        Self {
            field: Some(field),
            ..Self::new(
                400,
                code,
                format!("The idle token timeout must be between {least} and {most} seconds."),
            )
        }
    }

    pub(super) fn into_response(self, context_id: &str) -> Response {
        let body = SimErrorBody {
            message: &self.message,
            code: &self.code,
            status: self.status,
            message_with_params: self.parameter.as_ref().map(|parameter| parameter.template),
            message_params: self
                .parameter
                .as_ref()
                .map(|parameter| json!({ parameter.name: parameter.value })),
            context_id,
            details: self
                .field
                .iter()
                .map(|field| Detail {
                    error_code: &self.code,
                    field_name: field,
                })
                .collect(),
            errors: [],
        };
        let body = serde_json::to_vec(&body).expect("text and numbers can always be written");
        let response = Response::new(self.status, body);
        match self.header {
            Some(Header::Allow(methods)) => response.with("Allow", methods),
            Some(Header::RetryAfter(seconds)) => response.with("Retry-After", seconds.to_string()),
            None => response,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(error: ApiError) -> String {
        String::from_utf8(error.into_response("c").body).unwrap()
    }

    #[test]
    fn documented_bodies_are_literal() {
        assert_eq!(
            body(ApiError::bad_credentials()),
            r#"{"message":"Invalid login credentials.","code":"bad.credentials","status":401,"contextId":"c","details":[],"errors":[]}"#
        );
        assert!(body(ApiError::throttled(42)).starts_with(
            r#"{"message":"Rate limit exceeded the maximum. Retry the request in [42] seconds","code":"too.many.requests.retry.after","status":429,"#
        ));
    }

    #[test]
    fn a_message_with_a_parameter_gives_both() {
        let body = body(ApiError::missing_permission(Permission::OauthTokenDelete));
        assert!(
            body.contains("permission(s): oauth:token:delete\""),
            "{body}"
        );
        assert!(body.contains(r#""messageParams":{"permissions":"oauth:token:delete"}"#));
    }
}
