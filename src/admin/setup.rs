//! The first account: made by whoever holds the token that the birth of the cluster printed.

use std::time::Duration;

use super::accounts::{check_name, check_password};
use super::error::{AdminError, violation};
use super::handle::{Admin, Intent};
use super::sessions::{Origin, by};
use super::token::{Cookie, SetupToken, fresh_cookie, fresh_setup_token, hash_of_setup_token, is_same};
use crate::auth::{Secret, Timestamp};
use crate::store::{Command, NewAccount, Role, SecretHash};

/// So long a token can make the first account.
const VALID: Duration = Duration::from_secs(24 * 3600);

impl Admin {
    /// Whether there is no account yet. From memory.
    pub fn setup_is_open(&self) -> bool {
        !self.store.has_accounts()
    }

    /// Makes the first account, an admin, and its session. The token is used up.
    pub async fn set_up(
        &self,
        token: &str,
        name: &str,
        password: Secret,
        origin: Origin,
    ) -> Result<Cookie, AdminError> {
        self.confirm().await?;
        self.require_open_setup()?;
        let mut violations = Vec::new();
        // Looked at before anything is hashed: whoever has no token costs nothing.
        let token_hash = hash_of_setup_token(token).filter(|hash| self.is_offered(hash));
        if token_hash.is_none() {
            let why = "is not the one that was given out last, or is older than a day; `portcullis operator setup-token` \
                       gives out another";
            violations.push(violation("token", why));
        }
        check_name(name, &mut violations);
        check_password("password", &password, &mut violations);
        AdminError::unless_empty(violations)?;
        let (cookie, hash) = fresh_cookie()?;
        let account = NewAccount {
            name: name.to_owned(),
            role: Role::Admin,
            password: self.protect_account(&password).await?,
        };
        let command = Command::SetUp {
            token_hash: token_hash.unwrap_or_default(),
            account,
            session: origin.session(hash),
        };
        self.write(&by(name), command).await.map_err(used)?;
        let address = &origin.address;
        tracing::info!(account = name, address, "the first account was made, and is signed in");
        Ok(cookie)
    }

    /// Gives out a token that makes the first account; the one before it counts no more. Refused once there is an account.
    pub async fn new_setup_token(&self, intent: &Intent) -> Result<SetupToken, AdminError> {
        self.confirm().await?;
        self.require_open_setup()?;
        let (token, token_hash) = fresh_setup_token()?;
        let command = Command::OfferSetup {
            token_hash,
            expires_at: self.setup_end(),
        };
        self.write(intent, command).await.map_err(used)?;
        tracing::info!(by = intent.by, "a setup token was given out");
        Ok(token)
    }

    /// When a token ends that is given out now.
    pub(super) fn setup_end(&self) -> Timestamp {
        let valid = u64::try_from(VALID.as_millis()).unwrap_or(u64::MAX);
        Timestamp(self.clock.now().0.saturating_add(valid))
    }

    fn require_open_setup(&self) -> Result<(), AdminError> {
        if self.setup_is_open() { Ok(()) } else { Err(is_closed()) }
    }

    fn is_offered(&self, hash: &SecretHash) -> bool {
        let offer = self.store.setup_offer();
        offer.is_some_and(|offer| is_same(&offer.token_hash, hash) && self.clock.now() < offer.expires_at)
    }
}

/// Somebody else was faster.
fn used(error: AdminError) -> AdminError {
    match error {
        AdminError::AlreadyExists { kind, .. } if kind == "account" => is_closed(),
        other => other,
    }
}

fn is_closed() -> AdminError {
    AdminError::Precondition("there is an account already: sign in, or have an admin make another".into())
}
