//! Fills built-in databases at their beginning, from the files that their settings name: once in the whole cluster.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::bootstrap_file::{NotRead, body_of, open_within};
use super::error::AdminError;
use super::handle::Admin;
use super::import::{FillOrder, Filled, ImportFormat, PasswordType};
use crate::auth::{AuthenticatorFeed as _, AuthenticatorKey, AuthenticatorRecord};
use crate::backends::{self, Bootstrap};

/// How long the others wait for the leader without seeing it at work.
const LEADERS_HEADSTART: Duration = Duration::from_secs(10);
/// After an obstacle that passes.
const RETRY: Duration = Duration::from_secs(10);

/// Sees to it that every declared file fills its authenticator.
pub struct Bootstrapper {
    admin: Admin,
    folder: PathBuf,
    /// Files that were told as missing or broken: once, until their authenticator has changed.
    told: BTreeSet<Declared>,
    /// Files that need not be read again before their authenticator has changed.
    broken: BTreeSet<Declared>,
}

/// A file that an authenticator names, and the authenticator's revision.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Declared {
    chain: String,
    authenticator: String,
    file: String,
    is_hashed: bool,
    revision: u64,
}

impl Declared {
    fn by(record: &AuthenticatorRecord) -> Option<Self> {
        let Bootstrap { file, is_hashed } = backends::bootstrap_of(record)?;
        Some(Self {
            chain: record.key.chain.clone(),
            authenticator: record.key.id.clone(),
            file,
            is_hashed,
            revision: record.revision,
        })
    }

    fn key(&self) -> AuthenticatorKey {
        AuthenticatorKey {
            chain: self.chain.clone(),
            id: self.authenticator.clone(),
        }
    }

    fn order(&self) -> FillOrder {
        FillOrder {
            target: self.key(),
            source: self.file.clone(),
            format: format_of(&self.file),
            password_type: if self.is_hashed {
                PasswordType::Hash
            } else {
                PasswordType::Plain
            },
        }
    }
}

fn format_of(file: &str) -> ImportFormat {
    let lower = file.to_ascii_lowercase();
    let is_of = |format: &ImportFormat| lower.ends_with(&format!(".{}", format.name()));
    // Names with another ending are refused when they are declared.
    [ImportFormat::Json, ImportFormat::Ndjson]
        .into_iter()
        .find(is_of)
        .unwrap_or(ImportFormat::Csv)
}

impl Bootstrapper {
    /// `folder`: where the files must lie.
    pub fn new(admin: Admin, folder: PathBuf) -> Self {
        Self {
            admin,
            folder,
            told: BTreeSet::new(),
            broken: BTreeSet::new(),
        }
    }

    /// Looks at start and after every change of an authenticator, until the sender is gone.
    pub async fn run(mut self, mut changes: watch::Receiver<u64>) {
        loop {
            changes.mark_unchanged();
            let is_done = self.pass().await;
            let changed = if is_done {
                changes.changed().await
            } else {
                timeout(RETRY, changes.changed()).await.unwrap_or(Ok(()))
            };
            if changed.is_err() {
                return;
            }
        }
    }

    /// Fills what can be filled; `false`: something must be tried again.
    async fn pass(&mut self) -> bool {
        let mut is_done = true;
        let open = self.open_ones();
        self.told.retain(|told| open.contains(told));
        self.broken.retain(|broken| open.contains(broken));
        for declared in open {
            // Before a decision on what others may have done, this node must know what they did.
            let filled = match self.admin.confirm().await {
                Ok(()) => self.fill(&declared).await,
                Err(error) => Err(error),
            };
            if let Err(error) = filled {
                is_done &= !self.must_be_tried_again(&declared, &error);
            }
        }
        is_done
    }

    /// Every declared file that is not marked as read.
    fn open_ones(&self) -> Vec<Declared> {
        let records = self.admin.store.authenticators();
        let declared = records.iter().filter_map(Declared::by);
        declared.filter(|declared| !self.is_marked(declared)).collect()
    }

    fn is_marked(&self, declared: &Declared) -> bool {
        self.admin.store.is_bootstrapped(&declared.key(), &declared.file)
    }

    async fn fill(&mut self, declared: &Declared) -> Result<(), AdminError> {
        if self.is_marked(declared) || self.broken.contains(declared) {
            return Ok(());
        }
        if !self.admin.cluster.leads() && self.another_fills(declared).await {
            return Ok(());
        }
        let (folder, name) = (self.folder.clone(), declared.file.clone());
        let opened = spawn_blocking(move || open_within(&folder, &name)).await;
        let opened = opened.map_err(|error| AdminError::Internal(error.to_string()))?;
        let file = match opened {
            Ok(file) => file,
            Err(NotRead::Absent) if declared.file == Bootstrap::EMQX_DEFAULT => return Ok(()),
            Err(why) => {
                self.tell_once(declared, &why.to_string());
                return Ok(());
            }
        };
        let filled = self.admin.fill(declared.order(), body_of(file)).await?;
        say(declared, &filled);
        Ok(())
    }

    /// Waits as long as another node can be seen at work, and tells whether it came to the end.
    async fn another_fills(&self, declared: &Declared) -> bool {
        let store = &self.admin.store;
        let mut applied = store.watch_applied();
        loop {
            let users = store.user_count();
            let moves = applied.wait_for(|_| self.is_marked(declared) || store.user_count() != users);
            let moved = timeout(LEADERS_HEADSTART, moves).await;
            if self.is_marked(declared) {
                return true;
            }
            if !matches!(moved, Ok(Ok(_))) {
                return false;
            }
        }
    }

    fn must_be_tried_again(&mut self, declared: &Declared, error: &AdminError) -> bool {
        let passes = matches!(error, AdminError::Unavailable { .. } | AdminError::Deadline(_));
        if passes {
            tracing::debug!(file = %declared.file, %error, "a bootstrap file must wait");
        } else {
            self.broken.insert(declared.clone());
            self.tell_once(declared, &error.to_string());
        }
        passes
    }

    fn tell_once(&mut self, declared: &Declared, why: &str) {
        let Declared {
            chain,
            authenticator,
            file,
            ..
        } = declared;
        if self.told.insert(declared.clone()) {
            tracing::warn!(%chain, %authenticator, %file, why, "a bootstrap file was not read on this node");
        }
    }
}

fn say(declared: &Declared, filled: &Filled) {
    let Declared {
        chain,
        authenticator,
        file,
        ..
    } = declared;
    for bad in &filled.bad_rows {
        let (line, column, reason) = (bad.line, &bad.column, &bad.reason);
        tracing::warn!(%file, line, column, reason, "a row of a bootstrap file is bad");
    }
    let Filled {
        created,
        left_alone,
        failed,
        ..
    } = filled;
    tracing::info!(%chain, %authenticator, %file, created, left_alone, failed, "an authenticator was filled from its bootstrap file");
}

#[cfg(test)]
mod tests {
    use super::{ImportFormat, format_of};
    use crate::backends::Bootstrap;

    #[test]
    fn the_name_tells_the_format_of_every_file_that_can_be_declared() {
        let formats = Bootstrap::EXTENSIONS.map(|extension| format_of(&format!("Users{}", extension.to_uppercase())));
        assert_eq!(formats, [ImportFormat::Csv, ImportFormat::Json, ImportFormat::Ndjson]);
    }
}
