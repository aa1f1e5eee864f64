//! `ErrorBody`: the body of an error of the API.

use serde_json::Value;

use crate::api::field::{self, Fields};

/// The body of an error of the API, as received: it must be cut before it is logged.
#[derive(Clone, PartialEq, Debug)]
pub struct ErrorBody(Fields);

impl ErrorBody {
    /// Reads the body as an `ErrorBody`; returns `None` if it is not a JSON object.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        field::object(body).map(Self)
    }

    /// Returns `code`, or the first one among the nested `errors`.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        first(&self.0, "code")
    }

    /// Returns `message`, or the first one among the nested `errors`.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        first(&self.0, "message")
    }

    /// Returns `contextId`, which the vendor's support needs.
    #[must_use]
    pub fn context_id(&self) -> Option<&str> {
        first(&self.0, "contextId")
    }

    /// Returns the whole object, as received.
    #[must_use]
    pub fn fields(&self) -> &serde_json::Map<String, Value> {
        &self.0
    }
}

/// Returns the first non-empty text of that name, from the outside inwards.
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
