//! No text with placeholders makes the template engine panic. It is reached as an operator reaches it: by the settings of `jwt`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::backends::check;
use serde_json::json;

fuzz_target!(|text: &str| {
    let settings = json!({
        "algorithm": "hmac-based",
        "secret": "a secret of more than thirty-two bytes",
        "verify_claims": { "sub": text },
    });
    let _ = check("jwt", "", &settings);
});
