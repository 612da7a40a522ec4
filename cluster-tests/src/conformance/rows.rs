//! THE TABLE.

use anyhow::{Context as _, Result, bail, ensure};
use portcullis::wire::pb::v1;
use portcullis::wire::pb::v1::{Decision, Reason, Verdict};
use serde_json::{Value, json};

use super::bench::{Bench, ELSEWHERE, Link};
use super::hashes::{self, PASSWORD};
use super::{Server, User};

/// What the authenticator makes of a login.
#[derive(Clone, Debug)]
pub enum Expected {
    /// It lets the client in; of the answer, at least this (as the JSON of the message).
    Allowed(Value),
    /// It turns the client away, for this reason as operators see it.
    Denied(Reason),
    /// It knows no such user: the next one decides.
    NotFound,
    /// It is not concerned.
    Skipped,
    /// It could not decide, for one of these reasons.
    Failed(&'static [Reason]),
}

/// A user, a login, and what comes of it.
#[derive(Clone, Debug)]
pub struct Row {
    /// What it is about; told when it fails.
    pub name: String,
    /// Settings over the server's usual ones. Rows with the same share an authenticator.
    pub settings: Value,
    /// Is put there first.
    pub user: Option<User>,
    /// Who logs in.
    pub login: String,
    /// With what.
    pub password: Option<Vec<u8>>,
    /// What comes of it.
    pub expected: Expected,
}

impl Row {
    /// A login with that password, and what comes of it.
    pub fn new(name: impl Into<String>, login: &str, password: &str, expected: Expected) -> Self {
        Self {
            name: name.into(),
            settings: json!({}),
            user: None,
            login: login.into(),
            password: Some(password.as_bytes().to_vec()),
            expected,
        }
    }

    /// Under these settings.
    pub fn with(self, settings: Value) -> Self {
        Self { settings, ..self }
    }

