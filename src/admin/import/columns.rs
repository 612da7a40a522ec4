//! The columns that a file may have, and what to say of others.

/// A column of a CSV file, or a field of a JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    UserId,
    PasswordHash,
    Salt,
    /// Of SCRAM users: the keys that stand for a hash.
    Iterations,
    StoredKey,
    ServerKey,
    Password,
    IsSuperuser,
    Disabled,
    ExpiresAt,
    Attributes,
    /// EMQX's; it must be empty, because there are no namespaces here.
    Namespace,
}

impl Column {
    pub(super) const ALL: [Self; 12] = [
        Self::UserId,
        Self::PasswordHash,
        Self::Salt,
        Self::Iterations,
        Self::StoredKey,
        Self::ServerKey,
        Self::Password,
        Self::IsSuperuser,
        Self::Disabled,
        Self::ExpiresAt,
        Self::Attributes,
        Self::Namespace,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::UserId => "user_id",
            Self::PasswordHash => "password_hash",
            Self::Salt => "salt",
            Self::Iterations => "iterations",
            Self::StoredKey => "stored_key",
            Self::ServerKey => "server_key",
            Self::Password => "password",
            Self::IsSuperuser => "is_superuser",
            Self::Disabled => "disabled",
            Self::ExpiresAt => "expires_at",
            Self::Attributes => "attributes",
            Self::Namespace => "namespace",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name() == name)
    }

    /// What other systems call the same thing, in lower case and without what parts its words.
    const fn aliases(self) -> &'static [&'static str] {
        match self {
            Self::UserId => &["user", "username", "clientid", "name", "login", "id"],
            Self::PasswordHash => &["hash", "pwhash", "passwordhashed", "hashedpassword"],
            Self::Salt => &["passwordsalt", "hashsalt"],
            Self::Iterations => &["iterationcount", "iteration", "rounds"],
            Self::StoredKey => &["stored", "scramstoredkey"],
            Self::ServerKey => &["server", "scramserverkey"],
            Self::Password => &["pass", "pwd", "secret", "plainpassword"],
            Self::IsSuperuser => &["superuser", "isadmin", "admin", "super"],
            Self::Disabled => &["isdisabled", "enabled", "active", "isactive", "locked"],
            Self::ExpiresAt => &["expires", "expireat", "expiry", "expiration", "validuntil"],
            Self::Attributes => &["attrs", "clientattrs", "clientattributes", "metadata"],
            Self::Namespace => &["tenant"],
        }
    }

    /// The column that was probably meant.
    fn meant_by(name: &str) -> Option<Self> {
        let letters = letters(name);
        let is_it =
            |column: &Self| letters == self::letters(column.name()) || column.aliases().contains(&letters.as_str());
        Self::ALL.into_iter().find(is_it)
    }
}

/// A name without what people write differently.
fn letters(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_lowercase())
        .collect()
}

/// Longest part of an unknown name that is told.
const SHOWN: usize = 64;

/// What to say of a name that no column has.
pub(super) fn unknown(name: &str) -> String {
    let shown: String = name.chars().take(SHOWN).collect();
    match Column::meant_by(name) {
        Some(meant) => format!("`{shown}` is unknown; did you mean `{}`? ({})", meant.name(), known()),
        None => format!("`{shown}` is unknown ({})", known()),
    }
}

fn known() -> String {
    format!("known are {}", Column::ALL.map(Column::name).join(", "))
}

#[cfg(test)]
mod tests {
    use super::{Column, unknown};

    #[test]
    fn a_column_that_others_call_otherwise_is_suggested() {
        for (name, meant) in [
            ("User ID", "user_id"),
            ("username", "user_id"),
            ("passwordHash", "password_hash"),
            ("IS_SUPERUSER", "is_superuser"),
            ("expires", "expires_at"),
            ("StoredKey", "stored_key"),
            ("iteration_count", "iterations"),
        ] {
            assert!(
                unknown(name).contains(&format!("did you mean `{meant}`")),
                "{}",
                unknown(name)
            );
        }
        assert!(!unknown("colour").contains("did you mean"));
    }

    #[test]
    fn every_column_is_found_by_its_name() {
        for column in Column::ALL {
            assert_eq!(Column::named(column.name()), Some(column));
        }
        assert_eq!(Column::named("User_id"), None);
    }
}
