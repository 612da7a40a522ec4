//! Both steps of an exchange, wherever the keys of its user come from. Nothing is kept between them but what the client carries.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use sha2::{Digest as _, Sha256};

use super::ended::{Ended, EndedExchanges};
use super::messages::{ClientFinal, ClientFirst, Fault, server_error, server_final, server_first};
use super::sealed::{Exchange, Fetched, Ready};
use crate::auth::{
    AuthenticatorKey, Challenge, Clock, Credentials, Denial, Finding, Identity, KeyRing, ProviderError, Reason, Verdict,
};
use crate::hash::{Scram, ScramHash, ScramRecord, saslprep};

/// Bytes of the server's part of the nonce: 24 characters in base64.
const NONCE_BYTES: usize = 18;

/// The exchange of one authenticator.
pub(super) struct Handshake {
    key: AuthenticatorKey,
    /// Ties exchanges to the settings they began under. Not to the revision: nodes that opened the same settings at different
    /// revisions must open each other's exchanges.
    settings: [u8; 32],
    keys: Arc<dyn KeyRing>,
    /// Those that were met last.
    ready: ArcSwapOption<Ready>,
    clock: Arc<dyn Clock>,
    ended: EndedExchanges,
}

/// What comes of a step: it goes on with a value, or its verdict (or failure) stands.
pub(super) type Step<T> = Result<T, Result<Verdict, ProviderError>>;

/// The first message, understood.
pub(super) struct Begun {
    /// Prepared.
    pub(super) username: String,
    first: ClientFirst,
    keys: Arc<Ready>,
}

/// The final message and the state that belongs to it.
pub(super) struct Resumed {
    pub(super) exchange: Exchange,
    last: ClientFinal,
    keys: Arc<Ready>,
}

impl Begun {
    /// What a user of that name would have if it does not exist.
    pub(super) fn decoy(&self, made: Scram) -> ScramRecord {
        made.decoy(self.keys.shared.decoy.expose(), &self.username)
    }
}

impl Resumed {
    /// What the user was challenged with, if it does not exist.
    pub(super) fn decoy(&self, made: Scram) -> ScramRecord {
        made.decoy(self.keys.shared.decoy.expose(), &self.exchange.username)
    }
}

impl Handshake {
    pub(super) fn new(key: &AuthenticatorKey, settings: &str, keys: Arc<dyn KeyRing>, clock: Arc<dyn Clock>) -> Self {
        Self {
            key: key.clone(),
            settings: Sha256::digest(settings).into(),
            keys,
            ready: ArcSwapOption::empty(),
            clock,
            ended: EndedExchanges::default(),
        }
    }

    /// Whether the cluster has drawn the keys that exchanges need.
    pub(super) fn is_ready(&self) -> bool {
        self.keys.shared_keys().is_some()
    }

    /// Reads the client's first message.
    pub(super) fn begin(&self, credentials: &Credentials) -> Step<Begun> {
        if credentials.auth_data.is_empty() {
            return Err(Ok(Verdict::ignore(Reason::MissingCredential)));
        }
        let first = ClientFirst::parse(&credentials.auth_data).map_err(refused)?;
        let username = prepared(&first.username).map_err(refused)?;
        if !first.authzid.is_empty() && prepared(&first.authzid).map_err(refused)? != username {
            return Err(refused(Fault {
                told: "other-error",
                why: "the client wants to act as somebody else (authzid)",
            }));
        }
        Ok(Begun {
            username,
            first,
            keys: self.ready_keys()?,
        })
    }

    /// Challenges the client with a record: its own, or a decoy (neither a `user_revision` nor a fetched user).
    pub(super) fn challenge(
        &self,
        begun: &Begun,
        credentials: &Credentials,
        record: &ScramRecord,
        user_revision: u64,
        fetched: Option<Fetched>,
    ) -> Result<Verdict, ProviderError> {
        let mut drawn = [0; NONCE_BYTES + 16];
        getrandom::fill(&mut drawn).map_err(|error| unable(format!("no random bytes for a nonce: {error}")))?;
        let (nonce, id) = drawn.split_at(NONCE_BYTES);
        let nonce = format!("{}{}", begun.first.nonce, base64_of(nonce));
        let server_first = server_first(&nonce, record.salt(), record.made().iterations);
        let exchange = Exchange {
            id: id.try_into().unwrap_or_default(),
            begun: self.clock.now(),
            chain: self.key.chain.clone(),
            authenticator: self.key.id.clone(),
            settings: self.settings,
            mechanism: credentials.auth_method.clone(),
            listener: credentials.listener.clone(),
            username: begun.username.clone(),
            user_revision,
            fetched,
            gs2_header: begun.first.gs2_header.clone(),
            nonce,
            client_first_bare: begun.first.bare.clone(),
            server_first: server_first.clone(),
        };
        let sealed = exchange
            .seal(&begun.keys)
            .ok_or_else(|| unable("the state cannot be sealed"))?;
        Ok(Verdict::Continue(Challenge {
            auth_data: server_first.into_bytes(),
            exchange: sealed,
        }))
    }

