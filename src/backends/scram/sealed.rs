//! The state of an exchange between its two steps, sealed so that the client's side can carry it and any node can open it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use serde::{Deserialize, Serialize};

use crate::auth::{Identity, SealingKey, SharedKeys, Timestamp};

/// How long a client may take to answer.
pub(super) const LIFETIME: Duration = Duration::from_secs(30);
/// Clocks of nodes may differ by so much: a state from the future beyond it is nobody's.
const CLOCK_DIFFERENCE: Duration = Duration::from_secs(5);
/// Form of what is sealed. Another version of the program may write another.
const VERSION: u8 = 2;
const NONCE_BYTES: usize = 12;
const HEAD_BYTES: usize = 5;

/// The keys that all nodes share, ready to seal and open with. Making them ready takes longer than sealing does, so it is done once
/// for each set of them.
pub(super) struct Ready {
    pub(super) shared: Arc<SharedKeys>,
    /// With their ids, the newest first.
    sealing: Vec<(u32, RandomizedNonceKey)>,
}

impl Ready {
    pub(super) fn of(shared: Arc<SharedKeys>) -> Self {
        let ready = |key: &SealingKey| Some((key.id, RandomizedNonceKey::new(&AES_256_GCM, key.key.expose()).ok()?));
        Self {
            sealing: shared.sealing.iter().filter_map(ready).collect(),
            shared,
        }
    }
}

/// A user who was fetched for this exchange and is forgotten with it: what the proof is checked against, and what comes of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fetched {
    /// As RFC 5803 writes it.
    pub(super) record: String,
    pub(super) identity: Identity,
}

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What the second step must know of the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Exchange {
    /// Tells this exchange from every other: each is ended once.
    pub(super) id: [u8; 16],
    pub(super) begun: Timestamp,
    /// Whose it is.
    pub(super) chain: String,
    pub(super) authenticator: String,
    /// A digest of the authenticator's settings.
    pub(super) settings: [u8; 32],
    /// The SASL mechanism.
    pub(super) mechanism: String,
    pub(super) listener: String,
    /// Prepared.
    pub(super) username: String,
    /// Revision of the user that was challenged; 0: there was none.
    pub(super) user_revision: u64,
    /// The user, where it is not kept here.
    pub(super) fetched: Option<Fetched>,
    pub(super) gs2_header: String,
    /// Client's and server's nonce together.
    pub(super) nonce: String,
    pub(super) client_first_bare: String,
    pub(super) server_first: String,
}

/// Why a state cannot be opened. For operators: the client is told one thing for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unopened {
    /// Not ours, or changed on its way.
    Foreign,
    /// Sealed under a key that has been forgotten.
    UnknownKey,
    /// Older than [`LIFETIME`], or from the future.
    Expired,
}

impl Unopened {
    pub(super) const fn why(self) -> &'static str {
        match self {
            Self::Foreign => "the state of the exchange is not from this cluster, or was changed on its way",
            Self::UnknownKey => "the state of the exchange was sealed under a key that is no longer kept",
            Self::Expired => "the client took longer than 30 seconds to answer",
        }
    }
}

impl Exchange {
    /// Seals it under the newest key: version, key id, nonce, then what is encrypted with its tag. `None` if there is no key.
    pub(super) fn seal(&self, keys: &Ready) -> Option<Vec<u8>> {
        let (id, key) = keys.sealing.first()?;
        let mut head = vec![VERSION];
        head.extend_from_slice(&id.to_be_bytes());
        let mut body = postcard::to_allocvec(self).ok()?;
        let nonce = key.seal_in_place_append_tag(Aad::from(&head), &mut body).ok()?;
        head.extend_from_slice(nonce.as_ref());
        head.append(&mut body);
        Some(head)
    }

