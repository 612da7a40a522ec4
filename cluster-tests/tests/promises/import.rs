//! Users come over from EMQX with their passwords.

use anyhow::Result;
use bytes::Bytes;
use cluster_tests::calls::{import, is_allowed, sha256_file};
use cluster_tests::{Cluster, node_binary};
use portcullis::wire::pb::v1;
use portcullis::wire::pb::v1::import_users_header::Format;

const CSV: &[u8] = include_bytes!("../../data/user-credentials.csv");
const JSON: &[u8] = include_bytes!("../../data/user-credentials.json");
const USERS: [(&str, &str, bool); 4] = [
    ("myuser1", "mypassword1", true),
    ("myuser2", "mypassword2", false),
    ("myuser3", "mypassword3", true),
    ("myuser4", "mypassword4", false),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn emqx_users_log_in_on_each_node_with_their_real_passwords() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    for (node, format, file) in [(1, Format::Csv, CSV), (2, Format::Json, JSON)] {
        let client = cluster.client(node).await?;
        let done = import(&client, sha256_file(format), Bytes::from_static(file)).await?;
        assert_eq!((done.total, done.created, done.failed), (2, 2, 0), "{done:?}");
        let again = import(&client, sha256_file(format), Bytes::from_static(file)).await?;
        assert_eq!((again.total, again.unchanged, again.created), (2, 2, 0), "{again:?}");
    }
    cluster.agree().await?;
    for id in cluster.ids() {
        let client = cluster.client(id).await?;
        for (name, password, is_superuser) in USERS {
            let answer = cluster_tests::calls::login(&client, name, password).await?;
            assert_eq!(answer.decision(), v1::Decision::Allow, "{name} on node {id}");
            assert_eq!(answer.is_superuser, is_superuser, "{name} on node {id}");
            assert!(!is_allowed(&client, name, "mypassword").await?, "{name} on node {id}");
        }
    }
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_row_is_named_by_its_line_and_spoils_all_or_nothing() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let client = cluster.client(1).await?;
    let file = Bytes::from([CSV, b"myuser5,abc\n"].concat());
    let strict = v1::ImportUsersHeader {
        all_or_nothing: true,
        ..sha256_file(Format::Csv)
    };
    let refused = import(&client, strict, file.clone()).await?;
    assert_eq!((refused.created, refused.failed), (0, 1), "{refused:?}");
    let lenient = import(&client, sha256_file(Format::Csv), file).await?;
    assert_eq!((lenient.created, lenient.failed), (2, 1), "{lenient:?}");
    assert_eq!(lenient.bad_rows.first().map(|row| row.line), Some(4), "{lenient:?}");
    cluster.passed()
}
