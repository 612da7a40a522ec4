//! The built-in database's promises, over a directory in memory.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::BACKEND;
use crate::auth::{
    AuthenticatorKey, Clock, Credentials, PasswordRecord, PasswordUpgrades, Provider, ProviderError, Reason, Secret,
    TestClock, Timestamp, UserDirectory, UserKey, UserRecord, Verdict,
};
use crate::backends::{Context, check};
use crate::hash::{Algorithm, Hasher, Settings};

/// Users of the authenticator `main` in `global`.
#[derive(Default)]
struct Users(HashMap<&'static str, Arc<UserRecord>>);

impl UserDirectory for Users {
    fn user(&self, chain: &str, authenticator: &str, user_id: &str) -> Option<Arc<UserRecord>> {
        let ours = (chain, authenticator) == ("global", "main");
        self.0.get(user_id).filter(|_| ours).map(Arc::clone)
    }
}

/// No record is made anew.
struct Forgetful;

impl PasswordUpgrades for Forgetful {
    fn offer(&self, _user: UserKey, _revision: u64, _password: &Secret) {}
}

fn user(password: &str) -> UserRecord {
    let plain = Algorithm::parse(&json!({"name": "plain"})).unwrap();
    UserRecord {
        password: PasswordRecord::new(plain.import(password, "").unwrap()),
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
    provider: Arc<dyn Provider>,
}

fn open(settings: &Value, id: &str, users: Vec<(&'static str, UserRecord)>) -> Fixture {
    let clock = Arc::new(TestClock::at(1000));
    let users = Users(users.into_iter().map(|(name, user)| (name, Arc::new(user))).collect());
    let hasher = Hasher::start(&Settings {
        threads: 1,
        queue: 8,
        queue_timeout_ms: 1000,
    });
    let context = Context {
        users: Arc::new(users),
        hasher,
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        upgrades: Arc::new(Forgetful),
        kept_dir: PathBuf::new(),
    };
    let key = AuthenticatorKey {
        chain: "global".to_owned(),
        id: id.to_owned(),
    };
    let provider = (BACKEND.open)(&key, settings, &context).unwrap();
    Fixture { clock, provider }
}

impl Fixture {
    async fn login(&self, name: &str, password: &str) -> Result<Verdict, ProviderError> {
        let credentials = Credentials {
            username: name.to_owned(),
            client_id: format!("client-of-{name}"),
            password: Some(Secret::new(password)),
            ..Credentials::default()
        };
        self.provider.authenticate(&credentials).await
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

#[test]
fn defaults_are_filled_in_and_every_violation_is_named() {
    let check = |settings| check("password_based", "built_in_database", &settings);
    assert_eq!(
        check(json!({})).unwrap(),
        json!({
            "user_id_type": "username",
            "password_hash_algorithm": {"name": "argon2id", "memory_kib": 19456, "iterations": 2, "parallelism": 1},
        })
    );
    let faults = check(json!({
        "bootstrap_file": "x.csv",
        "user_id_type": "email",
        "password_hash_algorithm": {"name": "pbkdf2", "mac_fun": "sha256", "iterations": 0},
        "colour": "red",
    }))
    .unwrap_err();
    let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
    let iterations = "settings.password_hash_algorithm.iterations";
    assert_eq!(
        fields,
        [
            "settings.bootstrap_file",
            "settings.colour",
            "settings.user_id_type",
            iterations
        ]
    );
    assert_eq!(check(json!([])).unwrap_err()[0].field, "settings");
}
