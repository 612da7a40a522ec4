//! What is allowed but unwise about an authenticator.

use serde_json::Value;

use super::catalog::password_algorithm;
use super::jwt;
use crate::auth::AuthenticatorRecord;
use crate::hash::{Algorithm, Digest, SaltedDigest};

/// What is allowed but unwise about an authenticator's settings.
pub fn warnings(record: &AuthenticatorRecord) -> Vec<String> {
    let settings = serde_json::from_str(&record.settings).unwrap_or_default();
    let own = password_algorithm(record).map(|algorithm| algorithm.warnings());
    let mut warnings = own.unwrap_or_else(|| broken_hash(&settings).into_iter().collect());
    warnings.extend(jwt::warning(record));
    warnings.extend(legacy_hashes(record, &settings));
    // Tokens have a word of their own for it.
    if record.mechanism != jwt::BACKEND.mechanism {
        warnings.extend(unverified(&settings));
    }
    warnings
}

/// Hashes made elsewhere are as they are; of those that protect nobody it is worth saying so.
fn broken_hash(settings: &Value) -> Option<String> {
    let algorithm = Algorithm::parse(settings.get("password_hash_algorithm")?).ok()?;
    let Algorithm::Digest(SaltedDigest { digest, .. }) = algorithm else {
        return None;
    };
    matches!(digest, Digest::Plain | Digest::Md5 | Digest::Sha).then(|| {
        let name = digest.name();
        format!("`password_hash_algorithm` is {name}: whoever reads the backend's table has the passwords")
    })
}

/// Where records are made anew at each login, weak ones need not be let in for ever.
fn legacy_hashes(record: &AuthenticatorRecord, settings: &Value) -> Option<String> {
    let is_ours = password_algorithm(record).is_some();
    let is_allowed = settings.get("allow_legacy_hashes") == Some(&Value::Bool(true));
    (is_ours && is_allowed).then(|| {
        "`allow_legacy_hashes` lets users in whose hash is too weak to be made here: switch it off once they have logged in".to_owned()
    })
}

/// A backend that is reached by TLS which verifies nobody.
fn unverified(settings: &Value) -> Vec<String> {
    let place = |path: &str, ssl: Option<&Value>, is_encrypted: bool| {
        let ssl = ssl?;
        let is_used = is_encrypted || ssl.get("enable") == Some(&Value::Bool(true));
        let is_unverified = ssl.get("verify").and_then(Value::as_str) == Some("verify_none");
        (is_used && is_unverified).then(|| {
            format!(
                "`{path}.verify` is verify_none: whoever is on the way can take the server's place and let anybody in"
            )
        })
    };
    let is_https = |of: &Value, field: &str| {
        let url = of.get(field).and_then(Value::as_str);
        url.is_some_and(|url| url.starts_with("https://"))
    };
    let starttls = settings.get("starttls") == Some(&Value::Bool(true));
    let own = place("ssl", settings.get("ssl"), starttls || is_https(settings, "url"));
    let grant = settings.get("oauth2");
    let of_grant = grant.and_then(|grant| place("oauth2.ssl", grant.get("ssl"), is_https(grant, "token_endpoint")));
    own.into_iter().chain(of_grant).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::warnings;
    use crate::auth::{AuthenticatorKey, AuthenticatorRecord, OnFailure, Timestamp};

    fn warned(mechanism: &str, backend: &str, settings: &Value) -> Vec<String> {
        let settings = crate::backends::check(mechanism, backend, settings).unwrap();
        warnings(&AuthenticatorRecord {
            key: AuthenticatorKey {
                chain: "global".to_owned(),
                id: "it".to_owned(),
            },
            mechanism: mechanism.to_owned(),
            backend: backend.to_owned(),
            enabled: true,
            settings: settings.to_string(),
            precondition: String::new(),
            on_failure: OnFailure::Deny,
            timeout: std::time::Duration::ZERO,
            revision: 1,
            updated_at: Timestamp(0),
            updated_by: String::new(),
        })
    }

    fn postgresql(more: Value) -> Vec<String> {
        let mut settings = json!({
            "server": "db.test", "database": "mqtt", "username": "u",
            "query": "SELECT password_hash FROM users WHERE username = ${username}",
        });
        settings
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().cloned().unwrap());
        warned("password_based", "postgresql", &settings)
    }

    #[test]
    fn tls_that_verifies_nobody_is_warned_of_where_it_is_used() {
        assert_eq!(postgresql(json!({})), Vec::<String>::new());
        assert_eq!(
            postgresql(json!({"ssl": {"verify": "verify_none"}})),
            Vec::<String>::new()
        );
        let told = postgresql(json!({"ssl": {"enable": true, "verify": "verify_none"}}));
        assert!(told.len() == 1 && told[0].contains("`ssl.verify`"), "{told:?}");
        let http = |url: &str| {
            let ssl = json!({"verify": "verify_none"});
            let grant =
                json!({"enable": true, "token_endpoint": url, "client_id": "c", "client_secret": "s", "ssl": ssl});
            let settings = json!({"method": "post", "url": url, "ssl": ssl, "oauth2": grant});
            warned("password_based", "http", &settings)
        };
        let told = http("https://idp.test/");
        assert!(told.len() == 2 && told[1].contains("`oauth2.ssl.verify`"), "{told:?}");
        assert_eq!(http("http://127.0.0.1/"), Vec::<String>::new());
        let ldap = json!({
            "server": "ldap.test", "username": "cn=root", "password": "p", "base_dn": "uid=${username},dc=test",
            "starttls": true, "ssl": {"verify": "verify_none"},
        });
        assert_eq!(warned("password_based", "ldap", &ldap).len(), 1);
    }

    #[test]
    fn hashes_that_protect_nobody_are_warned_of_wherever_they_are_kept() {
        for (name, is_broken) in [
            ("plain", true),
            ("md5", true),
            ("sha", true),
            ("sha256", false),
            ("bcrypt", false),
        ] {
            let elsewhere = postgresql(json!({"password_hash_algorithm": {"name": name}}));
            assert_eq!(elsewhere.len(), usize::from(is_broken), "{name}: {elsewhere:?}");
            let ours = json!({"password_hash_algorithm": {"name": name}});
            let ours = warned("password_based", "built_in_database", &ours);
            assert!(!is_broken || !ours.is_empty(), "{name}");
        }
    }

    #[test]
    fn weak_hashes_are_not_to_be_let_in_for_ever() {
        let told = warned(
            "password_based",
            "built_in_database",
            &json!({"allow_legacy_hashes": true}),
        );
        assert!(told.len() == 1 && told[0].contains("allow_legacy_hashes"), "{told:?}");
    }
}
