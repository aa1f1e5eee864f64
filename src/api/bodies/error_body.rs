//! `ErrorBody`: what the API says when it refuses.

use serde_json::Value;

use crate::api::field::{self, Fields};

/// What the API says when it refuses. As it came: not fit for a log line unless it is cut.
#[derive(Clone, PartialEq, Debug)]
pub struct ErrorBody(Fields);

impl ErrorBody {
    /// Takes the body for an `ErrorBody`; `None` if it is no JSON object.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        field::object(body).map(Self)
    }

    /// `code`, or the first one among the nested `errors`.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        first(&self.0, "code")
    }

    /// `message`, or the first one among the nested `errors`.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        first(&self.0, "message")
    }

    /// `contextId`: support asks for it.
    #[must_use]
    pub fn context_id(&self) -> Option<&str> {
        first(&self.0, "contextId")
    }

    /// The whole object, as it came.
    #[must_use]
    pub fn fields(&self) -> &serde_json::Map<String, Value> {
        &self.0
    }
}

/// The first text of that name that is not empty, from the outside inwards.
///
/// The parser's own limit on nesting bounds the depth.
fn first<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    field::text(fields, name)
        .filter(|text| !text.is_empty())
        .or_else(|| {
            let nested = field::elements(fields, "errors");
            nested
                .iter()
                .filter_map(Value::as_object)
                .find_map(|fields| first(fields, name))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outermost_code_counts() {
        let code = |body: &str| {
            let error = ErrorBody::read(body.as_bytes())?;
            error.code().map(str::to_owned)
        };
        for (body, expected) in [
            (r#"{"code":"a","errors":[{"code":"b"}]}"#, Some("a")),
            (r#"{"errors":[{},{"errors":[{"code":"b"}]}]}"#, Some("b")),
            (r#"{"code":"","errors":[{"code":"b"}]}"#, Some("b")),
            (r#"{"code":401,"errors":"none"}"#, None),
            (r#"{"message":"m"}"#, None),
            ("[]", None),
        ] {
            assert_eq!(code(body).as_deref(), expected, "{body}");
        }
    }
}
