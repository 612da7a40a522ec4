//! The stages of an import, each at work while the others are: read the file, hash, write.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::body::Body;
use super::job::{BadRow, ImportBody, ImportFormat, ImportHeader, ImportProgress, Limits, PasswordType};
use super::rows::{Line, Row, RowPassword, Rules, Stop};
use super::writer::Writer;
use super::{csv_file, json_file};
use crate::admin::error::{AdminError, Obstacle};
use crate::admin::handle::Admin;
use crate::admin::passwords::chosen;
use crate::admin::user_checks::authenticator_or_builtin;
use crate::auth::PasswordRecord;
use crate::hash::{Algorithm, HashError, Hasher};
use crate::store::NewUser;

/// Chunks that wait between two stages.
const WAITING_CHUNKS: usize = 2;
/// Progress messages that wait for the caller.
const WAITING_MESSAGES: usize = 16;
/// What a stored hash takes, roughly, while it is not there yet.
const TYPICAL_RECORD: usize = 192;
const HASH_PAUSE: Duration = Duration::from_millis(200);
const HASH_ATTEMPTS: u32 = 50;
/// A digest and salt as EMQX writes them, to learn whether an algorithm takes such pairs.
const SAMPLE_HASH: &str = "b6c743545a7817ae8c8f624371d5f5f0373234bb0ff36b8ffbf19bce0e06ab75";
const SAMPLE_SALT: &str = "de1024f462fb83910fd13151bd4bd235";

/// Progress as it comes, or why there will be no more.
pub(super) type Progress = Result<ImportProgress, AdminError>;

/// Rows ready to be written, and the bad ones among them.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) rows: Vec<(String, NewUser)>,
    pub(super) bad: Vec<BadRow>,
}

impl Admin {
    /// Imports a file. Answers at once; progress comes through the channel, and the last message says `done`.
    /// Dropping the receiver ends the import after what is in flight.
    pub async fn import_users(
        &self,
        by: &str,
        header: ImportHeader,
        body: ImportBody,
    ) -> Result<mpsc::Receiver<Progress>, AdminError> {
        let permit = self.imports.clone().try_acquire_owned();
        let permit = permit
            .map_err(|_| AdminError::unavailable(Obstacle::Overloaded, "other imports are running on this node"))?;
        self.confirm().await?;
        let target = authenticator_or_builtin(&header.chain, &header.authenticator);
        let default = self.algorithm_of(&target)?;
        let algorithm = chosen(&header.algorithm, &default).map_err(AdminError::Invalid)?;
        let rules = rules_for(&header, algorithm.clone());
        let (progress, messages) = mpsc::channel(WAITING_MESSAGES);
        let batches = self.start_stages(&header, rules, algorithm, body);
        let writer = Writer::new(self.clone(), by, target, header, progress);
        tokio::spawn(async move {
            writer.run(batches).await;
            drop(permit);
        });
        Ok(messages)
    }

