//! What an import is known by: the id under which it can be resumed, and the request ids that make each batch apply once.

use sha2::{Digest as _, Sha256};

use super::job::{ImportFormat, ImportHeader, PasswordType};
use crate::admin::error::{AdminError, violation};
use crate::auth::AuthenticatorKey;
use crate::store::{self, NewUser, OnConflict};

const BYTES_OF_SEAL: usize = 8;

/// The name of an import: a random part, and a seal over who imports what and how, by which another header is found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    id: String,
}

impl Identity {
    /// That of a new import, or of the one that the header resumes.
    pub(super) fn of(header: &ImportHeader, by: &str, target: &AuthenticatorKey) -> Result<Self, AdminError> {
        let seal = seal(header, by, target);
        if header.import_id.is_empty() {
            let id = format!("{}-{seal}", uuid::Uuid::new_v4().simple());
            return Ok(Self { id });
        }
        match header.import_id.split_once('-') {
            Some((random, sealed)) if is_random_part(random) && sealed == seal => Ok(Self {
                id: header.import_id.clone(),
            }),
            Some((random, sealed)) if is_random_part(random) && sealed.len() == seal.len() => Err(AdminError::invalid(
                "import_id",
                "belongs to an import by another operator or with another header: an import is resumed just as it was begun",
            )),
            _ => Err(AdminError::invalid(
                "import_id",
                "is not one that this service gave out",
            )),
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Under which a batch is applied once, whichever node sends it. Its users are part of it, so that a batch of another
    /// file in the same place is not taken for one that was applied. (Not their passwords: it would give them away.)
    pub(super) fn request_id(&self, first_row: u64, users: &[(String, NewUser)]) -> String {
        let mut digest = Sha256::new();
        for (user_id, _) in users {
            digest.update((user_id.len() as u64).to_le_bytes());
            digest.update(user_id);
        }
        let users = short(&digest.finalize());
        store::import_request_id(&self.id, &format!("{first_row}-{users}"))
    }
}

/// Refuses what cannot be resumed.
pub(super) fn check_resumption(header: &ImportHeader) -> Result<(), AdminError> {
    let is_resumed = !header.import_id.is_empty();
    let mut violations = Vec::new();
    if header.resume_after_row > 0 && !is_resumed {
        violations.push(violation("import_id", "must be given with `resume_after_row`"));
    }
    if is_resumed && header.all_or_nothing {
        violations.push(violation(
            "all_or_nothing",
            "cannot be resumed: send the whole file again",
        ));
    }
    if is_resumed && header.dry_run {
        violations.push(violation("dry_run", "cannot be resumed: send the whole file again"));
    }
    AdminError::unless_empty(violations)
}

fn is_random_part(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn seal(header: &ImportHeader, by: &str, target: &AuthenticatorKey) -> String {
    let password_type = match header.password_type {
        PasswordType::Hash => "hash",
        PasswordType::Plain => "plain",
    };
    let on_conflict = match header.on_conflict {
        OnConflict::Replace => "replace",
        OnConflict::Skip => "skip",
    };
    let format: ImportFormat = header.format;
    let mut digest = Sha256::new();
    for part in [
        by,
        &target.chain,
        &target.id,
        format.name(),
        password_type,
        on_conflict,
        &header.algorithm,
    ] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    short(&digest.finalize())
}

fn short(digest: &[u8]) -> String {
    hex::encode(digest.get(..BYTES_OF_SEAL).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{AuthenticatorKey, Identity, ImportFormat, ImportHeader, OnConflict, PasswordType, check_resumption};

    fn header() -> ImportHeader {
        ImportHeader {
            chain: String::new(),
            authenticator: String::new(),
            format: ImportFormat::Csv,
            password_type: PasswordType::Hash,
            on_conflict: OnConflict::Replace,
            dry_run: false,
            all_or_nothing: false,
            algorithm: "sha256".into(),
            import_id: String::new(),
            resume_after_row: 0,
        }
    }

    fn target() -> AuthenticatorKey {
        AuthenticatorKey {
            chain: "global".into(),
            id: "built_in".into(),
        }
    }

    fn identity(header: &ImportHeader, by: &str) -> Result<Identity, String> {
        Identity::of(header, by, &target()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_import_is_resumed_only_as_it_was_begun() {
        let begun = identity(&header(), "ann").unwrap();
        assert_ne!(begun, identity(&header(), "ann").unwrap());
        let resumed = ImportHeader {
            import_id: begun.id().to_owned(),
            resume_after_row: 1000,
            ..header()
        };
        assert_eq!(identity(&resumed, "ann"), Ok(begun));
        assert!(identity(&resumed, "bob").unwrap_err().contains("another operator"));
        let other = ImportHeader {
            on_conflict: OnConflict::Skip,
            ..resumed
        };
        assert!(identity(&other, "ann").unwrap_err().contains("another header"));
        for import_id in ["x", "x-y", "../..", &"a".repeat(200)] {
            let foreign = ImportHeader {
                import_id: import_id.into(),
                ..header()
            };
            assert!(identity(&foreign, "ann").unwrap_err().contains("gave out"));
        }
    }

    #[test]
    fn what_holds_for_the_whole_file_cannot_be_resumed() {
        let resumed = ImportHeader {
            import_id: "x".into(),
            ..header()
        };
        assert!(check_resumption(&resumed).is_ok());
        let faulty = [
            ImportHeader {
                all_or_nothing: true,
                ..resumed.clone()
            },
            ImportHeader {
                dry_run: true,
                ..resumed.clone()
            },
            ImportHeader {
                import_id: String::new(),
                resume_after_row: 7,
                ..resumed
            },
        ];
        assert!(faulty.iter().all(|header| check_resumption(header).is_err()));
    }
}
