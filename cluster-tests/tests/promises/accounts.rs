//! Operators who sign in with a password: how they are made and kept from the command line, and that their secrets are nowhere.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use cluster_tests::calls::{create_operator, faulty_fields, message, reason_of};
use cluster_tests::{Cluster, Options, node_binary};
use portcullis::wire::Client;
use portcullis::wire::pb::v1;
use serde_json::json;
use tonic::{Code, Status};

use super::cli::{ask, errors, json};

const PASSWORD: &str = "correct horse battery";
const ANOTHER: &str = "staple of a battery";

async fn setup_token(client: &Client) -> Result<String, Status> {
    let made = client
        .operators()
        .create_setup_token(v1::CreateSetupTokenRequest {})
        .await?;
    Ok(made.into_inner().setup_token)
}

async fn create(client: &Client, name: &str, role: v1::Role, password: &str) -> Result<v1::Account, Status> {
    let request = v1::CreateAccountRequest {
        account: Some(v1::Account {
            name: name.into(),
            role: role.into(),
            ..v1::Account::default()
        }),
        password: password.into(),
        request_id: String::new(),
    };
    Ok(client.operators().create_account(request).await?.into_inner())
}

async fn names(client: &Client) -> Result<Vec<String>> {
    let request = v1::ListAccountsRequest::default();
    let listed = client.operators().list_accounts(request).await?.into_inner();
    Ok(listed.accounts.into_iter().map(|account| account.name).collect())
}

