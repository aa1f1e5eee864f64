//! What is wanted for a session: that its token lives, or that it may go.

/// What is wanted for a session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Intent {
    /// Keep the token alive.
    #[default]
    Keep,
    /// Watch it lapse and disturb nothing.
    Lapse,
}

/// What becomes of a session's token when the daemon stops.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum OnShutdown {
    /// `DELETE /tokens/me`.
    Revoke,
    /// It is left as it is.
    Leave,
}

impl Intent {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Keep, Self::Lapse];

    /// The word for configuration, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Lapse => "lapse",
        }
    }

    /// What becomes of the token when nothing else was configured.
    #[must_use]
    pub fn on_shutdown(self) -> OnShutdown {
        match self {
            Self::Keep => OnShutdown::Revoke,
            Self::Lapse => OnShutdown::Leave,
        }
    }
}

impl OnShutdown {
    /// The word for configuration, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Revoke => "revoke",
            Self::Leave => "leave",
        }
    }
}
