//! The token at hand, and the way to its API.

use serde_json::{Map, Value, json};

use super::access::{Access, Configured, Means, Place};
use super::{Failure, Lines, Operation, done, input};
use crate::api::{Client, Reply};
use crate::config::ApiBase;
use crate::token::{Reader, Token};

/// A token, the API that it belongs to, and a client to ask it with.
pub(in crate::cli) struct Hand {
    pub(super) operation: Operation,
    pub(in crate::cli) client: Client,
    pub(in crate::cli) api: ApiBase,
    pub(in crate::cli) token: Token,
    /// What the configuration says of it, if it is there.
    pub(in crate::cli) configured: Option<Configured>,
    /// Where it came from, for people.
    origin: String,
    /// Standard input was the token, so nobody can answer a question there.
    pub(super) input_is_used: bool,
    /// What is to be said beside the result.
    pub(in crate::cli) notes: Vec<String>,
}

impl Hand {
    /// Reads the token; asks nobody.
    pub(super) async fn take(access: &Access, operation: Operation) -> Result<Self, Failure> {
        let Means {
            place,
            api,
            http,
            configured,
        } = access.means()?;
        let client = Client::new(&http).map_err(Failure::Client)?;
        let mut notes = Vec::new();
        let (token, origin, input_is_used) = match place {
            Place::StandardInput => (input::token().await?, "standard input".to_owned(), true),
            Place::Source(source) => {
                let read = Reader::default().read(&source).await;
                let read = read.map_err(Failure::Source)?;
                notes.extend(read.warning.map(|warning| warning.to_string()));
                (read.token, source.to_string(), false)
            }
        };
        Ok(Self {
            operation,
            client,
            api,
            token,
            configured,
            origin,
            input_is_used,
            notes,
        })
    }

    /// The session's name, if the token is one's.
    pub(super) fn session(&self) -> Option<&str> {
        let configured = self.configured.as_ref();
        configured.map(|configured| configured.name.as_str())
    }

    /// The first lines of every result.
    pub(in crate::cli) fn lines<T>(&self, reply: &Reply<T>) -> Lines {
        let mut lines = Lines::default();
        let fingerprint = self.token.fingerprint();
        let from = match self.session() {
            Some(name) => format!("session {name}, {}", self.origin),
            None => self.origin.clone(),
        };
        lines.add("token", format!("{fingerprint}, from {from}"));
        let date = reply.date.map(|date| format!(", {}", done::shown(date)));
        let (api, status) = (&self.api, reply.status);
        let date = date.unwrap_or_default();
        lines.add("asked", format!("{api}: {status}{date}"));
        lines.add_some(
            "correlation id",
            reply.correlation_id.as_deref().map(str::to_owned),
        );
        lines
    }

    /// What every result derives.
    pub(in crate::cli) fn derived<T>(&self, reply: &Reply<T>) -> Map<String, Value> {
        let derived = json!({
            "command": self.operation.command(),
            "api": self.api.as_str(),
            "session": self.session(),
            "token_source": self.origin,
            "fingerprint": self.token.fingerprint().to_string(),
            "status": reply.status,
            "date": reply.date.map(done::stamped),
            "correlation_id": reply.correlation_id.as_deref(),
        });
        match derived {
            Value::Object(derived) => derived,
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Map::new(),
        }
    }
}
