//! Search filters (RFC 4515), with placeholders in their values.

use super::shape::{Reader, Shape};

/// Filters within filters.
const DEEPEST: usize = 16;

/// Reads a filter, or says what is wrong with it.
pub(super) fn parse(text: &str) -> Result<Shape, String> {
    let mut reader = Reader::begin(text)?;
    reader.skip_spaces();
    filter(&mut reader, 0)?;
    reader.skip_spaces();
    reader.finish()
}

fn filter(reader: &mut Reader, depth: usize) -> Result<(), String> {
    if depth >= DEEPEST {
        return Err(format!("nests deeper than {DEEPEST}"));
    }
    if !reader.takes('(') {
        return Err(reader.unexpected("`(`"));
    }
    reader.skip_spaces();
    if reader.takes('&') || reader.takes('|') {
        reader.skip_spaces();
        filter(reader, depth + 1)?;
        reader.skip_spaces();
        while reader.is_at('(') {
            filter(reader, depth + 1)?;
            reader.skip_spaces();
        }
    } else if reader.takes('!') {
        reader.skip_spaces();
        filter(reader, depth + 1)?;
        reader.skip_spaces();
    } else {
        item(reader)?;
    }
    if !reader.takes(')') {
        return Err(reader.unexpected("`)`"));
    }
    Ok(())
}

/// `attribute=value` and its kin.
fn item(reader: &mut Reader) -> Result<(), String> {
    let attribute = reader.word(is_name);
    if reader.takes(':') {
        return extended(reader, &attribute);
    }
    if attribute.is_empty() {
        return Err(reader.unexpected("the name of an attribute"));
    }
    let compares = reader.takes('~') || reader.takes('<') || reader.takes('>');
    if !reader.takes('=') {
        return Err(reader.unexpected("`=`"));
    }
    if compares {
        needed(reader, &attribute)
    } else {
        equal(reader, &attribute)
    }
}

/// A value, whatever stands before and after its asterisks, or an asterisk alone.
fn equal(reader: &mut Reader, attribute: &str) -> Result<(), String> {
    let mut is_there = value(reader)?;
    let mut asterisks = 0;
    while reader.takes('*') {
        asterisks += 1;
        let more = value(reader)?;
        if !more && reader.is_at('*') {
            return Err(format!("has two asterisks in a row for `{attribute}`"));
        }
        is_there |= more;
    }
    if is_there || asterisks == 1 {
        Ok(())
    } else {
        Err(format!("has no value for `{attribute}`"))
    }
}

/// `attribute:dn:rule:=value`, after the first colon.
fn extended(reader: &mut Reader, attribute: &str) -> Result<(), String> {
    let mut words = Vec::new();
    while !reader.is_at('=') {
        let word = reader.word(is_name);
        if word.is_empty() || words.len() == 2 || !reader.takes(':') {
            return Err(reader.unexpected("a matching rule and `:=`"));
        }
        words.push(word);
    }
    let rules = words.strip_prefix(&["dn".to_owned()]).unwrap_or(&words);
    if rules.len() > 1 || (rules.is_empty() && attribute.is_empty()) {
        return Err("has an extended match without an attribute, or with two rules".to_owned());
    }
    reader.takes('=');
    needed(reader, attribute)
}

fn needed(reader: &mut Reader, attribute: &str) -> Result<(), String> {
    if value(reader)? {
        Ok(())
    } else {
        Err(format!("has no value for `{attribute}`"))
    }
}

fn value(reader: &mut Reader) -> Result<bool, String> {
    reader.value(&['*', ')'], |next| !matches!(next, '(' | '\0'), |_| false)
}

/// Names, numbers and options of attributes and rules.
fn is_name(next: char) -> bool {
    next.is_ascii_alphanumeric() || matches!(next, '-' | '.' | ';')
}

#[cfg(test)]
mod tests {
    use ldap3::parse_filter;

    use super::{DEEPEST, parse};
    use crate::auth::Credentials;

    fn filled(text: &str, username: &str) -> Option<String> {
        parse(text).unwrap().filled(&Credentials {
            username: username.to_owned(),
            ..Credentials::default()
        })
    }

