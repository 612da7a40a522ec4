//! openraft's own storage suite, over a real journal and a real store.

use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use tempfile::TempDir;

use super::log_store::{LogBytes, LogStore};
use super::snapshots::Snapshots;
use super::state_machine::StateMachine;
use super::types::TypeConfig;
use crate::journal::{self, Journal};
use crate::store::{self, Store};

struct OnDisk;

impl StoreBuilder<TypeConfig, LogStore, StateMachine, TempDir> for OnDisk {
    async fn build(&self) -> Result<(TempDir, LogStore, StateMachine), StorageError<TypeConfig>> {
        let dir = TempDir::new().unwrap();
        let journal = Journal::open(&dir.path().join("journal"), 1, &journal::Settings::default()).unwrap();
        let incarnation = journal.identity().incarnation;
        let settings = store::Settings::default();
        let (store, _) = Store::open(&dir.path().join("store"), incarnation, None, &settings).unwrap();
        let snapshots = Snapshots::open(dir.path().join("snapshots")).unwrap();
        let log = LogStore::new(journal.clone(), LogBytes::default());
        let machine = StateMachine::open(store, journal, snapshots, LogBytes::default()).unwrap();
        Ok((dir, log, machine))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn journal_and_store_keep_what_openraft_demands_of_storage() {
    Suite::test_all(OnDisk).await.unwrap();
}