    /// Opens what a client brought back.
    pub(super) fn open(sealed: &[u8], keys: &Ready, now: Timestamp) -> Result<Self, Unopened> {
        let (head, rest) = sealed.split_at_checked(HEAD_BYTES).ok_or(Unopened::Foreign)?;
        let (nonce, body) = rest.split_at_checked(NONCE_BYTES).ok_or(Unopened::Foreign)?;
        let id = match head {
            [VERSION, id @ ..] => id.try_into().map(u32::from_be_bytes).map_err(|_| Unopened::Foreign)?,
            _ => return Err(Unopened::Foreign),
        };
        let known = keys.sealing.iter().find(|(known, _)| *known == id);
        let (_, key) = known.ok_or(Unopened::UnknownKey)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unopened::Foreign)?;
        let mut body = body.to_vec();
        let opened = key
            .open_in_place(nonce, Aad::from(head), &mut body)
            .map_err(|_| Unopened::Foreign)?;
        let exchange: Self = postcard::from_bytes(opened).map_err(|_| Unopened::Foreign)?;
        if exchange.is_over(now) {
            return Err(Unopened::Expired);
        }
        Ok(exchange)
    }

    fn is_over(&self, now: Timestamp) -> bool {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (Timestamp(begun), Timestamp(now)) = (self.begun, now);
        now > begun.saturating_add(millis(LIFETIME)) || begun > now.saturating_add(millis(CLOCK_DIFFERENCE))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{Arc, Exchange, Ready, Unopened};
    use crate::auth::{Key, SealingKey, SharedKeys, Timestamp};

    fn keys(ids: &[u32]) -> Ready {
        let key = |id: &u32| SealingKey {
            id: *id,
            key: Key::new([u8::try_from(*id).unwrap(); 32]),
            since: Timestamp(0),
        };
        Ready::of(Arc::new(SharedKeys {
            sealing: ids.iter().map(key).collect(),
            decoy: Key::new([9; 32]),
        }))
    }

    fn exchange() -> Exchange {
        Exchange {
            id: [7; 16],
            begun: Timestamp(100_000),
            chain: "global".to_owned(),
            authenticator: "scram:built_in_database".to_owned(),
            settings: [1; 32],
            mechanism: "SCRAM-SHA-256".to_owned(),
            listener: "tcp:default".to_owned(),
            username: "ann".to_owned(),
            user_revision: 4,
            fetched: None,
            gs2_header: "n,,".to_owned(),
            nonce: "abc".to_owned(),
            client_first_bare: "n=ann,r=a".to_owned(),
            server_first: "r=abc,s=c2FsdA==,i=4096".to_owned(),
        }
    }

    #[test]
    fn any_node_with_the_key_opens_it_for_thirty_seconds() {
        let sealed = exchange().seal(&keys(&[2, 1])).unwrap();
        assert_eq!(
            Exchange::open(&sealed, &keys(&[3, 2]), Timestamp(130_000)),
            Ok(exchange())
        );
        for now in [130_001, 94_999] {
            assert_eq!(
                Exchange::open(&sealed, &keys(&[2]), Timestamp(now)),
                Err(Unopened::Expired)
            );
        }
        assert_eq!(
            Exchange::open(&sealed, &keys(&[5, 4, 3]), Timestamp(100_000)),
            Err(Unopened::UnknownKey)
        );
    }

    #[test]
    fn a_state_changed_in_any_byte_is_foreign() {
        let sealed = exchange().seal(&keys(&[1])).unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(
                Exchange::open(&changed, &keys(&[1, 0]), Timestamp(100_000)).is_err(),
                "byte {at}"
            );
        }
        for length in 0..sealed.len() {
            assert!(Exchange::open(&sealed[..length], &keys(&[1]), Timestamp(100_000)).is_err());
        }
    }

    #[test]
    fn nothing_of_it_can_be_read() {
        let sealed = exchange().seal(&keys(&[1])).unwrap();
        assert!(!sealed.windows(3).any(|bytes| bytes == b"ann"));
        assert_ne!(sealed, exchange().seal(&keys(&[1])).unwrap());
    }

    #[test]
    fn without_a_key_nothing_is_sealed() {
        assert_eq!(exchange().seal(&keys(&[])), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in any::<Vec<u8>>()) {
            assert!(Exchange::open(&bytes, &keys(&[1]), Timestamp(0)).is_err());
        }
    }
}
