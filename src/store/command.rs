//! Every replicated change as data. Append-only: never reorder, rename or reuse a variant or a field.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::accounts::{AccountChange, NewAccount, NewSession, SecretHash};
use super::operators::Role;
use crate::auth::{AuthenticatorKey, Key, NoAuthenticator, OnFailure, PasswordRecord, Timestamp, UserKey};

/// One proposed change, with the time and the name of who proposed it, because apply may look at no clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// When it was proposed.
    pub at: Timestamp,
    /// The operator's id, or `system`.
    pub by: String,
    /// A retry under the same id is applied once; empty: none.
    pub request_id: String,
    /// What to do.
    pub command: Command,
}

/// A replicated change. Its `Debug` is its name alone: settings and rows may hold secrets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Refused if the user exists, or its authenticator does not.
    CreateUser { key: UserKey, user: NewUser },
    /// Changes what is given.
    UpdateUser {
        key: UserKey,
        change: UserChange,
        if_revision: Option<u64>,
    },
    /// Refused if there is none.
    DeleteUser { key: UserKey, if_revision: Option<u64> },
    /// Many users of one authenticator, in the order of the file: the last of a name wins. Its request id tells which import
    /// it is part of.
    ImportUsers {
        chain: String,
        authenticator: String,
        rows: Vec<(String, NewUser)>,
        on_conflict: OnConflict,
    },
    /// Goes to the rear of its chain.
    CreateAuthenticator {
        key: AuthenticatorKey,
        mechanism: String,
        backend: String,
        enabled: bool,
        settings: String,
        precondition: String,
        on_failure: OnFailure,
        timeout: Duration,
    },
    /// Changes what is given.
    UpdateAuthenticator {
        key: AuthenticatorKey,
        change: AuthenticatorChange,
        if_revision: Option<u64>,
    },
    /// With its users. Not refused if there is none. The last one of a chain takes the chain along.
    DeleteAuthenticator {
        key: AuthenticatorKey,
        if_revision: Option<u64>,
    },
    /// Moves one within its chain.
    MoveAuthenticator { key: AuthenticatorKey, position: Position },
    /// Refused unless `ids` is an exact permutation.
    ReorderAuthenticators { chain: String, ids: Vec<String> },
    /// `secret_hash` is SHA-256 of the key's secret half, which is random.
    CreateOperator {
        id: String,
        name: String,
        role: Role,
        secret_hash: [u8; 32],
    },
    /// Refused for the last admin.
    DeleteOperator { id: String, if_revision: Option<u64> },
    /// Changes what is given.
    UpdateSettings {
        change: SettingsChange,
        if_revision: Option<u64>,
    },
    /// A node is gone for good: its id is never accepted again.
    RetireNode { id: u64, incarnation: u64 },
    /// Those that are not there are told and are no refusal.
    DeleteUsers {
        chain: String,
        authenticator: String,
        user_ids: Vec<String>,
    },
    /// Records made anew after a login. Those whose user has changed since they were verified are left out.
    UpgradePasswords {
        chain: String,
        authenticator: String,
        upgrades: Vec<PasswordUpgrade>,
    },
    /// Rows of a file that fills an authenticator at its beginning: never replaces a user. Refused once `source` was read to its
    /// end, whoever read it.
    BootstrapUsers {
        chain: String,
        authenticator: String,
        source: String,
        rows: Vec<(String, NewUser)>,
        is_last: bool,
    },
    /// Several users at once, all or none: refused if one of them exists, or its authenticator does not.
    CreateUsers { users: Vec<(UserKey, NewUser)> },
    /// A new key seals exchanges from now on; the oldest is forgotten. Refused unless `newest` is the id of the newest one there
    /// is (0: none), so that two leaders draw one. `decoy` counts only where there is none yet.
    RotateKeys { newest: u32, sealing: Key, decoy: Key },
    /// What a cluster begins with: the first admin's key, and the token that makes the first account before `expires_at`.
    Found {
        operator_id: String,
        operator_name: String,
        secret_hash: [u8; 32],
        token_hash: SecretHash,
        expires_at: Timestamp,
    },
    /// Replaces the token that makes the first account. Refused once there is an account.
    OfferSetup {
        token_hash: SecretHash,
        expires_at: Timestamp,
    },
    /// Makes the first account and its session. Refused if there is one, or the token is another or too old; it is used up.
    SetUp {
        token_hash: SecretHash,
        account: NewAccount,
        session: NewSession,
    },
    /// Refused if it exists, whatever its case, or if the name is an operator's id.
    CreateAccount { account: NewAccount },
    /// Changes what is given. Refused if no admin would be left.
    UpdateAccount {
        name: String,
        change: AccountChange,
        if_revision: Option<u64>,
    },
    /// With its sessions. Refused for the last admin.
    DeleteAccount { name: String, if_revision: Option<u64> },
    /// Refused if the password was set anew since it was verified. Drops what time has ended, and the account's oldest ones past
    /// the bound.
    OpenSession {
        account: String,
        password_revision: u64,
        session: NewSession,
    },
    /// It is in use. One that time has ended stays so.
    RenewSession { account: String, hash: SecretHash },
    /// Its password was given once more.
    ConfirmSession { account: String, hash: SecretHash },
    /// Not refused if there is none.
    EndSession { account: String, hash: SecretHash },
    /// All of the account's but that one.
    EndOtherSessions { account: String, kept: SecretHash },
    /// As `UpdateSettings`, and how long sessions last.
    UpdateSettingsAndSessions {
        change: SettingsChange,
        sessions: SessionTimes,
        if_revision: Option<u64>,
    },
    /// Refused unless the chain stands as `was`, and `ids` is an exact permutation of it.
    ReorderAuthenticatorsFrom {
        chain: String,
        was: Vec<String>,
        ids: Vec<String>,
    },
}

