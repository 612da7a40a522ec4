//! What reconcile keeps, opens anew and never leaves out.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use super::Reconciler;
use crate::auth::{
    Attempt, AuthenticatorFeed, AuthenticatorKey, AuthenticatorRecord, AuthenticatorReport, Chain, Clock, Credentials,
    KeyRing, LiveChains, NoAuthenticator, OnFailure, Outcome, PasswordUpgrades, ProviderStatus, Reason, Secret,
    SharedKeys, TestClock, Timestamp, UserDirectory, UserKey, UserRecord,
};
use crate::backends::Context;
use crate::hash::{Hasher, Settings};

struct Nobody;

impl UserDirectory for Nobody {
    fn user(&self, _chain: &str, _authenticator: &str, _user_id: &str) -> Option<Arc<UserRecord>> {
        None
    }
}

/// The cluster has drawn none.
struct NoKeys;

impl KeyRing for NoKeys {
    fn shared_keys(&self) -> Option<Arc<SharedKeys>> {
        None
    }
}

/// No record is made anew.
struct Forgetful;

impl PasswordUpgrades for Forgetful {
    fn offer(&self, _user: UserKey, _revision: u64, _password: &Secret) {}
}

/// With how often it was changed.
struct Declared(Mutex<(Vec<AuthenticatorRecord>, u64)>);

impl Declared {
    fn change(&self, records: Vec<AuthenticatorRecord>) {
        let mut declared = self.0.lock().unwrap();
        *declared = (records, declared.1 + 1);
    }
}

impl AuthenticatorFeed for Declared {
    fn authenticators(&self) -> Vec<AuthenticatorRecord> {
        self.0.lock().unwrap().0.clone()
    }

    fn authenticators_version(&self) -> u64 {
        self.0.lock().unwrap().1
    }
}

fn record(chain: &str, id: &str) -> AuthenticatorRecord {
    AuthenticatorRecord {
        key: AuthenticatorKey {
            chain: chain.to_owned(),
            id: id.to_owned(),
        },
        mechanism: "password_based".to_owned(),
        backend: "built_in_database".to_owned(),
        enabled: true,
        settings: r#"{"password_hash_algorithm": {"name": "sha256"}}"#.to_owned(),
        precondition: String::new(),
        on_failure: OnFailure::Deny,
        timeout: Duration::from_secs(5),
        revision: 1,
        updated_at: Timestamp(0),
        updated_by: String::new(),
    }
}

struct House {
    declared: Arc<Declared>,
    chains: Arc<LiveChains>,
    clock: Arc<TestClock>,
    reconciler: Arc<Reconciler>,
}

fn house(records: Vec<AuthenticatorRecord>) -> House {
    house_in(PathBuf::new(), records)
}

/// What is kept and what secrets there are lies in that folder.
fn house_in(dir: PathBuf, records: Vec<AuthenticatorRecord>) -> House {
    let (declared, chains) = (
        Arc::new(Declared(Mutex::new((records, 0)))),
        Arc::new(LiveChains::default()),
    );
    let clock = Arc::new(TestClock::at(1000));
    let hasher = Hasher::start(&Settings {
        threads: 1,
        queue: 8,
        queue_timeout_ms: 1000,
        ..Settings::default()
    });
    let context = Context {
        users: Arc::new(Nobody),
        hasher,
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        keys: Arc::new(NoKeys),
        upgrades: Arc::new(Forgetful),
        kept_dir: dir.clone(),
        secrets_dir: dir,
    };
    let feed = Arc::clone(&declared) as Arc<dyn AuthenticatorFeed>;
    let reconciler = Arc::new(Reconciler::new(feed, context, Arc::clone(&chains)));
    House {
        declared,
        chains,
        clock,
        reconciler,
    }
}

impl House {
    fn declare(&self, records: Vec<AuthenticatorRecord>) {
        self.declared.change(records);
        self.reconciler.reconcile();
    }

    fn global(&self) -> Arc<Chain> {
        self.chains.chain("global").unwrap()
    }

    async fn login(&self) -> Outcome {
        let credentials = Credentials {
            username: "u".to_owned(),
            password: Some(Secret::new("p")),
            ..Credentials::default()
        };
        self.global()
            .decide(
                &credentials,
                NoAuthenticator::Allow,
                &*self.clock,
                std::future::pending(),
            )
            .await
            .outcome
    }

