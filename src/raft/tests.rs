//! Consensus itself: nodes in one process, with real journals and stores, over a net whose links can be cut.

mod net;

use std::time::{Duration, Instant};

use bytes::Bytes;

use self::net::{DEADLINE, Net, envelope, until};
use super::{ProposeError, Role};

#[tokio::test(flavor = "multi_thread")]
async fn a_single_node_keeps_what_it_committed_over_a_restart() {
    let net = Net::new();
    net.start(1).await;
    net.initialize(&[1]).await;
    let outcome = net.leader().await.propose(&envelope(7), DEADLINE).await.unwrap();
    assert!(net.store(1).is_retired(7));

    net.stop(1).await;
    net.start(1).await;
    assert!(net.store(1).is_retired(7));
    let leader = net.leader().await;
    assert!(leader.read_index(DEADLINE).await.unwrap() >= outcome.revision);
    assert!(leader.propose(&envelope(8), DEADLINE).await.unwrap().revision > outcome.revision);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_committed_command_reaches_every_node() {
    let net = Net::of(&[1, 2, 3]).await;
    let outcome = net.leader().await.propose(&envelope(7), DEADLINE).await.unwrap();
    for id in [1, 2, 3] {
        until("it is applied everywhere", || {
            net.store(id).applied().index >= outcome.revision
        })
        .await;
        assert!(net.store(id).is_retired(7));
    }
    let hashes: Vec<u64> = [1, 2, 3].map(|id| net.store(id).applied().state_hash).into();
    assert_eq!(hashes, [hashes[0]; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_names_the_leader() {
    let net = Net::of(&[1, 2, 3]).await;
    let leader = net.leader_id().await;
    let follower = net.node(if leader == 1 { 2 } else { 1 });
    until("the follower knows it", || follower.status().leader == Some(leader)).await;
    let refused = ProposeError::NotLeader { leader: Some(leader) };
    assert_eq!(follower.propose(&envelope(7), DEADLINE).await.unwrap_err(), refused);
    assert_eq!(follower.read_index(DEADLINE).await.unwrap_err(), refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_without_a_quorum_says_so_quickly_while_the_others_go_on() {
    let net = Net::of(&[1, 2, 3]).await;
    let old = net.leader_id().await;
    net.cut(old);
    let cut_off = net.node(old);
    let waited = cut_off.propose(&envelope(7), DEADLINE).await.unwrap_err();
    assert_eq!(waited, ProposeError::NoQuorum);
    let asked = Instant::now();
    let refused = cut_off.propose(&envelope(7), DEADLINE).await.unwrap_err();
    assert!(
        matches!(refused, ProposeError::NoQuorum | ProposeError::NotLeader { .. }),
        "{refused}"
    );
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    assert!(cut_off.read_index(DEADLINE).await.is_err());

    let new = net.confirmed_leader_other_than(old).await;
    let outcome = new.propose(&envelope(8), DEADLINE).await.unwrap();
    net.heal(old);
    until("it has caught up", || {
        net.store(old).applied().index >= outcome.revision
    })
    .await;
    assert!(net.store(old).is_retired(8));
}

#[tokio::test(flavor = "multi_thread")]
async fn leadership_is_handed_over_on_request() {
    let net = Net::of(&[1, 2, 3]).await;
    let old = net.leader_id().await;
    let new = net.node(old).transfer_leadership(None, DEADLINE).await.unwrap();
    assert_ne!(new, old);
    until("the new one leads", || net.node(new).status().role == Role::Leader).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_joins_late_starts_from_a_snapshot() {
    let net = Net::of(&[1]).await;
    let leader = net.leader().await;
    for id in 10..200 {
        leader.propose(&envelope(id), DEADLINE).await.unwrap();
    }
    let taken = leader.take_snapshot(DEADLINE).await.unwrap();
    assert!(taken.bytes > 0);
    until("the log behind it is purged", || leader.status().purged_index > 1).await;

    net.start(2).await;
    leader.add_learner(2, net.member(2), DEADLINE).await.unwrap();
    leader.change_voters([1, 2].into(), false, DEADLINE).await.unwrap();
    let index = leader.propose(&envelope(300), DEADLINE).await.unwrap().revision;
    until("it has caught up", || net.store(2).applied().index >= index).await;
    assert!(net.store(2).is_retired(10) && net.store(2).is_retired(300));
    assert_eq!(net.node(2).status().membership.voters, [1, 2].into());
    assert!(net.node(2).status().snapshot_index > 0);

    net.stop(2).await;
    net.start(2).await;
    assert!(net.store(2).is_retired(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_has_just_restarted_gives_no_votes() {
    let mut net = Net::of(&[1, 2]).await;
    net.leader().await.propose(&envelope(7), DEADLINE).await.unwrap();
    net.stop(2).await;
    // It holds its vote back for longer than this test can take on the slowest machine.
    net.elect_after(DEADLINE);
    net.start(2).await;
    for kind in [super::network::kind::VOTE, super::network::kind::PRE_VOTE] {
        let refused = net.node(2).receive(kind, Bytes::new()).await.unwrap_err();
        assert!(refused.contains("does not vote yet"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_above_the_limit_is_not_proposed() {
    let net = Net::of(&[1]).await;
    let leader = net.leader().await;
    let last = leader.status().last_log_index;
    let mut large = envelope(7);
    large.by = "x".repeat(2 << 20);
    assert!(matches!(
        leader.propose(&large, DEADLINE).await,
        Err(ProposeError::TooLarge { .. })
    ));
    assert_eq!(leader.status().last_log_index, last);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_snapshot_is_refused_and_leaves_no_trace() {
    let net = Net::of(&[1]).await;
    net.start(2).await;
    let leader = net.leader().await;
    let taken = leader.take_snapshot(DEADLINE).await.unwrap();
    let damaged = net.snapshot_with_a_flipped_bit(1, taken.index);
    let refused = net.offer_snapshot(1, 2, damaged).await.unwrap_err();
    assert!(refused.contains("refused"), "{refused}");
    assert_eq!(net.store(2).applied().index, 0);
    assert_eq!(net.snapshot_files(2), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_begins_behind_the_state_is_not_applied_to_it() {
    let net = Net::of(&[1]).await;
    let leader = net.leader().await;
    leader.propose(&envelope(7), DEADLINE).await.unwrap();
    leader.take_snapshot(DEADLINE).await.unwrap();
    until("the log behind it is purged", || leader.status().purged_index > 1).await;
    drop(leader);
    net.stop(1).await;
    net.lose_all_but_the_journal(1);
    let refused = net.try_start(1).await.unwrap_err().to_string();
    assert!(refused.contains("no sound snapshot"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_large_entries_is_bounded_by_its_bytes() {
    let net = Net::keeping(10_000, 1);
    net.start(1).await;
    net.initialize(&[1]).await;
    let leader = net.leader().await;
    for id in [7, 8] {
        let revision = leader.propose(&envelope(id), DEADLINE).await.unwrap().revision;
        until("a snapshot is taken", || leader.status().snapshot_index >= revision).await;
    }
    leader.propose(&envelope(9), DEADLINE).await.unwrap();
    until("the log behind it is purged", || leader.status().purged_index > 1).await;
}
