//! No text makes the compiler of preconditions panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::backends::check_precondition;

fuzz_target!(|text: &str| {
    let _ = check_precondition(text);
});
