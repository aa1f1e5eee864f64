//! Which operation of the API a command makes, and what it needs.

/// A command, by the operation that it makes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cli) enum Operation {
    /// `GetTokensMe`.
    ShowToken,
    /// `HeadTokensMe`, or `GetTokensMe` with the idle timer reset.
    TouchToken,
    /// `DeleteTokensMe`.
    RevokeToken,
    /// `GetTokensTimeout`.
    ShowTimeout,
    /// `PutTokensTimeout`, after `GetTokensTimeout`.
    SetTimeout,
    /// The same, to disable it.
    DisableTimeout,
    /// `DeleteToken`.
    RevokeUser,
}

impl Operation {
    /// The words that are typed.
    pub(in crate::cli) fn command(self) -> &'static str {
        match self {
            Self::ShowToken => "token show",
            Self::TouchToken => "token touch",
            Self::RevokeToken => "token revoke",
            Self::ShowTimeout => "timeout show",
            Self::SetTimeout => "timeout set",
            Self::DisableTimeout => "timeout disable",
            Self::RevokeUser => "user revoke",
        }
    }

    /// The permission that it needs, if any.
    pub(super) fn permission(self) -> Option<&'static str> {
        match self {
            Self::SetTimeout | Self::DisableTimeout => Some("directory:organization:admin"),
            Self::RevokeUser => Some("oauth:token:delete"),
            Self::ShowToken | Self::TouchToken | Self::RevokeToken | Self::ShowTimeout => None,
        }
    }

    /// The scopes one of which it needs, as far as they are documented.
    pub(super) fn scopes(self) -> Option<&'static str> {
        match self {
            Self::ShowToken | Self::TouchToken | Self::RevokeToken => Some("user-basic-info"),
            Self::ShowTimeout => Some("authorization:readonly or organization:readonly"),
            Self::SetTimeout | Self::DisableTimeout => Some("authorization or organization"),
            Self::RevokeUser => None,
        }
    }
}
