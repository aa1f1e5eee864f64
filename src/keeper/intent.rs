//! The intent for a session's token, during the session and at its end.

/// The intent for a session's token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Intent {
    /// Keep the token alive.
    #[default]
    Keep,
    /// Let the token lapse, and only observe it.
    Lapse,
}

/// The treatment of a session's token when the session ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum OnShutdown {
    /// The token is revoked with `DELETE /tokens/me`.
    Revoke,
    /// The token is left as it is.
    Leave,
}

impl Intent {
    /// Both intents.
    pub const ALL: [Self; 2] = [Self::Keep, Self::Lapse];

    /// Returns the word for configuration, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Lapse => "lapse",
        }
    }

    /// Returns the default treatment of the token at the end of its session.
    #[must_use]
    pub fn on_shutdown(self) -> OnShutdown {
        match self {
            Self::Keep => OnShutdown::Revoke,
            Self::Lapse => OnShutdown::Leave,
        }
    }
}

impl OnShutdown {
    /// Both treatments.
    pub const ALL: [Self; 2] = [Self::Revoke, Self::Leave];

    /// Returns the word for configuration, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Revoke => "revoke",
            Self::Leave => "leave",
        }
    }
}