    #[test]
    fn filters_of_every_kind_are_read_and_understood_by_the_library() {
        for (text, as_sent) in [
            ("(objectClass=mqttUser)", "(objectClass=mqttUser)"),
            (
                " (& (objectClass=class) (| (mail=${username}) (uid=${username})) ) ",
                "(&(objectClass=class)(|(mail=ada)(uid=ada)))",
            ),
            ("(!(a=b))", "(!(a=b))"),
            ("(a=*)", "(a=*)"),
            ("(a=x*${username}*y*)", "(a=x*ada*y*)"),
            ("(a=*${username})", "(a=*ada)"),
            (r"(a>=1)", "(a>=1)"),
            (r"(a~=\2a)", r"(a~=\2a)"),
            ("(a;lang-de<=x y)", "(a;lang-de<=x y)"),
            ("(a:dn:2.4.6:=x)", "(a:dn:2.4.6:=x)"),
            ("(:caseExactMatch:=${username})", "(:caseExactMatch:=ada)"),
            ("(a:=x)", "(a:=x)"),
        ] {
            let sent = filled(text, "ada");
            assert_eq!(sent.as_deref(), Some(as_sent), "{text}");
            assert!(parse_filter(sent.unwrap()).is_ok(), "{text}");
        }
    }

    /// What the server gets differs in nothing but the value.
    #[test]
    fn nothing_a_client_brings_changes_the_structure() {
        for name in [
            "*",
            "a*",
            "*)(uid=*",
            ")(|(uid=*",
            "*)(uid=*))(|(uid=*",
            "\\2a",
            "\\",
            "a\0b",
            "(&(a=b))",
            "é",
            "a b",
            "x)(objectClass=*",
        ] {
            for text in ["(&(objectClass=class)(uid=${username}))", "(a=x*${username}*y)"] {
                let sent = filled(text, name).unwrap();
                let (harmless, hostile) = (filled(text, "ada").unwrap(), parse_filter(&sent).unwrap());
                let harmless = format!("{:?}", parse_filter(harmless).unwrap());
                let bytes = |name: &str| format!("{:?}", name.as_bytes());
                let hostile = format!("{hostile:?}").replace(&bytes(name), &bytes("ada"));
                assert_eq!(hostile, harmless, "{name}");
            }
        }
    }

    #[test]
    fn a_value_that_is_empty_finds_nobody_instead_of_everybody() {
        for text in ["(uid=${username}*)", "(uid=${username})", "(uid=*${username}*)"] {
            for name in ["", " ", " ada", "ada "] {
                assert_eq!(filled(text, name), None, "{text} {name:?}");
            }
        }
        assert_eq!(filled("(uid=d-${username})", "").as_deref(), Some("(uid=d-)"));
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for (text, why) in [
            ("uid=a", "where `(` is expected"),
            ("(uid=a", "ends where `)`"),
            ("(uid=a))", "where the end is expected"),
            ("(&)", "where `(` is expected"),
            ("(uid=)", "has no value for `uid`"),
            ("(uid>=)", "has no value for `uid`"),
            ("(uid=**)", "two asterisks"),
            ("(=a)", "the name of an attribute"),
            ("(uid=a(b)", "has a `(`"),
            (r"(uid=\zz)", "has a backslash"),
            (r"(uid=\${username})", "has a backslash"),
            ("(:=a)", "without an attribute"),
            ("(a:b:c:=x)", "with two rules"),
            ("(${username}=a)", "placeholders stand in values only"),
            ("(uid${username}=a)", "placeholders stand in values only"),
            ("(&${username})", "placeholders stand in values only"),
            ("(uid=${password})", "must not hold `${password}`"),
            ("(uid=${peername})", "unknown placeholder"),
        ] {
            let fault = parse(text).unwrap_err();
            assert!(fault.contains(why), "{text}: {fault}");
        }
        let deep = format!("{}(a=b){}", "(!".repeat(DEEPEST), ")".repeat(DEEPEST));
        assert!(parse(&deep).unwrap_err().contains("deeper"));
    }
}
