//! No bytes make the parsers of SCRAM messages panic, no message is taken for two, and what is understood is what was written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::backends::rewritten_scram_messages;

fuzz_target!(|message: &[u8]| {
    let [first, last] = rewritten_scram_messages(message);
    assert!(first.is_none() || last.is_none(), "taken for a first message and for a final one");
    if let Some(understood) = first.or(last) {
        assert_eq!(understood, message);
    }
});
