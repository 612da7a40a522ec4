//! The order of a chain: who is asked before whom.

use super::authenticator_views::AuthenticatorView;
use super::authenticators::key_of;
use super::error::AdminError;
use super::handle::{Admin, Intent};
use super::user_checks::chain_or_global;
use crate::store::{Command, Position};

impl Admin {
    /// Moves an authenticator within its chain; returns the chain.
    pub async fn move_authenticator(
        &self,
        intent: &Intent,
        chain: &str,
        id: &str,
        position: Position,
    ) -> Result<Vec<AuthenticatorView>, AdminError> {
        let key = key_of(chain, id)?;
        let chain = key.chain.clone();
        self.write(intent, Command::MoveAuthenticator { key, position }).await?;
        Ok(self.in_order(&chain))
    }

    /// Puts a whole chain in order; returns it.
    pub async fn reorder_authenticators(
        &self,
        intent: &Intent,
        chain: &str,
        ids: Vec<String>,
    ) -> Result<Vec<AuthenticatorView>, AdminError> {
        let chain = chain_or_global(chain);
        self.write(
            intent,
            Command::ReorderAuthenticators {
                chain: chain.clone(),
                ids,
            },
        )
        .await?;
        Ok(self.in_order(&chain))
    }

    /// Puts a whole chain in order, if it still stands as `was`; refused as invalid if it does not.
    pub async fn reorder_from(
        &self,
        intent: &Intent,
        chain: &str,
        was: Vec<String>,
        ids: Vec<String>,
    ) -> Result<Vec<AuthenticatorView>, AdminError> {
        let chain = chain_or_global(chain);
        let command = Command::ReorderAuthenticatorsFrom {
            chain: chain.clone(),
            was,
            ids,
        };
        self.write(intent, command).await?;
        Ok(self.in_order(&chain))
    }
}
