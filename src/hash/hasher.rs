//! Hashing beside the async threads: a few threads of its own, a bounded number of waiters, a bounded wait.

use std::fmt;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use super::encoded::Encoded;
use super::error::HashError;

/// Limits of hashing.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Threads that hash; 0: one less than there are cores, at least one.
    pub threads: usize,
    /// Logins that may wait for one; more are refused as overloaded.
    pub queue: usize,
    /// How long one may wait, in milliseconds.
    pub queue_timeout_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            threads: 0,
            queue: 1024,
            queue_timeout_ms: 2000,
        }
    }
}

impl Settings {
    /// One core is left for Raft and the network, which hashing would starve.
    fn thread_count(&self) -> usize {
        match self.threads {
            0 => thread::available_parallelism()
                .map_or(1, NonZero::get)
                .saturating_sub(1)
                .max(1),
            threads => threads,
        }
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// Hashes and verifies off the async threads, on a bounded pool of its own threads. Cheap to clone; the threads end with the
/// last clone.
#[derive(Clone)]
pub struct Hasher {
    pool: Arc<Pool>,
}

struct Pool {
    jobs: mpsc::SyncSender<Job>,
    /// One permit for each thread: who holds one finds a thread free, so `jobs` never fills.
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
    most_waiting: usize,
    patience: Duration,
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher")
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}

impl Hasher {
    /// Starts the threads. A thread that the machine refuses is done without; with none left every slow hash is refused.
    pub fn start(settings: &Settings) -> Self {
        let wanted = settings.thread_count();
        let (jobs, queue) = mpsc::sync_channel(wanted);
        let queue = Arc::new(Mutex::new(queue));
        let started = (0..wanted)
            .filter(|number| spawn_worker(*number, Arc::clone(&queue)))
            .count();
        let pool = Pool {
            jobs,
            free: Arc::new(Semaphore::new(started)),
            waiting: AtomicUsize::new(0),
            most_waiting: settings.queue,
            patience: Duration::from_millis(settings.queue_timeout_ms),
        };
        Self { pool: Arc::new(pool) }
    }

    /// A new record for a password, under a fresh salt.
    pub async fn hash(&self, algorithm: &Algorithm, password: &[u8]) -> Result<String, HashError> {
        let encoded = if algorithm.is_cheap() {
            algorithm.hash(password)?
        } else {
            let (algorithm, password) = (algorithm.clone(), Zeroizing::new(password.to_vec()));
            self.run(move || algorithm.hash(&password)).await?
        };
        Ok(encoded.encode())
    }

    /// Whether the password is the record's. Cheap digests are computed in place (a fraction of a microsecond), slow ones on the pool.
    pub async fn verify(&self, encoded: &str, password: &[u8]) -> Result<bool, HashError> {
        self.check(Encoded::parse(encoded)?, password).await
    }

    /// Spends as much work as verifying a record of this algorithm would, for users that do not exist.
    pub async fn pretend(&self, algorithm: &Algorithm, password: &[u8]) -> Result<(), HashError> {
        self.check(algorithm.dummy(), password).await.map(drop)
    }

    /// After a wrong password: where the record is cheaper to check than this algorithm, spends what [`Hasher::pretend`] would,
    /// so that time does not tell such a user from one that does not exist.
    pub async fn even_out(&self, encoded: &str, algorithm: &Algorithm, password: &[u8]) -> Result<(), HashError> {
        if !algorithm.is_cheap() && Encoded::parse(encoded)?.is_cheap() {
            self.pretend(algorithm, password).await?;
        }
        Ok(())
    }

    /// Logins waiting now.
    pub fn waiting(&self) -> usize {
        self.pool.waiting.load(Ordering::Relaxed)
    }

    /// How long a waiter may have to wait before it is refused.
    pub fn patience(&self) -> Duration {
        self.pool.patience
    }

    async fn check(&self, record: Encoded, password: &[u8]) -> Result<bool, HashError> {
        if record.is_cheap() {
            return record.verify(password);
        }
        let password = Zeroizing::new(password.to_vec());
        self.run(move || record.verify(&password)).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let permit = self.pool.permit().await?;
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move || {
            let result = work();
            // Free before the answer, so that whoever is answered finds the thread free.
            drop(permit);
            let _ = reply.send(result);
        });
        self.pool.jobs.try_send(job).map_err(|_| HashError::Stopped)?;
        // A job that panicked answers nothing.
        answer.await.map_err(|_| HashError::Stopped)?
    }
}

impl Pool {
    /// Waits for a free thread, first come, first served. The permit travels with the job: a caller that gives up while its
    /// job runs does not make the thread free.
    async fn permit(&self) -> Result<OwnedSemaphorePermit, HashError> {
        if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
            return Ok(permit);
        }
        let _waiter = Waiter::enter(&self.waiting, self.most_waiting).ok_or(HashError::Overloaded)?;
        match tokio::time::timeout(self.patience, Arc::clone(&self.free).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(HashError::Stopped),
            Err(_) => Err(HashError::Overloaded),
        }
    }
}

