//! Users in a database, as a place that is asked.

use std::sync::Arc;

use super::row::Rows;
use super::settings::SqlSettings;
use super::statement::Statement;
use crate::auth::{AuthenticatorKey, Credentials, ProviderError};
use crate::backends::backend::{Context, Opened};
use crate::backends::idle::{Idle, Link};
use crate::backends::reach::Source;
use crate::backends::remote::{Answer, Remote};
use crate::backends::template::Placeholder;
use crate::hash::Algorithm;

/// What a connection is asked.
pub(in crate::backends) enum Question {
    /// The first row for these values.
    Row(Vec<String>),
    /// Whether the statement can be run, and would answer with a password. Its answer is none.
    Probe,
}

/// Opens an instance that asks through this link.
pub(in crate::backends) fn open<L>(key: &AuthenticatorKey, settings: &SqlSettings, link: L, context: &Context) -> Opened
where
    L: Link<Question = Question, Answer = Rows>,
{
    let SqlSettings { reach, passwords, .. } = settings;
    let users = Users {
        statement: settings.statement.clone(),
        algorithm: passwords.algorithm.clone(),
        idle: Idle::new(link, reach.pool_size(), reach.times.connect),
    };
    let passwords = Some(passwords.clone());
    Ok(Arc::new(Remote::open(key, users, reach, passwords, context)?))
}

struct Users<L: Link> {
    statement: Statement,
    algorithm: Algorithm,
    idle: Idle<L>,
}

impl<L> Source for Users<L>
where
    L: Link<Question = Question, Answer = Rows>,
{
    type Answer = Answer;

    fn inputs(&self) -> Vec<Placeholder> {
        self.statement.placeholders().to_vec()
    }

    async fn ask(&self, credentials: &Credentials) -> Result<Answer, ProviderError> {
        let Some(values) = self.statement.values(credentials) else {
            return Ok(Answer::unasked(credentials));
        };
        let Rows { first, seen } = self.idle.ask(&Question::Row(values)).await?;
        if seen > 1 {
            credentials
                .notes
                .note(|| format!("{seen} rows were seen, of which the first counts"));
        }
        Answer::of(first, "row", &self.algorithm, credentials)
    }

    fn turns_away(answer: &Answer) -> bool {
        answer.turns_away()
    }

    async fn probe(&self) -> Result<(), String> {
        self.idle
            .ask(&Question::Probe)
            .await
            .map(drop)
            .map_err(|error| error.detail)
    }
}
