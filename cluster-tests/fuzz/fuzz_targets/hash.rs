//! No text makes the parser of stored hashes panic, and what it takes it takes again as it wrote it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::hash::{Algorithm, Stored, name_of, weakness};

fuzz_target!(|text: &str| {
    let (hash, salt) = text.split_once('\n').unwrap_or((text, ""));
    let _ = (name_of(hash), weakness(hash), Stored::parse(hash).is_ok());
    if let Ok(encoded) = Algorithm::recommended().import(hash, salt) {
        assert!(Stored::parse(&encoded).is_ok());
        assert_eq!(Algorithm::recommended().import(&encoded, "").ok(), Some(encoded));
    }
});
