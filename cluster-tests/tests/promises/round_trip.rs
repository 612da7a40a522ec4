//! An export that is imported elsewhere makes the same users: every field, and every password.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use cluster_tests::calls::{BUILT_IN, export, import, list_users, login, message, sha256_file};
use cluster_tests::{Cluster, node_binary};
use portcullis::wire::Client;
use portcullis::wire::pb::v1;
use portcullis::wire::pb::v1::UserFileFormat;
use portcullis::wire::pb::v1::import_users_header::Format;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const USERS: usize = 10_000;
/// Every so many-th user is made by another algorithm than sha256, whose hashes come from here.
const RARE: usize = 200;
const COPY: &str = "copy";
const PAST: u64 = 1_000_000_000_123;
const FUTURE: u64 = 4_000_000_000_000;

/// Numbers that look random and come again from the same seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.roll().is_multiple_of(many)
    }

    /// One of them.
    fn of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        let chosen = usize::try_from(self.roll() % all.len().max(1) as u64).unwrap_or(0);
        all.get(chosen).copied()
    }

    fn text(&mut self, longest: u64) -> String {
        const CHARACTERS: [char; 24] = [
            'a', 'b', 'Z', '0', '9', ' ', ',', '"', '\'', ';', '\\', '/', '=', '#', '$', '{', '[', ':', 'é', 'ß', '名',
            '🐚', '\u{308}', '\u{feff}',
        ];
        let length = 1 + self.roll() % longest;
        (0..length).filter_map(|_| self.of(&CHARACTERS)).collect()
    }
}

/// Names that a careless reader would take for something else.
const ODD_NAMES: [&str; 12] = [
    "true",
    "null",
    "[",
    "{}",
    "\"",
    ",",
    "\"\"",
    "a,\"b\"",
    "=1+1",
    "-",
    " both sides ",
    "\u{feff}bom",
];

/// A user as it is meant to be stored. Its password is its name.
#[derive(Clone)]
struct Expected {
    name: String,
    is_superuser: bool,
    disabled: bool,
    expires_at: Option<u64>,
    attributes: BTreeMap<String, String>,
}

impl Expected {
    fn random(number: usize, dice: &mut Dice) -> Self {
        // The number keeps them apart.
        let name = match ODD_NAMES.get(number) {
            Some(odd) => (*odd).to_owned(),
            None if number == ODD_NAMES.len() => "x".repeat(512),
            None => format!("{}{number}{}", dice.text(12), dice.text(3)),
        };
        let attributes = (0..dice.roll() % 3).map(|_| (dice.text(8), dice.text(20))).collect();
        Self {
            name,
            is_superuser: dice.one_in(5),
            disabled: dice.one_in(7),
            expires_at: dice.of(&[None, None, Some(PAST), Some(FUTURE)]).flatten(),
            attributes,
        }
    }

    fn may_log_in(&self) -> bool {
        !self.disabled && self.expires_at != Some(PAST)
    }

    /// Its row in a file of sha256 hashes.
    fn row(&self, dice: &mut Dice) -> String {
        let salt = format!("{:016x}", dice.roll());
        let hash = hex::encode(Sha256::digest(format!("{salt}{}", self.name)));
        let row = json!({
            "user_id": self.name, "password_hash": hash, "salt": salt,
            "is_superuser": self.is_superuser, "disabled": self.disabled,
            "expires_at": self.expires_at, "attributes": self.attributes,
        });
        format!("{row}\n")
    }

    /// Its like as a list shows it.
    fn shown(user: v1::User) -> Self {
        let millis = |at: &(i64, i32)| u64::try_from(at.0 * 1000 + i64::from(at.1) / 1_000_000).unwrap_or(0);
        Self {
            name: user.user_id,
            is_superuser: user.is_superuser,
            disabled: user.disabled,
            expires_at: user.expires_at.map(|at| millis(&(at.seconds, at.nanos))),
            attributes: user.attributes,
        }
    }

    fn fields(&self) -> (&str, bool, bool, Option<u64>, &BTreeMap<String, String>) {
        let Self {
            name,
            is_superuser,
            disabled,
            expires_at,
            attributes,
        } = self;
        (name, *is_superuser, *disabled, *expires_at, attributes)
    }
}

/// Every other algorithm there is, as cheap as it can be.
fn rare_algorithms() -> Vec<Value> {
    let mut all: Vec<_> = ["md5", "sha", "sha256", "sha512", "plain"]
        .into_iter()
        .flat_map(|name| {
            ["disable", "prefix", "suffix"].map(|position| json!({"name": name, "salt_position": position}))
        })
        .collect();
    all.extend(
        ["sha", "sha224", "sha256", "sha384", "sha512"]
            .map(|function| json!({"name": "pbkdf2", "mac_fun": function, "iterations": 2})),
    );
    all.push(json!({"name": "bcrypt", "salt_rounds": 4}));
    all.push(json!({"name": "argon2id", "memory_kib": 8, "iterations": 1}));
    all
}

