//! What is told of a failed statement: never what a client has sent.

/// What a server says of a statement that it was given these values for. Databases like to quote what they stumble over.
pub(in crate::backends) fn told(code: &str, message: &str, values: &[String]) -> String {
    // A quoted value may be shortened or escaped, and so not be found: errors about data are not quoted at all.
    let is_about_data = code.starts_with("22") || code.starts_with("23");
    let quotes = values
        .iter()
        .any(|value| !value.is_empty() && message.contains(value.as_str()));
    if quotes || is_about_data {
        format!("the statement failed with SQLSTATE {code}; its message is not shown, since it may quote the client")
    } else {
        format!("{message} (SQLSTATE {code})")
    }
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn a_message_is_shown_unless_it_may_quote_the_client() {
        let values = [String::new(), "s3cret".to_owned()];
        let shown = told("42P01", "relation \"users\" does not exist", &values);
        assert!(shown.contains("relation") && shown.contains("42P01"));
        for (code, message) in [
            ("42P01", "relation \"s3cret\" does not exist"),
            ("22P02", "invalid input \"s3cr…\""),
        ] {
            let hidden = told(code, message, &values);
            assert!(hidden.contains(code) && !hidden.contains("s3cr"), "{hidden}");
        }
    }
}
