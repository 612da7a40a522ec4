//! Opens authenticators anew whose named secrets are others by now, and those that could not be opened before.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use super::{Reconciler, Running, chains_of};
use crate::auth::AuthenticatorKey;
use crate::backends::catalog;
use crate::backends::closed::Closed;
use crate::backends::secrets::Named;

/// How often one looks.
const LOOK_EVERY: Duration = Duration::from_secs(10);

impl Reconciler {
    /// Looks for ever.
    pub async fn keep_renewed(self: Arc<Self>) {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let this = Arc::clone(&self);
            // It reads files. A panic costs one look.
            let _looked = spawn_blocking(move || this.renew()).await;
        }
    }

    /// Looks once.
    pub(super) fn renew(&self) {
        let mut running = self.running();
        let mut is_changed = false;
        for entry in running.iter_mut().filter(|entry| entry.record.enabled) {
            if let Some(renewed) = self.renewed(entry) {
                *entry = renewed;
                is_changed = true;
            }
        }
        if is_changed {
            self.chains.swap(self.chains.version(), chains_of(&running));
        }
    }

    /// What is to run from now on, if that is another instance. Where the new one cannot be opened, the old one goes on.
    fn renewed(&self, entry: &Running) -> Option<Running> {
        let secrets = self.secrets_of(&entry.record);
        let is_changed = matches!(secrets, Named::Read(_)) && secrets != entry.secrets;
        if !is_changed && !entry.is_broken {
            return None;
        }
        let AuthenticatorKey { chain, id } = &entry.record.key;
        let renewed = Running {
            secrets,
            ..entry.clone()
        };
        match catalog::open(&entry.record, &self.context) {
            Ok(provider) => {
                tracing::info!(%chain, authenticator = %id, "opened anew");
                Some(Running {
                    provider,
                    is_broken: false,
                    ..renewed
                })
            }
            Err(error) if entry.is_broken => {
                let is_known = entry.provider.health().error == error.to_string();
                (!is_known).then(|| Running {
                    provider: Arc::new(Closed::broken(error, self.context.clock.now())),
                    ..renewed
                })
            }
            Err(error) => {
                tracing::warn!(%chain, authenticator = %id, %error, "its secrets have changed and cannot be used: it goes on with the old ones");
                Some(renewed)
            }
        }
    }
}
