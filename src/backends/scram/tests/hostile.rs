//! Messages and states that must let nobody in, each with the exact answer: the operator's reason and why, and what the client is
//! told (RFC 5802 section 7).

mod finals;
mod firsts;
mod states;

use super::*;

const ASTRAY: &str = "an attribute stands where none may stand";
const EXTENDED: &str = "the client demands an extension (`m=`)";
const BAD_FLAG: &str = "the GS2 header does not begin with `n`, `y` or `p=`";
const NUL: &str = "the message holds a NUL";
const NOT_UTF8: &str = "the message is not UTF-8";

/// What a client that knows the password would send, in its parts.
struct Good {
    nonce: String,
    proof: String,
}

impl Good {
    fn with(&self, binding: &str, nonce: &str, proof: &str) -> Vec<u8> {
        format!("c={binding},r={nonce},p={proof}").into_bytes()
    }

    fn with_proof(&self, proof: &str) -> Vec<u8> {
        self.with("biws", &self.nonce, proof)
    }

    fn with_proof_bytes(&self, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut proof = STANDARD.decode(&self.proof).unwrap();
        change(&mut proof);
        self.with_proof(&STANDARD.encode(proof))
    }

    fn with_binding(&self, header: &str) -> Vec<u8> {
        self.with(&STANDARD.encode(header), &self.nonce, &self.proof)
    }

    fn with_nonce(&self, nonce: &str) -> Vec<u8> {
        self.with("biws", nonce, &self.proof)
    }

    /// With something between the nonce and the proof.
    fn with_more(&self, more: &str) -> Vec<u8> {
        format!("c=biws,r={},{more},p={}", self.nonce, self.proof).into_bytes()
    }
}

async fn ask(node: &Arc<dyn Provider>, data: &[u8], exchange: &[u8]) -> Answer {
    let credentials = Credentials {
        listener: "tcp:default".to_owned(),
        auth_method: METHOD.to_owned(),
        auth_data: data.to_vec(),
        exchange: exchange.to_vec(),
        ..Credentials::default()
    };
    node.authenticate(&credentials).await
}

/// A state, and the parts of the message that belongs to it.
async fn prepared(node: &Arc<dyn Provider>) -> (Vec<u8>, Good) {
    let challenge = challenged(node, "n,,n=user,r=nonce").await;
    let (last, _) = final_message(ScramHash::Sha256, "n=user,r=nonce", &challenge, "pencil", "n,,");
    let (without_proof, proof) = last.rsplit_once(",p=").unwrap();
    let nonce = without_proof.strip_prefix("c=biws,r=").unwrap().to_owned();
    let good = Good {
        nonce,
        proof: proof.to_owned(),
    };
    (challenge.exchange, good)
}

fn expect(what: &str, answer: Answer, reason: Reason, told: &str, why: &str) {
    let expected = (reason, format!("e={told}"), why.to_owned());
    assert_eq!(denial(answer), expected, "{what}");
}

#[test]
fn the_tables_hold_more_than_a_hundred_messages() {
    assert!(firsts::TABLE.len() + finals::TABLE.len() > 100);
}