/// Every file of the node, wherever one of these texts is in it.
fn files_with(folder: &Path, secrets: &[&str]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for item in fs::read_dir(folder)? {
        let path = item?.path();
        if path.is_dir() {
            found.extend(files_with(&path, secrets)?);
            continue;
        }
        let bytes = fs::read(&path)?;
        let holds = |secret: &&&str| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        found.extend(
            secrets
                .iter()
                .find(holds)
                .map(|secret| format!("`{secret}` in {}", path.display())),
        );
    }
    Ok(found)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setup_token_is_given_out_until_there_is_an_account_and_on_no_node_afterwards() -> Result<()> {
    let mut cluster = Options::new(node_binary!(), 3).prepare().await?;
    cluster.start_all()?;
    let first = cluster.initialize().await?.setup_token;
    cluster.ready().await?;
    let client = cluster.client(2).await?;
    let second = setup_token(&client).await?;
    for token in [&first, &second] {
        assert!(token.starts_with("pcs_") && token.len() == 47, "{token}");
    }
    assert_ne!(first, second);

    create(&client, "ann", v1::Role::Viewer, PASSWORD).await?;
    for id in cluster.ids() {
        let refused = setup_token(&cluster.client(id).await?)
            .await
            .expect_err("there is an account");
        let told = (refused.code(), reason_of(&refused));
        assert_eq!(
            told,
            (Code::FailedPrecondition, "FAILED_PRECONDITION".into()),
            "node {id}"
        );
    }
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_are_made_changed_and_deleted_from_the_command_line_at_any_node() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let account = async |id: u64, arguments: &[&str], input: &str| {
        let arguments = [&["--output", "json", "operator", "account"], arguments].concat();
        ask(&cluster, id, &arguments, input).await
    };
    let create = ["create", "Ann", "--role", "viewer", "--password-stdin"];
    let made = json(&account(1, &create, &format!("{PASSWORD}\n")).await?)?;
    assert_eq!((&made["name"], &made["role"]), (&"Ann".into(), &"VIEWER".into()));
    assert!(
        made["createdBy"]
            .as_str()
            .is_some_and(|by| cluster.api_key().contains(by)),
        "{made}"
    );

    let other_case = ["create", "ann", "--role", "admin", "--password-stdin"];
    let taken = account(2, &other_case, &format!("{PASSWORD}\n")).await?;
    assert!(
        !taken.status.success() && errors(&taken).contains("already exists"),
        "{}",
        errors(&taken)
    );
    let weak = account(2, &["create", "b b", "--role", "admin", "--password-stdin"], "short\n").await?;
    let told = errors(&weak);
    assert!(
        !weak.status.success() && told.contains("`name`") && told.contains("`password`"),
        "{told}"
    );
    assert!(!told.contains("short"), "{told}");

    let changed = json(&account(3, &["update", "ann", "--role", "editor"], "").await?)?;
    assert_eq!((&changed["name"], &changed["role"]), (&"Ann".into(), &"EDITOR".into()));
    assert_eq!(changed["passwordChangedAt"], made["passwordChangedAt"]);
    let changed = json(&account(3, &["update", "ann", "--password-stdin"], &format!("{ANOTHER}\n")).await?)?;
    assert_ne!(changed["passwordChangedAt"], made["passwordChangedAt"]);
    assert_eq!(changed["role"], "EDITOR");
    let stale = account(3, &["delete", "ann", "--if-revision", "1"], "").await?;
    assert!(errors(&stale).contains("REVISION_MISMATCH"), "{}", errors(&stale));
    assert!(!account(3, &["update", "ann"], "").await?.status.success());

    let listed = json(&account(1, &["list"], "").await?)?;
    assert_eq!(
        (&listed["accounts"][0]["name"], &listed["accounts"][1]),
        (&"Ann".into(), &json!(null))
    );
    assert!(account(2, &["delete", "ANN"], "").await?.status.success());
    assert_eq!(names(&cluster.client(3).await?).await?, Vec::<String>::new());
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_and_accounts_together_never_lose_their_last_admin() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let client = cluster.client(1).await?;
    create(&client, "ann", v1::Role::Admin, PASSWORD).await?;
    let own = cluster.api_key().split('_').nth(1).context("the key has no id")?;
    let delete_own_key = async || {
        let request = v1::DeleteOperatorRequest {
            id: own.to_owned(),
            ..v1::DeleteOperatorRequest::default()
        };
        client.operators().delete(request).await
    };
    let to_role = async |role: &str| {
        let request: v1::UpdateAccountRequest = message(json!({ "account": { "name": "ann", "role": role } }))?;
        anyhow::Ok(client.operators().update_account(request).await?)
    };
    to_role("EDITOR").await?;
    let refused = delete_own_key().await.expect_err("it is the last admin");
    assert_eq!(faulty_fields(&refused), ["id"]);
    to_role("ADMIN").await?;
    delete_own_key().await?;
    let refused = names(&client).await.expect_err("the key is gone");
    let code = refused.downcast_ref::<Status>().map(Status::code);
    assert_eq!(code, Some(Code::Unauthenticated), "{refused}");
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_an_admin_sees_or_makes_accounts() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let editor = create_operator(&cluster.client(1).await?, "editor", v1::Role::Editor).await?;
    let editor = cluster.client_with_key(1, Some(editor.api_key)).await?;
    let made = create(&editor, "eve", v1::Role::Admin, PASSWORD).await;
    assert_eq!(made.err().map(|status| status.code()), Some(Code::PermissionDenied));
    let token = setup_token(&editor).await;
    assert_eq!(token.err().map(|status| status.code()), Some(Code::PermissionDenied));
    assert!(names(&editor).await.is_err());
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_passwords_nor_tokens_are_in_any_file_of_a_node() -> Result<()> {
    let mut cluster = Options::new(node_binary!(), 3)
        .set("telemetry", "log", "debug,portcullis=trace")
        .prepare()
        .await?;
    cluster.start_all()?;
    let born = cluster.initialize().await?;
    cluster.ready().await?;
    let client = cluster.client(2).await?;
    let token = setup_token(&client).await?;
    create(&client, "ann", v1::Role::Admin, PASSWORD).await?;
    let request: v1::UpdateAccountRequest =
        message(json!({ "account": { "name": "ann" }, "password": ANOTHER, "updateMask": ["password"] }))?;
    client.operators().update_account(request).await?;
    cluster.agree().await?;
    for id in cluster.ids() {
        let folder = cluster.node(id)?.data_dir();
        let folder = folder.parent().context("a node has a folder")?;
        // What is looked for would be found: the account's name is in the state and in the log.
        assert!(!files_with(folder, &["ann"])?.is_empty());
        let secrets = [PASSWORD, ANOTHER, &token, &born.setup_token, &born.api_key];
        assert_eq!(files_with(folder, &secrets)?, Vec::<String>::new());
    }
    let log = cluster.node(2)?.log();
    assert!(log.contains("account made") && log.contains("account changed"), "{log}");
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_long_sessions_last_holds_on_every_node() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let set = [
        "settings",
        "--output",
        "json",
        "set",
        "--session-idle",
        "10m",
        "--session-lifetime",
        "8h",
    ];
    let changed = json(&ask(&cluster, 1, &set, "").await?)?;
    assert_eq!(
        (&changed["sessionIdle"], &changed["sessionLifetime"]),
        (&"600s".into(), &"28800s".into())
    );
    let other = ["settings", "--output", "json", "set", "--detailed-reasons", "true"];
    let last = json(&ask(&cluster, 2, &other, "").await?)?;
    assert_eq!(last["sessionIdle"], "600s");
    let short = ask(&cluster, 2, &["settings", "set", "--session-idle", "10s"], "").await?;
    assert!(
        !short.status.success() && errors(&short).contains("`session_idle`"),
        "{}",
        errors(&short)
    );
    for id in cluster.ids() {
        assert_eq!(
            json(&ask(&cluster, id, &["settings", "--output", "json", "get"], "").await?)?,
            last
        );
    }
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn init_prints_the_token_and_the_page_where_it_counts() -> Result<()> {
    let mut cluster = Options::new(node_binary!(), 1).prepare().await?;
    cluster.start_all()?;
    cluster.client(1).await?;
    let printed = ask(&cluster, 1, &["cluster", "init"], "").await?;
    let printed = String::from_utf8(printed.stdout)?;
    assert!(printed.contains("http://127.0.0.1:7602/setup"), "{printed}");
    assert!(
        printed.lines().any(|line| line.starts_with("pcs_") && line.len() == 47),
        "{printed}"
    );
    cluster.passed()
}
