//! The rooms of this node as the cluster sees them: what they report, and what they do for an operator who asked another node.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::admin::{Keeper, UpgradeQueue};
use crate::auth::{AuthenticatorReport, BoxFuture, Clock};
use crate::backends::Reconciler;
use crate::cluster::{Done, Errand, Hashing, ThisNode};
use crate::hash::Hasher;
use crate::store::Store;

/// A backend that is tried may take so long to answer.
const TRYING: Duration = Duration::from_secs(18);

/// What the cluster reports for other rooms, and has them do.
pub(super) struct Rooms {
    pub(super) reconciler: Arc<Reconciler>,
    pub(super) hasher: Hasher,
    pub(super) upgrades: Arc<UpgradeQueue>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) data_dir: PathBuf,
    pub(super) store: Store,
    pub(super) keeper: Arc<Keeper>,
}

impl Rooms {
    async fn run(&self, errand: Errand) -> Done {
        let (is_here, key) = match &errand {
            Errand::ResetFigures(key) => (self.reconciler.reset_figures(key), key),
            Errand::PurgeCache(key) => (self.reconciler.purge(key), key),
            Errand::Try(attempt) => {
                let no_authenticator = self.store.settings().no_authenticator;
                let tried = self.reconciler.try_login(attempt, no_authenticator, TRYING).await;
                return tried.map_or_else(Done::Failed, |trial| Done::Trial(Box::new(trial)));
            }
            Errand::Ask(asked) => return self.keeper.answer(asked).map_or_else(Done::Failed, Done::Told),
            Errand::Test(record) => {
                let begun = self.clock.instant();
                let health = self.reconciler.try_out(record, TRYING).await;
                let took = self.clock.instant().since(begun);
                return Done::Tried { health, took };
            }
        };
        if is_here {
            Done::Done
        } else {
            Done::Failed(format!("this node has not opened the authenticator `{}` yet", key.id))
        }
    }
}

impl ThisNode for Rooms {
    fn authenticators(&self) -> Vec<AuthenticatorReport> {
        self.reconciler.status()
    }

    fn run(&self, errand: Errand) -> BoxFuture<'_, Done> {
        Box::pin(Self::run(self, errand))
    }

    fn disk_free_bytes(&self) -> Option<u64> {
        let disk = rustix::fs::statvfs(&self.data_dir).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    fn hashing(&self) -> Hashing {
        let pool = self.hasher.figures();
        let (rehashed, rehash_dropped) = self.upgrades.counts();
        let small = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Hashing {
            threads: small(pool.threads),
            memory_bytes: pool.memory_bytes,
            running: small(pool.running),
            waiting: small(pool.waiting),
            done: pool.done,
            refused: pool.refused,
            wait_p50: pool.wait_p50,
            wait_p99: pool.wait_p99,
            wait_max: pool.wait_max,
            rehashed,
            rehash_dropped,
        }
    }
}
