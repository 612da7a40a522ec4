//! The client's side of a SCRAM exchange (RFC 5802), as `portcullis login --scram` plays it.

use anyhow::{Context as _, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use zeroize::Zeroizing;

use crate::hash::{Scram, ScramHash, saslprep, scram_client_proof};

const NONCE_BYTES: usize = 18;
/// More would let a false server keep the client busy for minutes.
const MOST_ITERATIONS: u32 = 10_000_000;

/// Which mechanism to speak.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Mechanism {
    /// SCRAM-SHA-256
    Sha256,
    /// SCRAM-SHA-512
    Sha512,
}

impl Mechanism {
    const fn hash(self) -> ScramHash {
        match self {
            Self::Sha256 => ScramHash::Sha256,
            Self::Sha512 => ScramHash::Sha512,
        }
    }

    /// Its SASL name.
    pub(super) const fn name(self) -> &'static str {
        self.hash().mechanism()
    }
}

/// A client that knows a password.
pub(super) struct Client {
    mechanism: Mechanism,
    password: Zeroizing<String>,
    nonce: String,
    bare: String,
}

/// The last message, and what the server must answer if it knows the password too.
pub(super) struct Proof {
    pub(super) message: String,
    expected: String,
}

impl Client {
    pub(super) fn new(mechanism: Mechanism, username: &str, password: Zeroizing<String>) -> anyhow::Result<Self> {
        let mut bytes = [0; NONCE_BYTES];
        getrandom::fill(&mut bytes).context("no random bytes for a nonce")?;
        let username = saslprep(username).map_err(|why| anyhow::anyhow!("the user name {why}"))?;
        let escaped = username.replace('=', "=3D").replace(',', "=2C");
        let nonce = STANDARD.encode(bytes);
        Ok(Self {
            mechanism,
            password,
            bare: format!("n={escaped},r={nonce}"),
            nonce,
        })
    }

    /// `client-first-message`.
    pub(super) fn first(&self) -> String {
        format!("n,,{}", self.bare)
    }

    /// `client-final-message`, after the server's challenge.
    pub(super) fn prove(&self, challenge: &[u8]) -> anyhow::Result<Proof> {
        let challenge = std::str::from_utf8(challenge).context("the server's challenge is not text")?;
        let mut attributes = challenge.split(',');
        let mut next = |name: &str| {
            attributes
                .next()
                .and_then(|attribute| attribute.strip_prefix(name))
                .with_context(|| format!("the server's challenge lacks `{name}`"))
        };
        let (nonce, salt, iterations) = (next("r=")?, next("s=")?, next("i=")?);
        ensure!(
            nonce.len() > self.nonce.len() && nonce.starts_with(&self.nonce),
            "the server's nonce does not continue the client's"
        );
        let salt = STANDARD.decode(salt).context("the server's salt is not base64")?;
        let iterations = iterations
            .parse()
            .context("the server's iteration count is no number")?;
        ensure!(
            (1..=MOST_ITERATIONS).contains(&iterations),
            "the server asks for {iterations} iterations"
        );
        let made = Scram {
            hash: self.mechanism.hash(),
            iterations,
        };
        let without_proof = format!("c={},r={nonce}", STANDARD.encode("n,,"));
        let auth_message = format!("{},{challenge},{without_proof}", self.bare);
        let (proof, signature) = scram_client_proof(made, &salt, self.password.as_bytes(), auth_message.as_bytes())?;
        Ok(Proof {
            message: format!("{without_proof},p={}", STANDARD.encode(proof)),
            expected: format!("v={}", STANDARD.encode(signature)),
        })
    }
}

impl Proof {
    /// Whether the server that says yes has proven to know the password's keys.
    pub(super) fn check(&self, server_final: &[u8]) -> anyhow::Result<()> {
        if server_final != self.expected.as_bytes() {
            bail!("the server allows the login but has not proven that it knows the user: do not trust it");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Client, Mechanism};

    fn client() -> Client {
        // RFC 7677 section 3.
        Client {
            mechanism: Mechanism::Sha256,
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
        assert!(proof.check(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").is_ok());
        assert!(proof.check(b"v=AAAA").is_err());
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
        let client = Client::new(Mechanism::Sha256, "a=b,\u{2168}", String::new().into()).unwrap();
        assert!(client.first().starts_with("n,,n=a=3Db=2CIX,r="));
        assert!(Client::new(Mechanism::Sha256, "\u{7}", String::new().into()).is_err());
    }
}
