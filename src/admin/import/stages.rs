//! The stages of an import, each at work while the others are: read the file, hash, write.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::batch::{Batch, Hashes, Piece};
use super::identity::{Identity, check_resumption};
use super::job::{ImportBody, ImportHeader, ImportProgress, PasswordType};
use super::reading::Reading;
use super::report::Report;
use super::rows::{Line, Row, RowPassword, Rules};
use super::writer::Writer;
use crate::admin::error::{AdminError, Obstacle};
use crate::admin::handle::Admin;
use crate::admin::passwords::chosen;
use crate::admin::user_checks::authenticator_or_builtin;
use crate::auth::{AuthenticatorKey, PasswordRecord};
use crate::hash::{Algorithm, HashError, Hasher};
use crate::store::NewUser;

/// Pieces that wait between two stages.
const WAITING_PIECES: usize = 2;
/// Progress messages that wait for the caller.
const WAITING_MESSAGES: usize = 4;
const HASH_PAUSE: Duration = Duration::from_millis(200);
const HASH_ATTEMPTS: u32 = 50;
/// Begins what stands for the record of a password that a dry run does not hash; no record begins so.
const NOT_HASHED: &str = "row ";
/// A digest and salt as EMQX writes them, to learn whether an algorithm takes such pairs.
const SAMPLE_HASH: &str = "b6c743545a7817ae8c8f624371d5f5f0373234bb0ff36b8ffbf19bce0e06ab75";
const SAMPLE_SALT: &str = "de1024f462fb83910fd13151bd4bd235";

/// Progress as it comes, or why there will be no more.
pub(super) type Progress = Result<ImportProgress, AdminError>;

impl Admin {
    /// Imports a file. Answers at once; progress comes through the channel, the first message before anything of the file was
    /// read, the last with `done`. Dropping the receiver ends the import after what is in flight.
    pub async fn import_users(
        &self,
        by: &str,
        header: ImportHeader,
        body: ImportBody,
    ) -> Result<mpsc::Receiver<Progress>, AdminError> {
        check_resumption(&header)?;
        let permit = self.imports.clone().try_acquire_owned();
        let permit = permit
            .map_err(|_| AdminError::unavailable(Obstacle::Overloaded, "other imports are running on this node"))?;
        self.confirm().await?;
        let target = authenticator_or_builtin(&header.chain, &header.authenticator);
        let identity = Identity::of(&header, by, &target)?;
        let batches = self.start_stages(&header, &target, body)?;
        let (progress, messages) = mpsc::channel(WAITING_MESSAGES);
        let report = Report::new(&header, &identity, self.limits.bad_rows, progress);
        let writer = Writer::new(self.clone(), by, target, header, identity, report);
        tokio::spawn(async move {
            writer.run(batches).await;
            drop(permit);
        });
        Ok(messages)
    }

    /// Begins to read and hash a file for that authenticator.
    pub(super) fn start_stages(
        &self,
        header: &ImportHeader,
        target: &AuthenticatorKey,
        body: ImportBody,
    ) -> Result<Batches, AdminError> {
        let default = self.algorithm_of(target)?;
        let algorithm = chosen(&header.algorithm, &default).map_err(AdminError::Invalid)?;
        let hashing = Hashing {
            hasher: self.hasher.clone(),
            name: name_of(&algorithm),
            is_slow: !matches!(algorithm, Algorithm::Digest(_)),
            algorithm,
            at_once: self.limits.hashing,
            rehearsal: header.dry_run,
        };
        let reading = Reading {
            format: header.format,
            rules: rules_for(header, hashing.algorithm.clone()),
            resume_after: header.resume_after_row,
            is_slow: hashing.is_slow && header.password_type == PasswordType::Plain,
            limits: (*self.limits).clone(),
        };
        let (pieces, read) = mpsc::channel(WAITING_PIECES);
        let reading = spawn_blocking(move || reading.run(body, pieces));
        let (ready, batches) = mpsc::channel(WAITING_PIECES);
        Ok(Batches {
            batches,
            stages: tokio::spawn(hashing.run(read, reading, ready)),
        })
    }
}

/// The batches of a file in order, and in the end whether they were all of it.
pub(super) struct Batches {
    batches: mpsc::Receiver<Batch>,
    stages: JoinHandle<Result<(), AdminError>>,
}

impl Batches {
    pub(super) async fn next(&mut self) -> Option<Batch> {
        self.batches.recv().await
    }

    /// After the last batch: a stage that failed, or died, must not look like the end of the file.
    pub(super) async fn end(self) -> Result<(), AdminError> {
        drop(self.batches);
        joined(self.stages).await
    }
}

