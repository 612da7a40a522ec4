//! Users in MariaDB, which is asked as MySQL is.

use anyhow::Result;
use cluster_tests::conformance::{self, Bench};
use cluster_tests::node_binary;
use cluster_tests::servers::MariaDb;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_in_mariadb_log_in_as_the_table_says() -> Result<()> {
    let server = MariaDb::start().await?;
    let bench = Bench::start(node_binary!()).await?;
    conformance::the_whole_table_holds(&bench, &server).await?;
    conformance::nobody_gets_in_by_what_they_call_themselves(&bench, &server).await?;
    bench.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mariadb_that_dies_or_hangs_harms_nobody_else() -> Result<()> {
    let mut server = MariaDb::start().await?;
    let bench = Bench::start(node_binary!()).await?;
    conformance::a_killed_server_is_missed_and_found_again(&bench, &mut server).await?;
    conformance::a_frozen_server_is_given_up_in_time(&bench, &mut server).await?;
    conformance::an_answer_cut_short_is_a_failure(&bench, &server).await?;
    bench.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_right_mariadb_is_spoken_to() -> Result<()> {
    let server = MariaDb::start().await?;
    let bench = Bench::start(node_binary!()).await?;
    conformance::wrong_credentials_are_told_without_the_secret(&bench, &server).await?;
    conformance::tls_is_refused_and_accepted(&bench, &server).await?;
    bench.passed()
}
