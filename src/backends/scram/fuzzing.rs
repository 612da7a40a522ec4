//! The parsers of messages alone, for the fuzz targets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::messages::{ClientFinal, ClientFirst};

/// A message written again from what it was understood as: a first message, a final one, or both if the parsers were confused.
pub fn rewritten_scram_messages(message: &[u8]) -> [Option<Vec<u8>>; 2] {
    let first = ClientFirst::parse(message).ok().map(rewritten_first);
    let last = ClientFinal::parse(message).ok().map(rewritten_final);
    [first, last]
}

fn rewritten_first(first: ClientFirst) -> Vec<u8> {
    let flag = first.gs2_header.split(',').next().unwrap_or_default();
    let authzid = match first.authzid.as_str() {
        "" => String::new(),
        named => format!("a={}", escaped(named)),
    };
    let begin = format!("n={},r={}", escaped(&first.username), first.nonce);
    let extensions = first.bare.strip_prefix(&begin).unwrap_or_default();
    format!("{flag},{authzid},{begin}{extensions}").into_bytes()
}

fn rewritten_final(last: ClientFinal) -> Vec<u8> {
    let begin = format!("c={},r={}", STANDARD.encode(last.channel_binding), last.nonce);
    let extensions = last.without_proof.strip_prefix(&begin).unwrap_or_default();
    format!("{begin}{extensions},p={}", STANDARD.encode(last.proof)).into_bytes()
}

fn escaped(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}
