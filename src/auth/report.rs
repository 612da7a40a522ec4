//! How one authenticator fares on one node.

use serde::{Deserialize, Serialize};

use super::authenticator::AuthenticatorKey;
use super::provider::{Health, Usage};
use super::tally::Figures;

/// How one authenticator fares on one node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuthenticatorReport {
    /// Which one.
    pub key: AuthenticatorKey,
    /// How its backend fares.
    pub health: Health,
    /// What was counted.
    pub figures: Figures,
    /// How busy it is.
    pub usage: Usage,
}
