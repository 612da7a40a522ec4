//! THE LIST of texts that other systems write: how each is known, what it is worth, and how a password is checked against it.
//!
//! Such a text is kept as it came, so that it goes out as it came in; a login can make it anew in our own form.

use super::bcrypt;
use super::digest::{self, Digest, SaltPosition, SaltedDigest};
use super::encoded::Encoded;
use super::error::HashError;
use super::md5_crypt::{self, Mark};
use super::parts::{from_foreign_base64, number, split};
use super::pbkdf2::{self, MacFun};
use super::scrypt::{self, Cost};
use super::sha_crypt::{self, Variant};

/// One round of a fast hash is guessed at billions of tries a second.
const ONE_ROUND_OF_MD5: &str = "one round of MD5";
const ONE_ROUND_OF_SHA1: &str = "one round of SHA-1";
const ONE_ROUND_OF_SHA2: &str = "one round of SHA-2";
/// Slow in 1994 only.
const MD5_CRYPT: &str = "md5-crypt, a thousand rounds of MD5";

/// A form that a text can have.
struct Family {
    /// How the text begins. Schemes in braces are written in either case.
    opens: &'static str,
    /// Tells it from another form that begins alike, by the rest of the text.
    when: fn(&str) -> bool,
    /// What to call it where it is shown: the computation, and whose it is where nobody else does it so.
    name: &'static str,
    /// Why it should not be relied upon, if so.
    weak: Option<&'static str>,
    /// Takes the rest of the text apart. Every ceiling on work and memory is checked here, before any of it is spent.
    read: fn(&str) -> Result<Check, HashError>,
}

const fn fit(opens: &'static str, name: &'static str, read: fn(&str) -> Result<Check, HashError>) -> Family {
    Family {
        opens,
        when: |_| true,
        name,
        weak: None,
        read,
    }
}

const fn weak(
    opens: &'static str,
    name: &'static str,
    why: &'static str,
    read: fn(&str) -> Result<Check, HashError>,
) -> Family {
    Family {
        weak: Some(why),
        ..fit(opens, name, read)
    }
}

impl Family {
    const fn when(self, when: fn(&str) -> bool) -> Self {
        Self { when, ..self }
    }
}

