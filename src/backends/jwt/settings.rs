//! The settings of a JWT authenticator: EMQX's names and defaults, and what EMQX lacks.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use super::claims::Checks;
use super::expected;
use super::fetch::Endpoint;
use super::grants::Grants;
use super::keys::MOST_TRIED;
use super::pem;
use super::public_key::PublicKey;
use crate::auth::Secret;
use crate::backends::backend::Violation;
use crate::backends::fields::Fields;
use crate::backends::secrets::SecretSource;

pub(super) const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);
pub(super) const DEFAULT_INTERVAL: Duration = Duration::from_secs(300);
pub(super) const DEFAULT_MAX_STALE: Duration = Duration::from_secs(3600);
const LEEWAYS: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(600);
const AGES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(10 * 365 * 86_400);
const INTERVALS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(86_400);
const STALE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(30 * 86_400);
/// Padded or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Which text of the client is the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    Username,
    Password,
}

/// What becomes of a client whose token is not for this authenticator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Otherwise {
    /// The next one is asked.
    Ignore,
    /// It is denied.
    Deny,
}

/// Where the keys are.
pub(super) enum Source {
    Secret(SharedSecret),
    /// PEM texts.
    Public(Vec<SecretSource>),
    Set(Box<SetSource>),
}

/// A secret, and how it is written.
pub(super) struct SharedSecret {
    source: SecretSource,
    is_base64: bool,
}

impl SharedSecret {
    /// The secret, as this node has it now.
    pub(super) fn read(&self, secrets_dir: &Path) -> Result<Secret, String> {
        self.decoded(&self.source.resolve(secrets_dir)?)
    }

    /// The secret, unless it is only named.
    fn given(&self) -> Option<Secret> {
        match &self.source {
            SecretSource::Given(written) => self.decoded(written).ok(),
            SecretSource::File(_) | SecretSource::Variable(_) => None,
        }
    }

    fn decoded(&self, written: &Secret) -> Result<Secret, String> {
        let secret = if self.is_base64 {
            let bytes = BASE64.decode(written.expose());
            Secret::new(bytes.map_err(|_| "is not base64, as `secret_base64_encoded` says")?)
        } else {
            written.clone()
        };
        if secret.expose().is_empty() {
            return Err("must not be empty".to_owned());
        }
        Ok(secret)
    }
}

/// The keys of PEM texts, as this node has them now.
pub(super) fn read_public_keys(texts: &[SecretSource], secrets_dir: &Path) -> Result<Vec<PublicKey>, String> {
    let mut keys = Vec::new();
    for source in texts {
        let text = source.resolve(secrets_dir)?;
        let text = std::str::from_utf8(text.expose()).map_err(|_| "is no text")?;
        keys.extend(pem::public_keys(text)?);
    }
    if keys.len() > MOST_TRIED {
        return Err(format!("holds more than {MOST_TRIED} keys; a key set (`use_jwks`) may"));
    }
    Ok(keys)
}

/// HS256's own length; a shorter secret can be guessed from any token.
const ADVISABLE_SECRET: usize = 32;

impl Source {
    /// What is taken but should be changed. Of a secret that is only named nothing is known here.
    pub(super) fn weakness(&self) -> Option<String> {
        match self {
            Self::Secret(secret) => weakness(&secret.given()?),
            Self::Set(set) if set.endpoint.is_open_to_others() => Some(
                "the key set is fetched without verified TLS: who is on the way can put keys in and let anybody in"
                    .to_owned(),
            ),
            Self::Public(_) | Self::Set(_) => None,
        }
    }
}

/// What should be changed about a secret.
pub(super) fn weakness(secret: &Secret) -> Option<String> {
    (secret.expose().len() < ADVISABLE_SECRET).then(|| {
        format!("`secret` has fewer than {ADVISABLE_SECRET} bytes: who has one token can guess it and make others")
    })
}

/// A key set that is fetched.
#[derive(Clone)]
pub(super) struct SetSource {
    pub(super) endpoint: Endpoint,
    pub(super) interval: Duration,
    pub(super) max_stale: Duration,
}

pub(super) struct Settings {
    pub(super) from: From,
    pub(super) source: Source,
    pub(super) checks: Checks,
    pub(super) grants: Grants,
    pub(super) on_missing: Otherwise,
    pub(super) on_bad_signature: Otherwise,
}

/// The kinds of [`Source`] that EMQX calls algorithms.
#[derive(Clone, Copy)]
enum Kind {
    Hmac,
    PublicKey,
}

