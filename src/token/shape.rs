//! Recognises contents that are not a token although they hold one, or stand in for one.
//!
//! An HTTP header could carry most of them, and the API would answer with a 401 that says nothing
//! about the cause. A message must name the shape and never show the content.

use std::fmt;

/// The content of a source in place of the bare token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Text in UTF-16, as Windows' Notepad and PowerShell write it.
    Utf16,
    /// Text that begins with the byte order mark of UTF-8.
    ByteOrderMark,
    /// A page in HTML or a document in XML.
    Html,
    /// A list in JSON.
    JsonArray,
    /// Text in quotes.
    Quoted,
    /// `Authorization: …`, the whole header.
    Header,
    /// `Bearer …`, the value of the header.
    Bearer,
    /// `KEY=value`, as in an environment file.
    Assignment,
    /// A word that programs write in place of a missing value, such as `null`.
    NoValue(&'static str),
    /// A placeholder of an example or a template, such as `<your-token>`.
    Placeholder,
}

/// The words that programs write in place of a missing value.
const NO_VALUES: [&str; 4] = ["null", "undefined", "none", "nil"];

/// The words that examples have in place of a token, without hyphens and underscores.
const PLACEHOLDERS: [&str; 6] = [
    "yourtoken",
    "youraccesstoken",
    "mytoken",
    "accesstoken",
    "changeme",
    "replaceme",
];

/// The beginnings and ends of the variables of templates.
const TEMPLATES: [(&str, &str); 4] = [("${", "}"), ("$(", ")"), ("{{", "}}"), ("<", ">")];

const QUOTES: [u8; 3] = [b'"', b'\'', b'`'];

impl Shape {
    /// Returns the shape of the content; `None` if it may be a token.
    #[must_use]
    pub fn of(content: &[u8]) -> Option<Self> {
        if is_utf16(content) {
            return Some(Self::Utf16);
        }
        if content.starts_with(b"\xef\xbb\xbf") {
            return Some(Self::ByteOrderMark);
        }
        let text = content.trim_ascii();
        if is_markup(text) {
            return Some(Self::Html);
        }
        let first = text.first()?;
        // No bearer token has brackets (RFC 6750). The end of a long list may be cut off.
        if *first == b'[' {
            return Some(Self::JsonArray);
        }
        if QUOTES.contains(first) || text.last().is_some_and(|last| QUOTES.contains(last)) {
            return Some(Self::Quoted);
        }
        if starts_with(text, b"authorization:") {
            return Some(Self::Header);
        }
        if starts_with(text, b"bearer ") || text.eq_ignore_ascii_case(b"bearer") {
            return Some(Self::Bearer);
        }
        if is_placeholder(text) {
            return Some(Self::Placeholder);
        }
        if is_assignment(text) {
            return Some(Self::Assignment);
        }
        let mut words = NO_VALUES.into_iter();
        words
            .find(|word| text.eq_ignore_ascii_case(word.as_bytes()))
            .map(Self::NoValue)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Utf16 => "is text in UTF-16: save it as ASCII or UTF-8 without a byte order mark",
            Self::ByteOrderMark => {
                "begins with a byte order mark: save it as UTF-8 without one (in PowerShell: -Encoding ascii)"
            }
            Self::Html => {
                "is a page in HTML or XML, perhaps an error page or a sign-in: check what fetches the token"
            }
            Self::JsonArray => {
                "is a JSON array: put the token in its place, or one object with the token in `access_token`"
            }
            Self::Quoted => "is in quotes: leave them out",
            Self::Header => {
                "is a whole Authorization header: leave out all but the token after \"Bearer\""
            }
            Self::Bearer => "begins with \"Bearer\": leave that out, the daemon adds it",
            Self::Assignment => "is an assignment such as KEY=value: leave out all but the value",
            Self::NoValue(word) => {
                return write!(
                    formatter,
                    "is the word \"{word}\", which a program writes where it has no value: check what writes the token"
                );
            }
            Self::Placeholder => "is a placeholder: put the token in its place",
        };
        formatter.write_str(text)
    }
}

fn is_utf16(content: &[u8]) -> bool {
    if content.starts_with(b"\xff\xfe") || content.starts_with(b"\xfe\xff") {
        return true;
    }
    // Without a byte order mark, every other byte of ASCII text in UTF-16 is zero.
    let zero_at = |offset: usize| {
        content
            .iter()
            .skip(offset)
            .step_by(2)
            .all(|byte| *byte == 0)
    };
    content.len() >= 2 && (zero_at(0) != zero_at(1))
}