    fn only_status(&self) -> (ProviderStatus, String, u64) {
        let AuthenticatorReport { health, figures, .. } = self.reconciler.status().pop().unwrap();
        (health.status, health.error, figures.total)
    }
}

#[tokio::test]
async fn chains_follow_what_is_declared_in_its_order() {
    let house = house(vec![
        record("global", "a"),
        record("global", "b"),
        record("tcp:own", "c"),
    ]);
    let ids = |chain: Arc<Chain>| chain.links.iter().map(|link| link.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(house.global()), ["a", "b"]);
    assert_eq!(ids(house.chains.chain("tcp:own").unwrap()), ["c"]);
    house.declare(vec![record("global", "b"), record("global", "a")]);
    assert_eq!(ids(house.global()), ["b", "a"]);
    assert_eq!(ids(house.chains.chain("tcp:own").unwrap()), ["b", "a"]);
}

#[tokio::test]
async fn an_instance_is_opened_anew_only_when_its_own_settings_change() {
    let house = house(vec![record("global", "a")]);
    let first = Arc::clone(&house.global().links[0].provider);
    let touched = AuthenticatorRecord {
        on_failure: OnFailure::Next,
        revision: 9,
        ..record("global", "a")
    };
    house.declare(vec![record("global", "b"), touched]);
    let link = &house.global().links[1];
    assert!(Arc::ptr_eq(&first, &link.provider));
    assert_eq!(link.on_failure, OnFailure::Next);
    house.declare(vec![AuthenticatorRecord {
        settings: "{}".to_owned(),
        ..record("global", "a")
    }]);
    assert!(!Arc::ptr_eq(&first, &house.global().links[0].provider));
}

#[tokio::test]
async fn figures_last_until_the_authenticator_is_deleted() {
    let house = house(vec![record("global", "a")]);
    assert_eq!(house.login().await, Outcome::Deny(Reason::UnknownUser));
    let changed = AuthenticatorRecord {
        timeout: Duration::from_secs(1),
        ..record("global", "a")
    };
    house.declare(vec![changed]);
    assert_eq!(house.only_status(), (ProviderStatus::Connected, String::new(), 1));
    house.declare(vec![]);
    assert!(house.reconciler.status().is_empty());
    assert!(house.chains.chain("global").is_none());
    house.declare(vec![record("global", "a")]);
    assert_eq!(house.only_status().2, 0);
}

#[tokio::test]
async fn what_cannot_be_opened_fails_and_is_never_absent() {
    for (settings, backend) in [
        ("{\"colour\": 1}", "built_in_database"),
        ("{", "built_in_database"),
        ("{}", "no_such_backend"),
    ] {
        let broken = AuthenticatorRecord {
            settings: settings.to_owned(),
            backend: backend.to_owned(),
            ..record("global", "a")
        };
        let house = house(vec![broken]);
        assert_eq!(house.login().await, Outcome::Deny(Reason::BackendUnavailable));
        let (status, error, total) = house.only_status();
        assert_eq!((status, total), (ProviderStatus::Disconnected, 1));
        assert!(!error.is_empty());
    }
}

/// The old settings may let in whom the new ones were made to keep out.
#[tokio::test]
async fn an_instance_does_not_run_on_when_its_new_settings_cannot_be_opened() {
    let house = house(vec![record("global", "a")]);
    assert_eq!(house.login().await, Outcome::Deny(Reason::UnknownUser));
    let unusable = AuthenticatorRecord {
        settings: r#"{"colour": 1}"#.to_owned(),
        ..record("global", "a")
    };
    house.declare(vec![unusable]);
    assert_eq!(house.login().await, Outcome::Deny(Reason::BackendUnavailable));
    let (status, error, total) = house.only_status();
    assert_eq!((status, total), (ProviderStatus::Disconnected, 2));
    assert!(error.contains("settings.colour"), "{error}");
    house.declare(vec![record("global", "a")]);
    assert_eq!(house.login().await, Outcome::Deny(Reason::UnknownUser));
    assert_eq!(house.only_status(), (ProviderStatus::Connected, String::new(), 3));
}

fn conditional(precondition: &str) -> AuthenticatorRecord {
    AuthenticatorRecord {
        precondition: precondition.to_owned(),
        ..record("global", "a")
    }
}

