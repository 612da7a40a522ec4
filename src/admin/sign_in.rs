//! Passwords of accounts, tried: signing in, giving the password once more, changing one's own. An unknown name costs what a wrong
//! password costs, and both say the same.

use std::time::Duration;

use super::accounts::{ALGORITHM, check_password};
use super::attempts::{Attempt, Whose};
use super::error::AdminError;
use super::handle::Admin;
use super::sessions::{Origin, by, ended};
use super::token::{Cookie, fresh_cookie};
use crate::auth::Secret;
use crate::hash::Stored;
use crate::store::{AccountChange, AccountRecord, Command};

/// Characters of a name that was tried which reach the log.
const LOGGED_NAME: usize = 64;

/// Why a password let nobody in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// There is no such account, or its password is another: nobody is told which.
    #[error("wrong user name or password")]
    Wrong,
    /// Too many attempts for this name or from this address within a minute, on this node.
    #[error("too many attempts: try again in {} s", retry_after.as_secs_f64().ceil())]
    TooMany { retry_after: Duration },
    /// It could not be decided or written, or the request is wrong in another way.
    #[error(transparent)]
    Unavailable(#[from] AdminError),
}

impl Admin {
    /// Opens a session for whoever knows the account's password. Needs a quorum, and is counted: five attempts a minute for each
    /// name and each address, of which those are forgiven that were no guesses.
    pub async fn sign_in(&self, name: &str, password: Secret, origin: Origin) -> Result<Cookie, SignInError> {
        let attempt = self.begin_attempt(&[Whose::Account(name), Whose::Address(&origin.address)])?;
        let signed_in = async {
            // What is known here may be out of date: a password that was changed elsewhere must not let anybody in any more.
            self.confirm().await?;
            let account = self.store.account(name);
            self.verify(account.as_deref(), &password).await?;
            let account = account.ok_or(SignInError::Wrong)?;
            self.open(&account, &origin).await
        };
        let signed_in = self.settled(attempt, signed_in.await);
        let (account, address) = (beginning(name), origin.address.as_str());
        match &signed_in {
            Ok(_) => tracing::info!(account, address, "signed in"),
            Err(SignInError::Wrong) => tracing::info!(account, address, "sign-in failed"),
            Err(_) => tracing::debug!(address, "a sign-in could not be decided"),
        }
        signed_in
    }

    /// Takes the password once more before something that cannot be undone; counts for five minutes, for this session on every
    /// node. Five attempts a minute for each session.
    pub async fn confirm_password(&self, cookie: &str, password: Secret) -> Result<(), SignInError> {
        let session = self.open_session(cookie).ok_or_else(ended)?;
        let attempt = self.begin_attempt(&[Whose::Session(&session.id())])?;
        let confirmed = async {
            self.confirm().await?;
            let account = self.store.account(&session.account).ok_or_else(ended)?;
            self.verify(Some(&account), &password).await?;
            let command = Command::ConfirmSession {
                account: session.account.clone(),
                hash: session.hash,
            };
            self.write(&by(&session.account), command)
                .await
                .map_err(|error| match error {
                    AdminError::NotFound { .. } => ended(),
                    other => other,
                })?;
            Ok(())
        };
        let confirmed = self.settled(attempt, confirmed.await);
        let (account, address) = (&session.account, &session.address);
        match &confirmed {
            Ok(()) => tracing::info!(account, address, "password confirmed"),
            Err(SignInError::Wrong) => tracing::info!(account, address, "password not confirmed"),
            Err(error) => tracing::debug!(account, %error, "a password could not be confirmed"),
        }
        confirmed
    }

    /// Whether this session's password was given once more within the last five minutes. From memory.
    pub fn is_confirmed(&self, cookie: &str) -> bool {
        let session = self.open_session(cookie);
        session.is_some_and(|session| session.is_confirmed(self.clock.now()))
    }

    /// Sets the account's own password. Every other session of the account ends. Counted as
    /// [`Admin::confirm_password`] is.
    pub async fn change_own_password(&self, cookie: &str, old: Secret, new: Secret) -> Result<(), SignInError> {
        let mut violations = Vec::new();
        check_password("new_password", &new, &mut violations);
        AdminError::unless_empty(violations)?;
        let session = self.open_session(cookie).ok_or_else(ended)?;
        let attempt = self.begin_attempt(&[Whose::Session(&session.id())])?;
        let changed = async {
            self.confirm().await?;
            let account = self.store.account(&session.account).ok_or_else(ended)?;
            self.verify(Some(&account), &old).await?;
            let change = AccountChange {
                password: Some(self.protect_account(&new).await?),
                kept_session: Some(session.hash),
                ..AccountChange::default()
            };
            let command = Command::UpdateAccount {
                name: account.name.clone(),
                change,
                // The old password must not undo a new one that was set in between.
                if_revision: Some(account.revision),
            };
            self.write(&by(&account.name), command).await?;
            Ok(())
        };
        let changed = self.settled(attempt, changed.await);
        let (account, address) = (&session.account, &session.address);
        match &changed {
            Ok(()) => tracing::info!(account, address, by = account, "password changed"),
            Err(SignInError::Wrong) => tracing::info!(account, address, "password not changed: the old one was wrong"),
            Err(error) => tracing::debug!(account, %error, "a password could not be changed"),
        }
        changed
    }

    fn begin_attempt(&self, whose: &[Whose<'_>]) -> Result<Attempt, SignInError> {
        let begun = self.attempts.begin(whose, self.clock.instant());
        begun.map_err(|retry_after| {
            tracing::debug!(?retry_after, "too many attempts");
            SignInError::TooMany { retry_after }
        })
    }

    /// Only a wrong password was a guess.
    fn settled<T>(&self, attempt: Attempt, outcome: Result<T, SignInError>) -> Result<T, SignInError> {
        if !matches!(outcome, Err(SignInError::Wrong)) {
            self.attempts.forgive(&attempt);
        }
        outcome
    }

    /// Whether the password is the account's. Without an account a record is checked that nobody has and that costs the same.
    async fn verify(&self, account: Option<&AccountRecord>, password: &Secret) -> Result<(), SignInError> {
        let record = match account {
            Some(account) => Stored::parse(account.password.expose()).map_err(AdminError::from)?,
            None => Stored::decoy_of(&ALGORITHM),
        };
        let verified = self
            .hasher
            .verify(&record, password.expose())
            .await
            .map_err(AdminError::from)?;
        if verified.is_right && account.is_some() {
            Ok(())
        } else {
            Err(SignInError::Wrong)
        }
    }

    async fn open(&self, account: &AccountRecord, origin: &Origin) -> Result<Cookie, SignInError> {
        let (cookie, hash) = fresh_cookie()?;
        let command = Command::OpenSession {
            account: account.name.clone(),
            password_revision: account.password_revision,
            session: origin.session(hash),
        };
        match self.write(&by(&account.name), command).await {
            Ok(_) => Ok(cookie),
            // The account has gone, or got another password, since it was looked up.
            Err(AdminError::NotFound { .. } | AdminError::RevisionMismatch { .. }) => Err(SignInError::Wrong),
            Err(error) => Err(error.into()),
        }
    }
}

fn beginning(name: &str) -> String {
    name.chars().take(LOGGED_NAME).collect()
}
