//! Distinguished names (RFC 4514), with placeholders in their values.

use super::shape::{Reader, Shape};

/// Reads a name, or says what is wrong with it.
pub(super) fn parse(text: &str) -> Result<Shape, String> {
    let mut reader = Reader::begin(text)?;
    loop {
        assertion(&mut reader)?;
        if !(reader.takes(',') || reader.takes('+')) {
            return reader.finish();
        }
    }
}

/// `type=value`.
fn assertion(reader: &mut Reader) -> Result<(), String> {
    reader.skip_spaces();
    let attribute = reader.word(|next| next.is_ascii_alphanumeric() || matches!(next, '-' | '.'));
    if attribute.is_empty() {
        return Err(reader.unexpected("the name of an attribute"));
    }
    reader.skip_spaces();
    if !reader.takes('=') {
        return Err(reader.unexpected("`=`"));
    }
    reader.skip_spaces();
    if reader.is_at('#') {
        return Err("has a value in BER (`#…`), which is not taken; write it as text".to_owned());
    }
    if !reader.value(&[',', '+'], is_plain, is_special)? {
        return Err(format!("has no value for `{attribute}`"));
    }
    Ok(())
}

fn is_plain(next: char) -> bool {
    !matches!(next, '"' | ';' | '<' | '>' | '\0')
}

/// What a backslash alone makes harmless.
fn is_special(next: char) -> bool {
    matches!(next, '"' | '+' | ',' | ';' | '<' | '>' | ' ' | '#' | '=' | '\\')
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::auth::Credentials;

    fn filled(text: &str, username: &str) -> Option<String> {
        parse(text).unwrap().filled(&Credentials {
            username: username.to_owned(),
            ..Credentials::default()
        })
    }

    #[test]
    fn names_are_read_with_their_escapes_and_filled_in() {
        for (text, as_sent) in [
            (
                "uid=${username},ou=testdevice,dc=emqx,dc=io",
                "uid=ada,ou=testdevice,dc=emqx,dc=io",
            ),
            ("cn=x-${username}-y + sn=b , dc=io", "cn=x-ada-y +sn=b ,dc=io"),
            (r"cn=a\,b\2Cc\\,0.9.2342=x", r"cn=a\2cb\2Cc\5c,0.9.2342=x"),
            ("cn=a=b,dc=é", "cn=a=b,dc=é"),
        ] {
            assert_eq!(filled(text, "ada").as_deref(), Some(as_sent), "{text}");
        }
    }

    #[test]
    fn nothing_a_client_brings_changes_the_structure() {
        for (name, value) in [
            ("ada,ou=admins", r"ada\2cou\3dadmins"),
            ("ada+cn=x", r"ada\2bcn\3dx"),
            ("#0401", r"\230401"),
            ("a\\", r"a\5c"),
            ("a\0\"<>;", r"a\00\22\3c\3e\3b"),
            ("é", r"\c3\a9"),
        ] {
            assert_eq!(
                filled("uid=${username},dc=io", name),
                Some(format!("uid={value},dc=io"))
            );
        }
        for nobody in ["", " ", " ada", "ada "] {
            assert_eq!(filled("uid=${username},dc=io", nobody), None);
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for (text, why) in [
            ("", "ends where the name"),
            ("dc", "ends where `=`"),
            ("dc=", "has no value for `dc`"),
            ("dc=a,", "ends where the name"),
            ("dc=a;dc=b", "has a `;`"),
            ("dc=\"a\"", "has a `\"`"),
            ("dc=#0401", "in BER"),
            (r"dc=\x", "has a backslash"),
            (r"dc=\${username}", "has a backslash"),
            ("${username}", "placeholders stand in values only"),
            ("dc${username}=a", "placeholders stand in values only"),
            ("dc=a,${username}=b", "placeholders stand in values only"),
            ("dc=${password}", "must not hold `${password}`"),
            ("dc=${nobody}", "unknown placeholder `${nobody}`"),
        ] {
            let fault = parse(text).unwrap_err();
            assert!(fault.contains(why), "{text}: {fault}");
        }
    }
}
