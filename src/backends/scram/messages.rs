//! The messages of RFC 5802, read strictly and written exactly. Knows no keys.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Bytes of a message; what clients send is a tenth of it.
const LONGEST_MESSAGE: usize = 4096;
const LONGEST_NONCE: usize = 256;
const LONGEST_NAME: usize = 1024;

/// What is wrong with a message: `told` is the client's (`server-error-value` of RFC 5802), `why` the operator's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) told: &'static str,
    pub(super) why: &'static str,
}

const fn fault(told: &'static str, why: &'static str) -> Fault {
    Fault { told, why }
}

const fn malformed(why: &'static str) -> Fault {
    fault("other-error", why)
}

/// `client-first-message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ClientFirst {
    /// `n,,` or `y,,`, with the authzid if there is one: comes back in the final message.
    pub(super) gs2_header: String,
    /// The name as the client wrote it, unescaped; still to be prepared.
    pub(super) username: String,
    /// Who the client wants to act as; empty: nobody else.
    pub(super) authzid: String,
    pub(super) nonce: String,
    /// `client-first-message-bare`.
    pub(super) bare: String,
}

impl ClientFirst {
    pub(super) fn parse(message: &[u8]) -> Result<Self, Fault> {
        let message = text(message)?;
        let mut parts = message.splitn(3, ',');
        let (Some(flag), Some(authzid), Some(bare)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(malformed("the first message has no GS2 header"));
        };
        check_binding_flag(flag)?;
        let authzid = match authzid {
            "" => String::new(),
            named => unescaped(
                named
                    .strip_prefix("a=")
                    .ok_or(malformed("the GS2 header holds something other than an authzid"))?,
            )?,
        };
        let gs2_header = message
            .get(..message.len().saturating_sub(bare.len()))
            .unwrap_or_default()
            .to_owned();
        let mut attributes = bare.split(',');
        let first = attributes.next().unwrap_or_default();
        if first.starts_with("m=") {
            return Err(fault(
                "extensions-not-supported",
                "the client demands an extension (`m=`)",
            ));
        }
        let username = first
            .strip_prefix("n=")
            .ok_or(malformed("the first message does not begin with the name (`n=`)"))?;
        let nonce = attributes
            .next()
            .and_then(|attribute| attribute.strip_prefix("r="))
            .ok_or(malformed("the first message has no nonce (`r=`) behind the name"))?;
        check_nonce(nonce)?;
        check_extensions(attributes)?;
        Ok(Self {
            gs2_header,
            username: unescaped(username)?,
            authzid,
            nonce: nonce.to_owned(),
            bare: bare.to_owned(),
        })
    }
}

/// `client-final-message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ClientFinal {
    /// `c=`, decoded.
    pub(super) channel_binding: Vec<u8>,
    pub(super) nonce: String,
    pub(super) proof: Vec<u8>,
    /// `client-final-message-without-proof`.
    pub(super) without_proof: String,
}

impl ClientFinal {
    pub(super) fn parse(message: &[u8]) -> Result<Self, Fault> {
        let message = text(message)?;
        let (without_proof, proof) = message
            .rsplit_once(",p=")
            .ok_or(malformed("the final message does not end with a proof (`p=`)"))?;
        let mut attributes = without_proof.split(',');
        let channel_binding = attributes
            .next()
            .and_then(|attribute| attribute.strip_prefix("c="))
            .ok_or(malformed("the final message does not begin with `c=`"))?;
        let nonce = attributes
            .next()
            .and_then(|attribute| attribute.strip_prefix("r="))
            .ok_or(malformed("the final message has no nonce (`r=`) behind `c=`"))?;
        check_extensions(attributes)?;
        Ok(Self {
            channel_binding: decoded(channel_binding)?,
            nonce: nonce.to_owned(),
            proof: decoded(proof)?,
            without_proof: without_proof.to_owned(),
        })
    }
}

/// `server-first-message`.
pub(super) fn server_first(nonce: &str, salt: &[u8], iterations: u32) -> String {
    format!("r={nonce},s={},i={iterations}", STANDARD.encode(salt))
}

/// `server-final-message` of an accepted client.
pub(super) fn server_final(signature: &[u8]) -> Vec<u8> {
    format!("v={}", STANDARD.encode(signature)).into_bytes()
}

/// `server-final-message` of a refused one.
pub(super) fn server_error(told: &str) -> Vec<u8> {
    format!("e={told}").into_bytes()
}

fn check_binding_flag(flag: &str) -> Result<(), Fault> {
    match flag {
        "n" | "y" => Ok(()),
        bound if bound.starts_with("p=") => Err(fault(
            "channel-binding-not-supported",
            "the client demands channel binding, which needs data of its TLS connection",
        )),
        _ => Err(malformed("the GS2 header does not begin with `n`, `y` or `p=`")),
    }
}

/// Printable ASCII but the comma, as RFC 5802 has it.
fn check_nonce(nonce: &str) -> Result<(), Fault> {
    let printable = nonce.bytes().all(|byte| matches!(byte, 0x21..=0x2b | 0x2d..=0x7e));
    if nonce.is_empty() || nonce.len() > LONGEST_NONCE || !printable {
        return Err(malformed("the nonce is empty, longer than 256 bytes or not printable"));
    }
    Ok(())
}