/// The first that fits is taken.
const FAMILIES: &[Family] = &[
    // crypt(3) and htpasswd. What they share with us (`$2y$`) is not foreign.
    weak("$1$", "md5crypt", MD5_CRYPT, |rest| md5_crypt(Mark::Crypt, rest)),
    weak("$apr1$", "apr1", MD5_CRYPT, |rest| md5_crypt(Mark::Apache, rest)),
    fit("$5$", "sha256crypt", |rest| sha_crypt(Variant::Sha256, rest)),
    weak("$6$", "mosquitto-sha512", ONE_ROUND_OF_SHA2, mosquitto_digest).when(is_mosquitto),
    fit("$6$", "sha512crypt", |rest| sha_crypt(Variant::Sha512, rest)),
    // mosquitto_passwd, and mosquitto-auth-plug with its heirs.
    fit("$7$", "pbkdf2-sha512", |rest| keyed_by_bytes(MacFun::Sha512, rest)),
    fit("PBKDF2$sha1$", "pbkdf2-sha1", |rest| keyed_by_either(MacFun::Sha, rest)),
    fit("PBKDF2$sha256$", "pbkdf2-sha256", |rest| {
        keyed_by_either(MacFun::Sha256, rest)
    }),
    fit("PBKDF2$sha512$", "pbkdf2-sha512", |rest| {
        keyed_by_either(MacFun::Sha512, rest)
    }),
    // PHC strings that nothing here makes, and what passlib writes in their place.
    fit("$scrypt$", "scrypt", |rest| {
        scrypt::Record::parse(rest).map(Check::Scrypt)
    }),
    fit("$pbkdf2$", "pbkdf2-sha1", |rest| keyed_by_bytes(MacFun::Sha, rest)).when(is_passlib),
    fit("$pbkdf2-sha256$", "pbkdf2-sha256", |rest| {
        keyed_by_bytes(MacFun::Sha256, rest)
    })
    .when(is_passlib),
    fit("$pbkdf2-sha512$", "pbkdf2-sha512", |rest| {
        keyed_by_bytes(MacFun::Sha512, rest)
    })
    .when(is_passlib),
    // Django. Its argon2 and bcrypt are wrappers.
    fit("pbkdf2_sha256$", "pbkdf2-sha256", |rest| {
        keyed_by_text(MacFun::Sha256, rest)
    }),
    fit("pbkdf2_sha1$", "pbkdf2-sha1", |rest| keyed_by_text(MacFun::Sha, rest)),
    fit("bcrypt_sha256$", "bcrypt-sha256", bcrypt_of_sha256),
    fit("scrypt$", "scrypt", django_scrypt),
    weak("md5$", "django-md5", ONE_ROUND_OF_MD5, |rest| {
        django_digest(Digest::Md5, rest)
    }),
    weak("sha1$", "django-sha1", ONE_ROUND_OF_SHA1, |rest| {
        django_digest(Digest::Sha, rest)
    }),
    // OpenLDAP, with its modules pw-sha2 and pw-pbkdf2; htpasswd writes {SHA} too.
    weak("{MD5}", "ldap-md5", ONE_ROUND_OF_MD5, |rest| ldap(Digest::Md5, rest)),
    weak("{SMD5}", "ldap-smd5", ONE_ROUND_OF_MD5, |rest| {
        ldap_salted(Digest::Md5, rest)
    }),
    weak("{SHA}", "ldap-sha", ONE_ROUND_OF_SHA1, |rest| ldap(Digest::Sha, rest)),
    weak("{SSHA}", "ldap-ssha", ONE_ROUND_OF_SHA1, |rest| {
        ldap_salted(Digest::Sha, rest)
    }),
    weak("{SHA256}", "ldap-sha256", ONE_ROUND_OF_SHA2, |rest| {
        ldap(Digest::Sha256, rest)
    }),
    weak("{SSHA256}", "ldap-ssha256", ONE_ROUND_OF_SHA2, |rest| {
        ldap_salted(Digest::Sha256, rest)
    }),
    weak("{SHA512}", "ldap-sha512", ONE_ROUND_OF_SHA2, |rest| {
        ldap(Digest::Sha512, rest)
    }),
    weak("{SSHA512}", "ldap-ssha512", ONE_ROUND_OF_SHA2, |rest| {
        ldap_salted(Digest::Sha512, rest)
    }),
    fit("{PBKDF2}", "pbkdf2-sha1", |rest| keyed_by_bytes(MacFun::Sha, rest)),
    fit("{PBKDF2-SHA1}", "pbkdf2-sha1", |rest| keyed_by_bytes(MacFun::Sha, rest)),
    fit("{PBKDF2-SHA256}", "pbkdf2-sha256", |rest| {
        keyed_by_bytes(MacFun::Sha256, rest)
    }),
    fit("{PBKDF2-SHA512}", "pbkdf2-sha512", |rest| {
        keyed_by_bytes(MacFun::Sha512, rest)
    }),
    // Only what no wrapper could open arrives here.
    fit("{CRYPT}", "crypt", |_| {
        Err(HashError::unusable(
            "of {CRYPT} only the forms that begin with `$` can be checked",
        ))
    }),
];

/// Schemes that only hold a text which says itself what it is. They are dropped.
const WRAPPERS: [&str; 4] = ["{CRYPT}", "{ARGON2}", "bcrypt$", "argon2"];

/// What makes a foreign text too weak to rely upon; `None` for everything that was made for passwords, and for the simple
/// digests of EMQX, which the operator chose.
pub fn weakness(encoded: &str) -> Option<&'static str> {
    find(unwrapped(encoded)).and_then(|(family, _)| family.weak)
}

/// What to call a foreign text where it is shown; `None` for one of our own.
pub(super) fn name(encoded: &str) -> Option<&'static str> {
    find(encoded).map(|(family, _)| family.name)
}

/// The text inside a wrapper, or the text itself.
pub(super) fn unwrapped(text: &str) -> &str {
    WRAPPERS
        .into_iter()
        .find_map(|wrapper| strip(text, wrapper).filter(|inner| inner.starts_with('$')))
        .unwrap_or(text)
}

/// A foreign text as it came, and taken apart.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Record {
    text: Box<str>,
    check: Check,
}

/// How a password is checked against it.
#[derive(Clone, PartialEq, Eq)]
enum Check {
    Digest(digest::Record),
    Pbkdf2(pbkdf2::Record),
    /// Under one salt or the other.
    EitherPbkdf2(pbkdf2::Record, pbkdf2::Record),
    /// bcrypt of the hexadecimal SHA-256, which takes passwords of any length in whole.
    BcryptOfSha256(bcrypt::Record),
    Scrypt(scrypt::Record),
    Md5Crypt(md5_crypt::Record),
    ShaCrypt(sha_crypt::Record),
}