/// Makes the users: most by an import, the rare ones one by one.
async fn fill(client: &Client, users: &[Expected], dice: &mut Dice) -> Result<()> {
    let mut algorithms = rare_algorithms().into_iter().cycle();
    let mut file = String::new();
    for (number, user) in users.iter().enumerate() {
        if number % RARE != 0 {
            file.push_str(&user.row(dice));
            continue;
        }
        let algorithm = algorithms.next().context("no algorithm")?;
        // A password in the clear is hashed by the algorithm that is named.
        let request: v1::CreateUserRequest = message(json!({
            "user": {
                "userId": user.name, "isSuperuser": user.is_superuser, "disabled": user.disabled,
                "expiresAt": user.expires_at.map(moment), "attributes": user.attributes,
            },
            "password": {"password": user.name, "algorithm": algorithm.to_string()},
        }))?;
        client.users().create(request).await?;
    }
    let done = import(client, sha256_file(Format::Ndjson), Bytes::from(file)).await?;
    let rare = users.len().div_ceil(RARE);
    assert_eq!(
        (done.created, done.failed),
        ((users.len() - rare) as u64, 0),
        "{done:?}"
    );
    Ok(())
}

/// One of the two moments that this test knows, as the proto's JSON has it.
fn moment(millis: u64) -> &'static str {
    if millis == PAST {
        "2001-09-09T01:46:40.123Z"
    } else {
        "2096-10-02T07:06:40Z"
    }
}

fn header(format: Format) -> v1::ImportUsersHeader {
    let mut header = v1::ImportUsersHeader {
        authenticator: COPY.into(),
        ..v1::ImportUsersHeader::default()
    };
    header.set_format(format);
    header
}

/// A second authenticator, of an algorithm that made none of the hashes.
async fn create_copy(client: &Client) -> Result<()> {
    let request = json!({"authenticator": {
        "id": COPY, "mechanism": "password_based", "backend": "built_in_database", "enabled": true,
        "settings": {"password_hash_algorithm": {"name": "bcrypt", "salt_rounds": 5}},
    }});
    client
        .authenticators()
        .create(message::<v1::CreateAuthenticatorRequest>(request)?)
        .await?;
    Ok(())
}

async fn listed(client: &Client, authenticator: &str) -> Result<Vec<(Expected, String)>> {
    let request = v1::ListUsersRequest {
        authenticator: authenticator.into(),
        page_size: 1000,
        ..v1::ListUsersRequest::default()
    };
    let users = list_users(client, request).await?;
    let one = |user: v1::User| {
        let hash = user.hash.clone();
        (Expected::shown(user), hash)
    };
    Ok(users.into_iter().map(one).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_of_an_export_makes_the_same_users() -> Result<()> {
    let seed = u64::from_le_bytes(*uuid::Uuid::new_v4().as_bytes().first_chunk().context("a short id")?);
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let mut users: Vec<_> = (0..USERS).map(|number| Expected::random(number, &mut dice)).collect();
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let client = cluster.patient_client(1).await?;
    create_copy(&client).await?;
    fill(&client, &users, &mut dice).await?;

    let (csv, count) = export(&client, BUILT_IN, UserFileFormat::Csv).await?;
    assert_eq!(count, USERS as u64);
    let done = import(&client, header(Format::Csv), csv.clone()).await?;
    assert_eq!((done.created, done.failed), (count, 0), "{done:?}");
    // Unchanged means that nothing differs, the stored password byte by byte included.
    for (file_format, format) in [
        (UserFileFormat::Json, Format::Json),
        (UserFileFormat::Ndjson, Format::Ndjson),
    ] {
        let (file, _) = export(&client, BUILT_IN, file_format).await?;
        let done = import(&client, header(format), file).await?;
        assert_eq!((done.unchanged, done.total), (count, count), "{done:?}");
    }
    assert!(
        export(&client, COPY, UserFileFormat::Csv).await?.0 == csv,
        "the files differ"
    );

    users.sort_by(|one, other| one.name.cmp(&other.name));
    let (original, copy) = (listed(&client, BUILT_IN).await?, listed(&client, COPY).await?);
    assert_eq!((original.len(), copy.len()), (USERS, USERS));
    for (expected, (original, copy)) in users.iter().zip(original.iter().zip(&copy)) {
        assert_eq!(original.0.fields(), expected.fields());
        assert_eq!((copy.0.fields(), &copy.1), (expected.fields(), &original.1));
    }
    log_in_with_the_copy(&client, &users, &original).await?;
    cluster.passed()
}

/// Some of each algorithm, and with the copy alone in force.
async fn log_in_with_the_copy(client: &Client, users: &[Expected], listed: &[(Expected, String)]) -> Result<()> {
    let request = message::<v1::SetEnabledRequest>(json!({"id": BUILT_IN, "enabled": false}))?;
    client.authenticators().set_enabled(request).await?;
    let mut tried = BTreeMap::<&str, u32>::new();
    for (user, (_, hash)) in users.iter().zip(listed) {
        let tries = tried.entry(hash).or_default();
        *tries += 1;
        if *tries > 5 && !ODD_NAMES.contains(&user.name.as_str()) {
            continue;
        }
        let answer = login(client, &user.name, &user.name).await?;
        let allowed = answer.decision() == v1::Decision::Allow;
        assert_eq!(allowed, user.may_log_in(), "{:?} by {hash}", user.name);
        if allowed {
            assert_eq!(answer.authenticator, COPY);
            assert_eq!(
                (answer.is_superuser, &answer.client_attrs),
                (user.is_superuser, &user.attributes)
            );
        }
        let wrong = login(client, &user.name, "wrong").await?;
        assert_eq!(wrong.decision(), v1::Decision::Deny, "{:?} by {hash}", user.name);
    }
    assert!(tried.len() >= 12, "{:?}", tried.keys());
    Ok(())
}
