//! A directory is asked about clients, and whatever is wrong with it lets nobody in and turns nobody away.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use cluster_tests::authority::Authority;
use cluster_tests::calls::{credentials, message};
use cluster_tests::proxy::{Edge, Fault};
use cluster_tests::servers::OpenLdap;
use cluster_tests::servers::openldap::{READER, READER_PASSWORD};
use cluster_tests::{Cluster, PATIENCE, node_binary, wait_for};
use portcullis::wire::Client;
use portcullis::wire::pb::v1;
use portcullis::wire::pb::v1::authenticator_status::Status;
use portcullis::wire::pb::v1::{Reason, Verdict};
use serde_json::{Value, json};

/// Users of several kinds. Everybody's password is `lovelace` unless the name says otherwise.
const PEOPLE: &str = include_str!("../../../data/people.ldif");
const RIGHT: &str = "lovelace";

const ALLOWED: (Verdict, Reason) = (Verdict::Allowed, Reason::Unspecified);
const WRONG: (Verdict, Reason) = (Verdict::Denied, Reason::BadUsernameOrPassword);
const UNKNOWN: (Verdict, Reason) = (Verdict::NotFound, Reason::UnknownUser);
const NO_ANSWER: (Verdict, Reason) = (Verdict::Failed, Reason::BackendBadResponse);

fn settings(server: SocketAddr, more: Value) -> Value {
    let mut settings = json!({
        "server": server.to_string(),
        "username": READER,
        "password": READER_PASSWORD,
        "base_dn": "ou=people,dc=test",
        "filter": "(&(objectClass=mqttUser)(uid=${username}))",
        "probe_interval": "1s",
    });
    if let (Some(settings), Value::Object(more)) = (settings.as_object_mut(), more) {
        settings.extend(more);
    }
    settings
}

fn bind() -> Value {
    json!({"method": {"type": "bind"}})
}

/// Declares a directory for one listener, so that each stands in a chain of its own.
async fn declare(client: &Client, chain: &str, settings: Value) -> Result<()> {
    let request: v1::CreateAuthenticatorRequest = message(json!({
        "authenticator": {
            "chain": chain,
            "id": "directory",
            "mechanism": "password_based",
            "backend": "ldap",
            "enabled": true,
            "settings": settings,
        },
    }))?;
    client.authenticators().create(request).await?;
    Ok(())
}

async fn explained(client: &Client, chain: &str, name: &str, password: &str) -> Result<v1::ExplainResponse> {
    let request = v1::AuthenticateRequest {
        listener: chain.into(),
        ..credentials(name, password)
    };
    Ok(client.login().explain(request).await?.into_inner())
}

/// What the directory of that chain says of a login.
async fn ask(client: &Client, chain: &str, name: &str, password: &str) -> Result<(Verdict, Reason)> {
    let answer = explained(client, chain, name, password).await?;
    let step = answer.steps.first().context("nobody was asked")?;
    Ok((step.verdict(), step.reason()))
}

async fn fares(client: &Client, chain: &str) -> Result<(Status, String)> {
    let request = v1::GetAuthenticatorStatusRequest {
        chain: chain.into(),
        id: "directory".into(),
    };
    let status = client.authenticators().get_status(request).await?.into_inner();
    let node = status.nodes.first().context("no node")?;
    Ok((node.status(), node.error.clone()))
}