fn is_markup(text: &[u8]) -> bool {
    // The end of a long page may be cut off.
    let begins = ["<!doctype", "<html", "<head", "<body", "<?xml", "<!--"];
    begins.iter().any(|tag| starts_with(text, tag.as_bytes()))
        || text.starts_with(b"<") && text.get(1..).is_some_and(|rest| rest.contains(&b'<'))
}

fn is_placeholder(text: &[u8]) -> bool {
    let is_template = |(begin, end): (&str, &str)| {
        text.starts_with(begin.as_bytes()) && text.ends_with(end.as_bytes())
    };
    let bare = || text.iter().filter(|byte| !b"-_".contains(byte));
    let is_word = |word: &str| {
        bare().count() == word.len()
            && bare()
                .zip(word.bytes())
                .all(|(byte, expected)| byte.to_ascii_lowercase() == expected)
    };
    TEMPLATES.into_iter().any(is_template) || PLACEHOLDERS.into_iter().any(is_word)
}

/// Returns true for a name, an equals sign and more than equals signs, with which Base64 ends.
fn is_assignment(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"export ").unwrap_or(text);
    let Some(equals) = text.iter().position(|byte| *byte == b'=') else {
        return false;
    };
    let (name, value) = text.split_at(equals);
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.- ".contains(byte);
    let begins_as_name = name.first().is_some_and(|byte| !byte.is_ascii_digit());
    begins_as_name && name.iter().all(is_name) && value.iter().any(|byte| *byte != b'=')
}

fn starts_with(text: &[u8], prefix: &[u8]) -> bool {
    text.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_that_are_no_token_are_recognised() {
        for (content, shape) in [
            (&b"\xff\xfea\0b\0"[..], Shape::Utf16),
            (b"\xfe\xff\0a\0b", Shape::Utf16),
            (b"a\0b\0c\0", Shape::Utf16),
            (b"\0a\0b", Shape::Utf16),
            (b"\xef\xbb\xbfabc", Shape::ByteOrderMark),
            (b"<!DOCTYPE html><html>", Shape::Html),
            (b"\n<html>", Shape::Html),
            (b"<?xml version=\"1.0\"?>", Shape::Html),
            (b"<a><b></b></a>", Shape::Html),
            (b"[\"abc\"]", Shape::JsonArray),
            (b" [\n{\"access_token\":\"abc\"}\n]\n", Shape::JsonArray),
            (b"[{\"access_token\":\"ab", Shape::JsonArray),
            (b"[]", Shape::JsonArray),
            (b"\"abc\"", Shape::Quoted),
            (b"'abc'", Shape::Quoted),
            (b" `abc` ", Shape::Quoted),
            (b"abc\"", Shape::Quoted),
            (b"Authorization: Bearer abc", Shape::Header),
            (b"Bearer abc", Shape::Bearer),
            (b"bearer abc", Shape::Bearer),
            (b"TOKEN=abc", Shape::Assignment),
            (b"export TOKEN=abc", Shape::Assignment),
            (b"genesys.token = abc", Shape::Assignment),
            (b"access_token=abc&expires_in=86399", Shape::Assignment),
            (b"null", Shape::NoValue("null")),
            (b"None", Shape::NoValue("none")),
            (b"undefined", Shape::NoValue("undefined")),
            (b"<your-token>", Shape::Placeholder),
            (b"<token>", Shape::Placeholder),
            (b"${TOKEN}", Shape::Placeholder),
            (b"{{ token }}", Shape::Placeholder),
            (b"YOUR_TOKEN", Shape::Placeholder),
            (b"changeme", Shape::Placeholder),
        ] {
            let text = String::from_utf8_lossy(content);
            assert_eq!(Shape::of(content), Some(shape), "{text}");
        }
    }

    #[test]
    fn what_may_be_a_token_is_let_through() {
        for content in [
            "abc",
            "bearer-abc",
            "nullable",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.s5-_x",
            "c2VjcmV0IHRva2Vu==",
            "YWJj=",
            "0a1b2c-D_e.f~g+h/i",
            "1=2",
            "",
            "a",
        ] {
            assert_eq!(Shape::of(content.as_bytes()), None, "{content}");
        }
    }
}