#[tokio::test]
async fn a_precondition_decides_whether_an_authenticator_is_asked() {
    let house = house(vec![conditional("username == 'u'")]);
    assert_eq!(house.login().await, Outcome::Deny(Reason::UnknownUser));
    assert_eq!(house.only_status(), (ProviderStatus::Connected, String::new(), 1));
    house.declare(vec![conditional("username == 'v'")]);
    assert_eq!(house.login().await, Outcome::Deny(Reason::NotAuthorized));
    assert_eq!(house.only_status().2, 1);
    house.declare(vec![conditional("client_attrs.tns == 'acme'")]);
    assert_eq!(house.login().await, Outcome::Deny(Reason::PreconditionError));
    assert_eq!(house.only_status(), (ProviderStatus::Connected, String::new(), 2));
}

#[tokio::test]
async fn a_precondition_that_does_not_compile_here_keeps_everybody_out() {
    let house = house(vec![conditional("from_a_later_version(username)")]);
    assert_eq!(house.login().await, Outcome::Deny(Reason::PreconditionError));
    let (status, error, total) = house.only_status();
    assert_eq!((status, total), (ProviderStatus::Disconnected, 1));
    assert!(error.contains("line 1, column 21: there is no function"), "{error}");
}

#[tokio::test]
async fn a_disabled_authenticator_is_shown_as_disabled_and_comes_back() {
    let off = AuthenticatorRecord {
        enabled: false,
        ..record("global", "a")
    };
    let house = house(vec![off]);
    assert!(matches!(house.login().await, Outcome::Allow(_)));
    assert_eq!(house.only_status(), (ProviderStatus::Disabled, String::new(), 0));
    house.declare(vec![record("global", "a")]);
    assert_eq!(house.only_status().0, ProviderStatus::Connected);
    assert_eq!(house.login().await, Outcome::Deny(Reason::UnknownUser));
}

#[tokio::test]
async fn a_login_right_after_a_change_is_decided_by_it() {
    let house = house(vec![]);
    assert!(house.chains.chain("global").is_none());
    house.declared.change(vec![record("global", "a")]);
    house.reconciler.catch_up();
    assert_eq!(house.login().await, Outcome::Deny(Reason::UnknownUser));
    let before = house.global();
    house.reconciler.catch_up();
    assert!(Arc::ptr_eq(&before, &house.global()));
}

#[tokio::test]
async fn it_runs_after_every_change_until_the_sender_is_gone() {
    let house = house(vec![]);
    let (changed, changes) = watch::channel(0);
    let running = tokio::spawn(Arc::clone(&house.reconciler).run(changes));
    house.declared.change(vec![record("global", "a")]);
    changed.send(1).unwrap();
    drop(changed);
    tokio::time::timeout(Duration::from_secs(5), running)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(house.global().links.len(), 1);
}

/// What a node keeps for that authenticator.
fn kept_for(id: &str) -> String {
    let digest = Sha256::digest(format!("global\0{id}"));
    format!("jwks-{}.json", hex::encode(&digest[..16]))
}

#[tokio::test]
async fn what_is_kept_goes_with_its_authenticator_but_not_before_the_node_is_ready() {
    let dir = tempfile::tempdir().unwrap();
    let [stays, goes] = ["a", "b"].map(kept_for);
    let (gone, unfinished) = (kept_for("c"), format!("{}.new", kept_for("c")));
    // Of other backends, or nobody's.
    let others = ["jwks.json", "mysql-00.json", "jwks-00.txt"];
    for name in [&stays, &goes, &gone, &unfinished]
        .into_iter()
        .map(String::as_str)
        .chain(others)
    {
        fs::write(dir.path().join(name), "{}").unwrap();
    }
    let house = house_in(dir.path().into(), vec![record("global", "a"), record("global", "b")]);
    let (ready, is_ready) = watch::channel(false);
    let (changed, changes) = watch::channel(0);
    let clearing = tokio::spawn(Arc::clone(&house.reconciler).clear_kept(is_ready, changes));
    let is_there = |name: &str| dir.path().join(name).exists();
    let disappears = async |name: &str| {
        let end = tokio::time::Instant::now() + Duration::from_secs(20);
        while is_there(name) {
            assert!(tokio::time::Instant::now() < end, "{name} is still there");
            tokio::task::yield_now().await;
        }
    };
    changed.send_modify(|version| *version += 1);
    tokio::task::yield_now().await;
    assert!(is_there(&gone));
    ready.send_replace(true);
    disappears(&gone).await;
    disappears(&unfinished).await;
    assert!(is_there(&goes));
    house.declare(vec![record("global", "a")]);
    changed.send_modify(|version| *version += 1);
    disappears(&goes).await;
    assert!([stays.as_str()].into_iter().chain(others).all(is_there));
    drop(changed);
    clearing.await.unwrap();
}

