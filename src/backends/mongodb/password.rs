//! `password_based:mongodb`: accounts in MongoDB, whose passwords are checked here.

use std::sync::Arc;

use mongodb::bson::Document;
use serde_json::Value;

use super::client::Accounts;
use super::document::Shape;
use super::filter::{Filter, NoText};
use super::settings::{ASK, MongoSettings, schemas};
use super::trouble::failed;
use crate::auth::{AuthenticatorKey, Credentials, ProviderError, Reason};
use crate::backends::backend::{Backend, Context, Opened, unusable};
use crate::backends::reach::Source;
use crate::backends::remote::{Answer, Remote, schema};
use crate::backends::template::Placeholder;
use crate::hash::Algorithm;

pub(in crate::backends) const BACKEND: Backend = Backend {
    mechanism: "password_based",
    backend: "mongodb",
    title: "MongoDB",
    needs_password: true,
    schema: || {
        schema(
            "MongoDB",
            "Accounts in MongoDB: one server, a replica set, or a sharded cluster. It is tried by the stored filter without values.",
            schemas(),
            ASK,
            true,
        )
    },
    check: |settings| MongoSettings::parse(settings).map(|(_, filled)| Value::Object(filled)),
    password_algorithm: |_| None,
    asks_elsewhere: |_| true,
    open,
};

fn open(key: &AuthenticatorKey, settings: &Value, context: &Context) -> Opened {
    let (settings, _) = MongoSettings::parse(settings).map_err(unusable)?;
    let accounts = Accounts::new(&settings, context)
        .map_err(|why| ProviderError::new(Reason::BackendUnavailable, format!("TLS cannot be set up: {why}")))?;
    let source = Documents {
        accounts,
        projection: settings.shape.projection(),
        filter: settings.filter,
        shape: settings.shape,
        algorithm: settings.passwords.algorithm.clone(),
    };
    let remote = Remote::open(key, source, &settings.reach, Some(settings.passwords), context)?;
    Ok(Arc::new(remote))
}

struct Documents {
    accounts: Accounts,
    filter: Filter,
    shape: Shape,
    projection: Document,
    algorithm: Algorithm,
}

impl Documents {
    /// A question that is dropped takes its connection with it: the driver closes what did not come to its end.
    async fn find(&self, filter: Document) -> Result<Option<Document>, ProviderError> {
        let collection = self.accounts.collection().await?;
        let found = collection
            .find_one(filter)
            .projection(self.projection.clone())
            .max_time(self.accounts.limit());
        found.await.map_err(|error| failed(&error))
    }
}

impl Source for Documents {
    type Answer = Answer;

    fn inputs(&self) -> Vec<Placeholder> {
        self.filter.inputs()
    }

    async fn ask(&self, credentials: &Credentials) -> Result<Answer, ProviderError> {
        let Ok(filter) = self.filter.of(credentials) else {
            return Ok(Answer::unasked(credentials));
        };
        let document = self.find(filter).await?;
        let fields = document.map(|document| self.shape.read(&document)).transpose()?;
        Answer::of(fields, "document", &self.algorithm, credentials)
    }

    fn turns_away(answer: &Answer) -> bool {
        answer.turns_away()
    }

    async fn probe(&self) -> Result<(), String> {
        self.accounts.check().await.map_err(|error| error.detail)?;
        let filter = self.filter.of(&Credentials::default());
        let filter = filter.map_err(|NoText| "the filter is no text".to_owned())?;
        self.find(filter).await.map(|_| ()).map_err(|error| error.detail)
    }
}
