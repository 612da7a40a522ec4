//! Checks passwords against stored records, wherever these come from.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::backend::{Context, Violation};
use super::decoys::Decoys;
use super::fields::Fields;
use crate::auth::{Clock, Finding, Notes, ProviderError, Reason};
use crate::hash::{self, Algorithm, Digest, HashError, Hasher, SaltPosition, SaltedDigest, Stored, Verified};

/// How hashes are made that other systems keep without a word about it, if the settings do not say: EMQX's default.
pub(super) const ELSEWHERE: Algorithm = Algorithm::Digest(SaltedDigest {
    digest: Digest::Sha256,
    salt_position: SaltPosition::Prefix,
});

/// How records are made, and which others serve too.
#[derive(Clone, Debug)]
pub(super) struct PasswordSettings {
    pub(super) algorithm: Algorithm,
    allow_legacy_hashes: bool,
}

impl PasswordSettings {
    /// Reads `password_hash_algorithm` and `allow_legacy_hashes`; a faulty one is noted.
    pub(super) fn parse(fields: &mut Fields<'_>, default: Algorithm) -> Self {
        let algorithm = match fields.get("password_hash_algorithm").map(Algorithm::parse) {
            None => default,
            Some(Ok(algorithm)) => algorithm,
            Some(Err(faults)) => {
                let path = fields.path_of("password_hash_algorithm");
                fields.add_faults(faults.into_iter().map(|fault| Violation::within(&path, fault)));
                default
            }
        };
        fields.fill("password_hash_algorithm", algorithm.to_json());
        Self {
            algorithm,
            allow_legacy_hashes: fields.flag("allow_legacy_hashes", false),
        }
    }

    /// JSON schema of both, for records that others have made.
    pub(super) fn schemas_of_elsewhere() -> Map<String, Value> {
        let mut schemas = Self::schemas();
        if let Some(algorithm) = schemas.get_mut("password_hash_algorithm") {
            algorithm["description"] = json!("What the stored hashes are that do not say it themselves.");
            algorithm["default"] = ELSEWHERE.to_json();
        }
        schemas
    }

    /// Reads `allow_legacy_hashes` for a place that makes records by itself, all of which say what they are. Most of what such places
    /// make counts as legacy, so that it is let in unless the settings say otherwise.
    pub(super) fn of_others(fields: &mut Fields<'_>) -> Self {
        Self {
            // What unknown users cost until a login has met something dearer.
            algorithm: ELSEWHERE,
            allow_legacy_hashes: fields.flag("allow_legacy_hashes", true),
        }
    }

    /// JSON schema of `allow_legacy_hashes`.
    pub(super) fn legacy_schema(default: bool) -> Value {
        json!({
            "title": "Allow legacy hashes",
            "description": "Whether users may log in whose hash is made elsewhere and too weak to be made here.",
            "x-advanced": true,
            "type": "boolean",
            "default": default,
        })
    }

    /// JSON schema of both.
    pub(super) fn schemas() -> Map<String, Value> {
        [
            ("password_hash_algorithm", Algorithm::schema()),
            ("allow_legacy_hashes", Self::legacy_schema(false)),
        ]
        .map(|(name, schema)| (name.to_owned(), schema))
        .into_iter()
        .collect()
    }
}

/// The passwords of one authenticator.
pub(super) struct Passwords {
    settings: PasswordSettings,
    decoys: Decoys,
    hasher: Hasher,
    clock: Arc<dyn Clock>,
}

impl Passwords {
    pub(super) fn new(settings: PasswordSettings, context: &Context) -> Self {
        Self {
            decoys: Decoys::new(&settings.algorithm),
            settings,
            hasher: context.hasher.clone(),
            clock: Arc::clone(&context.clock),
        }
    }

    /// Takes a record apart.
    pub(super) fn parse(encoded: &str) -> Result<Stored, ProviderError> {
        Stored::parse(encoded).map_err(cannot_hash)
    }

    /// Whether the password is the record's own.
    pub(super) async fn verify(&self, record: &Stored, password: &[u8], notes: &Notes) -> Result<bool, ProviderError> {
        let is_right = self.checked("hashed", record, password, notes).await?;
        self.decoys.note(record, self.clock.instant());
        Ok(is_right)
    }

    /// Spends what a login costs that is not let in, but for what its own record has cost already (see [`super::decoys`]).
    pub(super) async fn pay(
        &self,
        record: Option<&Stored>,
        password: &[u8],
        notes: &Notes,
    ) -> Result<(), ProviderError> {
        for decoy in self.decoys.besides(record, self.clock.instant()) {
            self.checked("hashed a decoy, as for every denial,", &decoy, password, notes)
                .await?;
        }
        Ok(())
    }

    async fn checked(
        &self,
        what: &'static str,
        record: &Stored,
        password: &[u8],
        notes: &Notes,
    ) -> Result<bool, ProviderError> {
        let hashing = notes.time(what);
        let Verified { is_right, waited } = self.hasher.verify(record, password).await.map_err(cannot_hash)?;
        hashing.end_as(|took| {
            let hashed = took.saturating_sub(waited);
            format!("{what} {hashed:.1?} after {waited:.1?} in the queue")
        });
        Ok(is_right)
    }

    /// Whether new records are made in another way.
    pub(super) fn is_outdated(&self, record: &Stored) -> bool {
        !record.is_made_by(&self.settings.algorithm)
    }

    /// Why a record lets nobody in although the password is right. What the authenticator itself makes is the operator's choice,
    /// and no legacy. Told to a client as a wrong password, like every reason why a user who exists may not log in.
    pub(super) fn too_weak(&self, record: &Stored, encoded: &str) -> Option<Finding> {
        if self.settings.allow_legacy_hashes || !self.is_outdated(record) {
            return None;
        }
        let weakness = hash::weakness(encoded)?;
        let detail = format!(
            "the password is right, but its hash is too weak ({weakness}): set the password anew, or let such hashes in with \
             `allow_legacy_hashes` of the authenticator"
        );
        Some(Finding::new(Reason::CredentialExpired, detail))
    }
}

fn cannot_hash(error: HashError) -> ProviderError {
    let reason = match error {
        HashError::Overloaded => Reason::Overloaded,
        HashError::Unusable(_) => Reason::BackendBadResponse,
        HashError::TooLarge { .. }
        | HashError::TooLong { .. }
        | HashError::Prohibited(_)
        | HashError::NoRandomness(_)
        | HashError::Stopped => Reason::BackendUnavailable,
    };
    ProviderError::new(reason, error.to_string())
}
