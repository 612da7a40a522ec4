//! SASLprep (RFC 4013): what SCRAM makes of names and passwords, so that whoever types them on whatever keyboard is understood.

use std::borrow::Cow;

use zeroize::Zeroizing;

use super::error::HashError;

/// The SASLprep form of a name or password (RFC 4013). The error says what is wrong and never shows the text.
pub fn saslprep(text: &str) -> Result<Cow<'_, str>, &'static str> {
    let prepared = stringprep::saslprep(text).map_err(
        |_| "holds characters that SASLprep (RFC 4013) prohibits or does not know, or mixes directions of writing",
    )?;
    if prepared.is_empty() && !text.is_empty() {
        return Err("is empty once SASLprep (RFC 4013) has removed what it maps to nothing");
    }
    Ok(prepared)
}

/// Why SCRAM can take no such password, if it cannot. Found without hashing it.
pub fn fault_of_scram_password(password: &[u8]) -> Option<&'static str> {
    match prepared(password) {
        Err(HashError::Prohibited(why)) => Some(why),
        _ => None,
    }
}

pub(super) fn prepared(password: &[u8]) -> Result<Zeroizing<String>, HashError> {
    let text = std::str::from_utf8(password).map_err(|_| HashError::Prohibited("is not UTF-8"))?;
    saslprep(text)
        .map(|prepared| Zeroizing::new(prepared.into_owned()))
        .map_err(HashError::Prohibited)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{fault_of_scram_password, prepared, saslprep};

    /// RFC 4013 section 3.
    #[test]
    fn names_and_passwords_are_prepared() {
        assert_eq!(saslprep("I\u{ad}X").unwrap(), "IX");
        assert_eq!(saslprep("user").unwrap(), "user");
        assert_eq!(saslprep("USER").unwrap(), "USER");
        assert_eq!(saslprep("\u{aa}").unwrap(), "a");
        assert_eq!(saslprep("\u{2168}").unwrap(), "IX");
        for prohibited in ["\u{7}", "\u{627}1"] {
            assert!(saslprep(prohibited).is_err());
        }
        assert_eq!(prepared("I\u{ad}X".as_bytes()).ok().unwrap().as_str(), "IX");
    }

    #[test]
    fn spaces_become_one_kind_and_marks_are_joined_to_their_letters() {
        assert_eq!(saslprep("a\u{a0}b\u{3000}c").unwrap(), "a b c");
        assert_eq!(saslprep("zoe\u{308}").unwrap(), "zo\u{eb}");
        assert_eq!(saslprep("\u{fb01}\u{ff21}").unwrap(), "fiA");
        assert_eq!(saslprep("\u{627}\u{628}").unwrap(), "\u{627}\u{628}");
    }

    /// Private use, no character, a tag, a change of direction, no plain text, unassigned in Unicode 3.2.
    #[test]
    fn what_nobody_can_type_alike_is_prohibited() {
        for text in [
            "\u{e000}",
            "\u{fdd0}",
            "\u{e0001}",
            "\u{202e}",
            "\u{fffd}",
            "\u{1f41a}",
            "\u{221}",
            "\u{ad}",
        ] {
            assert!(saslprep(text).is_err(), "{text:?}");
            assert!(fault_of_scram_password(text.as_bytes()).is_some(), "{text:?}");
        }
        assert_eq!(fault_of_scram_password(b"\xff"), Some("is not UTF-8"));
        assert_eq!(fault_of_scram_password("p\u{e4}ssword".as_bytes()), None);
    }

    proptest! {
        #[test]
        fn a_prepared_text_is_prepared_already(text in "\\PC{0,20}", any in any::<String>()) {
            for text in [text, any] {
                if let Ok(once) = saslprep(&text) {
                    proptest::prop_assert_eq!(saslprep(&once).map(|twice| twice.into_owned()), Ok(once.clone().into_owned()));
                }
            }
        }
    }
}
