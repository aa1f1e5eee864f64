//! What a token is when it is given to somebody.

use std::time::Duration;

/// A token to be added. It has no `Debug`: its value is the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenSpec {
    /// The secret.
    pub value: String,
    /// Whom it was granted to.
    pub grant: Grant,
    /// What it permits.
    pub permissions: Vec<Permission>,
    /// How long it lives at the most; `None` for the organisation's own.
    pub lifetime: Option<Duration>,
}

/// Whom a token was granted to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Grant {
    /// A person, through an application.
    User {
        /// The user's id.
        id: String,
        /// Groups that the user is in, beside those that earlier tokens named.
        groups: Vec<String>,
        /// What the application may do.
        scopes: Vec<String>,
    },
    /// An OAuth client on its own behalf: no user, no groups, and scopes do not apply.
    Client {
        /// The client's id.
        id: String,
    },
}

/// A permission that an operation needs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Permission {
    /// `oauth:token:delete`: to end the tokens of others.
    OauthTokenDelete,
    /// `directory:organization:admin`: to set the idle timeout.
    DirectoryOrganizationAdmin,
}

impl Permission {
    /// The permission's name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OauthTokenDelete => "oauth:token:delete",
            Self::DirectoryOrganizationAdmin => "directory:organization:admin",
        }
    }
}

impl TokenSpec {
    /// A user's token with the scopes `user-basic-info` and `authorization`, and no permissions.
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

    /// An OAuth client's token without permissions.
    #[must_use]
    pub fn client(value: impl Into<String>, client: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            grant: Grant::Client { id: client.into() },
            permissions: Vec::new(),
            lifetime: None,
        }
    }

    /// The same with one permission more.
    #[must_use]
    pub fn permitting(mut self, permission: Permission) -> Self {
        self.permissions.push(permission);
        self
    }

    /// The same with this lifetime.
    #[must_use]
    pub fn living_for(self, lifetime: Duration) -> Self {
        Self {
            lifetime: Some(lifetime),
            ..self
        }
    }

    /// The same for a user who is in this group too; nothing for a client.
    #[must_use]
    pub fn in_group(mut self, group: impl Into<String>) -> Self {
        if let Grant::User { groups, .. } = &mut self.grant {
            groups.push(group.into());
        }
        self
    }

    /// The same with these scopes alone; nothing for a client.
    #[must_use]
    pub fn scoped(mut self, names: &[&str]) -> Self {
        if let Grant::User { scopes, .. } = &mut self.grant {
            *scopes = names.iter().map(|&name| name.to_owned()).collect();
        }
        self
    }
}
