//! Splits a command into its arguments, as redis-cli does: at spaces, with quotes around what holds some.

/// The arguments of a command line.
pub(super) fn arguments(text: &str) -> Result<Vec<Vec<u8>>, &'static str> {
    let mut found = Vec::new();
    let mut rest = text.as_bytes().trim_ascii_start();
    while !rest.is_empty() {
        let argument;
        (argument, rest) = next(rest)?;
        found.push(argument);
        rest = rest.trim_ascii_start();
    }
    Ok(found)
}

/// The argument that begins here, and what follows it.
fn next(text: &[u8]) -> Result<(Vec<u8>, &[u8]), &'static str> {
    let (mut argument, mut rest) = (Vec::new(), text);
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' | b'\'' => {
                rest = quoted(rest, byte, &mut argument)?;
                if !rest.first().is_none_or(u8::is_ascii_whitespace) {
                    return Err("has something right after a closing quote");
                }
                break;
            }
            byte if byte.is_ascii_whitespace() => break,
            byte => argument.push(byte),
        }
    }
    Ok((argument, rest))
}

/// Reads up to the closing quote; returns what follows that.
fn quoted<'a>(text: &'a [u8], quote: u8, argument: &mut Vec<u8>) -> Result<&'a [u8], &'static str> {
    let mut rest = text;
    loop {
        rest = match rest {
            [] => return Err("has a quote that is not closed"),
            [byte, after @ ..] if *byte == quote => return Ok(after),
            [b'\\', b'\'', after @ ..] if quote == b'\'' => {
                argument.push(b'\'');
                after
            }
            [b'\\', b'x', high, low, after @ ..] if quote == b'"' && is_hex(*high) && is_hex(*low) => {
                argument.push(nibble(*high) << 4 | nibble(*low));
                after
            }
            [b'\\', escaped, after @ ..] if quote == b'"' => {
                argument.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                });
                after
            }
            [byte, after @ ..] => {
                argument.push(*byte);
                after
            }
        };
    }
}

const fn is_hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

const fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.wrapping_sub(b'A').wrapping_add(10),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::arguments;

    fn split(text: &str) -> Vec<String> {
        let found = arguments(text).unwrap();
        found
            .into_iter()
            .map(|argument| String::from_utf8(argument).unwrap())
            .collect()
    }

    #[test]
    fn a_command_is_split_as_redis_cli_splits_it() {
        assert_eq!(
            split("  HMGET  mqtt:${username}\tsalt "),
            ["HMGET", "mqtt:${username}", "salt"]
        );
        assert_eq!(split(r#"GET "a b" '' "" x"#), ["GET", "a b", "", "", "x"]);
        assert_eq!(split(r#""\x41\n\t\"\\\q" 'a\'b\n'"#), ["A\n\t\"\\q", r"a'b\n"]);
        assert_eq!(split(r#""\xg1""#), ["xg1"]);
        assert_eq!(split(r#"a"b c""#), ["ab c"]);
        assert!(split("").is_empty());
        assert_eq!(arguments(r#""\xff""#).unwrap(), [[255]]);
    }

    #[test]
    fn quotes_that_do_not_fit_are_refused() {
        for text in ["'", "\"a", "'a'b", "\"a\"\"b\"", "'a\\'"] {
            assert!(arguments(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = arguments(&text);
        }
    }
}
