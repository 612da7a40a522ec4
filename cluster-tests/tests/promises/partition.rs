//! What a cut network may and may not do.

use std::time::{Duration, Instant};

use anyhow::Result;
use cluster_tests::calls::{
    create_user, is_allowed, login, login_linearizable, reason_of, set_max_staleness, staleness,
};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::proxy::Fault;
use cluster_tests::{Cluster, node_binary, wait_for};
use portcullis::wire::pb::v1;
use tonic::Code;

/// "Within a second", and what the caller and a busy machine add to it.
const A_SECOND: Duration = Duration::from_millis(1250);
const BOUND_SECONDS: u32 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_in_the_minority_refuses_writes_and_the_majority_goes_on() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let old = cluster.leader().await?;
    let others = cluster.others(old);
    let minority = cluster.client(old).await?;
    cluster.isolate(old, Fault::Silence);

    for attempt in 0..3 {
        let started = Instant::now();
        let refused = create_user(&minority, &format!("lost-{attempt}"), "x")
            .await
            .expect_err("there is no quorum");
        assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
        assert!(started.elapsed() < A_SECOND, "the refusal took {:?}", started.elapsed());
    }
    let new = cluster.leader_among(&others).await?;
    create_user(&cluster.client(new).await?, "ada", "lovelace").await?;
    let strong = login_linearizable(&minority, "ada", "lovelace")
        .await
        .expect_err("there is no quorum");
    assert_eq!(strong.code(), Code::Unavailable, "{strong:?}");

    cluster.heal();
    cluster.leader().await?;
    cluster.agree().await?;
    assert!(is_allowed(&minority, "ada", "lovelace").await?);
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_minority_answers_logins_with_growing_staleness_up_to_the_bound() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let bound = Duration::from_secs(BOUND_SECONDS.into());
    let leader = cluster.client(cluster.leader().await?).await?;
    create_user(&leader, "ada", "lovelace").await?;
    set_max_staleness(&leader, BOUND_SECONDS).await?;
    cluster.agree().await?;

    let cut = cluster.follower().await?;
    let client = cluster.client(cut).await?;
    wait_for("a fresh answer", PATIENCE, async || {
        Ok((staleness(&login(&client, "ada", "lovelace").await?) < bound / 2).then_some(()))
    })
    .await?;
    cluster.isolate(cut, Fault::Silence);

    let mut oldest = Duration::ZERO;
    let mut answers = 0;
    let refused = wait_for("the bound", bound * 3, async || {
        match login(&client, "ada", "lovelace").await {
            Ok(answer) => {
                assert_eq!(answer.decision(), v1::Decision::Allow);
                assert!(
                    staleness(&answer) <= bound,
                    "answered although it may be {:?} old",
                    staleness(&answer)
                );
                oldest = oldest.max(staleness(&answer));
                answers += 1;
                Ok(None)
            }
            Err(status) => Ok(Some(status)),
        }
    })
    .await?;
    assert!(
        answers > 10 && oldest > bound / 2,
        "{answers} answers, the last {oldest:?} old"
    );
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    assert_eq!(reason_of(&refused), "STALE");

    cluster.heal();
    wait_for("fresh answers after the cut", PATIENCE, async || {
        Ok(is_allowed(&client, "ada", "lovelace").await?.then_some(()))
    })
    .await?;
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_heard_but_hears_nobody_is_not_believed() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let deaf = cluster.leader().await?;
    for other in cluster.others(deaf) {
        cluster.cut_one_way(other, deaf)?;
    }
    let client = cluster.client(deaf).await?;
    let strong = login_linearizable(&client, "ada", "lovelace")
        .await
        .expect_err("no quorum can confirm it");
    assert_eq!(strong.code(), Code::Unavailable, "{strong:?}");
    let write = create_user(&client, "ada", "lovelace")
        .await
        .expect_err("no quorum can acknowledge it");
    assert_eq!(write.code(), Code::Unavailable, "{write:?}");
    cluster.heal();
    wait_for("a write after the cut", PATIENCE, async || {
        create_user(&cluster.try_client(deaf).await?, "grace", "hopper").await?;
        Ok(Some(()))
    })
    .await?;
    cluster.leader().await?;
    cluster.agree().await?;
    cluster.passed()
}
