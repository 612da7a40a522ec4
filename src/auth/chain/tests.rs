//! The rows of the chain's semantics, one by one, with providers that say what they are told to.

use std::collections::HashMap;
use std::future::{pending, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::{Chain, Decision, Link, Outcome, StepVerdict};
use crate::auth::{
    BoxFuture, Challenge, Clock, Credentials, Figures, Finding, Health, LiveChains, NoAuthenticator, Notes, OnFailure,
    Provider, ProviderError, Reason, Secret, Tally, TestClock, Verdict,
};

/// Says always the same, speaks one method, and counts what it is told to follow up.
struct Says(Result<Verdict, ProviderError>, &'static str, AtomicUsize);

impl Provider for Says {
    fn authenticate<'a>(&'a self, _credentials: &'a Credentials) -> BoxFuture<'a, Result<Verdict, ProviderError>> {
        Box::pin(ready(self.0.clone()))
    }

    fn follow_up(&self, _credentials: &Credentials, verdict: &Verdict) {
        assert_eq!(self.0.as_ref(), Ok(verdict));
        self.2.fetch_add(1, Ordering::Relaxed);
    }

    fn speaks(&self, auth_method: &str) -> bool {
        auth_method == self.1
    }

    fn health(&self) -> Health {
        Health::connected(TestClock::default().now())
    }
}

fn says(id: &str, answer: Result<Verdict, ProviderError>) -> Link {
    Link {
        id: id.to_owned(),
        enabled: true,
        needs_password: true,
        on_failure: OnFailure::Deny,
        timeout: Duration::from_secs(5),
        provider: Arc::new(Says(answer, "SCRAM-SHA-256", AtomicUsize::new(0))),
        tally: Arc::default(),
    }
}

fn allows(id: &str) -> Link {
    says(id, Ok(Verdict::Allow(Box::default())))
}

fn denies(id: &str) -> Link {
    says(id, Ok(Verdict::deny(Reason::BadUsernameOrPassword)))
}

fn ignores(id: &str, reason: Reason) -> Link {
    says(id, Ok(Verdict::ignore(reason)))
}

fn fails(id: &str, on_failure: OnFailure) -> Link {
    let error = ProviderError::new(Reason::BackendTimeout, "no answer");
    Link {
        on_failure,
        ..says(id, Err(error))
    }
}

fn disabled(link: Link) -> Link {
    Link { enabled: false, ..link }
}

fn password() -> Credentials {
    Credentials {
        username: "u".to_owned(),
        password: Some(Secret::new("p")),
        ..Credentials::default()
    }
}

async fn decide_as(links: Vec<Link>, credentials: &Credentials, empty: NoAuthenticator) -> (Decision, Vec<Arc<Tally>>) {
    let tallies = links.iter().map(|link| Arc::clone(&link.tally)).collect();
    let decision = Chain { links }
        .decide(credentials, empty, &TestClock::at(1000), pending())
        .await;
    (decision, tallies)
}

async fn decide(links: Vec<Link>) -> Decision {
    decide_as(links, &password(), NoAuthenticator::Allow).await.0
}

fn trace(decision: &Decision) -> Vec<(StepVerdict, Option<Reason>)> {
    decision.steps.iter().map(|step| (step.verdict, step.reason)).collect()
}

fn counts(tally: &Tally) -> (u64, u64, u64, u64, u64) {
    let Figures {
        total,
        success,
        failed,
        nomatch,
        failures,
        ..
    } = tally.figures(TestClock::at(1000).instant());
    (total, success, failed, nomatch, failures)
}

const ALLOWED: (StepVerdict, Option<Reason>) = (StepVerdict::Allowed, None);
const NOT_REACHED: (StepVerdict, Option<Reason>) = (StepVerdict::NotReached, None);

#[tokio::test]
async fn an_unknown_user_is_asked_for_at_the_next_one() {
    let links = vec![ignores("a", Reason::UnknownUser), allows("b"), denies("c")];
    let (decision, tallies) = decide_as(links, &password(), NoAuthenticator::Deny).await;
    assert_eq!(decision.outcome, Outcome::Allow(Box::default()));
    assert_eq!(decision.authenticator, "b");
    assert_eq!(
        trace(&decision),
        [(StepVerdict::NotFound, Some(Reason::UnknownUser)), ALLOWED, NOT_REACHED]
    );
    assert_eq!(
        tallies.iter().map(|tally| counts(tally)).collect::<Vec<_>>(),
        [(1, 0, 0, 1, 0), (1, 1, 0, 0, 0), (0, 0, 0, 0, 0)]
    );
}

#[tokio::test]
async fn a_wrong_password_is_final() {
    let (decision, tallies) = decide_as(vec![denies("a"), allows("b")], &password(), NoAuthenticator::Allow).await;
    assert_eq!(decision.outcome, Outcome::Deny(Reason::BadUsernameOrPassword));
    assert_eq!(decision.authenticator, "a");
    assert_eq!(
        trace(&decision),
        [(StepVerdict::Denied, Some(Reason::BadUsernameOrPassword)), NOT_REACHED]
    );
    assert_eq!(counts(&tallies[0]), (1, 0, 1, 0, 0));
}

#[tokio::test]
async fn a_user_unknown_to_all_is_told_the_same_as_a_wrong_password() {
    let decision = decide(vec![
        ignores("a", Reason::UnknownUser),
        ignores("b", Reason::TokenMalformed),
    ])
    .await;
    let Outcome::Deny(reason) = decision.outcome else {
        panic!("{decision:?}")
    };
    assert_eq!(
        (reason, reason.coarse()),
        (Reason::UnknownUser, Reason::BadUsernameOrPassword)
    );
    assert_eq!(decision.authenticator, "");
}

#[tokio::test]
async fn without_a_password_a_password_authenticator_is_skipped_and_not_counted() {
    let nothing = Credentials {
        password: None,
        ..password()
    };
    let (decision, tallies) = decide_as(vec![allows("a")], &nothing, NoAuthenticator::Allow).await;
    assert_eq!(decision.outcome, Outcome::Deny(Reason::NotAuthorized));
    assert_eq!(
        trace(&decision),
        [(StepVerdict::Skipped, Some(Reason::MissingCredential))]
    );
    assert_eq!(counts(&tallies[0]), (0, 0, 0, 0, 0));
}

#[tokio::test]
async fn an_empty_password_is_a_password() {
    let empty = Credentials {
        password: Some(Secret::new("")),
        ..password()
    };
    let (decision, _) = decide_as(vec![allows("a")], &empty, NoAuthenticator::Deny).await;
    assert_eq!(trace(&decision), [ALLOWED]);
}

#[tokio::test]
async fn a_method_skips_password_authenticators_and_those_that_do_not_speak_it() {
    let link = |id, needs_password| Link {
        needs_password,
        ..allows(id)
    };
    let asking = |method: &str| Credentials {
        auth_method: method.to_owned(),
        password: None,
        ..password()
    };
    let skipped = (StepVerdict::Skipped, Some(Reason::MethodMismatch));
    let scram = asking("SCRAM-SHA-256");
    let (decision, _) = decide_as(vec![link("a", true), link("b", false)], &scram, NoAuthenticator::Deny).await;
    assert_eq!(trace(&decision), [skipped, ALLOWED]);
    let kerberos = asking("GSSAPI-KERBEROS");
    let (decision, _) = decide_as(vec![link("b", false)], &kerberos, NoAuthenticator::Allow).await;
    assert_eq!(trace(&decision), [skipped]);
    assert_eq!(decision.outcome, Outcome::Deny(Reason::NotAuthorized));
}

#[tokio::test]
async fn a_disabled_authenticator_is_as_if_not_there() {
    let off = (StepVerdict::Skipped, Some(Reason::Disabled));
    let decision = decide(vec![disabled(denies("a")), allows("b")]).await;
    assert_eq!(trace(&decision), [off, ALLOWED]);
    for (setting, outcome) in [
        (NoAuthenticator::Allow, Outcome::Allow(Box::default())),
        (NoAuthenticator::Deny, Outcome::Deny(Reason::NoAuthenticator)),
    ] {
        let (decision, _) = decide_as(vec![disabled(denies("a"))], &password(), setting).await;
        assert_eq!((&decision.outcome, trace(&decision)), (&outcome, vec![off]));
        let (decision, _) = decide_as(vec![], &password(), setting).await;
        assert_eq!(decision.outcome, outcome);
    }
}

#[tokio::test]
async fn a_failure_denies_or_asks_the_next_one_as_the_authenticator_says() {
    let failed = (StepVerdict::Failed, Some(Reason::BackendTimeout));
    let links = vec![fails("a", OnFailure::Deny), allows("b")];
    let (decision, tallies) = decide_as(links, &password(), NoAuthenticator::Allow).await;
    assert_eq!(
        (&decision.outcome, &*decision.authenticator),
        (&Outcome::Deny(Reason::BackendTimeout), "a")
    );
    assert_eq!(trace(&decision), [failed, NOT_REACHED]);
    assert_eq!(decision.steps[0].detail, "no answer");
    assert_eq!(counts(&tallies[0]), (1, 0, 0, 0, 1));

    let links = vec![fails("a", OnFailure::Next), allows("b")];
    let (decision, tallies) = decide_as(links, &password(), NoAuthenticator::Allow).await;
    assert_eq!(trace(&decision), [failed, ALLOWED]);
    assert_eq!(counts(&tallies[0]), (1, 0, 0, 0, 1));
}

#[tokio::test]
async fn too_much_work_ends_the_login_whatever_a_failure_means() {
    for on_failure in [OnFailure::Next, OnFailure::Deny] {
        let overloaded = Link {
            on_failure,
            ..says("a", Err(ProviderError::new(Reason::Overloaded, "full")))
        };
        let links = vec![overloaded, allows("b")];
        let (decision, tallies) = decide_as(links, &password(), NoAuthenticator::Allow).await;
        assert_eq!(
            (&decision.outcome, &*decision.authenticator),
            (&Outcome::Deny(Reason::Overloaded), "a")
        );
        let failed = (StepVerdict::Failed, Some(Reason::Overloaded));
        assert_eq!(trace(&decision), [failed, NOT_REACHED]);
        assert_eq!(counts(&tallies[0]), (1, 0, 0, 0, 1));
    }
}

#[tokio::test]
async fn failures_alone_are_not_a_denial_of_the_client() {
    let unavailable = Outcome::Deny(Reason::BackendUnavailable);
    assert_eq!(decide(vec![fails("a", OnFailure::Next)]).await.outcome, unavailable);
    let with_skipped = vec![fails("a", OnFailure::Next), disabled(allows("b"))];
    assert_eq!(decide(with_skipped).await.outcome, unavailable);
    let with_ignored = vec![fails("a", OnFailure::Next), ignores("b", Reason::TokenMalformed)];
    assert_eq!(decide(with_ignored).await.outcome, unavailable);
    let with_unknown = vec![fails("a", OnFailure::Next), ignores("b", Reason::UnknownUser)];
    assert_eq!(decide(with_unknown).await.outcome, unavailable);
}

#[tokio::test]
async fn a_false_precondition_is_a_skip() {
    let links = vec![ignores("a", Reason::PreconditionFalse)];
    let (decision, tallies) = decide_as(links, &password(), NoAuthenticator::Allow).await;
    assert_eq!(
        trace(&decision),
        [(StepVerdict::Skipped, Some(Reason::PreconditionFalse))]
    );
    assert_eq!(decision.outcome, Outcome::Deny(Reason::NotAuthorized));
    assert_eq!(counts(&tallies[0]), (0, 0, 0, 0, 0));
}

#[tokio::test]
async fn a_precondition_that_cannot_be_evaluated_is_a_failure_and_never_an_allow() {
    let broken = |on_failure| Link {
        on_failure,
        ..says("a", Err(ProviderError::new(Reason::PreconditionError, "no such key")))
    };
    let failed = (StepVerdict::Failed, Some(Reason::PreconditionError));
    let links = vec![broken(OnFailure::Deny), allows("b")];
    let (decision, tallies) = decide_as(links, &password(), NoAuthenticator::Allow).await;
    assert_eq!(decision.outcome, Outcome::Deny(Reason::PreconditionError));
    assert_eq!(trace(&decision), [failed, NOT_REACHED]);
    assert_eq!(counts(&tallies[0]), (1, 0, 0, 0, 1));
    let decision = decide(vec![broken(OnFailure::Next)]).await;
    assert_eq!(decision.outcome, Outcome::Deny(Reason::BackendUnavailable));
}

#[tokio::test]
async fn a_client_without_the_name_that_is_looked_up_is_skipped_and_not_counted() {
    let links = vec![ignores("a", Reason::MissingCredential), allows("b")];
    let (decision, tallies) = decide_as(links, &password(), NoAuthenticator::Deny).await;
    let skipped = (StepVerdict::Skipped, Some(Reason::MissingCredential));
    assert_eq!(trace(&decision), [skipped, ALLOWED]);
    assert_eq!(counts(&tallies[0]), (0, 0, 0, 0, 0));
}

#[tokio::test]
async fn nobody_is_let_in_because_everybody_was_skipped() {
    let nothing = Credentials {
        password: None,
        ..password()
    };
    let mut links = vec![
        allows("a"),
        disabled(allows("b")),
        ignores("c", Reason::PreconditionFalse),
    ];
    links.push(Link {
        needs_password: false,
        ..ignores("d", Reason::MissingCredential)
    });
    let (decision, _) = decide_as(links, &nothing, NoAuthenticator::Allow).await;
    assert_eq!(decision.outcome, Outcome::Deny(Reason::NotAuthorized));
    assert!(decision.steps.iter().all(|step| step.verdict == StepVerdict::Skipped));
}

#[tokio::test]
async fn the_first_verdict_decides_whatever_stands_behind_it() {
    let (decision, tallies) = decide_as(vec![allows("a"), denies("b")], &password(), NoAuthenticator::Deny).await;
    assert_eq!(
        (&*decision.authenticator, trace(&decision)),
        ("a", vec![ALLOWED, NOT_REACHED])
    );
    assert_eq!(counts(&tallies[0]), (1, 1, 0, 0, 0));
    assert_eq!(counts(&tallies[1]), (0, 0, 0, 0, 0));
}

#[tokio::test]
async fn what_a_provider_found_is_told_in_its_step() {
    let finding = |reason| Finding::new(reason, "claim `aud`");
    for (answer, verdict) in [
        (
            Verdict::Deny(finding(Reason::TokenClaimMismatch).into()),
            StepVerdict::Denied,
        ),
        (Verdict::Ignore(finding(Reason::TokenMalformed)), StepVerdict::NotFound),
        (
            Verdict::Ignore(finding(Reason::PreconditionFalse)),
            StepVerdict::Skipped,
        ),
    ] {
        let decision = decide(vec![says("a", Ok(answer))]).await;
        assert_eq!(decision.steps[0].verdict, verdict);
        assert_eq!(decision.steps[0].detail, "claim `aud`");
    }
}

/// Decides when the test lets it.
struct Waits(Semaphore);

impl Provider for Waits {
    fn authenticate<'a>(&'a self, _credentials: &'a Credentials) -> BoxFuture<'a, Result<Verdict, ProviderError>> {
        Box::pin(async move {
            let _released = self.0.acquire().await;
            Ok(Verdict::Allow(Box::default()))
        })
    }

    fn health(&self) -> Health {
        Says(Ok(Verdict::Allow(Box::default())), "", AtomicUsize::new(0)).health()
    }
}

#[tokio::test]
async fn a_login_in_flight_finishes_on_the_instance_it_began_with() {
    let in_force = |link: Link| HashMap::from([("global".to_owned(), Arc::new(Chain { links: vec![link] }))]);
    let old = Arc::new(Waits(Semaphore::new(0)));
    let live = LiveChains::default();
    let provider = Arc::clone(&old) as Arc<dyn Provider>;
    live.swap(
        1,
        in_force(Link {
            provider,
            ..allows("a")
        }),
    );

    let (chain, credentials, clock) = (live.chain("").unwrap(), password(), TestClock::at(1000));
    let mut in_flight = Box::pin(chain.decide(&credentials, NoAuthenticator::Deny, &clock, pending()));
    assert!(futures_util::poll!(&mut in_flight).is_pending());
    live.swap(2, in_force(denies("a")));
    let late = live.chain("").unwrap();
    let late = late
        .decide(&credentials, NoAuthenticator::Deny, &clock, pending())
        .await;
    assert_eq!(late.outcome, Outcome::Deny(Reason::BadUsernameOrPassword));

    old.0.add_permits(1);
    assert_eq!(in_flight.await.outcome, Outcome::Allow(Box::default()));
    drop(chain);
    assert_eq!(Arc::strong_count(&old), 1, "the old instance outlives its last login");
}

#[tokio::test]
async fn an_exchange_stops_the_walk_and_is_counted_when_it_ends() {
    let challenge = Challenge {
        auth_data: b"more".to_vec(),
        exchange: Vec::new(),
    };
    let links = vec![says("a", Ok(Verdict::Continue(challenge.clone()))), allows("b")];
    let (decision, tallies) = decide_as(links, &password(), NoAuthenticator::Allow).await;
    assert_eq!(decision.outcome, Outcome::Continue(challenge));
    assert_eq!(trace(&decision), [(StepVerdict::Continues, None), NOT_REACHED]);
    assert_eq!(counts(&tallies[0]), (0, 0, 0, 0, 0));
}

#[tokio::test]
async fn an_explanation_counts_nothing_and_is_not_followed_up() {
    let provider = Arc::new(Says(Ok(Verdict::Allow(Box::default())), "", AtomicUsize::new(0)));
    let link = Link {
        provider: Arc::clone(&provider) as Arc<dyn Provider>,
        ..allows("a")
    };
    let chain = Chain { links: vec![link] };
    let (clock, client) = (TestClock::at(1000), password());
    let explained = chain.explain(&client, NoAuthenticator::Deny, &clock, pending());
    assert_eq!(trace(&explained.await), [ALLOWED]);
    assert_eq!(counts(&chain.links[0].tally), (0, 0, 0, 0, 0));
    assert_eq!(provider.2.load(Ordering::Relaxed), 0);
    let decided = chain.decide(&client, NoAuthenticator::Deny, &clock, pending());
    assert_eq!(trace(&decided.await), [ALLOWED]);
    assert_eq!(counts(&chain.links[0].tally), (1, 1, 0, 0, 0));
    assert_eq!(provider.2.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_explanation_tells_what_was_noted_and_who_was_being_asked_when_its_time_was_over() {
    let clock = Arc::new(TestClock::at(1000));
    let hangs = Link {
        provider: Arc::new(Waits(Semaphore::new(0))),
        on_failure: OnFailure::Next,
        ..allows("b")
    };
    let chain = Chain {
        links: vec![ignores("a", Reason::UnknownUser), hangs, allows("c")],
    };
    let noted = Credentials {
        notes: Notes::wanted(clock.clone()),
        ..password()
    };
    noted.notes.note(|| "no row".to_owned());
    let explained = chain.explain(&noted, NoAuthenticator::Deny, &*clock, ready(()));
    let decision = explained.await;
    assert_eq!(
        trace(&decision),
        [
            (StepVerdict::NotFound, Some(Reason::UnknownUser)),
            (StepVerdict::Failed, Some(Reason::DeadlineExceeded)),
            NOT_REACHED
        ]
    );
    assert_eq!(decision.outcome, Outcome::Deny(Reason::DeadlineExceeded));
    assert_eq!(decision.steps[0].detail, "no row");
    assert!(decision.steps[1].detail.contains("the caller's time"), "{decision:?}");
    assert!(chain.links.iter().all(|link| counts(&link.tally).0 == 0));
    // A login that counts is a failure of whoever took the time.
    chain
        .decide(&password(), NoAuthenticator::Deny, &*clock, ready(()))
        .await;
    assert_eq!(counts(&chain.links[0].tally), (1, 0, 0, 1, 0));
    assert_eq!(counts(&chain.links[1].tally), (1, 0, 0, 0, 1));
    assert_eq!(counts(&chain.links[2].tally), (0, 0, 0, 0, 0));
}
