//! The command line does what it says and says what it did.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use cluster_tests::calls::{BUILT_IN, create_user};
use cluster_tests::{Cluster, node_binary};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

const DEADLINE: Duration = Duration::from_secs(30);

pub(super) async fn run(arguments: &[&str], environment: &[(&str, &str)], input: &str) -> Result<Output> {
    let mut child = Command::new(node_binary!())
        .args(arguments)
        .env_remove("PORTCULLIS_API_KEY")
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    // A command that refuses its arguments does not read its input.
    let _closed_early = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    Ok(tokio::time::timeout(DEADLINE, child.wait_with_output())
        .await
        .context("the command does not end")??)
}

/// With endpoint and key of that node.
pub(super) async fn ask(cluster: &Cluster, id: u64, arguments: &[&str], input: &str) -> Result<Output> {
    let endpoint = format!("http://{}", cluster.node(id)?.api);
    let arguments = [&["--endpoint", &endpoint], arguments].concat();
    run(&arguments, &[("PORTCULLIS_API_KEY", cluster.api_key())], input).await
}

pub(super) fn json(output: &Output) -> Result<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    serde_json::from_str(&text).with_context(|| format!("not JSON: `{text}`, and on standard error `{errors}`"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn login_exits_0_1_or_2() -> Result<()> {
    let mut cluster = Cluster::start(node_binary!(), 1).await?;
    create_user(&cluster.client(1).await?, "ada", "lovelace").await?;
    let login = ["login", "--username", "ada", "--password-stdin"];
    assert_eq!(ask(&cluster, 1, &login, "lovelace\n").await?.status.code(), Some(0));
    assert_eq!(ask(&cluster, 1, &login, "wrong\n").await?.status.code(), Some(1));
    cluster.node_mut(1)?.kill().await?;
    assert_eq!(ask(&cluster, 1, &login, "lovelace\n").await?.status.code(), Some(2));
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_read_from_standard_input() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    // The only claim is {"username": "myuser"}.
    let token = concat!(
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VybmFtZSI6Im15dXNlciJ9.",
        "rj4QAJ01BZmMky-ish0el6IUpMBcoMn-gLg5M9_UK6c\n"
    );
    let declared =
        r#"{"mechanism": "jwt", "use_jwks": false, "algorithm": "hmac-based", "secret": "abcdef", "from": "password"}"#;
    let created = ask(&cluster, 1, &["authenticator", "create", "-f", "-"], declared).await?;
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    let login = ["login", "--username", "myuser", "--token-stdin"];
    assert_eq!(ask(&cluster, 1, &login, token).await?.status.code(), Some(0));
    assert_eq!(ask(&cluster, 1, &login, "no-token\n").await?.status.code(), Some(1));
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_output_is_the_protos_mapping_and_nothing_else() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let follower = cluster.follower().await?;
    let output = ["--output", "json"];
    let created = ask(
        &cluster,
        follower,
        &[&output[..], &["user", "create", "ada", "--password-stdin"]].concat(),
        "lovelace\n",
    )
    .await?;
    assert_eq!(json(&created)?["userId"], "ada");
    cluster.agree().await?;
    let listed = json(&ask(&cluster, follower, &[&output[..], &["user", "list"]].concat(), "").await?)?;
    assert_eq!(listed["users"][0]["userId"], "ada", "{listed}");
    let nodes = json(&ask(&cluster, follower, &[&output[..], &["cluster", "status"]].concat(), "").await?)?;
    assert_eq!(nodes["nodes"].as_array().map(Vec::len), Some(3), "{nodes}");
    let authenticators = json(
        &ask(
            &cluster,
            follower,
            &[&output[..], &["authenticator", "list"]].concat(),
            "",
        )
        .await?,
    )?;
    assert_eq!(
        authenticators["authenticators"][0]["backend"], "built_in_database",
        "{authenticators}"
    );
    let login = [&output[..], &["login", "--username", "ada", "--password-stdin"]].concat();
    assert_eq!(
        json(&ask(&cluster, follower, &login, "lovelace\n").await?)?["decision"],
        "ALLOW"
    );
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_created_in_two_databases_at_once_or_by_keys_in_one() -> Result<()> {
    const SCRAM: &str = "scram:built_in_database";
    const KEYS: &str = r#"{"salt": "W22ZaJ0SNY7soEsUEjb6gQ==", "iterations": 4096,
        "stored_key": "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=",
        "server_key": "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="}"#;
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let declared = r#"{"mechanism": "scram", "backend": "built_in_database"}"#;
    let created = ask(&cluster, 1, &["authenticator", "create", "-f", "-"], declared).await?;
    assert!(created.status.success(), "{}", errors(&created));

    let create = ["user", "create", "ada", "--password-stdin", "--scram"];
    let created = ask(&cluster, 1, &create, "lovelace\n").await?;
    assert!(created.status.success(), "{}", errors(&created));
    let again = ask(&cluster, 1, &create, "lovelace\n").await?;
    assert!(
        !again.status.success() && errors(&again).contains("already exists"),
        "{}",
        errors(&again)
    );
    let by_keys = ["user", "create", "user", "--keys-stdin", "--authenticator", SCRAM];
    let created = ask(&cluster, 1, &by_keys, KEYS).await?;
    assert!(created.status.success(), "{}", errors(&created));
    let told = errors(&ask(&cluster, 1, &["user", "create", "bob", "--keys-stdin"], KEYS).await?);
    assert!(told.contains("stored_key") && !told.contains("WG5d8oPm"), "{told}");

    for (name, password, mechanism, code) in [
        ("ada", "lovelace", None, 0),
        ("ada", "lovelace", Some("sha256"), 0),
        ("user", "pencil", Some("sha256"), 0),
        ("user", "pen", Some("sha256"), 1),
        ("user", "pencil", None, 1),
    ] {
        let mut login = vec!["login", "--username", name, "--password-stdin"];
        login.extend(mechanism.into_iter().flat_map(|mechanism| ["--scram", mechanism]));
        let exit = ask(&cluster, 1, &login, &format!("{password}\n")).await?.status.code();
        assert_eq!(exit, Some(code), "{name} {password} {mechanism:?}");
    }
    cluster.passed()
}

pub(super) fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn authenticators_are_kept_by_files_that_are_never_partly_ignored() -> Result<()> {
    const PASTED: &str = r#"{"mechanism": "password_based", "backend": "built_in_database", "enable": true,
        "id": "pasted", "precondition": "", "user_id_type": "clientid",
        "password_hash_algorithm": {"name": "sha256", "salt_position": "suffix"}}"#;
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let on_listener = ["--chain", "tcp:own"];
    let authenticator = async |arguments: &[&str], input: &str| {
        let arguments = [&["authenticator", "--output", "json"], arguments].concat();
        ask(&cluster, 1, &arguments, input).await
    };
    let created = authenticator(&[&["create", "-f", "-"], &on_listener[..]].concat(), PASTED).await?;
    let created = json(&created)?;
    assert_eq!(created["chain"], "tcp:own");
    assert_eq!(created["enabled"], true);
    assert_eq!(
        created["settings"]["password_hash_algorithm"]["salt_position"],
        "suffix"
    );

    // What get prints can be given back, changed or not.
    let get = [&["get", "pasted"], &on_listener[..]].concat();
    let printed = String::from_utf8(authenticator(&get, "").await?.stdout)?;
    let update = [&["update", "pasted", "-f", "-"], &on_listener[..]].concat();
    assert!(authenticator(&update, &printed).await?.status.success());

    for (file, said) in [
        (
            r#"{"id": "other", "timeout": "1s"}"#,
            "`id`: the file says `other`, the command `pasted`",
        ),
        (
            r#"{"chain": "global", "timeout": "1s"}"#,
            "`chain`: the file says `global`, the command `tcp:own`",
        ),
        (
            r#"{"backend": "mysql", "timeout": "1s"}"#,
            "`backend`: cannot change; it is `built_in_database`",
        ),
        (
            r#"{"mechanism": "jwt", "timeout": "1s"}"#,
            "`mechanism`: cannot change; it is `password_based`",
        ),
        (r#"{"timeout": "90"}"#, "`timeout` must be a duration such as `5s`"),
        (r#"{"user_id_typ": "username"}"#, "did you mean `user_id_type`?"),
        (r#"{"id": "pasted"}"#, "gives nothing that can be changed"),
    ] {
        let refused = authenticator(&update, file).await?;
        assert!(!refused.status.success(), "{file} was taken");
        assert!(errors(&refused).contains(said), "{file}: {}", errors(&refused));
    }
    let written = [&["update", "pasted", "-f", "-"], &on_listener[..]].concat();
    let changed = json(&authenticator(&written, r#"{"timeout": "1m", "on_failure": "next"}"#).await?)?;
    assert_eq!(
        (&changed["timeout"], &changed["onFailure"]),
        (&Value::from("60s"), &Value::from("NEXT"))
    );

    let stale = authenticator(
        &[&["disable", "pasted", "--if-revision", "1"], &on_listener[..]].concat(),
        "",
    )
    .await?;
    assert!(errors(&stale).contains("REVISION_MISMATCH"), "{}", errors(&stale));
    let off = authenticator(&[&["disable", "pasted"], &on_listener[..]].concat(), "").await?;
    assert_eq!(json(&off)?["enabled"], false);
    assert!(
        errors(&off).contains("EVERYBODY IS LET IN through chain `tcp:own`"),
        "{}",
        errors(&off)
    );
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_prints_the_schema_of_its_settings() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let printed = ask(&cluster, 1, &["authenticator", "schema", BUILT_IN], "").await?;
    assert_eq!(json(&printed)?["properties"]["user_id_type"]["default"], "username");
    let listed = ask(&cluster, 1, &["authenticator", "backends"], "").await?;
    assert!(String::from_utf8_lossy(&listed.stdout).contains(BUILT_IN));
    let unknown = ask(
        &cluster,
        1,
        &["authenticator", "schema", "password_based:built_in_databse"],
        "",
    )
    .await?;
    assert!(
        errors(&unknown).contains(&format!("did you mean `{BUILT_IN}`?")),
        "{}",
        errors(&unknown)
    );
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_are_shown_and_changed_one_by_one() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let settings = async |arguments: &[&str]| {
        let arguments = [&["settings", "--output", "json"], arguments].concat();
        ask(&cluster, 1, &arguments, "").await
    };
    let first = json(&settings(&["set", "--detailed-reasons", "true"]).await?)?;
    let revision = first["revision"].as_str().context("no revision")?.to_owned();
    let second = settings(&["set", "--max-staleness", "1m30s", "--if-revision", &revision]).await?;
    let second = json(&second)?;
    assert_eq!(
        (&second["detailedReasons"], &second["maxStaleness"]),
        (&Value::from(true), &Value::from("90s"))
    );
    let stale = settings(&["set", "--no-authenticator", "deny", "--if-revision", &revision]).await?;
    assert!(errors(&stale).contains("REVISION_MISMATCH"), "{}", errors(&stale));
    assert_eq!(json(&settings(&["get"]).await?)?, second);
    assert!(!settings(&["set"]).await?.status.success());
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_exported_for_their_owner_alone_and_deleted_by_their_names() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let client = cluster.client(1).await?;
    for name in ["ada", "bob", "cid", "dan"] {
        create_user(&client, name, "x").await?;
    }
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("users.ndjson");
    let path = file.to_str().context("a path of plain characters")?;
    let output = ["--output", "json"];
    let export = [&output[..], &["user", "export", "-o", path]].concat();
    assert_eq!(json(&ask(&cluster, 1, &export, "").await?)?["users"], "4");
    assert_eq!(std::fs::metadata(&file)?.permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_to_string(&file)?.lines().count(), 4);
    let csv = ask(&cluster, 1, &["user", "export", "--prefix", "b"], "").await?;
    let csv = String::from_utf8(csv.stdout)?;
    assert!(csv.starts_with("user_id,") && csv.lines().count() == 2, "{csv}");

    // Nobody is asked where there is no terminal.
    let many = [&output[..], &["user", "delete", "ada", "nobody", "bob"]].concat();
    let deleted = json(&ask(&cluster, 1, &many, "").await?)?;
    assert_eq!((&deleted["deleted"], &deleted["missing"]), (&"2".into(), &"1".into()));
    let named = [&output[..], &["user", "delete", "--stdin"]].concat();
    assert_eq!(json(&ask(&cluster, 1, &named, "cid\n").await?)?["deleted"], "1");
    assert!(ask(&cluster, 1, &["user", "delete", "dan"], "").await?.status.success());
    assert!(!ask(&cluster, 1, &["user", "delete", "dan"], "").await?.status.success());
    let broken = ask(
        &cluster,
        1,
        &["user", "export", "--authenticator", "none", "-o", path],
        "",
    )
    .await?;
    assert!(!broken.status.success());
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 1);
    assert_eq!(std::fs::read_to_string(&file)?.lines().count(), 4);
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_configuration_names_line_and_key() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("node.toml");
    for (text, line, key) in [
        ("[node]\nid = 1\n\n[raft]\nheartbeat = 150\n", "5", "heartbeat"),
        (
            "[node]\nid = 1\n[raft]\nheartbeat_ms = \"often\"\n",
            "4",
            "heartbeat_ms",
        ),
    ] {
        std::fs::write(&file, text)?;
        let path = file.to_str().context("a path of plain characters")?;
        let output = run(&["serve", "--config", path], &[], "").await?;
        assert!(!output.status.success());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains(key) && errors.contains(line), "{errors}");
    }
    Ok(())
}