impl Record {
    /// `None` for a text that none of the families claims.
    pub(super) fn parse(text: &str) -> Option<Result<Self, HashError>> {
        let (family, rest) = find(text)?;
        Some((family.read)(rest).map(|check| Self {
            text: text.into(),
            check,
        }))
    }

    pub(super) fn encode(&self) -> String {
        self.text.to_string()
    }

    pub(super) fn verify(&self, password: &[u8]) -> Result<bool, HashError> {
        match &self.check {
            Check::Digest(record) => Ok(record.verify(password)),
            Check::Pbkdf2(record) => Ok(record.verify(password)),
            Check::EitherPbkdf2(one, other) => Ok(one.verify(password) | other.verify(password)),
            Check::BcryptOfSha256(record) => Ok(record.verify(Digest::Sha256.hex(password).as_bytes())),
            Check::Scrypt(record) => record.verify(password),
            Check::Md5Crypt(record) => Ok(record.verify(password)),
            Check::ShaCrypt(record) => Ok(record.verify(password)),
        }
    }

    /// A record nobody has, which costs as much to check. Where it costs what one of ours costs, it is one of ours.
    pub(super) fn dummy(&self) -> Encoded {
        let foreign = |check| {
            Encoded::Foreign(Self {
                text: Box::default(),
                check,
            })
        };
        match &self.check {
            Check::Digest(record) => Encoded::Digest(record.made.dummy()),
            Check::Pbkdf2(record) => Encoded::Pbkdf2(record.made.dummy()),
            Check::BcryptOfSha256(record) => Encoded::Bcrypt(record.made.dummy()),
            Check::EitherPbkdf2(one, other) => foreign(Check::EitherPbkdf2(one.made.dummy(), other.made.dummy())),
            Check::Scrypt(record) => foreign(Check::Scrypt(record.dummy())),
            Check::Md5Crypt(record) => foreign(Check::Md5Crypt(record.dummy())),
            Check::ShaCrypt(record) => foreign(Check::ShaCrypt(record.dummy())),
        }
    }

    /// Memory that checking it takes, in KiB, where it is worth counting.
    pub(super) fn memory_kib(&self) -> u32 {
        match &self.check {
            Check::Scrypt(record) => record.memory_kib(),
            _ => 0,
        }
    }

    /// Whether it takes no more time than handing it to another thread would.
    pub(super) fn is_cheap(&self) -> bool {
        matches!(self.check, Check::Digest(_))
    }
}

/// The family of a text, and the text after its opening.
fn find(text: &str) -> Option<(&'static Family, &str)> {
    FAMILIES.iter().find_map(|family| {
        let rest = strip(text, family.opens).filter(|rest| (family.when)(rest))?;
        Some((family, rest))
    })
}

fn strip<'a>(text: &'a str, opening: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(opening.len())?;
    let same = if opening.starts_with('{') {
        head.eq_ignore_ascii_case(opening)
    } else {
        head == opening
    };
    same.then_some(rest)
}

/// Of mosquitto's `$6$` and crypt's, only the former ends in the 88 digits of padded base64 that 64 bytes make.
fn is_mosquitto(rest: &str) -> bool {
    rest.split_once('$')
        .is_some_and(|(_, hash)| hash.len() == 88 && hash.ends_with("=="))
}

/// passlib writes the bare iterations where PHC has `i=…`.
fn is_passlib(rest: &str) -> bool {
    rest.starts_with(|first: char| first.is_ascii_digit())
}

fn md5_crypt(mark: Mark, rest: &str) -> Result<Check, HashError> {
    md5_crypt::Record::parse(mark, rest).map(Check::Md5Crypt)
}

fn sha_crypt(variant: Variant, rest: &str) -> Result<Check, HashError> {
    sha_crypt::Record::parse(variant, rest).map(Check::ShaCrypt)
}

/// `iterations$salt$key`.
fn keyed(rest: &str) -> Result<(u32, &str, Vec<u8>), HashError> {
    let malformed = || HashError::unusable("its PBKDF2 iterations, salt or key are missing or out of range");
    let [iterations, salt, key] = split(rest).ok_or_else(malformed)?;
    let iterations = number(iterations, &pbkdf2::ITERATIONS).ok_or_else(malformed)?;
    let key = from_foreign_base64(key)?;
    // A shorter key is hit by chance, and nobody makes longer ones.
    if !(16..=128).contains(&key.len()) {
        return Err(malformed());
    }
    Ok((iterations, salt, key))
}