async fn wait_until(client: &Client, chain: &str, status: Status, error: &str) -> Result<()> {
    let what = format!("`{chain}` to be {status:?} ({error})");
    wait_for(&what, PATIENCE, async || {
        let (found, why) = fares(client, chain).await?;
        Ok((found == status && why.contains(error)).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hashes_of_entries_are_compared_and_entries_say_what_clients_may() -> Result<()> {
    let directory = OpenLdap::start(PEOPLE, None).await?;
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let client = cluster.client(1).await?;
    let more = json!({
        "publish_attribute": "mqttPublishTopic",
        "subscribe_attribute": "mqttSubscriptionTopic",
        "all_attribute": "mqttPubSubTopic",
        "acl_rule_attribute": "mqttAclRule",
        "acl_ttl_attribute": "mqttAclTtl",
    });
    declare(&client, "hash", settings(directory.address(), more)).await?;
    declare(
        &client,
        "strict",
        settings(directory.address(), json!({"allow_legacy_hashes": false})),
    )
    .await?;
    for (name, password, expected) in [
        ("ssha", RIGHT, ALLOWED),
        ("ssha512", RIGHT, ALLOWED),
        ("md5", RIGHT, ALLOWED),
        ("crypt", RIGHT, ALLOWED),
        ("several", RIGHT, ALLOWED),
        ("several", "newer", ALLOWED),
        ("several", "{SASL}several@test", WRONG),
        ("ssha", "Lovelace", WRONG),
        ("ssha", "", WRONG),
        ("nobody", RIGHT, UNKNOWN),
        ("", RIGHT, UNKNOWN),
        ("passwordless", RIGHT, WRONG),
        ("passwordless", "", WRONG),
        ("clear", "clear", NO_ANSWER),
        ("disabled", RIGHT, (Verdict::Denied, Reason::UserDisabled)),
        ("disabled", "wrong", WRONG),
        ("twice", RIGHT, NO_ANSWER),
    ] {
        assert_eq!(
            ask(&client, "hash", name, password).await?,
            expected,
            "{name} {password}"
        );
    }
    let weak = (Verdict::Denied, Reason::CredentialExpired);
    assert_eq!(ask(&client, "strict", "ssha", RIGHT).await?, weak);
    assert_eq!(ask(&client, "strict", "crypt", RIGHT).await?, ALLOWED);

    let decision = explained(&client, "hash", "grants", RIGHT)
        .await?
        .decision
        .context("no decision")?;
    assert!(decision.is_superuser);
    assert_eq!(decision.client_id_override, "chosen");
    let rules: Vec<_> = decision
        .acl
        .iter()
        .map(|rule| format!("{} {} {}", rule.permission, rule.action, rule.topic))
        .collect();
    assert_eq!(
        rules,
        [
            "allow all both",
            "allow publish out/#",
            "allow subscribe in/#",
            "deny all secret"
        ]
    );
    assert!(decision.expire_at.is_some());
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_directory_judges_by_binding_and_only_its_plain_no_is_a_denial() -> Result<()> {
    let directory = OpenLdap::start(PEOPLE, None).await?;
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let client = cluster.client(1).await?;
    declare(&client, "bind", settings(directory.address(), bind())).await?;
    let mut elsewhere = bind();
    elsewhere["base_dn"] = "uid=${username},ou=elsewhere,dc=test".into();
    declare(&client, "referral", settings(directory.address(), elsewhere)).await?;
    for (name, password, expected) in [
        ("ssha", RIGHT, ALLOWED),
        ("ssha512", RIGHT, ALLOWED),
        ("clear", "clear", ALLOWED),
        ("ssha", "wrong", WRONG),
        // RFC 4513 has directories welcome whoever comes without a password.
        ("ssha", "", WRONG),
        ("ssha", RIGHT, ALLOWED),
        ("nobody", RIGHT, UNKNOWN),
        ("nobody", "", UNKNOWN),
        ("locked", RIGHT, WRONG),
        ("passwordless", RIGHT, WRONG),
        ("disabled", RIGHT, (Verdict::Denied, Reason::UserDisabled)),
        ("twice", RIGHT, NO_ANSWER),
    ] {
        assert_eq!(
            ask(&client, "bind", name, password).await?,
            expected,
            "{name} {password}"
        );
    }
    assert_eq!(ask(&client, "referral", "ssha", RIGHT).await?, NO_ANSWER);
    let nameless = v1::AuthenticateRequest {
        listener: "bind".into(),
        password: None,
        ..credentials("ssha", "")
    };
    let step = client.login().explain(nameless).await?.into_inner().steps.remove(0);
    assert_eq!(
        (step.verdict(), step.reason()),
        (Verdict::Skipped, Reason::MissingCredential)
    );
    cluster.passed()
}

/// What a name could hold that means something in a filter or a DN, with the password of everybody.
const HOSTILE: [&str; 30] = [
    "*",
    "s*",
    "ssh?",
    "*)(uid=*",
    "*)(uid=*))(|(uid=*",
    ")(|(uid=*",
    "ssha)(objectClass=*",
    "ssha))(&(uid=ssha",
    "ssha)(|(uid=ssha)",
    "x)(!(uid=x)",
    "(uid=ssha)",
    "&",
    "|(uid=ssha",
    "\\73sha",
    "\\2a",
    "\\",
    "ssha\\",
    "ssha\0",
    "\0",
    "ssha,ou=people,dc=test",
    "ssha+cn=x",
    "uid=ssha",
    "#0473736861",
    "\"ssha\"",
    "ssha;x",
    "<ssha>",
    " ssha",
    "ssha ",
    " ",
    "ssha\r\n",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_in_a_name_changes_whom_the_directory_looks_for() -> Result<()> {
    let directory = OpenLdap::start(PEOPLE, None).await?;
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let client = cluster.client(1).await?;
    let in_name = |mut more: Value| {
        more["base_dn"] = "uid=${username},ou=people,dc=test".into();
        more["filter"] = "(objectClass=mqttUser)".into();
        settings(directory.address(), more)
    };
    let in_part = settings(directory.address(), json!({"filter": "(uid=${username}*)"}));
    declare(&client, "filter", settings(directory.address(), json!({}))).await?;
    declare(&client, "filter-bind", settings(directory.address(), bind())).await?;
    declare(&client, "name", in_name(json!({}))).await?;
    declare(&client, "name-bind", in_name(bind())).await?;
    declare(&client, "part", in_part).await?;
    for chain in ["filter", "filter-bind", "name", "name-bind", "part"] {
        for name in HOSTILE {
            let answer = ask(&client, chain, name, RIGHT).await?;
            assert_eq!(answer, UNKNOWN, "{chain}: {name:?}");
        }
        if chain != "part" {
            assert_eq!(ask(&client, chain, "ssha", RIGHT).await?, ALLOWED, "{chain}");
            let odd = "o,d+d=\\\"(*)";
            assert_eq!(ask(&client, chain, odd, RIGHT).await?, ALLOWED, "{chain}");
        }
    }
    assert_eq!(ask(&client, "part", "grant", RIGHT).await?, ALLOWED);
    assert_eq!(ask(&client, "part", "", RIGHT).await?, UNKNOWN);
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_said_to_a_directory_whose_tls_is_not_right() -> Result<()> {
    let authority = Authority::new("the directory's authority")?;
    let directory = OpenLdap::start(PEOPLE, Some(&authority.local_server()?)).await?;
    let open = OpenLdap::start(PEOPLE, None).await?;
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let client = cluster.client(1).await?;
    let ours = json!({"cacertfile": authority.certificate});
    let strangers = json!({"cacertfile": Authority::new("somebody else")?.certificate});
    let named = |name: &str| json!({"cacertfile": authority.certificate, "server_name_indication": name});
    let anybody = json!({"verify": "verify_none"});
    let ldaps = |address: SocketAddr, ssl: &Value| {
        let mut ssl = ssl.clone();
        ssl["enable"] = true.into();
        settings(address, json!({"ssl": ssl}))
    };
    let starttls = |address: SocketAddr, ssl: &Value| settings(address, json!({"starttls": true, "ssl": ssl}));
    let (clear, tls) = (directory.address(), directory.tls_address());
    for (chain, settings) in [
        ("ldaps", ldaps(tls, &ours)),
        ("starttls", starttls(clear, &ours)),
        ("named", ldaps(tls, &named("localhost"))),
        ("named-starttls", starttls(clear, &named("localhost"))),
        ("anybody", ldaps(tls, &anybody)),
    ] {
        declare(&client, chain, settings).await?;
        assert_eq!(ask(&client, chain, "ssha", RIGHT).await?, ALLOWED, "{chain}");
        wait_until(&client, chain, Status::Connected, "").await?;
    }
    for (chain, settings, why) in [
        ("strangers", ldaps(tls, &strangers), "UnknownIssuer"),
        ("strangers-starttls", starttls(clear, &strangers), "UnknownIssuer"),
        ("misnamed", ldaps(tls, &named("elsewhere.test")), "not valid for name"),
        (
            "misnamed-starttls",
            starttls(clear, &named("elsewhere.test")),
            "not valid for name",
        ),
        ("stripped", starttls(open.address(), &ours), "refuses StartTLS"),
        ("plain", ldaps(open.address(), &ours), "no TLS"),
    ] {
        declare(&client, chain, settings).await?;
        let (verdict, reason) = ask(&client, chain, "ssha", RIGHT).await?;
        assert_eq!(
            (verdict, reason),
            (Verdict::Failed, Reason::BackendUnavailable),
            "{chain}"
        );
        wait_until(&client, chain, Status::Disconnected, why).await?;
    }
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_is_away_fails_and_is_seen_again_when_it_comes_back() -> Result<()> {
    let mut directory = OpenLdap::start(PEOPLE, None).await?;
    let frozen = Edge::open(directory.address()).await?;
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let client = cluster.client(1).await?;
    declare(&client, "hash", settings(directory.address(), json!({}))).await?;
    declare(&client, "bind", settings(directory.address(), bind())).await?;
    let mut hasty = bind();
    hasty["query_timeout"] = "300ms".into();
    declare(&client, "frozen", settings(frozen.address(), hasty)).await?;
    let refused = settings(directory.address(), json!({"password": "not the reader's"}));
    declare(&client, "refused", refused).await?;
    let (verdict, reason) = ask(&client, "refused", "ssha", RIGHT).await?;
    assert_eq!((verdict, reason), (Verdict::Failed, Reason::BackendUnavailable));
    wait_until(&client, "refused", Status::Disconnected, "invalidCredentials").await?;

    // Its connections stay open and silent, and the others are not slower for it.
    assert_eq!(ask(&client, "frozen", "ssha", RIGHT).await?, ALLOWED);
    frozen.set(Fault::Silence);
    for _ in 0..4 {
        let (verdict, _) = ask(&client, "frozen", "ssha", RIGHT).await?;
        assert_eq!(verdict, Verdict::Failed);
        assert_eq!(ask(&client, "hash", "ssha", RIGHT).await?, ALLOWED);
        assert_eq!(ask(&client, "bind", "ssha", "wrong").await?, WRONG);
    }
    wait_until(&client, "frozen", Status::Disconnected, "").await?;
    frozen.set(Fault::None);
    wait_until(&client, "frozen", Status::Connected, "").await?;
    // What came late belongs to nobody.
    assert_eq!(ask(&client, "frozen", "ssha", "wrong").await?, WRONG);
    assert_eq!(ask(&client, "frozen", "ssha", RIGHT).await?, ALLOWED);

    // Killed between two logins it is missed, and started again nobody notices.
    directory.kill()?;
    directory.start_again().await?;
    for chain in ["hash", "bind"] {
        assert_eq!(ask(&client, chain, "ssha", RIGHT).await?, ALLOWED, "{chain}");
    }
    directory.kill()?;
    for chain in ["hash", "bind"] {
        let (verdict, reason) = ask(&client, chain, "ssha", RIGHT).await?;
        assert_eq!(
            (verdict, reason),
            (Verdict::Failed, Reason::BackendUnavailable),
            "{chain}"
        );
        wait_until(&client, chain, Status::Disconnected, "").await?;
    }
    directory.start_again().await?;
    for chain in ["hash", "bind"] {
        wait_until(&client, chain, Status::Connected, "").await?;
        assert_eq!(ask(&client, chain, "ssha", RIGHT).await?, ALLOWED, "{chain}");
        assert_eq!(ask(&client, chain, "ssha", "wrong").await?, WRONG, "{chain}");
    }
    let log = cluster.node(1)?.log();
    assert!(
        !log.contains(READER_PASSWORD) && !log.contains(RIGHT),
        "the log holds a secret"
    );
    cluster.passed()
}
