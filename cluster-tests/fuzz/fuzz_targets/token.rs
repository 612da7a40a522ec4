//! No text makes the parser of tokens panic, neither as it comes nor as header and payload on two lines; nor does what they claim.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::backends::{judge_parts, judge_token};

/// The longest token that is looked at, in bytes.
const LONGEST: usize = 16 * 1024;

fuzz_target!(|text: &[u8]| {
    if judge_token(text).is_some() {
        assert!(text.len() <= LONGEST);
        assert_eq!(text.iter().filter(|byte| **byte == b'.').count(), 2);
    }
    let mut parts = text.splitn(2, |byte| *byte == b'\n');
    if let (Some(header), Some(payload)) = (parts.next(), parts.next()) {
        let _ = judge_parts(header, payload);
    }
});