impl Command {
    /// What kind of change it is, for logs and figures.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CreateUser { .. } => "create_user",
            Self::UpdateUser { .. } => "update_user",
            Self::DeleteUser { .. } => "delete_user",
            Self::ImportUsers { .. } => "import_users",
            Self::CreateAuthenticator { .. } => "create_authenticator",
            Self::UpdateAuthenticator { .. } => "update_authenticator",
            Self::DeleteAuthenticator { .. } => "delete_authenticator",
            Self::MoveAuthenticator { .. } => "move_authenticator",
            Self::ReorderAuthenticators { .. } => "reorder_authenticators",
            Self::CreateOperator { .. } => "create_operator",
            Self::DeleteOperator { .. } => "delete_operator",
            Self::UpdateSettings { .. } => "update_settings",
            Self::RetireNode { .. } => "retire_node",
            Self::DeleteUsers { .. } => "delete_users",
            Self::UpgradePasswords { .. } => "upgrade_passwords",
            Self::BootstrapUsers { .. } => "bootstrap_users",
            Self::CreateUsers { .. } => "create_users",
            Self::RotateKeys { .. } => "rotate_keys",
            Self::Found { .. } => "found",
            Self::OfferSetup { .. } => "offer_setup",
            Self::SetUp { .. } => "set_up",
            Self::CreateAccount { .. } => "create_account",
            Self::UpdateAccount { .. } => "update_account",
            Self::DeleteAccount { .. } => "delete_account",
            Self::OpenSession { .. } => "open_session",
            Self::RenewSession { .. } => "renew_session",
            Self::ConfirmSession { .. } => "confirm_session",
            Self::EndSession { .. } => "end_session",
            Self::EndOtherSessions { .. } => "end_other_sessions",
            Self::UpdateSettingsAndSessions { .. } => "update_settings_and_sessions",
            Self::ReorderAuthenticatorsFrom { .. } => "reorder_authenticators_from",
        }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A user as it is created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewUser {
    /// What protects it.
    pub password: PasswordRecord,
    /// Bypasses authorization at the caller's.
    pub is_superuser: bool,
    /// Switched off.
    pub disabled: bool,
    /// After this instant it never logs in.
    pub expires_at: Option<Timestamp>,
    /// Handed to the caller.
    pub attributes: BTreeMap<String, String>,
}

