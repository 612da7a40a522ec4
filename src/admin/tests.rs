//! What operators can do, on a cluster of one node that stands on real disks and a clock that is turned by hand.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::attempts::Whose;
use super::handle::TRIALS;
use super::{AccountPatch, Admin, AdminError, Cookie, Intent, Keeper, Obstacle, Origin, Role, SignInError};
use crate::api;
use crate::auth::{Attempt, AuthenticatorReport, BoxFuture, Clock, Secret, TestClock};
use crate::cluster::{self, Cluster, Done, Errand, Hashing, Parts, ThisNode};
use crate::hash::{self, Hasher};
use crate::journal::Journal;
use crate::net::{self, Drain};
use crate::raft;
use crate::store::Store;
use crate::wire::{Peers, SelfName};

const PATIENCE: Duration = Duration::from_secs(20);
/// The hour at which every test begins.
const BEGIN: u64 = 1_700_000_000_000;

struct Alone;

impl ThisNode for Alone {
    fn authenticators(&self) -> Vec<AuthenticatorReport> {
        Vec::new()
    }

    fn hashing(&self) -> Hashing {
        Hashing::default()
    }

    fn disk_free_bytes(&self) -> Option<u64> {
        None
    }

    fn run(&self, errand: Errand) -> BoxFuture<'_, Done> {
        Box::pin(std::future::ready(Done::Failed(format!("{errand:?}"))))
    }
}

/// The node, and what a test does with it beside calling `admin`.
struct House {
    admin: Admin,
    cluster: Cluster,
    raft: raft::Handle,
    hasher: Hasher,
    clock: Arc<TestClock>,
    drain: Drain,
    _dir: TempDir,
}

impl House {
    /// A node that belongs to no cluster yet.
    async fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(&dir.path().join("journal"), 1, &Default::default()).unwrap();
        let incarnation = journal.identity().incarnation;
        let (store, _) = Store::open(&dir.path().join("store"), incarnation, None, &Default::default()).unwrap();
        let this = SelfName {
            id: 1,
            incarnation,
            cluster_id: String::new(),
        };
        let peers = Peers::new(this, None, HashMap::new());
        let (settings, snapshots) = (raft::Settings::default(), dir.path().join("snapshots"));
        let raft = raft::Handle::start(&settings, journal.clone(), store.clone(), snapshots, peers.clone());
        let raft = raft.await.unwrap();
        let clock = Arc::new(TestClock::at(BEGIN));
        let time: Arc<dyn Clock> = Arc::<TestClock>::clone(&clock);
        let listener = net::listen("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let cluster = Cluster::start(Parts {
            settings: cluster::Settings {
                initial_nodes: BTreeMap::from([("1".to_owned(), address.clone())]),
                ..cluster::Settings::default()
            },
            peer_address: address,
            api_address: "api".into(),
            http_address: "http".into(),
            journal,
            store: store.clone(),
            raft: raft.clone(),
            peers,
            clock: Arc::clone(&time),
            this_node: Arc::new(Alone),
        });
        let drain = Drain::default();
        let served = api::peer_server(&api::PeerSettings::default(), listener, cluster.clone(), drain.clone());
        tokio::spawn(served.unwrap_or_else(|error| panic!("{error}")));
        let hasher = Hasher::start(&hash::Settings::default());
        let keeper = Arc::new(Keeper::new(Arc::clone(&time)));
        Self {
            drain,
            hasher: hasher.clone(),
            admin: Admin::new(cluster.clone(), store, hasher, time, keeper),
            cluster,
            raft,
            clock,
            _dir: dir,
        }
    }

    /// A cluster, with the token of its first account.
    async fn born() -> (Self, String) {
        let house = Self::empty().await;
        let born = house.admin.init_cluster().await.unwrap();
        let mut ready = house.cluster.watch_ready();
        let waited = tokio::time::timeout(PATIENCE, ready.wait_for(|ready| *ready)).await;
        waited
            .unwrap_or_else(|_| panic!("{:?}", house.cluster.ready()))
            .unwrap();
        (house, born.setup_token.reveal().to_owned())
    }

    /// A cluster with the admin ann, who is signed in.
    async fn with_ann() -> (Self, Cookie) {
        let (house, token) = Self::born().await;
        let cookie = house.admin.set_up(&token, "ann", secret(ANNS), origin()).await.unwrap();
        (house, cookie)
    }

    async fn sign_in(&self, name: &str, password: &str) -> Result<Cookie, SignInError> {
        self.admin.sign_in(name, secret(password), origin()).await
    }

    async fn make(&self, name: &str, role: Role) {
        let intent = intent();
        let made = self.admin.create_account(&intent, name, role, secret(ANNS));
        made.await.unwrap();
    }

    fn is_open(&self, cookie: &Cookie) -> bool {
        self.admin.session(cookie.reveal()).is_some()
    }

    /// Nothing can be written any more.
    async fn cut_off(&self) {
        self.drain.begin();
        self.raft.shutdown().await;
    }
}