/// Counts one waiter, also when its future is dropped.
struct Waiter<'a>(&'a AtomicUsize);

impl<'a> Waiter<'a> {
    fn enter(waiting: &'a AtomicUsize, most: usize) -> Option<Self> {
        let waiter = waiting.fetch_add(1, Ordering::Relaxed);
        let waiting = Self(waiting);
        (waiter < most).then_some(waiting)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn spawn_worker(number: usize, queue: Arc<Mutex<mpsc::Receiver<Job>>>) -> bool {
    let name = format!("hash-{number}");
    let work = move || {
        loop {
            let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(job) = job else { break };
            // A panic costs one login, not the thread.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    };
    match thread::Builder::new().name(name).spawn(work) {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!(%error, "a hashing thread could not be started");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use serde_json::json;

    use super::{Hasher, Settings};
    use crate::hash::{Algorithm, HashError};

    const CHEAP_ENOUGH: &str = r#"{"name": "argon2id", "memory_kib": 8, "iterations": 1}"#;

    fn pool(queue: usize, queue_timeout_ms: u64) -> Hasher {
        Hasher::start(&Settings {
            threads: 1,
            queue,
            queue_timeout_ms,
        })
    }

    fn slow() -> Algorithm {
        Algorithm::parse(&serde_json::from_str(CHEAP_ENOUGH).unwrap()).unwrap()
    }

    /// Keeps the only thread busy until the sender is dropped.
    async fn busy(hasher: &Hasher) -> mpsc::Sender<()> {
        let (release, held) = mpsc::channel::<()>();
        let (begun, began) = tokio::sync::oneshot::channel();
        let hasher = hasher.clone();
        tokio::spawn(async move {
            let hold = move || {
                let _ = begun.send(());
                let _ = held.recv();
                Ok(())
            };
            hasher.run(hold).await
        });
        began.await.unwrap();
        release
    }

    #[tokio::test]
    async fn a_password_is_verified_by_its_record_whatever_the_algorithm_now() {
        let hasher = pool(8, 1000);
        for algorithm in [slow(), Algorithm::parse(&json!("sha256")).unwrap()] {
            let record = hasher.hash(&algorithm, b"hunter2").await.unwrap();
            assert_eq!(hasher.verify(&record, b"hunter2").await, Ok(true));
            assert_eq!(hasher.verify(&record, b"hunter3").await, Ok(false));
            assert_eq!(hasher.pretend(&algorithm, b"hunter2").await, Ok(()));
        }
        assert!(matches!(
            hasher.verify("rubbish", b"x").await,
            Err(HashError::Unusable(_))
        ));
    }

    #[tokio::test]
    async fn one_too_many_waiters_is_refused_at_once() {
        let hasher = pool(0, 60_000);
        let _release = busy(&hasher).await;
        assert_eq!(hasher.hash(&slow(), b"x").await, Err(HashError::Overloaded));
        assert_eq!(hasher.waiting(), 0);
    }

    #[tokio::test]
    async fn a_waiter_is_refused_when_its_patience_ends() {
        let hasher = pool(8, 10);
        let _release = busy(&hasher).await;
        assert_eq!(hasher.hash(&slow(), b"x").await, Err(HashError::Overloaded));
    }

    #[tokio::test]
    async fn a_cheap_digest_does_not_wait_for_the_pool() {
        let hasher = pool(0, 10);
        let _release = busy(&hasher).await;
        assert!(
            hasher
                .hash(&Algorithm::parse(&json!("sha512")).unwrap(), b"x")
                .await
                .is_ok()
        );
    }

    #[tokio::test]
    async fn a_wrong_password_of_a_cheap_record_costs_what_an_unknown_user_costs() {
        let hasher = pool(0, 10);
        let cheap = Algorithm::parse(&json!("sha256")).unwrap();
        let record = hasher.hash(&cheap, b"x").await.unwrap();
        let _release = busy(&hasher).await;
        assert_eq!(
            hasher.even_out(&record, &slow(), b"y").await,
            Err(HashError::Overloaded)
        );
        assert_eq!(hasher.even_out(&record, &cheap, b"y").await, Ok(()));
    }

    #[tokio::test]
    async fn a_panic_costs_one_job_and_not_the_thread() {
        let hasher = pool(8, 5000);
        let panicking = hasher.run::<()>(|| panic!("as a test"));
        let result = tokio::time::timeout(Duration::from_secs(5), panicking).await.unwrap();
        assert_eq!(result, Err(HashError::Stopped));
        assert!(hasher.hash(&slow(), b"x").await.is_ok());
    }

    #[tokio::test]
    async fn an_overlong_password_is_refused_when_set() {
        let result = pool(8, 1000).hash(&slow(), &[b'x'; 1025]).await;
        assert_eq!(result, Err(HashError::TooLong { limit: 1024 }));
    }
}
