//! Hashing and checking: cheap digests in place, slow hashes on the pool.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use super::error::HashError;
use super::pool::{Figures, Pool};
use super::settings::Settings;
use super::stored::Stored;

/// Hashes and verifies off the async threads, on a bounded pool of its own threads. Cheap to clone; the threads end with the
/// last clone.
#[derive(Clone)]
pub struct Hasher {
    pool: Arc<Pool>,
}

/// A checked password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// It is the record's.
    pub is_right: bool,
    /// How long the check waited for a thread and its memory.
    pub waited: Duration,
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher")
            .field("figures", &self.figures())
            .finish_non_exhaustive()
    }
}

impl Hasher {
    /// Starts the threads. A thread that the machine refuses is done without; with none left every slow hash is refused.
    pub fn start(settings: &Settings) -> Self {
        let pool = Arc::new(Pool::start(settings));
        Self { pool }
    }

    /// Whether this node has the memory that the algorithm takes.
    pub fn check(&self, algorithm: &Algorithm) -> Result<(), HashError> {
        self.pool.check(memory_of(algorithm))
    }

    /// A new record for a password, under a fresh salt.
    pub async fn hash(&self, algorithm: &Algorithm, password: &[u8]) -> Result<String, HashError> {
        if algorithm.is_cheap() {
            return Ok(algorithm.hash(password)?.encode());
        }
        self.pool.run(memory_of(algorithm), making(algorithm, password)).await
    }

    /// The same for what is in no hurry: `None` if anybody else would have to wait for it longer than this one job takes.
    pub async fn hash_if_idle(&self, algorithm: &Algorithm, password: &[u8]) -> Result<Option<String>, HashError> {
        if algorithm.is_cheap() {
            return Ok(Some(algorithm.hash(password)?.encode()));
        }
        let work = making(algorithm, password);
        self.pool.run_if_idle(memory_of(algorithm), work).await
    }

    /// Whether the password is the record's. Cheap digests are computed in place (a fraction of a microsecond), slow ones on the
    /// pool.
    pub async fn verify(&self, stored: &Stored, password: &[u8]) -> Result<Verified, HashError> {
        let (is_right, waited) = if stored.is_cheap() {
            (stored.verify(password)?, Duration::ZERO)
        } else {
            let (stored, password) = (stored.clone(), Zeroizing::new(password.to_vec()));
            self.pool
                .run_timed(stored.memory_kib(), move || stored.verify(&password))
                .await?
        };
        Ok(Verified { is_right, waited })
    }

    /// How the pool fares.
    pub fn figures(&self) -> Figures {
        self.pool.figures()
    }
}

fn memory_of(algorithm: &Algorithm) -> u32 {
    Stored::decoy_of(algorithm).memory_kib()
}

fn making(algorithm: &Algorithm, password: &[u8]) -> impl FnOnce() -> Result<String, HashError> + Send + use<> {
    let (algorithm, password) = (algorithm.clone(), Zeroizing::new(password.to_vec()));
    move || Ok(algorithm.hash(&password)?.encode())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Duration, Hasher, Settings, Stored, Verified};
    use crate::hash::{Algorithm, HashError};

    /// With one thread and a MiB.
    fn hasher() -> Hasher {
        Hasher::start(&Settings {
            threads: 1,
            memory_mib: 1,
            ..Settings::default()
        })
    }

    fn argon2id(memory_kib: u32) -> Algorithm {
        Algorithm::parse(&json!({"name": "argon2id", "memory_kib": memory_kib, "iterations": 1})).unwrap()
    }

    #[tokio::test]
    async fn a_password_is_verified_by_its_record_whatever_the_algorithm_now() {
        let hasher = hasher();
        for algorithm in [argon2id(8), Algorithm::parse(&json!("sha256")).unwrap()] {
            let record = hasher.hash(&algorithm, b"hunter2").await.unwrap();
            let record = Stored::parse(&record).unwrap();
            let is_right = async |record: &Stored, password: &[u8]| {
                let verified = hasher.verify(record, password).await;
                verified.unwrap().is_right
            };
            assert!(is_right(&record, b"hunter2").await);
            assert!(!is_right(&record, b"hunter3").await);
            assert!(!is_right(&Stored::decoy_of(&algorithm), b"hunter2").await);
        }
        assert!(matches!(Stored::parse("rubbish"), Err(HashError::Unusable(_))));
    }

    #[tokio::test]
    async fn a_cheap_digest_needs_no_thread() {
        let none = Hasher::start(&Settings {
            threads: 1,
            queue: 0,
            ..Settings::default()
        });
        let (release, held) = std::sync::mpsc::channel::<()>();
        let (begun, began) = tokio::sync::oneshot::channel();
        let busy = none.clone();
        tokio::spawn(async move {
            let hold = move || {
                let _ = begun.send(());
                let _ = held.recv();
                Ok(())
            };
            busy.pool.run(0, hold).await
        });
        began.await.unwrap();
        let sha512 = Algorithm::parse(&json!("sha512")).unwrap();
        let record = Stored::parse(&none.hash(&sha512, b"x").await.unwrap()).unwrap();
        let at_once = Verified {
            is_right: true,
            waited: Duration::ZERO,
        };
        assert_eq!(none.verify(&record, b"x").await, Ok(at_once));
        assert!(matches!(none.hash_if_idle(&sha512, b"x").await, Ok(Some(_))));
        assert_eq!(none.hash(&argon2id(8), b"x").await, Err(HashError::Overloaded));
        assert_eq!(none.hash_if_idle(&argon2id(8), b"x").await, Ok(None));
        drop(release);
    }

    #[tokio::test]
    async fn an_algorithm_beyond_the_nodes_memory_is_refused_with_both_figures() {
        let hasher = hasher();
        assert_eq!(hasher.check(&argon2id(1024)), Ok(()));
        let refused = hasher.check(&argon2id(4096)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "a hash of this kind takes 4096 KiB of memory, and `hash.memory_mib` leaves 1024 KiB to all of them together"
        );
        assert_eq!(hasher.hash(&argon2id(4096), b"x").await, Err(refused.clone()));
        let foreign = Stored::decoy_of(&argon2id(4096));
        assert_eq!(hasher.verify(&foreign, b"x").await, Err(refused));
    }

    #[tokio::test]
    async fn an_overlong_password_is_refused_when_set() {
        let result = hasher().hash(&argon2id(8), &[b'x'; 1025]).await;
        assert_eq!(result, Err(HashError::TooLong { limit: 1024 }));
        let bcrypt = Algorithm::parse(&json!({"name": "bcrypt", "salt_rounds": 4})).unwrap();
        let result = hasher().hash_if_idle(&bcrypt, &[b'x'; 73]).await;
        assert_eq!(result, Err(HashError::TooLong { limit: 72 }));
    }
}
