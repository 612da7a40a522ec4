//! What clients bring, made to fit the place where it goes: each value is encoded once, and the operator's own text left alone.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use reqwest::header::HeaderValue;
use serde_json::{Map, Value};

use super::request::Unfit;
use crate::auth::Credentials;
use crate::backends::template::Template;

/// All but what RFC 3986 calls unreserved.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A name with a template: a parameter, a header, a member of a body.
pub(super) type Named = (String, Template);

/// A part of an address: nothing a client brings adds a segment or parameter to it.
pub(super) fn in_address(template: &Template, credentials: &Credentials) -> Result<String, Unfit> {
    template.filled(credentials, |_, value| Ok(percent_encode(value, ENCODED).to_string()))
}

/// A path: what a client brings does not lead upwards either.
pub(super) fn in_path(template: &Template, credentials: &Credentials) -> Result<String, Unfit> {
    let path = in_address(template, credentials)?;
    if leads_elsewhere(&path) {
        let why = "a value makes a segment of the path `.` or `..`";
        return Err(Unfit(why.to_owned()));
    }
    Ok(path)
}

/// Whether a segment is a step within the tree instead of a name.
pub(super) fn leads_elsewhere(path: &str) -> bool {
    path.split('/').any(|segment| {
        let decoded: Vec<u8> = percent_decode_str(segment).collect();
        decoded == b"." || decoded == b".."
    })
}

/// A header's value: one line of visible characters.
pub(super) fn in_header(name: &str, template: &Template, credentials: &Credentials) -> Result<HeaderValue, Unfit> {
    let value = text_of(template, credentials)?;
    let mut value = HeaderValue::from_str(&value)
        .map_err(|_| Unfit(format!("a value has characters that the header `{name}` cannot have")))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Parameters of a query or a form, behind those that are there. They may be any bytes.
pub(super) fn in_query(query: &mut String, named: &[Named], credentials: &Credentials) {
    for (name, template) in named {
        if !query.is_empty() {
            query.push('&');
        }
        query.extend(percent_encode(name.as_bytes(), ENCODED));
        query.push('=');
        query.extend(percent_encode(&template.bytes(credentials), ENCODED));
    }
}

/// A JSON object of texts.
pub(super) fn in_json(named: &[Named], credentials: &Credentials) -> Result<Vec<u8>, Unfit> {
    let mut object = Map::new();
    for (name, template) in named {
        object.insert(name.clone(), Value::String(text_of(template, credentials)?));
    }
    Ok(Value::Object(object).to_string().into_bytes())
}

fn text_of(template: &Template, credentials: &Credentials) -> Result<String, Unfit> {
    String::from_utf8(template.bytes(credentials)).map_err(|_| Unfit("a value is no UTF-8".to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Named, in_address, in_header, in_json, in_path, in_query};
    use crate::auth::{Credentials, Secret};
    use crate::backends::template::Template;

    fn template(text: &str) -> Template {
        Template::parse(text, |_| true).unwrap()
    }

    fn named(name: &str, text: &str) -> Named {
        (name.to_owned(), template(text))
    }

    fn client(username: &str) -> Credentials {
        Credentials {
            username: username.to_owned(),
            password: Some(Secret::new(vec![b'p', 0xff])),
            ..Credentials::default()
        }
    }

    #[test]
    fn values_are_encoded_once_and_the_operators_text_is_left_alone() {
        let path = template("/a%20b/${username}/c+d");
        assert_eq!(
            in_path(&path, &client("x/y?z%#")).unwrap(),
            "/a%20b/x%2Fy%3Fz%25%23/c+d"
        );
        assert_eq!(
            in_address(&template("u=${username}&v=1"), &client("a&b=c d")).unwrap(),
            "u=a%26b%3Dc%20d&v=1"
        );
        let mut query = "v=1".to_owned();
        in_query(
            &mut query,
            &[named("a b", "<${username}>"), named("p", "${password}")],
            &client("é"),
        );
        assert_eq!(query, "v=1&a%20b=%3C%C3%A9%3E&p=p%FF");
    }

    #[test]
    fn no_value_leads_upwards() {
        for name in [".", "..", "%2e", "%2E%2e"] {
            let unfit = in_path(&template("/users/${username}/key"), &client(name));
            assert_eq!(unfit.is_err(), !name.starts_with('%'), "{name}");
        }
        assert!(in_path(&template("/users/.${username}"), &client(".")).is_err());
        assert_eq!(
            in_path(&template("/users/${username}"), &client("...")).unwrap(),
            "/users/..."
        );
    }

    #[test]
    fn no_value_breaks_out_of_a_header_or_of_json() {
        for name in ["a\r\nx: y", "a\nb", "a\0b", "\u{7f}"] {
            assert!(
                in_header("x-user", &template("${username}"), &client(name)).is_err(),
                "{name:?}"
            );
        }
        let header = in_header("x-user", &template("u=${username}"), &client("ann")).unwrap();
        assert!(header.is_sensitive() && header == "u=ann");
        let body = in_json(&[named("u", "${username}")], &client(r#"","result":"allow"#)).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body, json!({"u": r#"","result":"allow"#}));
        assert!(in_json(&[named("p", "${password}")], &client("ann")).is_err());
    }
}
