//! THE LIST of texts that other systems write, and what each is worth.

/// One round of a fast hash: a stolen table is guessed at billions of tries a second.
const ONE_ROUND_OF_MD5: &str = "one round of MD5";
const ONE_ROUND_OF_SHA1: &str = "one round of SHA-1";
const ONE_ROUND_OF_SHA2: &str = "one round of SHA-2";
/// Slow in 1994 only.
const MD5_CRYPT: &str = "md5-crypt, a thousand rounds of MD5";

/// A form that a text can have.
struct Family {
    /// How the text begins.
    opens: &'static str,
    /// Tells it from another form that begins alike, by the rest of the text.
    when: fn(&str) -> bool,
    /// What to call it where it is shown.
    name: &'static str,
    /// Why it should not be relied upon, if so.
    weak: Option<&'static str>,
}

const fn family(opens: &'static str, name: &'static str, weak: Option<&'static str>) -> Family {
    Family {
        opens,
        when: |_| true,
        name,
        weak,
    }
}

const FAMILIES: &[Family] = &[
    family("$1$", "md5crypt", Some(MD5_CRYPT)),
    family("$apr1$", "apr1", Some(MD5_CRYPT)),
    Family {
        when: is_mosquitto,
        ..family("$6$", "mosquitto-sha512", Some(ONE_ROUND_OF_SHA2))
    },
    family("{MD5}", "ldap-md5", Some(ONE_ROUND_OF_MD5)),
    family("{SMD5}", "ldap-smd5", Some(ONE_ROUND_OF_MD5)),
    family("{SHA}", "ldap-sha", Some(ONE_ROUND_OF_SHA1)),
    family("{SSHA}", "ldap-ssha", Some(ONE_ROUND_OF_SHA1)),
    family("{SHA256}", "ldap-sha256", Some(ONE_ROUND_OF_SHA2)),
    family("{SSHA256}", "ldap-ssha256", Some(ONE_ROUND_OF_SHA2)),
    family("{SHA512}", "ldap-sha512", Some(ONE_ROUND_OF_SHA2)),
    family("{SSHA512}", "ldap-ssha512", Some(ONE_ROUND_OF_SHA2)),
    family("md5$", "django-md5", Some(ONE_ROUND_OF_MD5)),
    family("sha1$", "django-sha1", Some(ONE_ROUND_OF_SHA1)),
];

/// Schemes that hold a text which says itself what it is.
const WRAPPERS: [&str; 4] = ["{CRYPT}", "{ARGON2}", "bcrypt$", "argon2"];

/// What makes a foreign text too weak to rely upon; `None` for everything that was made for passwords, and for the simple
/// digests of EMQX, which the operator chose.
pub fn weakness(encoded: &str) -> Option<&'static str> {
    find(unwrapped(encoded)).and_then(|(family, _)| family.weak)
}

/// What to call a foreign text where it is shown.
pub(super) fn name(encoded: &str) -> Option<&'static str> {
    find(unwrapped(encoded)).map(|(family, _)| family.name)
}

/// The text inside a wrapper, or the text itself.
fn unwrapped(text: &str) -> &str {
    WRAPPERS
        .into_iter()
        .find_map(|wrapper| strip(text, wrapper).filter(|inner| inner.starts_with('$')))
        .unwrap_or(text)
}

/// The family of a text, and the text after its opening.
fn find(text: &str) -> Option<(&'static Family, &str)> {
    FAMILIES.iter().find_map(|family| {
        let rest = strip(text, family.opens).filter(|rest| (family.when)(rest))?;
        Some((family, rest))
    })
}

/// Schemes in braces are written in either case.
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

#[cfg(test)]
mod tests {
    use super::weakness;

    #[test]
    fn what_is_weak_and_foreign_is_named() {
        let mosquitto = format!("$6$c2FsdA==${}==", "A".repeat(86));
        for weak in [
            "$1$a$b",
            "$apr1$a$b",
            "{SSHA}x",
            "{ssha}x",
            "{CRYPT}$1$a$b",
            "md5$a$b",
            &mosquitto,
        ] {
            assert!(weakness(weak).is_some(), "{weak}");
        }
        for fit in [
            "$6$salt$hash",
            "$2b$10$x",
            "{CRYPT}$2y$10$x",
            "$argon2id$v=19$",
            "$md5$prefix$a$b",
            "",
            "{",
            "é{",
        ] {
            assert!(weakness(fit).is_none(), "{fit}");
        }
    }
}
