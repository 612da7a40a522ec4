//! The chains now in force, swapped whole.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::authenticator::GLOBAL_CHAIN;
use super::chain::Chain;

/// The chains now in force: one atomic load per login.
#[derive(Default)]
pub struct LiveChains {
    chains: ArcSwap<HashMap<String, Arc<Chain>>>,
}

impl LiveChains {
    /// Puts these chains in force; logins in flight finish on what they began with.
    pub fn swap(&self, chains: HashMap<String, Arc<Chain>>) {
        self.chains.store(Arc::new(chains));
    }

    /// The chain of a listener: its own, or `global`; `None` if there is neither. A listener with a chain of its own never
    /// falls back, whatever that chain answers.
    pub fn chain(&self, listener: &str) -> Option<Arc<Chain>> {
        let chains = self.chains.load();
        chains
            .get(listener)
            .or_else(|| chains.get(GLOBAL_CHAIN))
            .map(Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use super::LiveChains;
    use crate::auth::Chain;

    #[test]
    fn a_listener_with_a_chain_of_its_own_never_falls_back() {
        let (global, own) = (Arc::new(Chain::default()), Arc::new(Chain::default()));
        let live = LiveChains::default();
        assert!(live.chain("tcp:default").is_none());
        live.swap(HashMap::from([
            ("global".to_owned(), Arc::clone(&global)),
            ("tcp:default".to_owned(), Arc::clone(&own)),
        ]));
        assert!(Arc::ptr_eq(&live.chain("tcp:default").unwrap(), &own));
        assert!(Arc::ptr_eq(&live.chain("ssl:default").unwrap(), &global));
        assert!(Arc::ptr_eq(&live.chain("").unwrap(), &global));
    }
}
