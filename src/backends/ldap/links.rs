//! The two kinds of connections to a directory: those that search, and those on which clients are bound.

use std::path::PathBuf;
use std::sync::Arc;

use ldap3::LdapResult;
use zeroize::Zeroizing;

use super::connection::{Connection, Searched};
use super::relay::Protection;
use super::result::{SUCCESS, told};
use crate::backends::address::Address;
use crate::backends::idle::{Link, Trouble};
use crate::backends::secrets::SecretSource;

/// Where the directory is, and how the way there is protected.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) address: Address,
    pub(super) protection: Protection,
}

impl Way {
    async fn open(&self) -> Result<Connection, String> {
        let Address { host, port } = &self.address;
        let opened = Connection::open(host, *port, &self.protection).await;
        opened.map_err(|error| error.detail)
    }
}

/// Connections that are bound as the user that searches, and as nobody else ever.
pub(super) struct Searching {
    pub(super) way: Way,
    pub(super) username: String,
    pub(super) password: SecretSource,
    pub(super) secrets_dir: PathBuf,
    /// What is wanted of an entry.
    pub(super) wanted: Vec<String>,
}

/// Which entries are looked for.
pub(super) struct Query {
    pub(super) base: String,
    pub(super) filter: String,
}

impl Link for Arc<Searching> {
    type Connection = Connection;
    type Question = Query;
    type Answer = Searched;

    async fn connect(&self) -> Result<Connection, String> {
        let password = self.password.resolve(&self.secrets_dir)?;
        let password = std::str::from_utf8(password.expose()).map_err(|_| "`password` is no UTF-8")?;
        if password.is_empty() {
            return Err("`password` is empty: a directory would take the user for nobody".to_owned());
        }
        let mut connection = self.way.open().await?;
        let bound = connection.bind(&self.username, password).await;
        match bound.map_err(detail)? {
            result if result.rc == SUCCESS => Ok(connection),
            result => Err(format!(
                "the directory refuses the user that searches: {}",
                told(&result)
            )),
        }
    }

    async fn ask(&self, connection: &mut Connection, Query { base, filter }: &Query) -> Result<Searched, Trouble> {
        connection.search(base, filter, &self.wanted).await
    }

    fn is_usable(connection: &Connection) -> bool {
        connection.is_usable()
    }
}

/// Connections on which clients are bound, one after the other. Nothing is ever searched on them, so that it does not matter as
/// whom they are bound.
pub(super) struct Binding {
    pub(super) way: Way,
}

/// Who a client says it is.
pub(super) struct Claim {
    pub(super) dn: String,
    pub(super) password: Zeroizing<String>,
}

impl Link for Binding {
    type Connection = Connection;
    type Question = Claim;
    type Answer = LdapResult;

    async fn connect(&self) -> Result<Connection, String> {
        self.way.open().await
    }

    async fn ask(&self, connection: &mut Connection, Claim { dn, password }: &Claim) -> Result<LdapResult, Trouble> {
        connection.bind(dn, password).await
    }

    fn is_usable(connection: &Connection) -> bool {
        connection.is_usable()
    }
}

/// For operators.
pub(super) fn detail(trouble: Trouble) -> String {
    match trouble {
        Trouble::Lost(why) => why,
        Trouble::Failed(error) => error.detail,
    }
}
