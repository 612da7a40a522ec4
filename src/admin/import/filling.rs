//! Fills an authenticator at its beginning: the same files and rules as an import, but no user is ever replaced, and the end of
//! the file closes it for every node.

use super::flight::commit;
use super::job::{BadRow, ImportBody, ImportFormat, ImportHeader, PasswordType};
use crate::admin::error::AdminError;
use crate::admin::handle::{Admin, Intent};
use crate::auth::AuthenticatorKey;
use crate::store::{self, Command, NewUser, OnConflict, Outcome, Reply};

/// Bad rows that are told one by one.
const TOLD_BAD_ROWS: usize = 100;
const BY: &str = "system";

/// What to fill, and what with.
pub(in crate::admin) struct FillOrder {
    pub(in crate::admin) target: AuthenticatorKey,
    /// By this name the cluster remembers that it was read.
    pub(in crate::admin) source: String,
    pub(in crate::admin) format: ImportFormat,
    pub(in crate::admin) password_type: PasswordType,
}

/// What became of the rows.
#[derive(Default)]
pub(in crate::admin) struct Filled {
    pub(in crate::admin) created: u64,
    /// Of users that were there already.
    pub(in crate::admin) left_alone: u64,
    pub(in crate::admin) failed: u64,
    pub(in crate::admin) bad_rows: Vec<BadRow>,
}

impl Admin {
    /// Reads the file to its end, patiently. Several nodes may do it at once: whoever comes to the end first ends it for all.
    pub(in crate::admin) async fn fill(&self, order: FillOrder, body: ImportBody) -> Result<Filled, AdminError> {
        let stopped = |_| AdminError::Internal("this node is stopping".into());
        let _permit = self.imports.acquire().await.map_err(stopped)?;
        let mut batches = self.start_stages(&order.header(), &order.target, body)?;
        let import = uuid::Uuid::new_v4().to_string();
        let mut filled = Filled::default();
        while let Some(batch) = batches.next().await {
            filled.failed += batch.bad.len() as u64;
            let room = TOLD_BAD_ROWS.saturating_sub(filled.bad_rows.len());
            filled.bad_rows.extend(batch.bad.into_iter().take(room));
            let part = batch.first_row.to_string();
            match self.fill_part(&order, (&import, &part), batch.users, false).await? {
                Some(outcome) => filled.count(&outcome.reply),
                None => return Ok(filled),
            }
        }
        batches.end().await?;
        self.fill_part(&order, (&import, "end"), Vec::new(), true).await?;
        Ok(filled)
    }

    /// `None`: another node has come to the end in the meantime.
    async fn fill_part(
        &self,
        order: &FillOrder,
        (import, part): (&str, &str),
        rows: Vec<(String, NewUser)>,
        is_last: bool,
    ) -> Result<Option<Outcome>, AdminError> {
        let intent = Intent {
            by: BY.to_owned(),
            request_id: store::import_request_id(import, part),
            if_revision: None,
        };
        let command = Command::BootstrapUsers {
            chain: order.target.chain.clone(),
            authenticator: order.target.id.clone(),
            source: order.source.clone(),
            rows,
            is_last,
        };
        match commit(self.clone(), intent, command).await {
            Ok(outcome) => Ok(Some(outcome)),
            Err(AdminError::AlreadyExists { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl FillOrder {
    fn header(&self) -> ImportHeader {
        ImportHeader {
            chain: self.target.chain.clone(),
            authenticator: self.target.id.clone(),
            format: self.format,
            password_type: self.password_type,
            on_conflict: OnConflict::Skip,
            dry_run: false,
            all_or_nothing: false,
            algorithm: String::new(),
            import_id: String::new(),
            resume_after_row: 0,
        }
    }
}

impl Filled {
    fn count(&mut self, reply: &Reply) {
        if let Reply::Imported {
            created,
            replaced,
            unchanged,
            skipped,
        } = reply
        {
            self.created += created;
            // Replaced or unchanged are rows of users that the file itself had made.
            self.left_alone += replaced + unchanged + skipped;
        }
    }
}
