//! No file of users makes the parser panic, whatever its format is said to be.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::admin::{ImportFormat, PasswordType, count_rows};

fuzz_target!(|file: &[u8]| {
    for format in [ImportFormat::Csv, ImportFormat::Json, ImportFormat::Ndjson] {
        for password_type in [PasswordType::Plain, PasswordType::Hash] {
            if let Some((good, bad)) = count_rows(format, password_type, file) {
                let most = u64::try_from(file.len()).unwrap_or(u64::MAX);
                assert!(good + bad <= most, "{good} good and {bad} bad rows of {most} bytes");
            }
        }
    }
});
