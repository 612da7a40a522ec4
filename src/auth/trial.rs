//! A login that an operator tries on a node: what is presented, and what came of it. Both travel between nodes.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::authenticator::AuthenticatorRecord;
use super::chain::Step;
use super::credentials::Credentials;
use super::reason::Reason;
use super::secret::Secret;
use super::verdict::Identity;

/// What is presented. Its `Debug` is the user name alone.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// As in [`Credentials`].
    pub listener: String,
    /// As in [`Credentials`].
    pub username: String,
    /// As in [`Credentials`].
    pub client_id: String,
    /// As in [`Credentials`].
    pub password: Option<Vec<u8>>,
    /// The SCRAM mechanism by which the password is proven; empty: the password itself is sent.
    pub mechanism: String,
    /// As in [`Credentials`].
    pub peer_host: String,
    /// As in [`Credentials`].
    pub cert_common_name: String,
    /// As in [`Credentials`].
    pub cert_subject: String,
    /// As in [`Credentials`].
    pub client_attrs: BTreeMap<String, String>,
    /// An authenticator that is asked as it would be, in its place or at the end of its chain.
    pub draft: Option<AuthenticatorRecord>,
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

impl Attempt {
    /// What a client would present, without the password if SCRAM proves it.
    pub fn credentials(&self) -> Credentials {
        let sent = self.password.as_ref().filter(|_| self.mechanism.is_empty());
        Credentials {
            listener: self.listener.clone(),
            client_id: self.client_id.clone(),
            username: self.username.clone(),
            password: sent.map(|password| Secret::new(password.as_slice())),
            auth_method: self.mechanism.clone(),
            peer_host: self.peer_host.clone(),
            cert_common_name: self.cert_common_name.clone(),
            cert_subject: self.cert_subject.clone(),
            client_attrs: self.client_attrs.clone(),
            ..Credentials::default()
        }
    }
}

/// What came of it on one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// Let in, with what is known of the client; or why not.
    pub outcome: Result<Box<Identity>, Reason>,
    /// Who decided; empty: the end of the chain.
    pub authenticator: String,
    /// One step for each authenticator of the chain.
    pub steps: Vec<Step>,
    /// All of it.
    pub took: Duration,
    /// What was odd about the exchange itself; mostly empty.
    pub remark: String,
}
