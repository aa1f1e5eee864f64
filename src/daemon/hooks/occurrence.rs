//! Describes an event for a hook, as variables and as JSON. It must never contain a token, only its
//! fingerprint.

use std::ffi::OsString;

use jiff::Timestamp;
use serde::Serialize;

use crate::config::{HookName, Occasion, PREFIX};
use crate::keeper::{Event, Generation, SessionView};
use crate::log::{EventText, HookRun, SessionNames, escape_json};
use crate::token::Fingerprint;

/// The version of the JSON. It grows when a key is removed or changes its meaning, not when one is
/// added.
const VERSION: u32 = 1;

/// The description of an event of a session.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Occurrence {
    version: u32,
    event: &'static str,
    session: String,
    fingerprint: Option<String>,
    previous_fingerprint: Option<String>,
    generation: Option<u32>,
    state: Option<&'static str>,
    intent: Option<&'static str>,
    api: String,
    reason: String,
    correlation_id: Option<String>,
    at: String,
}

/// An occurrence for one hook.
#[derive(Serialize)]
struct ForHook<'a> {
    hook: &'a str,
    #[serde(flatten)]
    occurrence: &'a Occurrence,
}

impl Occurrence {
    pub(super) fn new(
        occasion: Occasion,
        event: &Event,
        session: &SessionNames<'_>,
        view: Option<&SessionView>,
        text: EventText,
        at: Timestamp,
    ) -> Self {
        Self {
            version: VERSION,
            event: occasion.as_str(),
            session: session.name.to_string(),
            fingerprint: event.token.map(|token| token.fingerprint.to_string()),
            previous_fingerprint: None,
            generation: event.token.map(|token| {
                let Generation(generation) = token.generation;
                generation
            }),
            state: view.map(|view| view.state.as_str()),
            intent: view.map(|view| view.policy.intent.as_str()),
            api: session.api.as_str().to_owned(),
            reason: text.sentence,
            correlation_id: text.correlation_id,
            at: format!("{at:.3}"),
        }
    }

    /// Adds the token that this one replaces.
    pub(super) fn replacing(self, previous: Fingerprint) -> Self {
        Self {
            previous_fingerprint: Some(previous.to_string()),
            ..self
        }
    }

    /// Returns the names of a hook's run for this occurrence, for log messages.
    pub(super) fn run<'a>(&'a self, hook: &'a HookName) -> HookRun<'a> {
        HookRun {
            hook: hook.as_str(),
            session: &self.session,
            occasion: self.event,
        }
    }

    /// Returns the variables. Unknown values are empty.
    pub(super) fn variables(&self, hook: &HookName) -> Vec<(String, OsString)> {
        let generation = self.generation.map(|generation| generation.to_string());
        [
            ("EVENT", self.event),
            ("HOOK", hook.as_str()),
            ("SESSION", &self.session),
            (
                "FINGERPRINT",
                self.fingerprint.as_deref().unwrap_or_default(),
            ),
            (
                "PREVIOUS_FINGERPRINT",
                self.previous_fingerprint.as_deref().unwrap_or_default(),
            ),
            ("GENERATION", generation.as_deref().unwrap_or_default()),
            ("STATE", self.state.unwrap_or_default()),
            ("INTENT", self.intent.unwrap_or_default()),
            ("API", &self.api),
            ("REASON", &self.reason),
            (
                "CORRELATION_ID",
                self.correlation_id.as_deref().unwrap_or_default(),
            ),
            ("AT", &self.at),
        ]
        .map(|(name, value)| (format!("{PREFIX}{name}"), value.into()))
        .to_vec()
    }

    /// Returns one JSON object and a line ending.
    pub(super) fn json(&self, hook: &HookName) -> Vec<u8> {
        let whole = ForHook {
            hook: hook.as_str(),
            occurrence: self,
        };
        let json = serde_json::to_string(&whole).expect("text and numbers are JSON");
        (escape_json(json) + "\n").into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::HOOK_VARIABLES;

    fn occurrence() -> Occurrence {
        Occurrence {
            version: VERSION,
            event: Occasion::Lost.as_str(),
            session: "wallboard".to_owned(),
            fingerprint: Some("ba7816bf".to_owned()),
            previous_fingerprint: None,
            generation: Some(2),
            state: Some("lost"),
            intent: Some("keep"),
            api: "https://api.mypurecloud.de".to_owned(),
            reason: "wallboard ba7816bf lost: why; what next".to_owned(),
            correlation_id: None,
            at: "2026-11-24T08:00:00.123Z".to_owned(),
        }
    }

    #[test]
    fn the_json_is_one_documented_line() {
        let hook = HookName::new("page").unwrap();
        let json = String::from_utf8(occurrence().json(&hook)).unwrap();
        insta::assert_snapshot!(json, @r#"{"hook":"page","version":1,"event":"lost","session":"wallboard","fingerprint":"ba7816bf","previous_fingerprint":null,"generation":2,"state":"lost","intent":"keep","api":"https://api.mypurecloud.de","reason":"wallboard ba7816bf lost: why; what next","correlation_id":null,"at":"2026-11-24T08:00:00.123Z"}"#);
    }

    #[test]
    fn each_documented_variable_is_there_and_no_other() {
        let variables = occurrence().variables(&HookName::new("page").unwrap());
        let names: Vec<_> = variables
            .iter()
            .map(|(name, _)| &name[PREFIX.len()..])
            .collect();
        assert_eq!(names, HOOK_VARIABLES);
        let manual = include_str!("../../../packaging/docs/hooks.md");
        for name in names {
            let row = format!("| `{name}` | `{}` |", name.to_lowercase());
            assert!(manual.contains(&row), "{row}");
        }
    }
}