    /// When there is this user.
    pub fn of(self, user: User) -> Self {
        let user = Some(user);
        Self { user, ..self }
    }
}

/// Every row that a backend must pass which keeps users with hashes.
pub async fn the_whole_table_holds(bench: &Bench, server: &impl Server) -> Result<()> {
    run(bench, server, table()).await
}

/// Runs rows; all that fail are told by their names.
pub async fn run(bench: &Bench, server: &impl Server, rows: Vec<Row>) -> Result<()> {
    let mut faults = Vec::new();
    let mut open: Option<(Value, Link)> = None;
    for row in rows {
        if row.user.as_ref().is_some_and(|user| !server.can_keep(user)) {
            continue;
        }
        if let Some(user) = &row.user {
            server.put(user).await.with_context(|| format!("row `{}`", row.name))?;
        }
        let link = match open.take() {
            Some((settings, link)) if settings == row.settings => link,
            other => {
                if let Some((_, link)) = other {
                    bench.drop_link(link).await?;
                }
                let link = bench.link_to(server, row.settings.clone(), json!({})).await;
                link.with_context(|| format!("row `{}`", row.name))?
            }
        };
        if let Err(error) = check(bench, &link, &row).await {
            faults.push(format!("row `{}`: {error:#}", row.name));
        }
        open = Some((row.settings, link));
    }
    if let Some((_, link)) = open {
        bench.drop_link(link).await?;
    }
    ensure!(faults.is_empty(), "{} rows fail:\n{}", faults.len(), faults.join("\n"));
    Ok(())
}

async fn check(bench: &Bench, link: &Link, row: &Row) -> Result<()> {
    let explained = bench.login(link, &row.login, row.password.as_deref()).await?;
    let decided = bench.decision(link, &row.login, row.password.as_deref()).await?;
    let step = explained.steps.first().context("the chain is empty")?;
    let found = (step.verdict(), step.reason());
    let told = || format!("{found:?}: {}; decision {:?}", step.detail, decided.decision());
    let is_right = match &row.expected {
        Expected::Allowed(_) => step.verdict() == Verdict::Allowed && decided.decision() == Decision::Allow,
        Expected::Denied(reason) => found == (Verdict::Denied, *reason) && decided.decision() == Decision::Deny,
        Expected::NotFound => step.verdict() == Verdict::NotFound && next_one_decides(row, &decided),
        Expected::Skipped => step.verdict() == Verdict::Skipped && decided.decision() == Decision::Deny,
        Expected::Failed(reasons) => {
            step.verdict() == Verdict::Failed
                && reasons.contains(&step.reason())
                && decided.decision() == Decision::Deny
                && decided.reason() == step.reason()
        }
    };
    ensure!(is_right, "expected {:?}, found {}", row.expected, told());
    if let Expected::Allowed(Value::Object(wanted)) = &row.expected {
        let answer = serde_json::to_value(&decided)?;
        for (field, value) in wanted {
            // What is as by default is left out.
            let default = if value.is_boolean() { json!(false) } else { Value::Null };
            let given = answer.get(field).unwrap_or(&default);
            ensure!(given == value, "`{field}` is {given} instead of {value}");
        }
    }
    check_story(row, step)?;
    if let Some(password) = row
        .password
        .as_deref()
        .and_then(|password| std::str::from_utf8(password).ok())
    {
        let is_secret = password.len() >= 6 && password != row.login;
        if is_secret && explained.steps.iter().any(|step| step.detail.contains(password)) {
            bail!("the trace shows the password: {}", told());
        }
    }
    Ok(())
}

/// Who is let in was found and checked, and the trace says how long each took, and no value.
fn check_story(row: &Row, step: &v1::Step) -> Result<()> {
    if step.verdict() == Verdict::Allowed {
        for word in ["waited for its turn ", "asked ", "found a ", "hashed "] {
            ensure!(step.detail.contains(word), "no `{word}` in the trace: {}", step.detail);
        }
    }
    let hash = row.user.as_ref().and_then(|user| user.password_hash.as_deref());
    ensure!(
        hash.is_none_or(|hash| hash.len() < 6 || !step.detail.contains(hash)),
        "the trace shows the hash: {}",
        step.detail
    );
    Ok(())
}

fn next_one_decides(row: &Row, decided: &v1::AuthenticateResponse) -> bool {
    let is_known_there = row.login == ELSEWHERE && row.password.as_deref() == Some(ELSEWHERE.as_bytes());
    (decided.decision() == Decision::Allow) == is_known_there
}

fn table() -> Vec<Row> {
    let mut rows = Vec::new();
    for (number, kind) in hashes::kinds().into_iter().enumerate() {
        let user = User {
            name: format!("user of kind {number}"),
            password_hash: Some(kind.hash),
            salt: kind.salt.map(str::to_owned),
            ..User::default()
        };
        let login = user.name.clone();
        let allowed = Expected::Allowed(json!({}));
        rows.push(
            Row::new(format!("{}: right", kind.name), &login, PASSWORD, allowed)
                .of(user)
                .with(kind.settings.clone()),
        );
        for wrong in ["pa55", ""] {
            let denied = Expected::Denied(Reason::BadUsernameOrPassword);
            rows.push(Row::new(format!("{}: wrong", kind.name), &login, wrong, denied).with(kind.settings.clone()));
        }
    }
    rows.extend(plain_rows());
    rows.extend(weak_rows());
    rows
}

/// Under one authenticator, whose hashes are easily written.
fn plain_rows() -> Vec<Row> {
    let known = |name: &str| User {
        name: name.into(),
        password_hash: Some("secret word".into()),
        ..User::default()
    };
    let wrong = || Expected::Denied(Reason::BadUsernameOrPassword);
    let allowed = |answer: Value| Expected::Allowed(answer);
    let mut rows = vec![
        Row::new(
            "unknown: the next one decides",
            "nobody at all",
            "secret word",
            Expected::NotFound,
        ),
        Row::new(
            "unknown: the next one lets in",
            ELSEWHERE,
            ELSEWHERE,
            Expected::NotFound,
        ),
        Row {
            password: None,
            ..Row::new("no password", "ada", "", Expected::Skipped)
        }
        .of(known("ada")),
        Row::new("ordinary", "ada", "secret word", allowed(json!({"isSuperuser": false}))),
        Row::new("a password in other letters", "ada", "SECRET WORD", wrong()),
        Row {
            password: Some(b"\xff\xfe\0".to_vec()),
            ..Row::new("a password that is no text", "ada", "", wrong())
        },
        Row::new("NULL hash", "null hash", "", wrong()).of(User {
            password_hash: None,
            ..known("null hash")
        }),
        Row::new("NULL hash, any password", "null hash", "null", wrong()).of(User {
            password_hash: None,
            ..known("null hash")
        }),
        Row::new("empty hash", "empty hash", "", wrong()).of(User {
            password_hash: Some(String::new()),
            ..known("empty hash")
        }),
        Row::new(
            "all there is",
            "all there is",
            "secret word",
            allowed(json!({
                "isSuperuser": true,
                "clientAttrs": {"tns": "acme"},
                "expireAt": "2100-01-01T00:00:00+00:00",
                "clientIdOverride": "other",
                "acl": [
                    {"permission": "allow", "action": "publish", "topic": "a/b"},
                    {"permission": "deny", "action": "all", "topic": "#"},
                    {"permission": "deny", "action": "all", "topic": "$SYS/#"},
                ],
            })),
        )
        .of(User {
            is_superuser: Some("1".into()),
            client_attrs: Some(json!({"tns": "acme"})),
            expire_at: Some(4_102_444_800),
            acl: Some(json!({"pub": ["a/b"]})),
            clientid_override: Some("other".into()),
            ..known("all there is")
        }),
        Row::new(
            "over",
            "over",
            "secret word",
            Expected::Denied(Reason::CredentialExpired),
        )
        .of(User {
            expire_at: Some(1_000_000_000),
            ..known("over")
        }),
        Row::new(
            "rules that are none",
            "bad rules",
            "secret word",
            Expected::Failed(&[Reason::BackendBadResponse]),
        )
        .of(User {
            acl: Some(json!(5)),
            ..known("bad rules")
        }),
    ];
    for (value, is_superuser) in [
        ("true", true),
        ("1", true),
        ("7", true),
        ("0", false),
        ("false", false),
        ("TRUE", false),
        ("yes", false),
        ("", false),
    ] {
        let name = format!("is_superuser `{value}`");
        let answer = allowed(json!({"isSuperuser": is_superuser}));
        rows.push(Row::new(&name, &name, "secret word", answer).of(User {
            is_superuser: Some(value.into()),
            ..known(&name)
        }));
    }
    let plain = json!({"password_hash_algorithm": {"name": "plain", "salt_position": "disable"}});
    rows.into_iter().map(|row| row.with(plain.clone())).collect()
}

fn weak_rows() -> Vec<Row> {
    let user = User {
        name: "weak".into(),
        password_hash: Some(hashes::WEAK.into()),
        ..User::default()
    };
    let settings = |legacy: bool| json!({"password_hash_algorithm": "bcrypt", "allow_legacy_hashes": legacy});
    vec![
        Row::new(
            "weak hash",
            "weak",
            PASSWORD,
            Expected::Denied(Reason::CredentialExpired),
        )
        .of(user)
        .with(settings(false)),
        Row::new(
            "weak hash that is allowed",
            "weak",
            PASSWORD,
            Expected::Allowed(json!({})),
        )
        .with(settings(true)),
        Row::new(
            "weak hash, wrong password",
            "weak",
            "x",
            Expected::Denied(Reason::BadUsernameOrPassword),
        )
        .with(settings(true)),
    ]
}