/// Tokens by a secret in a file of the node.
fn by_named_secret(id: &str) -> AuthenticatorRecord {
    AuthenticatorRecord {
        mechanism: "jwt".to_owned(),
        backend: String::new(),
        settings: r#"{"algorithm": "hmac-based", "secret": "file:shared"}"#.to_owned(),
        ..record("global", id)
    }
}

#[tokio::test]
async fn an_authenticator_is_opened_anew_when_a_secret_that_it_names_is_there_or_another_one() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("shared");
    let house = house_in(dir.path().into(), vec![by_named_secret("jwt"), record("global", "a")]);
    let running = |place: usize| Arc::clone(&house.global().links[place].provider);
    let (missing, other) = (running(0), running(1));
    let health = missing.health();
    assert_eq!(health.status, ProviderStatus::Disconnected);
    assert!(health.error.contains("shared"), "{health:?}");
    house.reconciler.renew();
    assert!(Arc::ptr_eq(&running(0), &missing));

    fs::write(&secret, "a secret of more than thirty-two bytes").unwrap();
    house.reconciler.renew();
    let first = running(0);
    assert_eq!(first.health().status, ProviderStatus::Connected);
    house.reconciler.renew();
    assert!(Arc::ptr_eq(&running(0), &first), "nothing has changed");

    fs::write(&secret, "another secret of more than thirty-two bytes").unwrap();
    house.reconciler.renew();
    let second = running(0);
    assert!(!Arc::ptr_eq(&second, &first));
    assert!(Arc::ptr_eq(&running(1), &other), "it names none");
}

#[tokio::test]
async fn a_secret_that_vanishes_or_cannot_be_used_leaves_the_old_instance_running() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("shared");
    fs::write(&secret, "a secret of more than thirty-two bytes").unwrap();
    let house = house_in(dir.path().into(), vec![by_named_secret("jwt")]);
    let running = || Arc::clone(&house.global().links[0].provider);
    let first = running();
    fs::remove_file(&secret).unwrap();
    house.reconciler.renew();
    assert!(Arc::ptr_eq(&running(), &first));
    fs::write(&secret, "").unwrap();
    house.reconciler.renew();
    assert!(Arc::ptr_eq(&running(), &first));
    assert_eq!(first.health().status, ProviderStatus::Connected);
    fs::write(&secret, "another secret of more than thirty-two bytes").unwrap();
    house.reconciler.renew();
    assert!(!Arc::ptr_eq(&running(), &first));
}

#[tokio::test]
async fn a_draft_is_tried_in_its_own_chain_alone() {
    let house = house(vec![
        record("global", "one"),
        record("tcp:own", "one"),
        record("tcp:own", "two"),
    ]);
    let tried = async |chain: &str, id: &str, listener: &str| {
        let attempt = Attempt {
            listener: listener.to_owned(),
            username: "u".to_owned(),
            password: Some(b"p".to_vec()),
            draft: Some(record(chain, id)),
            ..Attempt::default()
        };
        let trial = house
            .reconciler
            .try_login(&attempt, NoAuthenticator::Deny, Duration::from_secs(5));
        let steps = trial.await.map(|trial| trial.steps);
        steps.map(|steps| steps.into_iter().map(|step| step.authenticator).collect::<Vec<_>>())
    };
    assert_eq!(tried("global", "new", "").await.unwrap(), ["one", "new"]);
    assert_eq!(tried("global", "one", "tcp:none").await.unwrap(), ["one"]);
    assert_eq!(tried("tcp:own", "two", "tcp:own").await.unwrap(), ["one", "two"]);
    assert_eq!(tried("tcp:none", "new", "tcp:none").await.unwrap(), ["new"]);
    // The global one of the same id is another.
    for (chain, listener) in [("tcp:own", ""), ("tcp:own", "tcp:none"), ("global", "tcp:own")] {
        let refused = tried(chain, "one", listener).await.unwrap_err();
        assert!(refused.contains("the draft is of the chain"), "{refused}");
    }
}
