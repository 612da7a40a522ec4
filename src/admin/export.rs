//! Export: the users of an authenticator as a file that Import reads back. Page after page of the store becomes a piece of the
//! file, so the memory it takes does not grow with their number.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::error::{AdminError, Obstacle};
use super::handle::Admin;
use super::import::{ImportFormat, PasswordType};
use super::user_checks::authenticator_or_builtin;
use super::user_file::{FileUser, UserFile};
use crate::auth::AuthenticatorKey;
use crate::store::{Store, UserQuery};

/// Exports that may run at once on a node.
pub(super) const MOST_EXPORTS: usize = 2;
/// Users read at once.
const PAGE: usize = 512;
/// Bytes of one piece at most.
const PIECE: usize = 256 << 10;
/// Pieces that wait for the caller.
const WAITING_PIECES: usize = 2;
/// How long a caller may leave a piece waiting before it is taken for gone: others want to export too.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which users, and how the file is written. Empty text: the default, or no filter.
#[derive(Clone, Debug)]
pub struct ExportRequest {
    /// Empty: `global`.
    pub chain: String,
    /// Empty: the built-in database.
    pub authenticator: String,
    /// Names that begin so.
    pub prefix: String,
    /// How the file is written.
    pub format: ImportFormat,
}

/// A piece of the file. It holds hashes, so it cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct ExportPiece {
    /// The next bytes.
    pub data: Bytes,
    /// Users that are whole in the file so far.
    pub users: u64,
}

/// The next piece, or why there will be no more.
type Piece = Result<ExportPiece, AdminError>;

impl Admin {
    /// Writes the users into pieces of a file, ascending by name, each once. A user that is there all the while is in it; one that
    /// comes, goes or changes meanwhile is in it as it was at some moment, or not at all if it was not there at some moment. The
    /// file is whole if the channel ends without an error. Dropping the receiver ends the export.
    pub async fn export_users(&self, by: &str, request: ExportRequest) -> Result<mpsc::Receiver<Piece>, AdminError> {
        let permit = self.exports.clone().try_acquire_owned();
        let permit = permit
            .map_err(|_| AdminError::unavailable(Obstacle::Overloaded, "other exports are running on this node"))?;
        self.confirm().await?;
        let owner = authenticator_or_builtin(&request.chain, &request.authenticator);
        self.algorithm_of(&owner)?;
        let (pieces, received) = mpsc::channel(WAITING_PIECES);
        let export = Export::new(self.store.clone(), owner, request, pieces.clone());
        let by = by.to_owned();
        tokio::spawn(async move {
            let failure = export.run(&by).await;
            drop(permit);
            // However long that takes: a channel that ends without an error says that the file is whole.
            if let Some(error) = failure {
                let _ = pieces.send(Err(error)).await;
            }
        });
        Ok(received)
    }
}

/// Why an export ends early.
enum Stop {
    /// Nobody takes the pieces any more.
    Unwanted,
    /// It cannot go on.
    Failed(AdminError),
}

impl From<AdminError> for Stop {
    fn from(error: AdminError) -> Self {
        Self::Failed(error)
    }
}

/// One export at work.
struct Export {
    store: Store,
    owner: AuthenticatorKey,
    query: UserQuery,
    file: UserFile,
    /// Users in the pieces that were sent.
    told: u64,
    pieces: mpsc::Sender<Piece>,
}

impl Export {
    fn new(store: Store, owner: AuthenticatorKey, request: ExportRequest, pieces: mpsc::Sender<Piece>) -> Self {
        let query = UserQuery {
            chain: owner.chain.clone(),
            authenticator: owner.id.clone(),
            prefix: request.prefix,
            limit: PAGE,
            ..UserQuery::default()
        };
        Self {
            store,
            owner,
            query,
            file: UserFile::new(request.format, PasswordType::Hash),
            told: 0,
            pieces,
        }
    }

    /// Sends the file; returns what the caller is still to be told. Who takes hashes along is worth a line in the log.
    async fn run(mut self, by: &str) -> Option<AdminError> {
        let written = self.write().await;
        let AuthenticatorKey { chain, id } = self.owner;
        let users = self.told;
        match written {
            Ok(()) => tracing::info!(by, chain, authenticator = id, users, "users were exported"),
            Err(Stop::Unwanted) => tracing::info!(by, chain, authenticator = id, users, "an export was left"),
            Err(Stop::Failed(error)) => {
                tracing::warn!(by, chain, authenticator = id, users, %error, "an export broke off");
                return Some(error);
            }
        }
        None
    }

    async fn write(&mut self) -> Result<(), Stop> {
        let head = self.file.head()?;
        self.send(head).await?;
        loop {
            let (rows, more) = self.read_page().await?;
            self.send(rows).await?;
            if !more {
                return self.send(self.file.foot().to_vec()).await;
            }
        }
    }

    /// The next page as text, and whether there are more. Reads the disk away from the async threads.
    async fn read_page(&mut self) -> Result<(Vec<u8>, bool), AdminError> {
        let (store, owner, query, mut file) = (self.store.clone(), self.owner.clone(), self.query.clone(), self.file);
        let read = spawn_blocking(move || {
            let page = store.users_uncounted(&query)?;
            // Its users go with it, and what is left of them must not look like all of them.
            if store.authenticator(&owner).is_none() {
                return Err(AdminError::not_found("authenticator", &owner.id));
            }
            let rows = file.rows(page.users.iter().map(|(key, record)| FileUser::of(key, record)))?;
            Ok((rows, file, page.more, page.next_after))
        });
        let joined = read.await;
        let (rows, file, more, next_after) =
            joined.map_err(|error| AdminError::Internal(format!("a read of the store broke off: {error}")))??;
        self.file = file;
        self.query.after = next_after;
        Ok((rows, more))
    }

    /// Cuts it into pieces. Users count once the last piece of their page is sent.
    async fn send(&mut self, text: Vec<u8>) -> Result<(), Stop> {
        let mut rest = Bytes::from(text);
        while !rest.is_empty() {
            let data = rest.split_to(rest.len().min(PIECE));
            if rest.is_empty() {
                self.told = self.file.users();
            }
            let users = self.told;
            let sent = self
                .pieces
                .send_timeout(Ok(ExportPiece { data, users }), PATIENCE)
                .await;
            sent.map_err(|error| match error {
                mpsc::error::SendTimeoutError::Closed(_) => Stop::Unwanted,
                mpsc::error::SendTimeoutError::Timeout(_) => {
                    Stop::Failed(AdminError::Deadline("the caller to take the file".into()))
                }
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