impl Settings {
    /// Reads settings; returns them with every default filled in, too.
    pub(super) fn parse(settings: &Value) -> Result<(Self, Map<String, Value>), Vec<Violation>> {
        let mut fields = Fields::of("settings", settings).map_err(|fault| vec![fault])?;
        let from = fields.word(
            "from",
            &[("password", From::Password), ("username", From::Username)],
            From::Password,
        );
        let source = source(&mut fields);
        let expected = fields
            .get("verify_claims")
            .map_or(Ok(Vec::new()), |given| expected::parse("settings.verify_claims", given));
        let given = fields.get("verify_claims").cloned();
        fields.fill("verify_claims", given.unwrap_or_else(|| Value::Object(Map::new())));
        let expected = expected.unwrap_or_else(|faults| {
            fields.add_faults(faults);
            Vec::new()
        });
        let checks = Checks {
            issuer: owned(fields.texts("issuer")),
            audience: owned(fields.texts("audience")),
            required: owned(fields.texts("required_claims")),
            leeway: fields.duration_or("leeway", LEEWAYS, DEFAULT_LEEWAY),
            max_age: fields.duration("max_age", AGES),
            expected,
        };
        if fields.get("acl_claim_name").is_none() {
            fields.fill("acl_claim_name", "acl");
        }
        let grants = Grants {
            acl_claim: fields.text("acl_claim_name").unwrap_or("acl").to_owned(),
            end_with_token: fields.flag("disconnect_after_expire", true),
        };
        let words = [("ignore", Otherwise::Ignore), ("deny", Otherwise::Deny)];
        let on_missing = fields.word("on_missing_jwt", &words, Otherwise::Ignore);
        let on_bad_signature = fields.word("on_bad_signature", &words, Otherwise::Ignore);
        let filled = fields.finish()?;
        let source = source.ok_or_else(|| vec![Violation::new("settings", "name no key")])?;
        let settings = Self {
            from,
            source,
            checks,
            grants,
            on_missing,
            on_bad_signature,
        };
        Ok((settings, filled))
    }
}

fn owned(texts: Vec<&str>) -> Vec<String> {
    texts.into_iter().map(str::to_owned).collect()
}

const SECRET_FIELDS: [&str; 2] = ["secret", "secret_base64_encoded"];
const PUBLIC_FIELDS: [&str; 1] = ["public_key"];
const SET_FIELDS: [&str; 5] = ["endpoint", "headers", "refresh_interval", "max_stale", "ssl"];

/// The keys; `None` if a fault was noted.
fn source(fields: &mut Fields<'_>) -> Option<Source> {
    // EMQX's, and without a meaning here.
    fields.leave_out(&["pool_size", "max_fail_count"]);
    if fields.flag("use_jwks", false) {
        let why = "has no meaning together with `use_jwks`";
        fields.refuse_given(&["algorithm"], why);
        fields.refuse_given(&SECRET_FIELDS, why);
        fields.refuse_given(&PUBLIC_FIELDS, why);
        return key_set(fields);
    }
    fields.refuse_given(&SET_FIELDS, "has a meaning only together with `use_jwks`");
    let kinds = [("hmac-based", Kind::Hmac), ("public-key", Kind::PublicKey)];
    if fields.get("algorithm").is_none() {
        fields.refuse(
            "algorithm",
            "is required: `hmac-based` or `public-key`; or set `use_jwks`",
        );
        fields.leave_out(&SECRET_FIELDS);
        fields.leave_out(&PUBLIC_FIELDS);
        return None;
    }
    match fields.word("algorithm", &kinds, Kind::Hmac) {
        Kind::Hmac => {
            fields.refuse_given(&PUBLIC_FIELDS, "has no meaning together with `hmac-based`");
            secret(fields).map(Source::Secret)
        }
        Kind::PublicKey => {
            fields.refuse_given(&SECRET_FIELDS, "has no meaning together with `public-key`");
            public_keys(fields).map(Source::Public)
        }
    }
}

fn secret(fields: &mut Fields<'_>) -> Option<SharedSecret> {
    let text = fields.needed_text("secret", "the shared secret");
    let is_base64 = fields.flag("secret_base64_encoded", false);
    if text.is_empty() {
        return None;
    }
    let secret = SecretSource::read(text).map(|source| SharedSecret { source, is_base64 });
    let checked = secret.and_then(|secret| match &secret.source {
        SecretSource::Given(written) => secret.decoded(written).map(|_| secret),
        SecretSource::File(_) | SecretSource::Variable(_) => Ok(secret),
    });
    checked.map_err(|why| fields.refuse("secret", why)).ok()
}

/// Those that are given must be good; what is only named each node has for itself.
fn public_keys(fields: &mut Fields<'_>) -> Option<Vec<SecretSource>> {
    let texts = fields.texts("public_key");
    if texts.is_empty() {
        fields.refuse("public_key", "is required: one public key or several, as PEM text");
        return None;
    }
    let sources: Result<Vec<_>, _> = texts.into_iter().map(SecretSource::read).collect();
    let checked = sources.and_then(|sources| {
        let is_given = |source: &&SecretSource| matches!(source, SecretSource::Given(_));
        let given: Vec<_> = sources.iter().filter(is_given).cloned().collect();
        read_public_keys(&given, Path::new("")).map(|_| sources)
    });
    checked.map_err(|why| fields.refuse("public_key", why)).ok()
}

fn key_set(fields: &mut Fields<'_>) -> Option<Source> {
    let endpoint = Endpoint::parse(fields);
    let interval = fields.duration_or("refresh_interval", INTERVALS, DEFAULT_INTERVAL);
    // A single failure must not end the use of keys that are fetched seldom.
    let max_stale = fields.duration_or("max_stale", STALE, DEFAULT_MAX_STALE.max(interval * 2));
    Some(Source::Set(Box::new(SetSource {
        endpoint: endpoint?,
        interval,
        max_stale,
    })))
}