async fn joined(stage: JoinHandle<Result<(), AdminError>>) -> Result<(), AdminError> {
    stage
        .await
        .map_err(|error| AdminError::Internal(format!("a stage of the import broke off: {error}")))?
}

fn rules_for(header: &ImportHeader, algorithm: Algorithm) -> Rules {
    // No algorithm makes SCRAM of other hashes, so naming one would not help there.
    let doubtful = header.algorithm.is_empty()
        && header.resume_after_row == 0
        && !algorithm.is_scram()
        && algorithm.import(SAMPLE_HASH, SAMPLE_SALT).is_err();
    let doubt = doubtful.then(|| {
        "the authenticator's own algorithm cannot take the hashes of this file: \
         name the one that made them, for example `sha256`"
            .to_owned()
    });
    Rules {
        password_type: header.password_type,
        longest_password: algorithm.longest_password(),
        scram: match &algorithm {
            Algorithm::Scram(made) => Some(made.hash),
            _ => None,
        },
        encode: Box::new(move |hash, salt| algorithm.import(hash, salt)),
        doubt,
    }
}

/// What new records are called.
fn name_of(algorithm: &Algorithm) -> String {
    if let Algorithm::Scram(made) = algorithm {
        return made.hash.mechanism().to_owned();
    }
    let json = algorithm.to_json();
    json.get("name")
        .and_then(|name| name.as_str())
        .unwrap_or_default()
        .to_owned()
}

/// The stage that turns passwords into what can be stored.
struct Hashing {
    hasher: Hasher,
    algorithm: Algorithm,
    name: String,
    is_slow: bool,
    at_once: usize,
    /// A dry run computes no slow hashes.
    rehearsal: bool,
}

impl Hashing {
    async fn run(
        self,
        mut read: mpsc::Receiver<Piece>,
        reading: JoinHandle<Result<(), AdminError>>,
        ready: mpsc::Sender<Batch>,
    ) -> Result<(), AdminError> {
        while let Some(piece) = read.recv().await {
            if ready.send(self.batch(piece).await?).await.is_err() {
                return Ok(());
            }
        }
        joined(reading).await
    }

    /// The order of the file is kept.
    async fn batch(&self, piece: Piece) -> Result<Batch, AdminError> {
        let mut batch = Batch {
            first_row: piece.first_row,
            rows: piece.lines.len() as u64,
            ..Batch::default()
        };
        let mut good = Vec::with_capacity(piece.lines.len());
        for (row, line) in (piece.first_row..).zip(piece.lines) {
            match line {
                Line::Good(user) => good.push((row, user)),
                Line::Bad(bad) => batch.bad.push(bad),
            }
        }
        let mut users = stream::iter(good)
            .map(|(number, row)| self.user(number, row))
            .buffered(self.at_once);
        while let Some(user) = users.try_next().await? {
            self.count(&user.1, &mut batch.hashes);
            batch.users.push(user);
        }
        Ok(batch)
    }

    fn count(&self, user: &NewUser, hashes: &mut Hashes) {
        match user.password.expose() {
            placeholder if placeholder.starts_with(NOT_HASHED) => hashes.count_named(&self.name),
            record => hashes.count(record),
        }
    }

    async fn user(&self, number: u64, row: Row) -> Result<(String, NewUser), AdminError> {
        let password = match row.password {
            RowPassword::Ready(record) => record,
            // Salted anew each time, a slow hash is never the one that is there: neither is this.
            RowPassword::Plain(_) if self.rehearsal && self.is_slow => {
                PasswordRecord::new(format!("{NOT_HASHED}{number}"))
            }
            RowPassword::Plain(password) => PasswordRecord::new(self.patiently(password.expose()).await?),
        };
        let user = NewUser {
            password,
            is_superuser: row.is_superuser,
            disabled: row.disabled,
            expires_at: row.expires_at,
            attributes: row.attributes,
        };
        Ok((row.user_id, user))
    }

    /// Logins go first: an import waits until there is room for it.
    #[expect(
        clippy::disallowed_methods,
        reason = "backoff: room in the queue cannot be waited for"
    )]
    async fn patiently(&self, password: &[u8]) -> Result<String, HashError> {
        for _ in 1..HASH_ATTEMPTS {
            match self.hasher.hash(&self.algorithm, password).await {
                Err(HashError::Overloaded) => tokio::time::sleep(HASH_PAUSE).await,
                done => return done,
            }
        }
        self.hasher.hash(&self.algorithm, password).await
    }
}
