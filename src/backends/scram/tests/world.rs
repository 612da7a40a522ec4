//! Users and keys in memory, and nodes over them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::auth::{
    AuthenticatorKey, Clock, Key, KeyRing, PasswordRecord, PasswordUpgrades, Provider, SealingKey, Secret, SharedKeys,
    TestClock, Timestamp, UserDirectory, UserKey, UserRecord,
};
use crate::backends::scram::BACKEND;
use crate::backends::{Context, check};
use crate::hash::{Algorithm, Hasher, Settings};

/// Users of the authenticator `scram` in `global`, and the keys of the cluster.
pub(super) struct World {
    pub(super) users: Mutex<HashMap<String, UserRecord>>,
    pub(super) keys: Mutex<Option<Arc<SharedKeys>>>,
    pub(super) clock: TestClock,
}

impl UserDirectory for World {
    fn user(&self, chain: &str, authenticator: &str, user_id: &str) -> Option<Arc<UserRecord>> {
        assert_eq!((chain, authenticator), ("global", "scram"));
        self.users.lock().unwrap().get(user_id).cloned().map(Arc::new)
    }
}

impl KeyRing for World {
    fn shared_keys(&self) -> Option<Arc<SharedKeys>> {
        self.keys.lock().unwrap().clone()
    }
}

impl PasswordUpgrades for World {
    fn offer(&self, _user: UserKey, _revision: u64, _password: &Secret) {}
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn instant(&self) -> crate::auth::Instant {
        self.clock.instant()
    }
}

pub(super) fn keys(newest: u8) -> Option<Arc<SharedKeys>> {
    let key = |id: u8| SealingKey {
        id: id.into(),
        key: Key::new([id; 32]),
        since: Timestamp(0),
    };
    Some(Arc::new(SharedKeys {
        sealing: (1..=newest).rev().take(3).map(key).collect(),
        decoy: Key::new([77; 32]),
    }))
}

pub(super) async fn world() -> Arc<World> {
    let world = World {
        users: Mutex::default(),
        keys: Mutex::new(keys(1)),
        clock: TestClock::at(1_000_000),
    };
    world.put("user", "pencil", "sha256").await;
    Arc::new(world)
}

impl World {
    pub(super) async fn put(&self, name: &str, password: &str, algorithm: &str) {
        let hasher = hasher();
        let settings = check("scram", "built_in_database", &json!({ "algorithm": algorithm })).unwrap();
        let made = (BACKEND.password_algorithm)(&settings).unwrap();
        assert!(matches!(made, Algorithm::Scram(_)));
        let record = hasher.hash(&made, password.as_bytes()).await.unwrap();
        let user = UserRecord {
            password: PasswordRecord::new(record),
            is_superuser: true,
            disabled: false,
            expires_at: None,
            attributes: BTreeMap::from([("tenant".to_owned(), "a".to_owned())]),
            revision: 4,
            updated_at: Timestamp(0),
        };
        self.users.lock().unwrap().insert(name.to_owned(), user);
    }

    pub(super) fn change(&self, name: &str, change: impl FnOnce(&mut UserRecord)) {
        change(self.users.lock().unwrap().get_mut(name).unwrap());
    }

    /// A node of the cluster: an instance of its own over the same world.
    pub(super) fn node(self: &Arc<Self>) -> Arc<dyn Provider> {
        self.node_with("scram", json!({}))
    }

    pub(super) fn node_with(self: &Arc<Self>, id: &str, settings: Value) -> Arc<dyn Provider> {
        let settings = check("scram", "built_in_database", &settings).unwrap();
        let key = AuthenticatorKey {
            chain: "global".to_owned(),
            id: id.to_owned(),
        };
        (BACKEND.open)(&key, &settings, &self.context()).unwrap()
    }

    pub(super) fn context(self: &Arc<Self>) -> Context {
        Context {
            users: self.clone(),
            hasher: hasher(),
            clock: self.clone(),
            keys: self.clone(),
            upgrades: self.clone(),
            kept_dir: std::path::PathBuf::new(),
            secrets_dir: std::path::PathBuf::new(),
        }
    }
}

fn hasher() -> Hasher {
    Hasher::start(&Settings {
        threads: 1,
        queue: 8,
        queue_timeout_ms: 5000,
        ..Settings::default()
    })
}