/// Optional extensions may be there and mean nothing; a mandatory one (`m=`) is refused.
fn check_extensions<'m>(attributes: impl Iterator<Item = &'m str>) -> Result<(), Fault> {
    for attribute in attributes {
        let mut letters = attribute.chars();
        match (letters.next(), letters.next(), letters.next()) {
            (Some('m'), Some('='), _) => {
                return Err(fault(
                    "extensions-not-supported",
                    "the client demands an extension (`m=`)",
                ));
            }
            (Some(letter), Some('='), Some(_)) if letter.is_ascii_alphabetic() && !"acinprsve".contains(letter) => {}
            _ => return Err(malformed("an attribute stands where none may stand")),
        }
    }
    Ok(())
}

/// `=2C` is a comma, `=3D` an equals sign, and no other `=` may stand.
fn unescaped(name: &str) -> Result<String, Fault> {
    if name.is_empty() {
        return Err(fault("invalid-username-encoding", "the name is empty"));
    }
    if name.len() > LONGEST_NAME {
        return Err(fault("invalid-username-encoding", "the name is longer than 1024 bytes"));
    }
    let mut parts = name.split('=');
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (letter, rest) = if let Some(rest) = part.strip_prefix("2C") {
            (',', rest)
        } else if let Some(rest) = part.strip_prefix("3D") {
            ('=', rest)
        } else {
            return Err(fault(
                "invalid-username-encoding",
                "a `=` in the name is neither `=2C` nor `=3D`",
            ));
        };
        whole.push(letter);
        whole.push_str(rest);
    }
    Ok(whole)
}

fn text(message: &[u8]) -> Result<&str, Fault> {
    if message.len() > LONGEST_MESSAGE {
        return Err(malformed("the message is longer than 4096 bytes"));
    }
    let text = std::str::from_utf8(message).map_err(|_| fault("invalid-encoding", "the message is not UTF-8"))?;
    if text.contains('\0') {
        return Err(fault("invalid-encoding", "the message holds a NUL"));
    }
    Ok(text)
}

fn decoded(base64: &str) -> Result<Vec<u8>, Fault> {
    STANDARD
        .decode(base64)
        .map_err(|_| fault("invalid-encoding", "a part of the message is not base64"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{ClientFinal, ClientFirst, server_error, server_final, server_first};

    #[test]
    fn the_messages_of_rfc_7677_are_read() {
        let first = ClientFirst::parse(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO").unwrap();
        assert_eq!((first.username.as_str(), first.gs2_header.as_str()), ("user", "n,,"));
        assert_eq!(first.bare, "n=user,r=rOprNGfwEbeRWgbNEkqO");
        let r#final = ClientFinal::parse(
            b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        )
        .unwrap();
        assert_eq!(
            (r#final.channel_binding.as_slice(), r#final.proof.len()),
            (&b"n,,"[..], 32)
        );
        assert_eq!(
            r#final.without_proof,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
        );
    }

    #[test]
    fn names_are_unescaped_and_an_authzid_is_kept_apart() {
        let first = ClientFirst::parse(b"y,a=an=2Cn,n=a=3Db=2Cc,r=x").unwrap();
        assert_eq!((first.username.as_str(), first.authzid.as_str()), ("a=b,c", "an,n"));
        assert_eq!(first.gs2_header, "y,a=an=2Cn,");
    }

    #[test]
    fn optional_extensions_are_ignored_and_kept_in_what_is_signed() {
        assert_eq!(ClientFirst::parse(b"n,,n=u,r=x,z=1").unwrap().bare, "n=u,r=x,z=1");
        assert_eq!(
            ClientFinal::parse(b"c=biws,r=x,z=1,p=AAAA").unwrap().without_proof,
            "c=biws,r=x,z=1"
        );
    }

    #[test]
    fn the_servers_messages_are_written_as_rfc_5802_has_them() {
        assert_eq!(server_first("ab", b"salt", 4096), "r=ab,s=c2FsdA==,i=4096");
        assert_eq!(server_final(b"sig"), b"v=c2ln");
        assert_eq!(server_error("invalid-proof"), b"e=invalid-proof");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parsers_panic(bytes in any::<Vec<u8>>(), text in "[npyacr=,a-z0-9]*") {
            let _ = (ClientFirst::parse(&bytes), ClientFinal::parse(&bytes));
            let _ = (ClientFirst::parse(text.as_bytes()), ClientFinal::parse(text.as_bytes()));
        }

        #[test]
        fn what_is_read_is_what_was_written(name in "[^\\x00]{1,40}", nonce in "[!-+--~]{1,40}") {
            let escaped = name.replace('=', "=3D").replace(',', "=2C");
            let message = format!("n,,n={escaped},r={nonce}");
            let first = ClientFirst::parse(message.as_bytes()).unwrap();
            proptest::prop_assert_eq!((first.username, first.nonce), (name, nonce));
        }
    }
}