const ANNS: &str = "correct horse battery";
const ANOTHER: &str = "staple of a battery";

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

fn intent() -> Intent {
    Intent {
        by: "root".into(),
        ..Intent::default()
    }
}

fn origin() -> Origin {
    Origin {
        address: "10.0.0.1".into(),
        agent: "a browser".into(),
    }
}

/// The fields at fault.
fn faults<T: std::fmt::Debug>(outcome: Result<T, AdminError>) -> Vec<String> {
    match outcome {
        Err(AdminError::Invalid(violations)) => violations.into_iter().map(|violation| violation.field).collect(),
        other => panic!("{other:?}"),
    }
}

fn is_precondition<T>(outcome: Result<T, AdminError>) -> bool {
    matches!(outcome, Err(AdminError::Precondition(_)))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_the_birth_makes_the_first_account_once_and_signs_it_in() {
    let (house, token) = House::born().await;
    let admin = &house.admin;
    assert!(admin.setup_is_open());
    let other = format!("pcs_{}", "A".repeat(43));
    for wrong in ["", &other, &token[4..]] {
        let refused = admin.set_up(wrong, "-x", secret("short"), origin()).await;
        assert_eq!(faults(refused), ["token", "name", "password"], "{wrong}");
    }
    let cookie = admin.set_up(&token, "Ann", secret(ANNS), origin()).await.unwrap();
    let ann = admin.session(cookie.reveal()).unwrap();
    assert_eq!((ann.caller().id.as_str(), ann.caller().role), ("Ann", Role::Admin));
    assert_eq!(ann.account.created_by, "Ann");
    assert!(!admin.setup_is_open());
    assert!(is_precondition(
        admin.set_up(&token, "bob", secret(ANNS), origin()).await
    ));
    assert!(is_precondition(admin.new_setup_token(&intent()).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_setup_token_replaces_the_one_before_and_ends_after_a_day() {
    let (house, first) = House::born().await;
    let admin = &house.admin;
    let second = admin.new_setup_token(&intent()).await.unwrap();
    let set_up = async |token: &str| admin.set_up(token, "ann", secret(ANNS), origin()).await;
    assert_eq!(faults(set_up(&first).await), ["token"]);
    house.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(faults(set_up(second.reveal()).await), ["token"]);
    let third = admin.new_setup_token(&intent()).await.unwrap();
    assert!(set_up(third.reveal()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_knows_the_password_is_signed_in_until_the_session_idles_out() {
    let (house, first) = House::with_ann().await;
    let cookie = house.sign_in("ANN", ANNS).await.unwrap();
    assert_eq!(format!("{cookie:?}"), "***");
    let signed_in = house.admin.session(cookie.reveal()).unwrap();
    assert_eq!(
        (signed_in.account.name.as_str(), signed_in.session_id.len()),
        ("ann", 16)
    );
    assert_eq!(signed_in.expires_at.0 - signed_in.opened_at.0, 30 * 60 * 1000);
    assert!(house.is_open(&first));
    for nothing in ["", "x", &cookie.reveal()[1..], &"A".repeat(43)] {
        assert_eq!(house.admin.session(nothing), None);
    }
    house.clock.advance(Duration::from_secs(30 * 60 - 1));
    assert!(house.is_open(&cookie));
    house.clock.advance(Duration::from_secs(1));
    assert!(!house.is_open(&cookie));
    assert!(house.admin.sessions_of("ann").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_in_use_is_renewed_but_not_at_every_request() {
    let (house, cookie) = House::with_ann().await;
    let revision = || house.cluster.freshness().revision;
    let before = revision();
    house.clock.advance(Duration::from_secs(5 * 60 - 1));
    house.admin.renew(cookie.reveal()).await;
    house.admin.renew("nonsense").await;
    house.clock.advance(Duration::from_secs(1));
    let renewed_at = || house.admin.sessions_of("ann")[0].renewed_at;
    let due = renewed_at();
    // Many requests at once are one write.
    for _ in 0..10 {
        house.admin.renew(cookie.reveal()).await;
    }
    let mut applied = house.admin.store.watch_applied();
    let renewed = tokio::time::timeout(PATIENCE, applied.wait_for(|_| renewed_at() > due)).await;
    renewed.unwrap().unwrap();
    house.admin.confirm().await.unwrap();
    assert_eq!(revision(), before + 1);
    house.clock.advance(Duration::from_secs(29 * 60));
    assert!(house.is_open(&cookie));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_an_unknown_name_say_the_same_after_the_same_work() {
    let (house, _) = House::with_ann().await;
    let hashes = || house.hasher.figures().done;
    for (name, password) in [("ann", ANOTHER), ("nobody", ANNS), ("", ""), ("ann", "")] {
        let before = hashes();
        assert_eq!(house.sign_in(name, password).await.unwrap_err(), SignInError::Wrong);
        assert_eq!(hashes(), before + 1, "{name}");
    }
    let endless = "x".repeat(100_000);
    let before = hashes();
    assert_eq!(house.sign_in(&endless, &endless).await.unwrap_err(), SignInError::Wrong);
    assert_eq!(hashes(), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_are_bounded_for_unknown_names_alike_and_the_right_password_is_none() {
    let (house, _) = House::with_ann().await;
    for name in ["ann", "nobody"] {
        house.clock.advance(Duration::from_secs(60));
        for _ in 0..6 {
            assert!(house.sign_in("ann", ANNS).await.is_ok());
        }
        for _ in 0..5 {
            assert_eq!(house.sign_in(name, ANOTHER).await.unwrap_err(), SignInError::Wrong);
        }
        let retry_after = Duration::from_secs(60);
        let too_many = SignInError::TooMany { retry_after };
        assert_eq!(house.sign_in(name, ANNS).await.unwrap_err(), too_many);
        // Nor from that address for anybody else.
        assert_eq!(house.sign_in("bob", ANNS).await.unwrap_err(), too_many);
    }
    house.clock.advance(Duration::from_secs(60));
    assert!(house.sign_in("ann", ANNS).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_one_session_and_the_others_can_be_ended_by_name_or_together() {
    let (house, first) = House::with_ann().await;
    let admin = &house.admin;
    let mut others = Vec::new();
    for _ in 0..4 {
        house.clock.advance(Duration::from_secs(1));
        others.push(house.sign_in("ann", ANNS).await.unwrap());
    }
    let listed = admin.sessions_of("Ann");
    assert_eq!(
        (listed.len(), listed[0].address.as_str(), listed[0].agent.as_str()),
        (5, "10.0.0.1", "a browser")
    );
    admin.sign_out(others[0].reveal()).await.unwrap();
    admin.sign_out(others[0].reveal()).await.unwrap();
    admin.sign_out("nonsense").await.unwrap();
    let id = admin.session(others[1].reveal()).unwrap().session_id;
    admin.end_session(&intent(), "ann", &id).await.unwrap();
    let again = admin.end_session(&intent(), "ann", &id).await;
    assert!(matches!(again, Err(AdminError::NotFound { kind, .. }) if kind == "session"));
    let open = |cookies: &[Cookie]| cookies.iter().map(|cookie| house.is_open(cookie)).collect::<Vec<_>>();
    assert_eq!(open(&others), [false, false, true, true]);
    admin.end_other_sessions(&intent(), first.reveal()).await.unwrap();
    assert_eq!(open(&others), [false; 4]);
    assert!(house.is_open(&first));
    assert!(is_precondition(
        admin.end_other_sessions(&intent(), others[0].reveal()).await
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_given_once_more_confirms_its_own_session_for_five_minutes() {
    let (house, cookie) = House::with_ann().await;
    let other = house.sign_in("ann", ANNS).await.unwrap();
    let confirm = async |password: &str| house.admin.confirm_password(cookie.reveal(), secret(password)).await;
    assert!(!house.admin.is_confirmed(cookie.reveal()));
    assert_eq!(confirm(ANOTHER).await, Err(SignInError::Wrong));
    assert!(!house.admin.is_confirmed(cookie.reveal()));
    confirm(ANNS).await.unwrap();
    assert!(house.admin.is_confirmed(cookie.reveal()) && !house.admin.is_confirmed(other.reveal()));
    house.clock.advance(Duration::from_secs(5 * 60));
    assert!(!house.admin.is_confirmed(cookie.reveal()));
    for _ in 0..5 {
        assert_eq!(confirm(ANOTHER).await, Err(SignInError::Wrong));
    }
    assert!(matches!(confirm(ANNS).await, Err(SignInError::TooMany { .. })));
    let nobody = house.admin.confirm_password("nonsense", secret(ANNS)).await;
    assert!(matches!(
        nobody,
        Err(SignInError::Unavailable(AdminError::Precondition(_)))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn changing_ones_own_password_takes_the_old_one_and_ends_the_other_sessions() {
    let (house, cookie) = House::with_ann().await;
    let other = house.sign_in("ann", ANNS).await.unwrap();
    let change = async |old: &str, new: &str| {
        let (old, new) = (secret(old), secret(new));
        house.admin.change_own_password(cookie.reveal(), old, new).await
    };
    assert_eq!(change(ANOTHER, ANOTHER).await, Err(SignInError::Wrong));
    let Err(SignInError::Unavailable(short)) = change(ANNS, "short").await else {
        panic!("taken")
    };
    assert_eq!(faults(Err::<(), _>(short)), ["new_password"]);
    assert!(house.is_open(&other));
    change(ANNS, ANOTHER).await.unwrap();
    assert!(house.is_open(&cookie) && !house.is_open(&other));
    assert_eq!(house.sign_in("ann", ANNS).await.unwrap_err(), SignInError::Wrong);
    assert!(house.sign_in("ann", ANOTHER).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_role_counts_at_once_and_a_new_password_or_no_account_ends_the_sessions() {
    let (house, _) = House::with_ann().await;
    let admin = &house.admin;
    house.make("bob", Role::Viewer).await;
    let cookie = house.sign_in("bob", ANNS).await.unwrap();
    let role = |role| AccountPatch {
        role: Some(role),
        password: None,
    };
    let bob = admin
        .update_account(&intent(), "bob", role(Role::Editor))
        .await
        .unwrap();
    assert_eq!(
        (bob.role, admin.session(cookie.reveal()).unwrap().caller().role),
        (Role::Editor, Role::Editor)
    );
    let password = AccountPatch {
        role: None,
        password: Some(secret(ANOTHER)),
    };
    admin.update_account(&intent(), "bob", password).await.unwrap();
    assert!(!house.is_open(&cookie));
    let cookie = house.sign_in("bob", ANOTHER).await.unwrap();
    admin.delete_account(&intent(), "BOB").await.unwrap();
    assert!(!house.is_open(&cookie));
    assert_eq!(house.sign_in("bob", ANOTHER).await.unwrap_err(), SignInError::Wrong);
    house.make("bob", Role::Viewer).await;
    assert!(!house.is_open(&cookie));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_an_account_is_told_at_once() {
    let (house, _) = House::with_ann().await;
    let admin = &house.admin;
    let long = secret(&"x".repeat(1025));
    let refused = admin.create_account(&intent(), "a b", Role::Client, long).await;
    assert_eq!(faults(refused), ["name", "role", "password"]);
    for password in ["x".repeat(11), "x".repeat(1025), String::new()] {
        let refused = admin
            .create_account(&intent(), "bob", Role::Viewer, secret(&password))
            .await;
        assert_eq!(faults(refused), ["password"]);
    }
    for password in ["x".repeat(12), "x".repeat(1024)] {
        let name = format!("user{}", password.len());
        admin
            .create_account(&intent(), &name, Role::Viewer, secret(&password))
            .await
            .unwrap();
        assert!(house.sign_in(&name, &password).await.is_ok());
    }
    assert_eq!(
        faults(admin.update_account(&intent(), "ann", AccountPatch::default()).await),
        ["update_mask"]
    );
    let listed = admin.list_accounts(0, "").await.unwrap().items;
    let names: Vec<_> = listed.iter().map(|account| account.name.as_str()).collect();
    assert_eq!(names, ["ann", "user1024", "user12"]);
    assert!(matches!(
        admin.get_account("nobody").await,
        Err(AdminError::NotFound { .. })
    ));
    // The key of the birth is an admin too.
    admin.delete_account(&intent(), "ann").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_quorum_sessions_go_on_and_nobody_new_is_let_in() {
    let (house, cookie) = House::with_ann().await;
    house
        .admin
        .confirm_password(cookie.reveal(), secret(ANNS))
        .await
        .unwrap();
    house.cut_off().await;
    assert!(house.is_open(&cookie) && house.admin.is_confirmed(cookie.reveal()));
    for password in [ANNS, ANOTHER] {
        let outcome = house.sign_in("ann", password).await.unwrap_err();
        assert!(
            matches!(outcome, SignInError::Unavailable(AdminError::Unavailable { .. })),
            "{outcome:?}"
        );
    }
    house.clock.advance(Duration::from_secs(6 * 60));
    house.admin.renew(cookie.reveal()).await;
    assert!(house.is_open(&cookie));
    assert!(house.admin.sign_out(cookie.reveal()).await.is_err());
    // What nobody could tell was no guess.
    assert!(
        house
            .admin
            .attempts
            .begin(&[Whose::Account("ann")], house.admin.clock.instant())
            .is_ok()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_looks_for_passwords_by_trying_logins() {
    let (house, _) = House::born().await;
    let tried = async |by: &str| house.admin.try_login(by, Attempt::default(), None, None).await;
    for _ in 0..TRIALS {
        tried("ann").await.unwrap();
    }
    let refused = tried("ann").await.unwrap_err();
    assert!(
        matches!(&refused, AdminError::Unavailable { obstacle: Obstacle::Overloaded, retry_after, .. } if *retry_after == Duration::from_secs(60)),
        "{refused:?}"
    );
    tried("bob").await.unwrap();
    house.clock.advance(Duration::from_secs(60));
    tried("ann").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_a_cluster_makes_no_account() {
    let house = House::empty().await;
    let token = format!("pcs_{}", "A".repeat(43));
    let refused = house.admin.set_up(&token, "ann", secret(ANNS), origin()).await;
    assert!(matches!(
        refused,
        Err(AdminError::Unavailable {
            obstacle: Obstacle::NotReady | Obstacle::NotInitialized,
            ..
        })
    ));
}
