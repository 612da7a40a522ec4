//! The client's side of a SCRAM exchange (RFC 5802), for whoever tries a login.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::saslprep::saslprep;
use super::scram::{Scram, ScramHash, scram_client_proof};

const NONCE_BYTES: usize = 18;
/// More would let a false server keep the client busy for minutes.
const MOST_ITERATIONS: u32 = 10_000_000;

/// A client that knows a password.
pub struct ScramClient {
    hash: ScramHash,
    password: Zeroizing<String>,
    nonce: String,
    bare: String,
}

/// The last message, and what the server must answer if it knows the password too.
pub struct ScramProof {
    /// `client-final-message`.
    pub message: String,
    expected: String,
}

impl ScramClient {
    /// A client with a nonce of its own. The error says what is wrong with the name.
    pub fn new(hash: ScramHash, username: &str, password: Zeroizing<String>) -> Result<Self, String> {
        let mut bytes = [0; NONCE_BYTES];
        getrandom::fill(&mut bytes).map_err(|why| format!("no random bytes for a nonce: {why}"))?;
        let username = saslprep(username).map_err(|why| format!("the user name {why}"))?;
        let escaped = username.replace('=', "=3D").replace(',', "=2C");
        let nonce = STANDARD.encode(bytes);
        Ok(Self {
            hash,
            password,
            bare: format!("n={escaped},r={nonce}"),
            nonce,
        })
    }

    /// `client-first-message`.
    pub fn first(&self) -> String {
        format!("n,,{}", self.bare)
    }

    /// `client-final-message`, after the server's challenge.
    pub fn prove(&self, challenge: &[u8]) -> Result<ScramProof, String> {
        let challenge = std::str::from_utf8(challenge).map_err(|_| "the server's challenge is not text")?;
        let mut attributes = challenge.split(',');
        let mut next = |name: &str| -> Result<&str, String> {
            attributes
                .next()
                .and_then(|attribute| attribute.strip_prefix(name))
                .ok_or_else(|| format!("the server's challenge lacks `{name}`"))
        };
        let (nonce, salt, iterations) = (next("r=")?, next("s=")?, next("i=")?);
        if nonce.len() <= self.nonce.len() || !nonce.starts_with(&self.nonce) {
            return Err("the server's nonce does not continue the client's".to_owned());
        }
        let salt = STANDARD.decode(salt).map_err(|_| "the server's salt is not base64")?;
        let iterations = iterations
            .parse()
            .map_err(|_| "the server's iteration count is no number")?;
        if !(1..=MOST_ITERATIONS).contains(&iterations) {
            return Err(format!("the server asks for {iterations} iterations"));
        }
        let made = Scram {
            hash: self.hash,
            iterations,
        };
        let without_proof = format!("c={},r={nonce}", STANDARD.encode("n,,"));
        let auth_message = format!("{},{challenge},{without_proof}", self.bare);
        let (proof, signature) = scram_client_proof(made, &salt, self.password.as_bytes(), auth_message.as_bytes())
            .map_err(|error| error.to_string())?;
        Ok(ScramProof {
            message: format!("{without_proof},p={}", STANDARD.encode(proof)),
            expected: format!("v={}", STANDARD.encode(signature)),
        })
    }
}

impl ScramProof {
    /// Whether the server that says yes has proven to know the password's keys.
    pub fn is_answered_by(&self, server_final: &[u8]) -> bool {
        server_final == self.expected.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::{ScramClient, ScramHash};

    fn client() -> ScramClient {
        // RFC 7677 section 3.
        ScramClient {
            hash: ScramHash::Sha256,
            password: "pencil".to_owned().into(),
            nonce: "rOprNGfwEbeRWgbNEkqO".into(),
            bare: "n=user,r=rOprNGfwEbeRWgbNEkqO".into(),
        }
    }

    #[test]
    fn the_client_of_rfc_7677_comes_out() {
        assert_eq!(client().first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let challenge = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let proof = client().prove(challenge).unwrap();
        assert_eq!(
            proof.message,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert!(proof.is_answered_by(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
        assert!(!proof.is_answered_by(b"v=AAAA"));
    }

    #[test]
    fn a_challenge_that_is_none_is_refused() {
        for challenge in [
            &b""[..],
            b"r=other,s=c2FsdA==,i=4096",
            b"r=rOprNGfwEbeRWgbNEkqO,s=c2FsdA==,i=4096",
            b"r=rOprNGfwEbeRWgbNEkqOx,s=!,i=4096",
            b"r=rOprNGfwEbeRWgbNEkqOx,s=c2FsdA==,i=0",
            b"r=rOprNGfwEbeRWgbNEkqOx,s=c2FsdA==,i=4000000000",
            b"r=rOprNGfwEbeRWgbNEkqOx,s=c2FsdA==",
            b"\xff",
        ] {
            assert!(client().prove(challenge).is_err(), "{challenge:?}");
        }
    }

    #[test]
    fn a_name_is_prepared_and_escaped() {
        let client = ScramClient::new(ScramHash::Sha256, "a=b,\u{2168}", String::new().into()).unwrap();
        assert!(client.first().starts_with("n,,n=a=3Db=2CIX,r="));
        assert!(ScramClient::new(ScramHash::Sha256, "\u{7}", String::new().into()).is_err());
    }
}