/// What to change of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserChange {
    /// A new password.
    pub password: Option<PasswordRecord>,
    /// Superuser or not.
    pub is_superuser: Option<bool>,
    /// On or off.
    pub disabled: Option<bool>,
    /// `Some(None)` takes the expiry away.
    pub expires_at: Option<Option<Timestamp>>,
    /// Replaced whole.
    pub attributes: Option<BTreeMap<String, String>>,
}

/// A record made anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordUpgrade {
    /// Whose.
    pub user_id: String,
    /// The revision of the user whose password was verified.
    pub if_revision: u64,
    /// The new record of the same password.
    pub password: PasswordRecord,
}

/// What an import does with a user that was there before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnConflict {
    /// Replace it.
    Replace,
    /// Leave it.
    Skip,
}

/// What to change of an authenticator. Settings may hold secrets, so its `Debug` leaves them out.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthenticatorChange {
    /// Replaced whole.
    pub settings: Option<String>,
    /// Empty: always concerned.
    pub precondition: Option<String>,
    /// What a failure means.
    pub on_failure: Option<OnFailure>,
    /// How long a decision may take.
    pub timeout: Option<Duration>,
    /// On or off.
    pub enabled: Option<bool>,
}

impl fmt::Debug for AuthenticatorChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            settings: _,
            precondition: _,
            on_failure,
            timeout,
            enabled,
        } = self;
        f.debug_struct("AuthenticatorChange")
            .field("on_failure", on_failure)
            .field("timeout", timeout)
            .field("enabled", enabled)
            .finish_non_exhaustive()
    }
}

/// Where in the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Position {
    /// Asked first.
    Front,
    /// Asked last.
    Rear,
    /// Just before that one.
    Before(String),
    /// Just after that one.
    After(String),
}

/// What to change of the cluster's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsChange {
    /// What a chain without an enabled authenticator answers.
    pub no_authenticator: Option<NoAuthenticator>,
    /// Whether clients are told the exact reason.
    pub detailed_reasons: Option<bool>,
    /// Past it, `LOCAL` logins answer UNAVAILABLE.
    pub max_staleness: Option<Duration>,
}

/// What to change of how long operators' sessions last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionTimes {
    /// Without use.
    pub idle: Option<Duration>,
    /// However much it is used.
    pub lifetime: Option<Duration>,
}

/// What became of a command, and the Raft index at which it was applied (the first time, for a repeated `request_id`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Raft index.
    pub revision: u64,
    /// What became of it.
    pub reply: Reply,
}

/// What became of a command. A refusal is data, not an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// Done.
    Done,
    /// An authenticator was deleted, or was not there.
    Deleted { existed: bool, users: u64 },
    /// Users were imported.
    Imported {
        created: u64,
        replaced: u64,
        unchanged: u64,
        skipped: u64,
    },
    /// Nothing was changed.
    Refused(Refusal),
    /// Users were deleted; `missing` of the named ones were not there.
    UsersDeleted { deleted: u64, missing: u64 },
}

/// Why a command changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// It exists.
    #[error("{kind} `{name}` already exists")]
    AlreadyExists { kind: String, name: String },
    /// It does not exist.
    #[error("{kind} `{name}` does not exist")]
    NotFound { kind: String, name: String },
    /// `if_revision` names another revision.
    #[error("{kind} `{name}` is at revision {actual}, not {expected}")]
    RevisionMismatch {
        kind: String,
        name: String,
        expected: u64,
        actual: u64,
    },
    /// It can never be done.
    #[error("`{field}`: {why}")]
    Invalid { field: String, why: String },
    /// Of several users that share a name, the one of this authenticator exists.
    #[error("user `{user_id}` of `{authenticator}` already exists")]
    UserExists { user_id: String, authenticator: String },
}
