//! Logins that operators try on this node, with the chains in force or with a draft in one of them.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::catalog;
use super::reconcile::Reconciler;
use crate::auth::{
    Attempt, AuthenticatorRecord, Chain, Clock, Credentials, Decision, GLOBAL_CHAIN, Link, NoAuthenticator, Notes,
    Outcome, Provider, Reason, Tally, Trial,
};
use crate::hash::{ScramClient, ScramHash};

impl Reconciler {
    /// Walks the chain for an operator. `limit` bounds each step of an exchange.
    pub async fn try_login(
        &self,
        attempt: &Attempt,
        no_authenticator: NoAuthenticator,
        limit: Duration,
    ) -> Result<Trial, String> {
        self.catch_up();
        let chain = self.chain_of(attempt, limit).await?;
        let clock = self.clock();
        let walker = Walker {
            chain: &chain,
            no_authenticator,
            clock,
            limit,
        };
        let begun = clock.instant();
        let (decision, remark) = walker.whole(attempt).await?;
        Ok(Trial {
            outcome: match decision.outcome {
                Outcome::Allow(identity) => Ok(identity),
                Outcome::Deny(reason) => Err(reason),
                Outcome::Continue(_) => Err(Reason::ScramBadState),
            },
            authenticator: decision.authenticator,
            steps: decision.steps,
            took: clock.instant().since(begun),
            remark,
        })
    }

    /// The chain that decides, with the draft in it.
    async fn chain_of(&self, attempt: &Attempt, limit: Duration) -> Result<Arc<Chain>, String> {
        let Some(draft) = &attempt.draft else {
            return Ok(self.chain(&attempt.listener));
        };
        let mut links = self.links_beside(&draft.key.chain, &attempt.listener)?;
        let provider = self.opened(draft, limit).await.map_err(|error| error.to_string())?;
        let link = link_of(draft, provider);
        match links.iter_mut().find(|link| link.id == draft.key.id) {
            Some(place) => *place = link,
            None => links.push(link),
        }
        Ok(Arc::new(Chain { links }))
    }

    /// The links beside which a draft of this chain is asked about clients of the listener. Of another chain than the one that
    /// decides for them it would not be asked at all.
    fn links_beside(&self, chain: &str, listener: &str) -> Result<Vec<Link>, String> {
        match self.own_chain(listener) {
            Some(own) if chain == listener => Ok(own.links.clone()),
            // The draft would be the first of it.
            None if chain == listener => Ok(Vec::new()),
            None if chain == GLOBAL_CHAIN => Ok(self.chain(listener).links.clone()),
            Some(_) if chain == GLOBAL_CHAIN => Err(format!(
                "the draft is of the chain `{chain}`, and the listener `{listener}` has a chain of its own"
            )),
            _ => Err(format!(
                "the draft is of the chain `{chain}`, which decides for the listener of that name alone"
            )),
        }
    }
}

fn link_of(draft: &AuthenticatorRecord, provider: Arc<dyn Provider>) -> Link {
    Link {
        id: draft.key.id.clone(),
        enabled: draft.enabled,
        needs_password: catalog::needs_password(draft),
        on_failure: draft.on_failure,
        timeout: draft.timeout,
        provider,
        tally: Arc::new(Tally::default()),
    }
}

struct Walker<'a> {
    chain: &'a Chain,
    no_authenticator: NoAuthenticator,
    clock: &'a Arc<dyn Clock>,
    limit: Duration,
}

impl Walker<'_> {
    /// All of it: one step, or the exchange to its end.
    async fn whole(&self, attempt: &Attempt) -> Result<(Decision, String), String> {
        let credentials = attempt.credentials();
        if attempt.mechanism.is_empty() {
            return Ok((self.step(credentials).await, String::new()));
        }
        let client = client_of(attempt)?;
        let first = Credentials {
            auth_data: client.first().into_bytes(),
            ..credentials
        };
        let decision = self.step(first.clone()).await;
        let Outcome::Continue(challenge) = &decision.outcome else {
            return Ok((decision, String::new()));
        };
        let proof = client.prove(&challenge.auth_data)?;
        let last = Credentials {
            auth_data: proof.message.clone().into_bytes(),
            exchange: challenge.exchange.clone(),
            ..first
        };
        let decision = self.step(last).await;
        let is_proven = match &decision.outcome {
            Outcome::Allow(identity) => proof.is_answered_by(&identity.auth_data),
            _ => true,
        };
        let remark = if is_proven {
            String::new()
        } else {
            "it was let in, but nobody has proven to know the user".to_owned()
        };
        Ok((decision, remark))
    }

    async fn step(&self, credentials: Credentials) -> Decision {
        let over = timeout(self.limit, std::future::pending::<()>());
        let deadline = pin!(async { drop(over.await) });
        let explained = Credentials {
            notes: Notes::wanted(Arc::clone(self.clock)),
            ..credentials
        };
        self.chain
            .explain(&explained, self.no_authenticator, &**self.clock, deadline)
            .await
    }
}

fn client_of(attempt: &Attempt) -> Result<ScramClient, String> {
    let hash = [ScramHash::Sha256, ScramHash::Sha512]
        .into_iter()
        .find(|hash| hash.mechanism() == attempt.mechanism)
        .ok_or_else(|| format!("`{}` is no mechanism that is spoken here", attempt.mechanism))?;
    let password = attempt.password.clone().unwrap_or_default();
    let password = String::from_utf8(password).map_err(|_| "SCRAM takes passwords of text alone")?;
    ScramClient::new(hash, &attempt.username, password.into())
}
