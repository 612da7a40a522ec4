//! The built-in database's promises, over a directory in memory.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Bootstrap, Builtin, bootstrap_of};
use crate::auth::{
    AuthenticatorKey, AuthenticatorRecord, Clock, Credentials, KeyRing, OnFailure, PasswordRecord, PasswordUpgrades,
    Provider, ProviderError, Reason, Secret, SharedKeys, TestClock, Timestamp, UserDirectory, UserKey, UserRecord,
    Verdict,
};
use crate::backends::passwords::Passwords;
use crate::backends::{Context, check};
use crate::hash::{Algorithm, Hasher, Settings, Stored};

/// Users of the authenticator `main` in `global`.
#[derive(Default)]
struct Users(HashMap<&'static str, Arc<UserRecord>>);

impl UserDirectory for Users {
    fn user(&self, chain: &str, authenticator: &str, user_id: &str) -> Option<Arc<UserRecord>> {
        let ours = (chain, authenticator) == ("global", "main");
        self.0.get(user_id).filter(|_| ours).map(Arc::clone)
    }
}

/// The cluster has drawn none.
struct NoKeys;

impl KeyRing for NoKeys {
    fn shared_keys(&self) -> Option<Arc<SharedKeys>> {
        None
    }
}

/// The offers to make a record anew, in the order they came.
#[derive(Default)]
struct Offers(Mutex<Vec<(String, u64, Secret)>>);

impl PasswordUpgrades for Offers {
    fn offer(&self, user: UserKey, revision: u64, password: &Secret) {
        assert_eq!((&*user.chain, &*user.authenticator), ("global", "main"));
        self.0.lock().unwrap().push((user.user_id, revision, password.clone()));
    }
}

fn user(password: &str) -> UserRecord {
    let plain = Algorithm::parse(&json!({"name": "plain"})).unwrap();
    kept_as(plain.import(password, "").unwrap())
}

fn kept_as(record: String) -> UserRecord {
    UserRecord {
        password: PasswordRecord::new(record),
        is_superuser: false,
        disabled: false,
        expires_at: None,
        attributes: BTreeMap::new(),
        revision: 1,
        updated_at: Timestamp(0),
    }
}

struct Fixture {
    clock: Arc<TestClock>,
    provider: Builtin,
    hasher: Hasher,
    offers: Arc<Offers>,
}

fn hasher() -> Hasher {
    Hasher::start(&Settings {
        threads: 1,
        queue: 8,
        queue_timeout_ms: 60_000,
        ..Settings::default()
    })
}

fn open(settings: &Value, id: &str, users: Vec<(&'static str, UserRecord)>) -> Fixture {
    let clock = Arc::new(TestClock::at(1000));
    let users = Users(users.into_iter().map(|(name, user)| (name, Arc::new(user))).collect());
    let (hasher, offers) = (hasher(), Arc::new(Offers::default()));
    let context = Context {
        users: Arc::new(users),
        hasher: hasher.clone(),
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        keys: Arc::new(NoKeys),
        upgrades: Arc::clone(&offers) as Arc<dyn PasswordUpgrades>,
        kept_dir: PathBuf::new(),
        secrets_dir: PathBuf::new(),
    };
    let key = AuthenticatorKey {
        chain: "global".to_owned(),
        id: id.to_owned(),
    };
    let settings = super::Settings::parse(settings).unwrap();
    Fixture {
        clock,
        provider: Builtin::new(&key, settings.0, &context),
        hasher,
        offers,
    }
}

fn credentials(name: &str, password: &str) -> Credentials {
    Credentials {
        username: name.to_owned(),
        client_id: format!("client-of-{name}"),
        password: Some(Secret::new(password)),
        ..Credentials::default()
    }
}

impl Fixture {
    /// As Explain does.
    async fn login(&self, name: &str, password: &str) -> Result<Verdict, ProviderError> {
        self.provider.authenticate(&credentials(name, password)).await
    }

    /// As a login that counts.
    async fn login_for_real(&self, name: &str, password: &str) -> Verdict {
        let verdict = self.login(name, password).await.unwrap();
        self.provider.follow_up(&credentials(name, password), &verdict);
        verdict
    }

    fn offered(&self) -> Vec<(String, u64, Secret)> {
        self.offers.0.lock().unwrap().drain(..).collect()
    }

    /// Slow hashes that this login takes.
    async fn work(&self, name: &str, password: &str) -> u64 {
        let before = self.hasher.figures().done;
        self.login(name, password).await.unwrap();
        self.hasher.figures().done - before
    }
}

#[tokio::test]
async fn the_right_password_lets_in_with_what_is_known_of_the_user() {
    let attributes = BTreeMap::from([("tenant".to_owned(), "a".to_owned())]);
    let known = UserRecord {
        is_superuser: true,
        attributes: attributes.clone(),
        expires_at: Some(Timestamp(2000)),
        ..user("pw")
    };
    let fixture = open(&json!({}), "main", vec![("u", known)]);
    let Ok(Verdict::Allow(identity)) = fixture.login("u", "pw").await else {
        panic!("not let in")
    };
    assert!(identity.is_superuser);
    assert_eq!(
        (identity.client_attrs, identity.expire_at),
        (attributes, Some(Timestamp(2000)))
    );
    assert_eq!(
        fixture.login("u", "other").await,
        Ok(Verdict::deny(Reason::BadUsernameOrPassword))
    );
}

#[tokio::test]
async fn an_unknown_user_is_left_to_the_next_one() {
    let quick = json!({"password_hash_algorithm": {"name": "argon2id", "memory_kib": 8, "iterations": 1}});
    let fixture = open(&quick, "main", vec![("u", user("pw"))]);
    assert_eq!(fixture.login("U", "pw").await, Ok(Verdict::ignore(Reason::UnknownUser)));
    assert_eq!(
        fixture.login("", "pw").await,
        Ok(Verdict::ignore(Reason::MissingCredential))
    );
    let other = open(&quick, "other", vec![("u", user("pw"))]);
    assert_eq!(other.login("u", "pw").await, Ok(Verdict::ignore(Reason::UnknownUser)));
}

#[tokio::test]
async fn only_who_knows_the_password_learns_that_the_user_is_disabled_or_expired() {
    let disabled = UserRecord {
        disabled: true,
        ..user("pw")
    };
    let expiring = UserRecord {
        expires_at: Some(Timestamp(2000)),
        ..user("pw")
    };
    let fixture = open(&json!({}), "main", vec![("d", disabled), ("e", expiring)]);
    assert_eq!(fixture.login("d", "pw").await, Ok(Verdict::deny(Reason::UserDisabled)));
    assert_eq!(
        fixture.login("d", "no").await,
        Ok(Verdict::deny(Reason::BadUsernameOrPassword))
    );
    assert!(matches!(fixture.login("e", "pw").await, Ok(Verdict::Allow(_))));
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(
        fixture.login("e", "pw").await,
        Ok(Verdict::deny(Reason::CredentialExpired))
    );
    assert_eq!(
        fixture.login("e", "no").await,
        Ok(Verdict::deny(Reason::BadUsernameOrPassword))
    );
}

#[tokio::test]
async fn the_client_id_is_the_name_where_so_set() {
    let fixture = open(
        &json!({"user_id_type": "clientid"}),
        "main",
        vec![("client-of-u", user("pw"))],
    );
    assert!(matches!(fixture.login("u", "pw").await, Ok(Verdict::Allow(_))));
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_a_failure_and_not_a_denial() {
    let damaged = UserRecord {
        password: PasswordRecord::new("$9$rubbish"),
        ..user("pw")
    };
    let error = open(&json!({}), "main", vec![("u", damaged)])
        .login("u", "pw")
        .await
        .unwrap_err();
    assert_eq!(error.reason, Reason::BackendBadResponse);
    assert!(!error.detail.contains("rubbish"), "{}", error.detail);
}

fn quick_argon2id() -> Value {
    json!({"name": "argon2id", "memory_kib": 8, "iterations": 1})
}

fn quick_bcrypt() -> Value {
    json!({"name": "bcrypt", "salt_rounds": 4})
}

async fn made_by(algorithm: &Value, password: &str) -> UserRecord {
    let algorithm = Algorithm::parse(algorithm).unwrap();
    kept_as(hasher().hash(&algorithm, password.as_bytes()).await.unwrap())
}

fn now_by(algorithm: &Value) -> Value {
    json!({"password_hash_algorithm": algorithm})
}

#[tokio::test]
async fn a_login_offers_an_older_record_to_be_made_anew() {
    let old = UserRecord {
        revision: 7,
        ..made_by(&quick_bcrypt(), "pw").await
    };
    let new = made_by(&quick_argon2id(), "pw").await;
    let fixture = open(&now_by(&quick_argon2id()), "main", vec![("old", old), ("new", new)]);
    for name in ["old", "new"] {
        assert!(matches!(fixture.login_for_real(name, "pw").await, Verdict::Allow(_)));
    }
    assert_eq!(fixture.offered(), [("old".to_owned(), 7, Secret::new("pw"))]);
    for (name, password) in [("old", "wrong"), ("nobody", "pw")] {
        fixture.login_for_real(name, password).await;
    }
    assert_eq!(fixture.offered(), []);
}

#[tokio::test]
async fn an_explanation_offers_nothing() {
    let old = made_by(&quick_bcrypt(), "pw").await;
    let fixture = open(&now_by(&quick_argon2id()), "main", vec![("old", old)]);
    assert!(matches!(fixture.login("old", "pw").await, Ok(Verdict::Allow(_))));
    assert_eq!(fixture.offered(), []);
}

#[tokio::test]
async fn a_user_who_may_not_log_in_is_not_made_anew() {
    let disabled = UserRecord {
        disabled: true,
        ..made_by(&quick_bcrypt(), "pw").await
    };
    let fixture = open(&now_by(&quick_argon2id()), "main", vec![("d", disabled)]);
    let denied = fixture.login_for_real("d", "pw").await;
    assert_eq!(denied, Verdict::deny(Reason::UserDisabled));
    assert_eq!(fixture.offered(), []);
}

/// In the midst of a change from bcrypt, and before that from sha256, to argon2id.
#[tokio::test]
async fn every_login_that_is_not_let_in_costs_the_same_work() {
    let disabled = |user| UserRecord { disabled: true, ..user };
    let expired = |user| UserRecord {
        expires_at: Some(Timestamp(1)),
        ..user
    };
    let (old, new) = (
        made_by(&quick_bcrypt(), "pw").await,
        made_by(&quick_argon2id(), "pw").await,
    );
    let oldest = made_by(&json!("sha256"), "pw").await;
    let users = vec![
        ("oldest-disabled", disabled(oldest.clone())),
        ("old-disabled", disabled(old.clone())),
        ("new-disabled", disabled(new.clone())),
        ("new-expired", expired(new.clone())),
        ("old-expired", expired(old.clone())),
        ("oldest", oldest),
        ("old", old),
        ("new", new),
    ];
    let names: Vec<_> = users.iter().map(|(name, _)| *name).collect();
    let fixture = open(&now_by(&quick_argon2id()), "main", users);
    assert_eq!(fixture.work("nobody", "pw").await, 1);
    // From here on this node knows that there are bcrypt records.
    assert_eq!(fixture.work("old", "pw").await, 1);
    assert_eq!(fixture.work("nobody", "pw").await, 2);
    for name in &names {
        assert_eq!(fixture.work(name, "wrong").await, 2, "{name}");
    }
    for name in names.iter().filter(|name| name.contains('-')) {
        assert_eq!(fixture.work(name, "pw").await, 2, "{name}");
    }
    assert_eq!(fixture.work("old", &"long".repeat(300)).await, 2);
}

#[tokio::test]
async fn a_cheap_algorithm_does_not_betray_who_still_has_a_slow_record() {
    let (old, new) = (
        made_by(&quick_argon2id(), "pw").await,
        made_by(&json!("sha256"), "pw").await,
    );
    let fixture = open(&now_by(&json!("sha256")), "main", vec![("old", old), ("new", new)]);
    assert_eq!(fixture.work("old", "wrong").await, 1);
    for name in ["old", "new", "nobody"] {
        assert_eq!(fixture.work(name, "wrong").await, 1, "{name}");
    }
    assert_eq!(fixture.work("new", "pw").await, 0);
}

#[tokio::test]
async fn too_much_work_is_neither_a_denial_nor_a_failure_of_a_backend() {
    let fixture = open(&json!({}), "main", vec![]);
    assert_eq!(fixture.provider.timed_out(), Reason::Overloaded);
    let beyond = json!({"name": "argon2id", "memory_kib": 1 << 20, "iterations": 1});
    let mut small = open(&now_by(&beyond), "main", vec![]);
    let context = Context {
        hasher: Hasher::start(&Settings {
            memory_mib: 8,
            ..Settings::default()
        }),
        ..small.provider.context.clone()
    };
    let (settings, _) = super::Settings::parse(&now_by(&beyond)).unwrap();
    small.provider.passwords = Passwords::new(settings.passwords, &context);
    let failed = small.login("nobody", "pw").await.unwrap_err();
    assert_eq!(failed.reason, Reason::BackendUnavailable);
    assert!(failed.detail.contains("hash.memory_mib"), "{}", failed.detail);
}

#[test]
fn a_weak_hash_lets_in_only_where_it_is_allowed_and_looks_like_a_wrong_password_elsewhere() {
    // The password is `pw`.
    let weak = user("{MD5}j+QyC4CfzFcxuTTCyRJGsg==");
    let stored = |user: &UserRecord| Stored::parse(user.password.expose()).unwrap();
    let forbids = open(&json!({}), "main", vec![]).provider;
    let objection = forbids.objection(&weak, &stored(&weak)).unwrap();
    assert_eq!(objection.reason.coarse(), Reason::BadUsernameOrPassword);
    for told in ["one round of MD5", "allow_legacy_hashes"] {
        assert!(objection.detail.contains(told), "{}", objection.detail);
    }
    let fit = user("$sha256$disable$$30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4");
    assert_eq!(forbids.objection(&fit, &stored(&fit)), None);
    let allows = open(&json!({"allow_legacy_hashes": true}), "main", vec![]).provider;
    assert_eq!(allows.objection(&weak, &stored(&weak)), None);
}

#[test]
fn defaults_are_filled_in_and_every_violation_is_named() {
    let check = |settings| check("password_based", "built_in_database", &settings);
    assert_eq!(
        check(json!({})).unwrap(),
        json!({
            "user_id_type": "username",
            "password_hash_algorithm": {"name": "argon2id", "memory_kib": 19456, "iterations": 2, "parallelism": 1},
            "allow_legacy_hashes": false,
            "bootstrap_file": "",
            "bootstrap_type": "plain",
        })
    );
    let faults = check(json!({
        "bootstrap_file": "x.txt",
        "bootstrap_type": "secret",
        "user_id_type": "email",
        "password_hash_algorithm": {"name": "pbkdf2", "mac_fun": "sha256", "iterations": 0},
        "colour": "red",
        "allow_legacy_hashes": "yes",
    }))
    .unwrap_err();
    let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
    let iterations = "settings.password_hash_algorithm.iterations";
    assert_eq!(
        fields,
        [
            "settings.user_id_type",
            iterations,
            "settings.allow_legacy_hashes",
            "settings.bootstrap_file",
            "settings.bootstrap_type",
            "settings.colour",
        ]
    );
    assert_eq!(check(json!([])).unwrap_err()[0].field, "settings");
}

#[test]
fn the_file_that_fills_the_database_is_named_in_its_settings() {
    let record = |settings: Value| AuthenticatorRecord {
        key: AuthenticatorKey {
            chain: "global".to_owned(),
            id: "main".to_owned(),
        },
        mechanism: "password_based".into(),
        backend: "built_in_database".into(),
        enabled: true,
        settings: settings.to_string(),
        precondition: String::new(),
        on_failure: OnFailure::Deny,
        timeout: Duration::from_secs(5),
        revision: 1,
        updated_at: Timestamp(0),
        updated_by: String::new(),
    };
    assert_eq!(bootstrap_of(&record(json!({}))), None);
    assert_eq!(bootstrap_of(&record(json!({"bootstrap_file": ""}))), None);
    let named = record(json!({"bootstrap_file": "users.JSON", "bootstrap_type": "hash"}));
    let bootstrap = Bootstrap {
        file: "users.JSON".into(),
        is_hashed: true,
    };
    assert_eq!(bootstrap_of(&named), Some(bootstrap));
    let other = AuthenticatorRecord {
        backend: "mysql".into(),
        ..named
    };
    assert_eq!(bootstrap_of(&other), None);
}

#[test]
fn a_file_that_can_be_right_on_no_node_is_refused() {
    let check = |file: &str| {
        let settings = json!({"bootstrap_file": file});
        check("password_based", "built_in_database", &settings).map(|_| ())
    };
    for file in [
        "",
        "users.csv",
        "a/users.ndjson",
        "/etc/users.json",
        Bootstrap::EMQX_DEFAULT,
    ] {
        assert_eq!(check(file), Ok(()), "{file}");
    }
    for file in [
        "users",
        "../users.csv",
        "a/../../users.csv",
        "a\u{0}.csv",
        "a\n.csv",
        &"x.csv".repeat(200),
    ] {
        assert_eq!(check(file).unwrap_err()[0].field, "settings.bootstrap_file", "{file}");
    }
}
