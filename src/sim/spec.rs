//! The properties with which a token is issued.

use std::time::Duration;

/// The specification of a token to add. It has no `Debug`, because its value is a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenSpec {
    /// The secret.
    pub value: String,
    /// The user or client to which the token is granted.
    pub grant: Grant,
    /// The permissions of the token.
    pub permissions: Vec<Permission>,
    /// The maximum lifetime; `None` for the organisation's lifetime.
    pub lifetime: Option<Duration>,
}

/// The user or client to which a token is granted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Grant {
    /// A user, through an application.
    User {
        /// The user's id.
        id: String,
        /// The user's groups, in addition to those that earlier tokens named.
        groups: Vec<String>,
        /// The scopes that the application may use.
        scopes: Vec<String>,
    },
    /// An OAuth client that acts for itself: it has no user and no groups, and scopes do not apply.
    Client {
        /// The client's id.
        id: String,
    },
}

/// A permission that an operation requires.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Permission {
    /// `oauth:token:delete`, required to revoke the tokens of a user.
    OauthTokenDelete,
    /// `directory:organization:admin`, required to set the idle timeout.
    DirectoryOrganizationAdmin,
}

impl Permission {
    /// Returns the permission's name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OauthTokenDelete => "oauth:token:delete",
            Self::DirectoryOrganizationAdmin => "directory:organization:admin",
        }
    }
}

impl TokenSpec {
    /// Returns a user's token with the scopes `user-basic-info` and `authorization` and no
    /// permissions.
    #[must_use]
    pub fn user(value: impl Into<String>, user: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            grant: Grant::User {
                id: user.into(),
                groups: Vec::new(),
                scopes: vec!["user-basic-info".to_owned(), "authorization".to_owned()],
            },
            permissions: Vec::new(),
            lifetime: None,
        }
    }

    /// Returns an OAuth client's token without permissions.
    #[must_use]
    pub fn client(value: impl Into<String>, client: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            grant: Grant::Client { id: client.into() },
            permissions: Vec::new(),
            lifetime: None,
        }
    }

    /// Adds a permission.
    #[must_use]
    pub fn permitting(mut self, permission: Permission) -> Self {
        self.permissions.push(permission);
        self
    }

    /// Sets the lifetime.
    #[must_use]
    pub fn living_for(self, lifetime: Duration) -> Self {
        Self {
            lifetime: Some(lifetime),
            ..self
        }
    }

    /// Adds the user to a group; has no effect on a client's token.
    #[must_use]
    pub fn in_group(mut self, group: impl Into<String>) -> Self {
        if let Grant::User { groups, .. } = &mut self.grant {
            groups.push(group.into());
        }
        self
    }

    /// Replaces the scopes; has no effect on a client's token.
    #[must_use]
    pub fn scoped(mut self, names: &[&str]) -> Self {
        if let Grant::User { scopes, .. } = &mut self.grant {
            *scopes = names.iter().map(|&name| name.to_owned()).collect();
        }
        self
    }
}
