//! A real server that users can be put into, and how an authenticator reaches it.

use std::collections::BTreeSet;
use std::future::Future;
use std::net::SocketAddr;

use anyhow::Result;
use serde_json::Value;

use crate::authority::Authority;

/// A user as a server keeps it.
#[derive(Clone, Debug, Default)]
pub struct User {
    /// What logins are looked up by.
    pub name: String,
    /// `None`: the field is there and holds nothing.
    pub password_hash: Option<String>,
    /// As for the hash.
    pub salt: Option<String>,
    /// As a text, which is the oddest of the types it comes in.
    pub is_superuser: Option<String>,
    /// An object.
    pub client_attrs: Option<Value>,
    /// Seconds since 1970.
    pub expire_at: Option<i64>,
    /// Rules.
    pub acl: Option<Value>,
    /// Another client id.
    pub clientid_override: Option<String>,
}

/// A real server. Its settings are those of an authenticator, without `password_hash_algorithm`, which the rows bring.
pub trait Server: Send + Sync {
    /// `postgresql`…
    fn backend(&self) -> &'static str;

    /// Where it listens.
    fn address(&self) -> SocketAddr;

    /// The settings by which an authenticator finds the users that [`Server::put`] puts there, the server being reached at this
    /// address, which may be that of a proxy.
    fn settings_at(&self, address: SocketAddr) -> Value;

    /// The same without a proxy.
    fn settings(&self) -> Value {
        self.settings_at(self.address())
    }

    /// What the time for a question is called.
    fn time_setting(&self) -> &'static str {
        "query_timeout"
    }

    /// Settings, over the others, that name a secret which the server does not take.
    fn wrong_secret(&self) -> Value;

    /// Who signed its certificate, if it speaks TLS at the same address when `ssl.enable` is on.
    fn authority(&self) -> Option<&Authority> {
        None
    }

    /// Puts a user there.
    fn put(&self, user: &User) -> impl Future<Output = Result<()>>;

    /// Whether it can keep all that this user has. Rows about what it cannot are left out.
    fn can_keep(&self, _user: &User) -> bool {
        true
    }

    /// The statements, commands or filters that it has seen from authenticators so far, without the values in them; `None` if it
    /// does not tell.
    fn seen(&self) -> impl Future<Output = Result<Option<BTreeSet<String>>>> {
        async { Ok(None) }
    }

    /// SIGKILL.
    fn kill(&mut self) -> Result<()>;

    /// Starts it again with what it had, and waits until it answers.
    fn start_again(&mut self) -> impl Future<Output = Result<()>>;

    /// SIGSTOP.
    fn freeze(&self) -> Result<()>;

    /// SIGCONT.
    fn thaw(&self) -> Result<()>;
}
