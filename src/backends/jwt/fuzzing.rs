//! The parser alone, for the fuzz targets: a token, read and judged as if one of our keys had signed it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::claims::end_of;
use super::settings::Settings;
use super::token::Token;
use crate::auth::{Credentials, Timestamp};

/// Whether it would be let in with a good signature; `None` if it is no token that is judged at all.
pub fn judge_token(text: &[u8]) -> Option<bool> {
    let settings = json!({
        "algorithm": "hmac-based",
        "secret": "a secret of more than thirty-two bytes",
        "verify_claims": {"sub": "${username}", "realm.role": ["device", 1, true]},
    });
    let (Settings { checks, grants, .. }, _) = Settings::parse(&settings).ok()?;
    let token = Token::parse(text).ok()?;
    let claims = token.claims().ok()?;
    let client = Credentials {
        username: "ada".to_owned(),
        ..Credentials::default()
    };
    let now = Timestamp(1_700_000_000_000);
    let is_let_in = checks.check(&claims, &client, now).is_ok();
    // Its rules and its end are read whatever the rest is.
    let _ = (grants.identity(&claims, now, 30_000).is_ok(), end_of(&claims));
    Some(is_let_in)
}

/// The same for the two parts before they are encoded, or chance would hardly ever come to their JSON.
pub fn judge_parts(header: &[u8], payload: &[u8]) -> Option<bool> {
    let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part));
    judge_token(format!("{header}.{payload}.").as_bytes())
}
