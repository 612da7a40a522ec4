//! Names and passwords that mean something to somebody: quotes, comments, wildcards, templates, control characters.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use futures_util::TryStreamExt as _;
use portcullis::wire::pb::v1::Verdict;
use serde_json::json;

use super::{Bench, Server, User};
use crate::{PATIENCE, wait_for};

/// Logins that are under way at once.
const AT_ONCE: usize = 16;

const SEEDS: &[&str] = &[
    "'",
    "\"",
    "`",
    "\\",
    "\\'",
    "''",
    "';",
    "\"\"",
    ";",
    "--",
    "#",
    "/*",
    "*/",
    "%",
    "_",
    "*",
    "(",
    ")",
    "()",
    "|",
    "&",
    "!",
    "=",
    "<",
    ">",
    "~",
    "^",
    "?",
    "$1",
    "$$",
    "${username}",
    "${password}",
    "${$}",
    ":1",
    "@a",
    "@@version",
    "{}",
    "[]",
    "{\"$ne\":null}",
    "{\"$gt\":\"\"}",
    "[$ne]=1",
    "\r\n",
    "\n",
    "\r",
    "\t",
    "\u{1}",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{2028}",
    "\u{200b}",
    "\u{202e}",
    "\u{feff}",
    "\u{fffd}",
    "\u{1f600}",
    "é",
    "e\u{301}",
    "ß",
    "İ",
    "ﬀ",
    "\u{37e}",
    "＇",
    "ʼ",
    "‘",
    "’",
    "\u{bf}'",
    "\u{bf}\u{5c}'",
    "NULL",
    "null",
    "nil",
    "true",
    "false",
    "0",
    "-1",
    "1e9",
    "NaN",
    "Infinity",
    "0x41",
    "x'41'",
    "admin",
    "root",
    " ",
    "  ",
    ".",
    "..",
    "/",
    "../../etc/passwd",
    "%00",
    "%27",
    "%0d%0a",
    "&#39;",
    "&quot;",
    "<script>",
    "\\x27",
    "\\u0027",
    "\\0",
    "\\n",
    "U&'\\0027'",
];
const SHAPES: &[&str] = &[
    "{}",
    "ada{}",
    "{}ada",
    "ada{} OR {}1{}={}1",
    "{} OR 1=1 -- ",
    "{}; DROP TABLE users; --",
    "{} UNION SELECT 'x','x'",
    "({})(uid=*)",
];

/// More than five hundred of them, all different.
pub fn hostile_texts() -> BTreeSet<String> {
    let mut texts: BTreeSet<String> = SHAPES
        .iter()
        .flat_map(|shape| SEEDS.iter().map(move |seed| shape.replace("{}", seed)))
        .collect();
    texts.extend(SEEDS.iter().map(|seed| seed.repeat(200)));
    texts.extend([
        "a".repeat(4096),
        "'".repeat(4096),
        "a\0b".into(),
        "\0".into(),
        "'\0--".into(),
    ]);
    texts
}

/// Every user with a hostile name gets in with the right password, and with no other one; and nobody gets in under a hostile name
/// that no user has. The server, if it tells, has seen nothing but what it sees of harmless names.
pub async fn nobody_gets_in_by_what_they_call_themselves(bench: &Bench, server: &impl Server) -> Result<()> {
    let texts: Vec<String> = hostile_texts().into_iter().collect();
    ensure!(texts.len() >= 500, "only {} hostile texts", texts.len());
    let link = bench
        .link_to(
            server,
            json!({"password_hash_algorithm": {"name": "plain", "salt_position": "disable"}}),
            json!({}),
        )
        .await?;
    for _ in 0..2 {
        bench.step(&link, "harmless", "harmless").await?;
    }
    let before = settled(server).await?;
    // Every other one is a user, whose password is the text that follows.
    let pairs: Vec<(&String, &String)> = texts.iter().zip(texts.iter().cycle().skip(1)).collect();
    let (mut users, mut others) = (Vec::new(), Vec::new());
    for (number, (name, password)) in pairs.into_iter().enumerate() {
        let user = User {
            name: name.clone(),
            // A hash that is written otherwise than the password would be taken for that.
            password_hash: Some(password.clone()),
            ..User::default()
        };
        if number % 2 == 0 && server.can_keep(&user) && is_its_own_hash(password) {
            server.put(&user).await?;
            users.push((name, password));
        } else {
            others.push((name, password));
        }
    }
    ensure!(users.len() > 200, "only {} hostile users", users.len());
    let logins = users
        .iter()
        .flat_map(|(name, password)| [(name, *password, true), (name, *name, false)])
        .chain(others.iter().map(|(name, password)| (name, *password, false)));
    let faults: Vec<String> = futures_util::stream::iter(logins.map(Ok::<_, anyhow::Error>))
        .map_ok(async |(name, password, is_right)| {
            let step = bench.step(&link, name, password).await?;
            let is_in = step.verdict() == Verdict::Allowed;
            let is_failure = step.verdict() == Verdict::Failed;
            let told = || format!("{name:?} with {password:?}: {:?}, {}", step.verdict(), step.detail);
            Ok((is_in != is_right || is_failure).then(told))
        })
        .try_buffer_unordered(AT_ONCE)
        .try_filter_map(async |fault| Ok(fault))
        .try_collect()
        .await?;
    ensure!(
        faults.is_empty(),
        "{} hostile logins went wrong:\n{}",
        faults.len(),
        faults.join("\n")
    );
    let after = settled(server).await?;
    ensure!(
        before == after,
        "the server has seen something else: {:?}",
        after.map(|after| {
            after
                .difference(&before.unwrap_or_default())
                .cloned()
                .collect::<Vec<_>>()
        })
    );
    bench.drop_link(link).await
}

/// What the server has seen, once it says the same twice: some write their logs late.
async fn settled(server: &impl Server) -> Result<Option<BTreeSet<String>>> {
    let last = std::cell::RefCell::new(None);
    wait_for("the server to tell what it has seen", PATIENCE, async || {
        let seen = server.seen().await?;
        let is_settled = seen.as_ref().is_none_or(|seen| !seen.is_empty()) && last.borrow().as_ref() == Some(&seen);
        crate::wait::pause().await;
        *last.borrow_mut() = Some(seen.clone());
        Ok(is_settled.then_some(seen))
    })
    .await
}

/// Plain passwords that are kept as they are: what looks like a hash of another kind is one, an empty one is none, and one that is
/// longer than any that can be set is nobody's.
fn is_its_own_hash(password: &str) -> bool {
    (1..=1024).contains(&password.len()) && !password.starts_with(['$', '{']) && !password.contains('\0')
}
