//! The rules of the house, as tests: who may use whom, which foreign crate is named where, and what a file looks like.
//!
//! Product code is judged; what stands under `#[cfg(test)] mod` or in a `tests.rs` may use every room.

mod planted;
mod rules;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use self::rules::check;

/// Which rooms a room may use, from the ground up. A new arrow is a visible change here.
const ROOMS: &[(&str, &str)] = &[
    ("words", ""),
    ("auth", ""),
    ("hash", "words"),
    ("net", ""),
    ("store", "auth"),
    ("journal", ""),
    ("backends", "auth hash net words"),
    ("wire", "net"),
    ("raft", "store journal wire"),
    ("cluster", "auth journal raft store wire"),
    ("admin", "auth backends cluster hash store"),
    ("telemetry", "auth cluster net"),
    ("api", "admin auth cluster net wire words"),
    ("dashboard", "admin auth net words"),
    // Of other rooms only their `Settings`.
    (
        "config",
        "admin api backends cluster dashboard hash journal net raft store telemetry words",
    ),
    // The composition root: it builds every room.
    (
        "node",
        "admin api auth backends cluster config dashboard hash journal net raft store telemetry wire",
    ),
    // `serve` starts the log before the node; `login` plays the client of a SCRAM exchange.
    ("cli", "config hash node telemetry wire words"),
    // Files of the crate's root that are no rooms.
    ("lib", ""),
    ("main", "cli"),
    ("tidy", ""),
];

/// Foreign crates that are named only in their rooms: the engines stay replaceable, and the domain free of transport.
const FOREIGN: &[(&str, &str)] = &[
    ("sled", "store"),
    ("zstd", "store"),
    ("redb", "journal"),
    ("openraft", "raft"),
    ("aws_lc_rs", "api backends"),
    ("reqwest", "backends"),
    ("ldap3", "backends"),
    ("mysql_async", "backends"),
    ("tokio_postgres", "backends"),
    ("tokio_postgres_rustls", "backends"),
    ("redis", "backends"),
    ("mongodb", "backends"),
    ("crc16", "backends"),
    ("argon2", "hash"),
    ("bcrypt", "hash"),
    ("pbkdf2", "hash"),
    ("scrypt", "hash"),
    ("sha_crypt", "hash"),
    ("cel", "backends"),
    ("regex", "backends"),
    // The command line names `tonic::Status` to tell what a failure says.
    ("tonic", "api cli net telemetry wire"),
    ("tonic_types", "api cli"),
    ("tonic_health", "api"),
    ("tonic_reflection", "api"),
    ("clap", "cli"),
    ("clap_complete", "cli"),
    ("comfy_table", "cli"),
    ("indicatif", "cli"),
    ("rpassword", "cli"),
    ("anyhow", "cli"),
    ("axum", "dashboard net telemetry"),
    ("maud", "dashboard"),
    ("cookie", "dashboard"),
    ("brotli", "dashboard"),
    ("tower_http", "dashboard"),
    ("hyper", "net"),
    ("hyper_util", "net"),
    ("opentelemetry", "telemetry"),
    ("opentelemetry_otlp", "telemetry"),
    ("opentelemetry_sdk", "telemetry"),
    ("prometheus", "telemetry"),
    ("mimalloc", "main"),
    ("tracing_subscriber", "telemetry"),
];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &str = "utils util helpers helper common manager handler misc";

const LONGEST_FILE: usize = 500;

#[test]
fn the_house_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut violations = Vec::new();
    for file in rust_files(&root) {
        let text = fs::read_to_string(&file).unwrap();
        violations.extend(check(file.strip_prefix(&root).unwrap(), &text));
    }
    let told: Vec<_> = violations
        .iter()
        .map(|violation| format!("  src/{violation}"))
        .collect();
    assert!(
        told.is_empty(),
        "{} rules of the house are broken:\n{}",
        told.len(),
        told.join("\n")
    );
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}
