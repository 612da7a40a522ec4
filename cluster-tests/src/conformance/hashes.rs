//! One password under every kind of hash, made by implementations that are not ours (hashlib, crypt(3), cryptography).

use serde_json::{Value, json};

/// What all of these are made of.
pub(super) const PASSWORD: &str = "pa55 é'\"\\";
/// Where the salt stands beside the hash.
const SALT: &str = "NaCl-16";

/// A kind of hash.
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// `password_hash_algorithm` and what else it takes.
    pub(super) settings: Value,
    pub(super) hash: String,
    pub(super) salt: Option<&'static str>,
}

/// Every kind that a user may be kept with.
pub(super) fn kinds() -> Vec<Kind> {
    let mut kinds = Vec::new();
    let mut salted = |name, algorithm: &str, position: &str, hash: &str| {
        kinds.push(Kind {
            name,
            settings: json!({"password_hash_algorithm": {"name": algorithm, "salt_position": position}}),
            hash: hash.to_owned(),
            salt: (position != "disable").then_some(SALT),
        });
    };
    salted("plain", "plain", "disable", PASSWORD);
    salted("plain, salt behind", "plain", "suffix", &[PASSWORD, SALT].concat());
    salted(
        "md5, salt in front",
        "md5",
        "prefix",
        "11f4dd6536fcdb598faee45dcc703b72",
    );
    salted("md5, salt behind", "md5", "suffix", "7be6c1fbd1eb413f74fd980cd833704a");
    salted(
        "sha, salt in front",
        "sha",
        "prefix",
        "3e19a942ec207c4e96cf7777efa7764c42f6ffb2",
    );
    salted(
        "sha256, salt in front",
        "sha256",
        "prefix",
        "782f3e4378e69d7f3828b3041d13e04f6116746e2eb04eee01997e3a5a36e9cb",
    );
    salted(
        "sha256 in capitals",
        "sha256",
        "prefix",
        "782F3E4378E69D7F3828B3041D13E04F6116746E2EB04EEE01997E3A5A36E9CB",
    );
    salted(
        "sha256, salt behind",
        "sha256",
        "suffix",
        "9e571e799e7bb949e7a4d42fa783ec83066896f308b5c8dbd1e6a934a45f9a0c",
    );
    salted(
        "sha256 without salt",
        "sha256",
        "disable",
        "fb0ce9beb06499cce7c3b8e278d96d7247c9f924a7f797c3b1ded436b4075256",
    );
    salted(
        "sha512, salt in front",
        "sha512",
        "prefix",
        "210d4a4df47b3f1cea12e9d268c4a1258256115cde6ff31587039360a447e941f6c7fa2a9701b15ab28d2321fd108586c0219cb5cc597c0ff646052796c973c2",
    );
    salted(
        "sha512, salt behind",
        "sha512",
        "suffix",
        "eb58b526b17be1aec014e9cb12368d7cecb286f578b0f3fcccef0b3904e972dd2b842d89aeda5e30bd267e866a326afa311837265e4bdc627c98e6ebd4218191",
    );
    let mut keyed = |name, mac: &str, length: u32, hash: &str| {
        let algorithm = json!({"name": "pbkdf2", "mac_fun": mac, "iterations": 1000, "dk_length": length});
        kinds.push(Kind {
            name,
            settings: json!({"password_hash_algorithm": algorithm}),
            hash: hash.to_owned(),
            salt: Some(SALT),
        });
    };
    keyed(
        "pbkdf2 with sha256",
        "sha256",
        32,
        "d52f65eccaa9a362a32b64709d1a7ce7eae4c7fd4475cb4692e7f01dcacaf0bd",
    );
    keyed(
        "pbkdf2 with sha512",
        "sha512",
        20,
        "abacd414e7f50cf6b0597327620790637912704c",
    );
    kinds.extend(own_words());
    kinds
}

/// Those that say themselves what they are, under an authenticator that makes others.
fn own_words() -> impl Iterator<Item = Kind> {
    [
        ("bcrypt", "$2b$05$abcdefghijklmnopqrstuuYeqK2OwtUwxuaHtuarWsu8OS/WHIrXK"),
        (
            "argon2id",
            "$argon2id$v=19$m=64,t=1,p=1$c2l4dGVlbiBieXRlcyAhIQ$pmYDzZc1Wgt5JUdniTWu6CS4TWIFqHzc4s/CQjf4Kh4",
        ),
        (
            "sha512crypt",
            "$6$rounds=1000$saltsalt$YuJvUVvX5J.n6Awim/ZyDZbU9bcTBSniqSnkFL6GOlPtlPP2QkiHxX1RHQbjC8JFFjRP62618EhZXwBCj2rpN.",
        ),
        (
            "mosquitto",
            "$7$101$dHdlbHZlIGJ5dGVz$ZwHbKza2TsijFG391rpQfMjlZLklsODw2hhZxGlJ75IBkH4CVjnv22VktFV/MEGQQIPMdLBzfNxgd/9Dkbs4fg==",
        ),
        (
            "Django",
            "pbkdf2_sha256$1000$djangosalt$QX0I+B0EZ9kPHInxdLEGAT43r5obGBcxaABzQvPaY4E=",
        ),
    ]
    .into_iter()
    .map(|(name, hash)| Kind {
        name,
        settings: json!({"password_hash_algorithm": "bcrypt"}),
        hash: hash.to_owned(),
        salt: None,
    })
}

/// A hash that is too weak unless the settings allow it.
pub(super) const WEAK: &str = "{SSHA}TMaLOVssMZnd3+qySsguVyJtLflTQUxUODg4OA==";
