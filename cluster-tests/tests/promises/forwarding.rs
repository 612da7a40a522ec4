//! Any node takes a write.

use anyhow::Result;
use cluster_tests::calls::{create_user, credentials, delete_user};
use cluster_tests::{Cluster, node_binary};
use portcullis::wire::pb::v1;
use tonic::Code;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_on_a_follower_is_seen_on_all_nodes() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let follower = cluster.client(cluster.follower().await?).await?;
    let user = create_user(&follower, "ada", "lovelace").await?;
    assert!(user.revision > 0);
    for id in cluster.ids() {
        let mut request = credentials("ada", "lovelace");
        request.min_revision = user.revision;
        let answer = cluster
            .client(id)
            .await?
            .login()
            .authenticate(request)
            .await?
            .into_inner();
        assert_eq!(answer.decision(), v1::Decision::Allow, "node {id}");
        assert!(answer.revision >= user.revision);
    }
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_comes_back_through_a_follower_as_it_is() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let follower = cluster.client(cluster.follower().await?).await?;
    let user = create_user(&follower, "ada", "lovelace").await?;
    let twice = create_user(&follower, "ada", "other").await;
    assert_eq!(twice.err().map(|status| status.code()), Some(Code::AlreadyExists));

    let stale = v1::DeleteUserRequest {
        user_id: "ada".into(),
        if_revision: user.revision + 1,
        ..v1::DeleteUserRequest::default()
    };
    let refused = follower
        .users()
        .delete(stale)
        .await
        .expect_err("the revision is another one");
    assert_eq!(refused.code(), Code::Aborted);
    assert_eq!(cluster_tests::calls::reason_of(&refused), "REVISION_MISMATCH");
    delete_user(&follower, "ada").await?;
    cluster.agree().await?;
    cluster.passed()
}