    fn start_stages(&self, header: &ImportHeader, rules: Rules, algorithm: Algorithm, body: ImportBody) -> Batches {
        let (limits, format) = ((*self.limits).clone(), header.format);
        // What must be held whole has the narrower bound.
        let file_limit = if header.all_or_nothing || header.dry_run {
            limits.held_bytes
        } else {
            limits.body_bytes
        };
        let at_once = limits.hashing;
        let (chunks, lines) = mpsc::channel(WAITING_CHUNKS);
        let reading = spawn_blocking(move || read_file(format, body, file_limit, limits, rules, chunks));
        let (ready, batches) = mpsc::channel(WAITING_CHUNKS);
        let hashing = Hashing {
            hasher: self.hasher.clone(),
            algorithm,
            at_once,
            rehearsal: header.dry_run,
        };
        Batches {
            batches,
            stages: tokio::spawn(hashing.run(lines, reading, ready)),
        }
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
    let doubtful = header.algorithm.is_empty() && algorithm.import(SAMPLE_HASH, SAMPLE_SALT).is_err();
    let doubt = doubtful.then(|| {
        "the authenticator's own algorithm cannot take the hashes of this file: \
         name the one that made them, for example `sha256`"
            .to_owned()
    });
    let encode = move |hash: &str, salt: &str| algorithm.import(hash, salt);
    Rules::new(header.password_type, Box::new(encode), doubt)
}

/// Reads the whole file and hands it on in chunks. Blocking.
fn read_file(
    format: ImportFormat,
    body: ImportBody,
    file_limit: usize,
    limits: Limits,
    mut rules: Rules,
    chunks: mpsc::Sender<Vec<Line>>,
) -> Result<(), AdminError> {
    let body = Body::new(body, file_limit, limits.row_bytes);
    let mut chunk = Chunk {
        lines: Vec::new(),
        rows: 0,
        bytes: 0,
        limits,
        chunks,
    };
    let mut sink = |line| chunk.push(line);
    let read = match format {
        ImportFormat::Csv => csv_file::read(body, &mut rules, &mut sink),
        ImportFormat::Json => json_file::read_array(body, &mut rules, &mut sink),
        ImportFormat::Ndjson => json_file::read_lines(body, &mut rules, &mut sink),
    };
    match read.and_then(|()| chunk.flush()) {
        Ok(()) | Err(Stop::Unwanted) => Ok(()),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// Lines that make one Raft entry together.
struct Chunk {
    lines: Vec<Line>,
    rows: usize,
    bytes: usize,
    limits: Limits,
    chunks: mpsc::Sender<Vec<Line>>,
}

impl Chunk {
    fn push(&mut self, line: Line) -> Result<(), Stop> {
        self.rows += 1;
        self.bytes += size_of(&line);
        self.lines.push(line);
        if self.rows >= self.limits.batch_rows || self.bytes >= self.limits.batch_bytes {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> Result<(), Stop> {
        let lines = std::mem::take(&mut self.lines);
        (self.rows, self.bytes) = (0, 0);
        if lines.is_empty() {
            return Ok(());
        }
        self.chunks.blocking_send(lines).map_err(|_| Stop::Unwanted)
    }
}

fn size_of(line: &Line) -> usize {
    match line {
        Line::Bad(bad) => bad.reason.len(),
        Line::Good(row) => match &row.password {
            RowPassword::Plain(password) => row.user_id.len() + password.expose().len() + TYPICAL_RECORD,
            RowPassword::Ready(record) => row.user_id.len() + record.expose().len(),
        },
    }
}

/// The stage that turns passwords into what can be stored.
struct Hashing {
    hasher: Hasher,
    algorithm: Algorithm,
    at_once: usize,
    /// A dry run needs no hashes.
    rehearsal: bool,
}

impl Hashing {
    async fn run(
        self,
        mut lines: mpsc::Receiver<Vec<Line>>,
        reading: JoinHandle<Result<(), AdminError>>,
        ready: mpsc::Sender<Batch>,
    ) -> Result<(), AdminError> {
        while let Some(chunk) = lines.recv().await {
            if ready.send(self.batch(chunk).await?).await.is_err() {
                return Ok(());
            }
        }
        joined(reading).await
    }

    /// The order of the file is kept.
    async fn batch(&self, chunk: Vec<Line>) -> Result<Batch, AdminError> {
        let mut batch = Batch::default();
        let mut rows = Vec::with_capacity(chunk.len());
        for line in chunk {
            match line {
                Line::Good(row) => rows.push(row),
                Line::Bad(bad) => batch.bad.push(bad),
            }
        }
        let mut users = stream::iter(rows).map(|row| self.user(row)).buffered(self.at_once);
        while let Some(user) = users.try_next().await? {
            match user {
                Ok(user) => batch.rows.push(user),
                Err(bad) => batch.bad.push(bad),
            }
        }
        Ok(batch)
    }

    async fn user(&self, row: Row) -> Result<Result<(String, NewUser), BadRow>, AdminError> {
        let password = match row.password {
            RowPassword::Ready(record) => record,
            RowPassword::Plain(_) if self.rehearsal => PasswordRecord::new(""),
            RowPassword::Plain(password) => match self.patiently(password.expose()).await {
                Ok(encoded) => PasswordRecord::new(encoded),
                Err(too_long @ (HashError::TooLong { .. } | HashError::Prohibited(_))) => {
                    let (line, user_id, reason) = (row.line, row.user_id, too_long.to_string());
                    return Ok(Err(BadRow { line, user_id, reason }));
                }
                Err(error) => return Err(error.into()),
            },
        };
        let user = NewUser {
            password,
            is_superuser: row.is_superuser,
            disabled: false,
            expires_at: None,
            attributes: Default::default(),
        };
        Ok(Ok((row.user_id, user)))
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

impl ImportHeader {
    /// Whether equal rows of the file make equal users: a password is salted anew each time.
    pub(super) fn is_repeatable(&self) -> bool {
        self.password_type == PasswordType::Hash
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::super::job::{ImportFormat, Limits, PasswordType};
    use super::super::rows::tests::rules;
    use super::read_file;

    #[test]
    fn a_file_is_handed_on_in_chunks_that_fit_a_raft_entry() {
        let mut text = "user_id,password\n".to_owned();
        for user in 0..25 {
            text.push_str(&format!("user{user},x\n"));
        }
        let (body, chunks) = (mpsc::channel(1), mpsc::channel(10));
        body.0.try_send(Ok(text.into())).unwrap();
        drop(body.0);
        let limits = Limits {
            batch_rows: 10,
            ..Limits::default()
        };
        read_file(
            ImportFormat::Csv,
            body.1,
            1 << 20,
            limits,
            rules(PasswordType::Plain),
            chunks.0,
        )
        .unwrap();
        let mut received = chunks.1;
        let sizes: Vec<_> = std::iter::from_fn(|| received.blocking_recv())
            .map(|chunk| chunk.len())
            .collect();
        assert_eq!(sizes, [10, 10, 5]);
    }
}
