//! Rows of SCRAM users: keys in the place of a hash, and names and passwords that are prepared.

use super::*;
use crate::admin::import::rows::Fields;
use crate::admin::passwords::NOT_SCRAM;
use crate::admin::scram_keys::ScramKeys;
use crate::hash::ScramHash;

const SALT: &str = "W22ZaJ0SNY7soEsUEjb6gQ==";
const STORED: &str = "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=";
const SERVER: &str = "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

/// The user of RFC 7677 section 3, by its keys.
fn keyed(user_id: &str) -> Fields {
    Fields {
        user_id: user_id.into(),
        salt: SALT.into(),
        keys: ScramKeys {
            iterations: Some(4096),
            stored_key: Some(Secret::new(STORED)),
            server_key: Some(Secret::new(SERVER)),
        },
        ..Fields::default()
    }
}

fn judged(password_type: PasswordType, fields: Fields) -> Line {
    rules(password_type).judge(7, Ok(fields)).unwrap()
}

fn judged_as_scram(password_type: PasswordType, fields: Fields) -> Line {
    let mut rules = Rules {
        scram: Some(ScramHash::Sha256),
        ..rules(password_type)
    };
    rules.judge(7, Ok(fields)).unwrap()
}

#[test]
fn keys_stand_for_the_hash_of_a_scram_user() {
    let encoded = format!("SCRAM-SHA-256$4096:{SALT}${STORED}:{SERVER}");
    let line = judged_as_scram(PasswordType::Hash, keyed("user"));
    assert_eq!(line, hashed("user", &encoded, false));
    let elsewhere = judged(PasswordType::Hash, keyed("user"));
    assert_eq!((fault(&elsewhere).1, fault(&elsewhere).2), ("iterations", NOT_SCRAM));
    let both = Fields {
        password_hash: Some(Secret::new(encoded)),
        ..keyed("user")
    };
    assert_eq!(fault(&judged_as_scram(PasswordType::Hash, both)).1, "password_hash");
}

#[test]
fn a_row_with_wrong_keys_names_every_one_of_them() {
    let mut fields = keyed("user");
    fields.salt = String::new();
    fields.keys.stored_key = Some(Secret::new("hunter2"));
    fields.keys.server_key = None;
    let line = judged_as_scram(PasswordType::Hash, fields);
    let (_, column, reason) = fault(&line);
    assert_eq!(column, "salt");
    assert!(reason.contains("`stored_key` must be base64") && reason.contains("`server_key` is missing"));
    assert!(!reason.contains("hunter2"));
}

#[test]
fn names_and_passwords_of_scram_users_are_prepared_or_make_a_bad_row() {
    let fields = |user_id: &str, password: &str| Fields {
        user_id: user_id.into(),
        password: Some(Secret::new(password)),
        ..Fields::default()
    };
    assert_eq!(
        judged_as_scram(PasswordType::Plain, fields("\u{2168}", "x")),
        plain("IX", "x", false)
    );
    for (fields, column) in [
        (fields("\u{202e}ann", "x"), "user_id"),
        (fields("\u{ad}", "x"), "user_id"),
        (fields("ann", "\u{e000}"), "password"),
    ] {
        let line = judged_as_scram(PasswordType::Plain, fields);
        assert_eq!(fault(&line).1, column, "{line:?}");
        assert!(fault(&line).2.contains("SASLprep"));
    }
    let elsewhere = judged(PasswordType::Plain, fields("\u{202e}ann", "\u{e000}"));
    assert_eq!(elsewhere, plain("\u{202e}ann", "\u{e000}", false));
}

#[test]
fn keys_are_read_from_every_format() {
    let csv = format!("user_id,salt,iterations,stored_key,server_key\nuser, {SALT} ,4096,{STORED},\"{SERVER}\"\n");
    let object = format!(
        r#"{{"user_id":"user","salt":"{SALT}","iterations":4096,"stored_key":"{STORED}","server_key":"{SERVER}"}}"#
    );
    let array = format!("[{}]", object.replace("4096", "\"4096\""));
    for (format, text) in [(CSV, csv), (JSON, array), (NDJSON, object)] {
        let rules = Rules {
            scram: Some(ScramHash::Sha256),
            ..rules(HASH)
        };
        let lines = read_by(rules, format, text.as_bytes(), 0).unwrap();
        let encoded = format!("SCRAM-SHA-256$4096:{SALT}${STORED}:{SERVER}");
        assert_eq!(lines, [hashed("user", &encoded, false)]);
    }
}

#[test]
fn a_file_of_keys_needs_no_column_of_hashes() {
    let lines = read(CSV, "user_id,stored_key\nuser,\n", HASH);
    assert_eq!(fault(&lines[0]), (2, "password_hash", "is missing"));
    assert!(refused(CSV, b"user_id,stored_key\n").contains("`password` is missing"));
    let lines = read(CSV, "user_id,stored_key,iterations\nuser,x,many\n", HASH);
    assert_eq!(fault(&lines[0]).1, "iterations");
}