    /// Opens what the client brought back and reads its final message. The exchange ends here, whatever comes of it.
    pub(super) fn resume(&self, credentials: &Credentials) -> Step<Resumed> {
        let keys = self.ready_keys()?;
        let exchange = Exchange::open(&credentials.exchange, &keys, self.clock.now())
            .map_err(|unopened| bad_state(unopened.why()))?;
        if exchange.chain == self.key.chain && exchange.authenticator != self.key.id {
            let why = "the exchange was begun by another authenticator";
            return Err(Ok(Verdict::Ignore(Finding::new(Reason::MethodMismatch, why))));
        }
        if exchange.chain != self.key.chain || exchange.listener != credentials.listener {
            return Err(bad_state("the exchange was begun on another listener or chain"));
        }
        if exchange.settings != self.settings {
            return Err(bad_state(
                "the authenticator's settings have changed since the exchange began",
            ));
        }
        if exchange.mechanism != credentials.auth_method {
            return Err(bad_state("the exchange was begun under another mechanism"));
        }
        match self.ended.end(exchange.id, self.clock.instant()) {
            Ended::Now => {}
            Ended::Before => return Err(bad_state("the exchange has ended already")),
            Ended::TooMany => {
                let why = "more exchanges have ended within a minute than can be remembered";
                return Err(Err(ProviderError::new(Reason::Overloaded, why)));
            }
        }
        let last = ClientFinal::parse(&credentials.auth_data).map_err(refused)?;
        if last.channel_binding != exchange.gs2_header.as_bytes() {
            return Err(refused(Fault {
                told: "channel-bindings-dont-match",
                why: "`c=` is not the GS2 header of the first message",
            }));
        }
        if last.nonce != exchange.nonce {
            return Err(refused(Fault {
                told: "other-error",
                why: "the nonce is not the one of this exchange",
            }));
        }
        Ok(Resumed { exchange, last, keys })
    }

    /// Checks the proof. The server's final message, if it is right.
    pub(super) fn prove(&self, resumed: &Resumed, record: &ScramRecord) -> Step<Vec<u8>> {
        let Exchange {
            client_first_bare,
            server_first,
            ..
        } = &resumed.exchange;
        let messages = [client_first_bare, server_first, &resumed.last.without_proof];
        let auth_message = messages.map(String::as_str).join(",");
        match record.prove(auth_message.as_bytes(), &resumed.last.proof) {
            Some(signature) => Ok(server_final(&signature)),
            None => Err(Ok(denied(Finding::from(Reason::ScramBadProof), "invalid-proof"))),
        }
    }

    /// The cluster's keys as they are now; made ready if they are others than the last time.
    fn ready_keys(&self) -> Step<Arc<Ready>> {
        let shared = self.keys.shared_keys();
        let shared = shared.ok_or_else(|| Err(unable("the cluster has not drawn its keys yet")))?;
        if let Some(ready) = &*self.ready.load()
            && Arc::ptr_eq(&ready.shared, &shared)
        {
            return Ok(Arc::clone(ready));
        }
        let ready = Arc::new(Ready::of(shared));
        self.ready.store(Some(Arc::clone(&ready)));
        Ok(ready)
    }
}

/// The verdict on a client who has proven to be the user of that name.
pub(super) fn admitted(
    identity: Identity,
    name: String,
    server_final: Vec<u8>,
    credentials: &Credentials,
    bind_username: bool,
) -> Verdict {
    let claimed = &credentials.username;
    if bind_username && !claimed.is_empty() && saslprep(claimed).ok().as_deref() != Some(&name) {
        let why = "the user name of the connection is not the one that was proven (`bind_username`)";
        return denied(Finding::new(Reason::NotAuthorized, why), "other-error");
    }
    let mut client_attrs = identity.client_attrs;
    client_attrs.insert("scram_username".to_owned(), name);
    Verdict::Allow(Box::new(Identity {
        client_attrs,
        auth_data: server_final,
        ..identity
    }))
}

/// A denial with what the client is told.
pub(super) fn denied(finding: Finding, told: &str) -> Verdict {
    Verdict::Deny(Denial {
        finding,
        auth_data: server_error(told),
    })
}

/// The mechanism that a client asks for.
pub(super) fn hash_of(auth_method: &str) -> Option<ScramHash> {
    ScramHash::WORDS
        .into_iter()
        .find_map(|(_, hash)| (hash.mechanism() == auth_method).then_some(hash))
}

fn refused<T>(Fault { told, why }: Fault) -> Result<Verdict, T> {
    Ok(denied(Finding::new(Reason::ScramBadState, why), told))
}

fn bad_state<T>(why: &str) -> Result<Verdict, T> {
    Ok(denied(Finding::new(Reason::ScramBadState, why), "other-error"))
}

fn unable(why: impl Into<String>) -> ProviderError {
    ProviderError::new(Reason::BackendUnavailable, why)
}

fn prepared(name: &str) -> Result<String, Fault> {
    saslprep(name).map(|name| name.into_owned()).map_err(|why| Fault {
        told: "invalid-username-encoding",
        why,
    })
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
