//! The chains now in force, swapped whole.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::authenticator::GLOBAL_CHAIN;
use super::chain::Chain;

/// The chains now in force: one atomic load per login.
#[derive(Default)]
pub struct LiveChains {
    in_force: ArcSwap<InForce>,
}

#[derive(Default)]
struct InForce {
    /// What was declared when they were made, as `AuthenticatorFeed` numbers it.
    version: u64,
    chains: HashMap<String, Arc<Chain>>,
}

impl LiveChains {
    /// Puts these chains in force; logins in flight finish on what they began with.
    pub fn swap(&self, version: u64, chains: HashMap<String, Arc<Chain>>) {
        self.in_force.store(Arc::new(InForce { version, chains }));
    }

    /// Which version of what is declared they follow.
    pub fn version(&self) -> u64 {
        self.in_force.load().version
    }

    /// The chain of a listener: its own, or `global`; `None` if there is neither. A listener with a chain of its own never
    /// falls back, whatever that chain answers.
    pub fn chain(&self, listener: &str) -> Option<Arc<Chain>> {
        let chains = &self.in_force.load().chains;
        chains
            .get(listener)
            .or_else(|| chains.get(GLOBAL_CHAIN))
            .map(Arc::clone)
    }

    /// The chain that a listener has of its own, or `global` under that name.
    pub fn own(&self, name: &str) -> Option<Arc<Chain>> {
        self.in_force.load().chains.get(name).map(Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::LiveChains;
    use crate::auth::Chain;

    #[test]
    fn a_listener_with_a_chain_of_its_own_never_falls_back() {
        let (global, own) = (Arc::new(Chain::default()), Arc::new(Chain::default()));
        let live = LiveChains::default();
        assert!(live.chain("tcp:default").is_none());
        let both = [("global", &global), ("tcp:default", &own)];
        live.swap(1, both.map(|(name, chain)| (name.to_owned(), Arc::clone(chain))).into());
        assert!(Arc::ptr_eq(&live.chain("tcp:default").unwrap(), &own));
        assert!(Arc::ptr_eq(&live.chain("ssl:default").unwrap(), &global));
        assert!(Arc::ptr_eq(&live.chain("").unwrap(), &global));
        assert!(Arc::ptr_eq(&live.own("tcp:default").unwrap(), &own));
        assert!(live.own("ssl:default").is_none());
    }
}
