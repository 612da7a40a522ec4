//! Replicated creations in a second, beside etcd's puts of as many bytes.

use std::time::Duration;

use anyhow::Result;
use cluster_tests::Options;
use portcullis::wire::Client;
use portcullis::wire::pb::v1;

use crate::etcd::{Etcd, Puts};
use crate::rate::{self, Rate};
use crate::table::Table;

const IN_FLIGHT: [u64; 3] = [1, 64, 256];
/// A sha256 in hex; any will do, nobody logs in.
const HASH: &str = "c5e46903df45e5dc096dc74657610dbee8deaacae656df88a1788f1847390242";
const SALT: &str = "e378187547bf2d6f0545a3f441aa4d8a";

/// The two take turns, so that both see the same machine; each writes to its leader.
pub(crate) async fn measure(table: &mut Table, span: Duration) -> Result<()> {
    let etcd = Etcd::start()?;
    let puts = etcd.leader().await?;
    let cluster = Options::as_shipped(std::env::current_exe()?, 3).start().await?;
    let client = cluster.client(cluster.leader().await?).await?;
    for in_flight in IN_FLIGHT {
        let ours = creates(&client, in_flight, span).await?;
        let beside = etcd_puts(&puts, in_flight, span).await?;
        report(table, in_flight, &ours, &beside);
    }
    cluster.agree().await?;
    cluster.passed()
}

fn report(table: &mut Table, in_flight: u64, ours: &Rate, beside: &Rate) {
    let what = format!("replicated creations, beside etcd's puts, {in_flight} in flight");
    table.compare(&what, "1/s", ours.per_second, beside.per_second, "≥ 1");
    for (name, quantile) in [("p50", 0.5), ("p99", 0.99)] {
        let what = format!("  {name} of them");
        table.compare(
            &what,
            "ms",
            ours.quantile_ms(quantile),
            beside.quantile_ms(quantile),
            "",
        );
    }
}

async fn creates(client: &Client, in_flight: u64, span: Duration) -> Result<Rate> {
    let client = client.clone();
    rate::measure(in_flight, span, move |lane, turn| {
        let mut users = client.users();
        let request = v1::CreateUserRequest {
            user: Some(v1::User {
                user_id: format!("user-{in_flight}-{lane}-{turn}"),
                ..v1::User::default()
            }),
            password: Some(v1::NewPassword {
                password_hash: HASH.into(),
                salt: SALT.into(),
                algorithm: "sha256".into(),
                ..v1::NewPassword::default()
            }),
            ..v1::CreateUserRequest::default()
        };
        async move {
            users.create(request).await?;
            Ok(())
        }
    })
    .await
}

async fn etcd_puts(puts: &Puts, in_flight: u64, span: Duration) -> Result<Rate> {
    let puts = puts.clone();
    let value = [HASH, SALT].concat().into_bytes();
    rate::measure(in_flight, span, move |lane, turn| {
        let (puts, value) = (puts.clone(), value.clone());
        async move { puts.put(format!("user-{in_flight}-{lane}-{turn}"), value).await }
    })
    .await
}