/// The salt is what its base64 stands for.
fn keyed_by_bytes(mac_fun: MacFun, rest: &str) -> Result<Check, HashError> {
    let (iterations, salt, key) = keyed(rest)?;
    pbkdf2::Record::new(mac_fun, iterations, from_foreign_base64(salt)?, key).map(Check::Pbkdf2)
}

/// The salt is its text.
fn keyed_by_text(mac_fun: MacFun, rest: &str) -> Result<Check, HashError> {
    let (iterations, salt, key) = keyed(rest)?;
    pbkdf2::Record::new(mac_fun, iterations, salt.into(), key).map(Check::Pbkdf2)
}

/// mosquitto-auth-plug hashes the base64 of the salt, mosquitto-go-auth what it stands for, and their texts look the same.
fn keyed_by_either(mac_fun: MacFun, rest: &str) -> Result<Check, HashError> {
    let (iterations, salt, key) = keyed(rest)?;
    let under = |salt| pbkdf2::Record::new(mac_fun, iterations, salt, key.clone());
    let by_text = under(salt.into())?;
    match from_foreign_base64(salt) {
        Ok(bytes) => Ok(Check::EitherPbkdf2(by_text, under(bytes)?)),
        Err(_) => Ok(Check::Pbkdf2(by_text)),
    }
}

/// `<salt, base64>$<SHA-512 of password and salt, base64>`.
fn mosquitto_digest(rest: &str) -> Result<Check, HashError> {
    let [salt, hash] = split(rest).ok_or_else(|| HashError::unusable("mosquitto's form is `$6$salt$hash`"))?;
    let (salt, hash) = (from_foreign_base64(salt)?, from_foreign_base64(hash)?);
    digest_with(Digest::Sha512, SaltPosition::Suffix, salt, hash)
}

/// `$2b$…` after a dollar sign of its own.
fn bcrypt_of_sha256(rest: &str) -> Result<Check, HashError> {
    let (tag, rest) = rest
        .strip_prefix('$')
        .and_then(|rest| rest.split_once('$'))
        .ok_or_else(|| HashError::unusable("Django's form is `bcrypt_sha256$$2b$…`"))?;
    bcrypt::Record::parse(tag, rest).map(Check::BcryptOfSha256)
}

/// `N$salt$r$p$<hash, base64>`.
fn django_scrypt(rest: &str) -> Result<Check, HashError> {
    let malformed = || HashError::unusable("Django's form is `scrypt$N$salt$r$p$hash`, N a power of two");
    let [n, salt, block_size, parallelism, hash] = split(rest).ok_or_else(malformed)?;
    let n = number(n, &(2..=1 << scrypt::LOG_N.end())).filter(|n| n.is_power_of_two());
    let cost = Cost {
        log_n: n.ok_or_else(malformed)?.ilog2(),
        block_size: number(block_size, &scrypt::BLOCK_SIZE).ok_or_else(malformed)?,
        parallelism: number(parallelism, &scrypt::PARALLELISM).ok_or_else(malformed)?,
    };
    scrypt::Record::new(cost, salt.into(), from_foreign_base64(hash)?).map(Check::Scrypt)
}

/// `salt$<hash of salt and password, hexadecimal>`.
fn django_digest(digest: Digest, rest: &str) -> Result<Check, HashError> {
    let malformed = || HashError::unusable("Django's form is `md5$salt$` or `sha1$salt$` and hexadecimal digits");
    let [salt, hash] = split(rest).ok_or_else(malformed)?;
    let hash = hex::decode(hash).map_err(|_| malformed())?;
    digest_with(digest, SaltPosition::Prefix, salt.into(), hash)
}

/// The hash of the password, base64.
fn ldap(digest: Digest, rest: &str) -> Result<Check, HashError> {
    digest_with(digest, SaltPosition::Disable, Vec::new(), from_foreign_base64(rest)?)
}

/// The hash of password and salt, followed by the salt, base64.
fn ldap_salted(digest: Digest, rest: &str) -> Result<Check, HashError> {
    let mut hash = from_foreign_base64(rest)?;
    let len = digest.len().unwrap_or_default();
    if hash.len() <= len {
        return Err(HashError::unusable("it has no salt, or is cut short"));
    }
    let salt = hash.split_off(len);
    digest_with(digest, SaltPosition::Suffix, salt, hash)
}

fn digest_with(digest: Digest, salt_position: SaltPosition, salt: Vec<u8>, hash: Vec<u8>) -> Result<Check, HashError> {
    let made = SaltedDigest { digest, salt_position };
    digest::Record::new(made, salt, hash).map(Check::Digest)
}

#[cfg(test)]
mod tests;
