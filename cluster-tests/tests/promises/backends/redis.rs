//! Accounts in Redis, wherever the servers stand.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use cluster_tests::conformance::{self, Bench, Expected, Row, Server as _, User, hostile_texts};
use cluster_tests::servers::redis::{
    ADMIN, COMMAND, GROUP, PASSWORD as SERVER_PASSWORD, SENTINEL_PASSWORD, SENTINEL_USER, USER,
};
use cluster_tests::servers::{Redis, RedisCluster, Sentinel};
use cluster_tests::{PATIENCE, node_binary, wait_for};
use futures_util::{StreamExt as _, TryStreamExt as _};
use portcullis::wire::pb::v1::authenticator_status::Status;
use portcullis::wire::pb::v1::{Reason, Verdict};
use serde_json::{Value, json};

const PASSWORD: &str = "secret word";

fn plain(more: Value) -> Value {
    let mut settings = json!({"password_hash_algorithm": {"name": "plain", "salt_position": "disable"}});
    if let (Some(settings), Value::Object(more)) = (settings.as_object_mut(), more) {
        settings.extend(more);
    }
    settings
}

fn user(name: &str) -> User {
    User {
        name: name.into(),
        password_hash: Some(PASSWORD.into()),
        ..User::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_in_redis_log_in_as_the_table_says() -> Result<()> {
    let server = Redis::start().await?;
    let bench = Bench::start(node_binary!()).await?;
    conformance::the_whole_table_holds(&bench, &server).await?;
    conformance::nobody_gets_in_by_what_they_call_themselves(&bench, &server).await?;
    bench.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_finds_accounts_and_takes_nothing_else_for_one() -> Result<()> {
    let server = Redis::start().await?;
    let bench = Bench::start(node_binary!()).await?;
    server.put(&user("hash")).await?;
    server.tell::<()>(&["HSET", "mqtt:bare", "salt", "x"]).await?;
    server.tell::<()>(&["SADD", "mqtt:set", "x"]).await?;
    let whole = json!({"password_hash": PASSWORD, "is_superuser": true, "client_attrs": {"tns": "acme"}, "age": 7});
    server.tell::<()>(&["SET", "mqtt:json", &whole.to_string()]).await?;
    server
        .tell::<()>(&["SET", "mqtt:null", r#"{"password_hash": null}"#])
        .await?;
    server.tell::<()>(&["SET", "mqtt:text", "no json"]).await?;
    server
        .tell::<()>(&["SET", "mqtt:twice", r#"{"password": "a", "password": "b"}"#])
        .await?;
    server.tell::<()>(&["SET", "mqtt:huge", &"x".repeat(2 << 20)]).await?;
    let nonsense = || Expected::Failed(&[Reason::BackendBadResponse]);
    let allowed = || Expected::Allowed(json!({}));
    let denied = || Expected::Denied(Reason::BadUsernameOrPassword);
    let superuser = || Expected::Allowed(json!({"isSuperuser": true, "clientAttrs": {"tns": "acme"}}));
    let mut rows = Vec::new();
    for (command, cases) in [
        (
            "hmget mqtt:${username} password_hash salt",
            vec![
                ("hash", allowed()),
                ("bare", nonsense()),
                ("set", nonsense()),
                ("json", nonsense()),
            ],
        ),
        (
            "HGET mqtt:${username} password_hash",
            vec![("hash", allowed()), ("bare", Expected::NotFound), ("set", nonsense())],
        ),
        (
            "HGETALL \"mqtt:${username}\"",
            vec![("hash", allowed()), ("bare", nonsense()), ("set", nonsense())],
        ),
        (
            "Get 'mqtt:${username}'",
            vec![
                ("json", superuser()),
                ("null", denied()),
                ("text", nonsense()),
                ("twice", nonsense()),
                ("huge", nonsense()),
                ("hash", nonsense()),
                ("json", superuser()),
            ],
        ),
    ] {
        for (name, expected) in cases {
            let about = format!("{command}: {name}");
            rows.push(Row::new(about, name, PASSWORD, expected).with(plain(json!({"cmd": command}))));
        }
        let about = format!("{command}: nobody");
        rows.push(Row::new(about, "nobody", PASSWORD, Expected::NotFound).with(plain(json!({"cmd": command}))));
    }
    conformance::run(&bench, &server, rows).await?;
    bench.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_dies_or_hangs_harms_nobody_else() -> Result<()> {
    let mut server = Redis::start().await?;
    let bench = Bench::start(node_binary!()).await?;
    conformance::a_killed_server_is_missed_and_found_again(&bench, &mut server).await?;
    conformance::a_frozen_server_is_given_up_in_time(&bench, &mut server).await?;
    conformance::an_answer_cut_short_is_a_failure(&bench, &server).await?;
    bench.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_right_redis_is_spoken_to() -> Result<()> {
    let server = Redis::start_encrypted().await?;
    let bench = Bench::start(node_binary!()).await?;
    let ssl = json!({"enable": true, "cacertfile": server.authority.certificate});
    conformance::tls_is_refused_and_accepted(&bench, &server).await?;
    let open = Redis::start().await?;
    conformance::wrong_credentials_are_told_without_the_secret(&bench, &open).await?;
    for (over, why) in [
        (json!({"ssl": ssl, "password": "wrong"}), "authentication failed"),
        (json!({"ssl": ssl, "username": "", "password": ""}), "NOAUTH"),
        (json!({"ssl": ssl, "cmd": "HGETALL other:${username}"}), "NOPERM"),
        (json!({}), ""),
    ] {
        let link = bench.link_to(&server, over, json!({})).await?;
        let told = bench.wait_for_status(&link, Status::Disconnected).await?;
        ensure!(!told.is_empty() && told.contains(why), "{why}: {told}");
        bench.drop_link(link).await?;
    }
    bench.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_come_late_are_taken_for_nobody_elses() -> Result<()> {
    let server = Redis::start().await?;
    let bench = Bench::start(node_binary!()).await?;
    let names: Vec<_> = (0..64).map(|number| format!("late {number}")).collect();
    for name in &names {
        let kept = User {
            password_hash: Some(name.clone()),
            ..user(name)
        };
        server.put(&kept).await?;
    }
    let hasty = plain(json!({"probe_interval": "1s"}));
    let link = bench.link_to(&server, hasty, json!({"timeout": "0.100s"})).await?;
    let round = async |may_fail: bool| {
        let logins = names.iter().zip(names.iter().cycle().skip(1)).map(anyhow::Ok);
        futures_util::stream::iter(logins)
            .try_for_each_concurrent(16, async |(name, other)| {
                for (password, expected) in [(name, Verdict::Allowed), (other, Verdict::Denied)] {
                    let step = bench.step(&link, name, password).await?;
                    let is_right = step.verdict() == expected || may_fail && step.verdict() == Verdict::Failed;
                    ensure!(is_right, "{name} with {password}: {step:?}");
                }
                Ok(())
            })
            .await
    };
    round(false).await?;
    for _ in 0..3 {
        let (_, waited) = tokio::try_join!(server.tell::<()>(&["DEBUG", "SLEEP", "0.3"]), round(true))?;
        let () = waited;
    }
    bench.wait_for_status(&link, Status::Connected).await?;
    round(false).await?;
    bench.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_clients_send_changes_the_command() -> Result<()> {
    let server = Redis::start().await?;
    let bench = Bench::start(node_binary!()).await?;
    let link = bench.link_to(&server, plain(json!({})), json!({})).await?;
    let mut monitor = server.client()?.get_async_monitor().await?.into_on_message::<String>();
    let as_sent = |name: &str| {
        let arguments = COMMAND.replace("${username}", "\u{1}");
        let arguments = arguments.split(' ').map(|argument| argument.replace('\u{1}', name));
        arguments
            .map(|argument| as_monitor_shows(&argument))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let mut awaited: BTreeMap<String, String> = BTreeMap::new();
    for name in hostile_texts() {
        awaited.insert(as_sent(&name), name);
    }
    ensure!(awaited.len() >= 500, "only {} hostile commands", awaited.len());
    let names: Vec<_> = awaited.values().cloned().collect();
    let asked = futures_util::stream::iter(names.iter().map(anyhow::Ok)).try_for_each_concurrent(16, async |name| {
        let step = bench.step(&link, name, PASSWORD).await?;
        ensure!(step.verdict() == Verdict::NotFound, "{name:?}: {step:?}");
        Ok(())
    });
    let seen = async {
        let probe = as_sent("");
        while !awaited.is_empty() {
            let line = tokio::time::timeout(PATIENCE, monitor.next()).await;
            let line = line.context("commands are missing")?.context("the monitor has ended")?;
            let (_, command) = line.split_once("] ").context("a line without a command")?;
            ensure!(
                awaited.remove(command).is_some() || command == probe || command.starts_with("\"AUTH\""),
                "something else was sent: {line}"
            );
        }
        Ok(())
    };
    tokio::try_join!(asked, seen)?;
    bench.passed()
}

/// As Redis quotes arguments.
fn as_monitor_shows(argument: &str) -> String {
    let mut shown = String::from("\"");
    for byte in argument.bytes() {
        match byte {
            b'"' | b'\\' => shown.extend(['\\', char::from(byte)]),
            b'\n' => shown.push_str("\\n"),
            b'\r' => shown.push_str("\\r"),
            b'\t' => shown.push_str("\\t"),
            7 => shown.push_str("\\a"),
            8 => shown.push_str("\\b"),
            32..127 => shown.push(char::from(byte)),
            _ => shown.push_str(&format!("\\x{byte:02x}")),
        }
    }
    shown + "\""
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_master_that_sentinels_name_is_followed_when_another_takes_over() -> Result<()> {
    let mut master = Redis::start().await?;
    master.put(&user("ada")).await?;
    let replica = Redis::replica_of(&master).await?;
    wait_for("the replica to have the account", PATIENCE, async || {
        let is_there: bool = replica.tell(&["EXISTS", "mqtt:ada"]).await?;
        Ok(is_there.then_some(()))
    })
    .await?;
    let sentinel = Sentinel::of(&master).await?;
    let bench = Bench::start(node_binary!()).await?;
    let settings = |more: Value| {
        let mut settings = plain(json!({
            "redis_type": "sentinel",
            // The first one is dead.
            "servers": format!("127.0.0.1:1,{}", sentinel.address),
            "sentinel": GROUP,
            "sentinel_username": SENTINEL_USER,
            "sentinel_password": SENTINEL_PASSWORD,
            "username": USER,
            "password": SERVER_PASSWORD,
            "cmd": COMMAND,
            "probe_interval": "1s",
        }));
        if let (Some(settings), Value::Object(more)) = (settings.as_object_mut(), more) {
            settings.extend(more);
        }
        settings
    };
    let only = sentinel.address.to_string();
    for (over, why) in [
        (json!({"sentinel": "other", "servers": only}), "no master named `other`"),
        (
            json!({"sentinel_password": SERVER_PASSWORD, "servers": only}),
            "authentication failed",
        ),
        (
            json!({"password": SENTINEL_PASSWORD, "servers": only}),
            "authentication failed",
        ),
    ] {
        let link = bench.link("redis", settings(over), json!({})).await?;
        let told = bench.wait_for_status(&link, Status::Disconnected).await?;
        ensure!(told.contains(why), "{why}: {told}");
        bench.drop_link(link).await?;
    }
    let link = bench.link("redis", settings(json!({})), json!({})).await?;
    let step = bench.step(&link, "ada", PASSWORD).await?;
    ensure!(step.verdict() == Verdict::Allowed, "{step:?}");
    master.kill()?;
    wait_for("the replica to be asked", PATIENCE, async || {
        let step = bench.step(&link, "ada", PASSWORD).await?;
        ensure!(matches!(step.verdict(), Verdict::Allowed | Verdict::Failed), "{step:?}");
        Ok((step.verdict() == Verdict::Allowed).then_some(()))
    })
    .await?;
    let role: Vec<redis::Value> = replica.tell(&["ROLE"]).await?;
    ensure!(format!("{:?}", role.first()).contains("master"), "{role:?}");
    bench.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_is_followed_wherever_its_keys_go() -> Result<()> {
    let mut cluster = RedisCluster::start().await?;
    let names: Vec<_> = (0..30).map(|number| format!("user {number}")).collect();
    for name in &names {
        cluster.put(&user(name)).await?;
    }
    let bench = Bench::start(node_binary!()).await?;
    let first = cluster.servers.first().context("no server")?.plain.to_string();
    let settings = |servers: Value| {
        plain(json!({
            "redis_type": "cluster",
            "servers": servers,
            "username": USER,
            "password": SERVER_PASSWORD,
            "cmd": COMMAND,
            "query_timeout": "2s",
            "connect_timeout": "2s",
        }))
    };
    // One that lives is enough.
    let link = bench
        .link("redis", settings(json!(["127.0.0.1:1", first])), json!({}))
        .await?;
    let is_in = async |name: &str| {
        let step = bench.step(&link, name, PASSWORD).await?;
        anyhow::Ok(step.verdict() == Verdict::Allowed)
    };
    for name in &names {
        ensure!(is_in(name).await?, "{name}");
    }
    ensure!(bench.step(&link, "nobody", PASSWORD).await?.verdict() == Verdict::NotFound);

    let as_one = plain(json!({"server": first, "username": USER, "password": SERVER_PASSWORD, "cmd": COMMAND}));
    let as_one = bench.link("redis", as_one, json!({})).await?;
    let mut told = String::new();
    for name in &names {
        told.push_str(&bench.step(&as_one, name, PASSWORD).await?.detail);
    }
    ensure!(told.contains("`redis_type` to `cluster`"), "{told}");
    bench.drop_link(as_one).await?;

    let key = "mqtt:user 7";
    let slot: u16 = cluster.servers[0].tell(&["CLUSTER", "KEYSLOT", key]).await?;
    let home = usize::from(slot / 5461).min(2);
    let (from, to) = (&cluster.servers[home], &cluster.servers[(home + 1) % 3]);
    let (from_id, to_id): (String, String) = (
        from.tell(&["CLUSTER", "MYID"]).await?,
        to.tell(&["CLUSTER", "MYID"]).await?,
    );
    let (slot, port) = (slot.to_string(), to.plain.port().to_string());
    to.tell::<()>(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id])
        .await?;
    from.tell::<()>(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id])
        .await?;
    from.tell::<()>(&[
        "MIGRATE",
        "127.0.0.1",
        &port,
        key,
        "0",
        "5000",
        "AUTH2",
        "default",
        ADMIN,
    ])
    .await?;
    ensure!(is_in("user 7").await?, "while its key moves");
    for server in [to, from] {
        server
            .tell::<()>(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id])
            .await?;
    }
    ensure!(is_in("user 7").await?, "when its key has moved");

    cluster.servers[home].kill()?;
    let mut failed = 0;
    for name in &names {
        let step = bench.step(&link, name, PASSWORD).await?;
        match step.verdict() {
            Verdict::Allowed => {}
            Verdict::Failed => failed += 1,
            _ => anyhow::bail!("{name}: {step:?}"),
        }
        // Failures in a row would keep logins away from the servers that live.
        is_in("user 7").await?;
    }
    ensure!(failed > 0, "nobody misses the dead server");
    cluster.servers[home].start_again().await?;
    for name in &names {
        wait_for("all to be let in again", PATIENCE, async || {
            Ok(is_in(name).await?.then_some(()))
        })
        .await?;
    }
    bench.passed()
}
