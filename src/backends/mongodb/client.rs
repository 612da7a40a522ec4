//! The driver's client: made when it is first needed, and anew when the password has changed.

use std::path::PathBuf;
use std::time::Duration;

use mongodb::bson::Document;
use mongodb::options::{ClientOptions, ReadPreference, SelectionCriteria, ServerAddress, Tls, TlsOptions};
use mongodb::{Client, Collection};
use tokio::sync::Mutex;

use super::files::MemoryFile;
use super::settings::{MongoSettings, Place, ReadMode, Standing};
use super::trouble::failed;
use crate::auth::{ProviderError, Reason, Secret};
use crate::backends::Context;
use crate::backends::reach::Times;
use crate::backends::ssl::{Material, Ssl};

/// How the collection with the accounts is come by.
pub(super) struct Accounts {
    place: Place,
    database: String,
    collection: String,
    times: Times,
    pool_size: u32,
    secrets_dir: PathBuf,
    /// What verifies the servers and shows who we are, as the driver wants it.
    files: Option<Files>,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    collection: Collection<Document>,
    password: Option<Secret>,
}

struct Files {
    authorities: MemoryFile,
    certificate: Option<MemoryFile>,
}

impl Accounts {
    /// Opens nothing yet, but reads certificates: not to be called on the async threads.
    pub(super) fn new(settings: &MongoSettings, context: &Context) -> Result<Self, String> {
        let place = settings.place.clone();
        let ssl = place.ssl.is_enabled.then(|| place.ssl.material(&context.secrets_dir));
        let files = ssl.transpose()?.map(|ssl| Files::of(&ssl)).transpose()?;
        Ok(Self {
            files,
            database: settings.database.clone(),
            collection: settings.collection.clone(),
            times: settings.reach.times,
            // A probe needs one too.
            pool_size: u32::try_from(settings.reach.pool_size())
                .unwrap_or(u32::MAX)
                .saturating_add(1),
            secrets_dir: context.secrets_dir.clone(),
            kept: Mutex::new(None),
            place,
        })
    }

    /// The collection.
    pub(super) async fn collection(&self) -> Result<Collection<Document>, ProviderError> {
        let mut kept = self.kept.lock().await;
        if let Some(kept) = &*kept {
            return Ok(kept.collection.clone());
        }
        let password = self.password()?;
        let client = self.client(password.as_ref()).await?;
        let collection = client.database(&self.database).collection(&self.collection);
        *kept = Some(Kept {
            collection: collection.clone(),
            password,
        });
        Ok(collection)
    }

    /// Gives the client up if its password is another one by now.
    pub(super) async fn check(&self) -> Result<(), ProviderError> {
        let now = self.password()?;
        let mut kept = self.kept.lock().await;
        let is_same = |kept: &Kept| match (&kept.password, &now) {
            (Some(then), Some(now)) => then.expose() == now.expose(),
            (None, None) => true,
            _ => false,
        };
        if kept.as_ref().is_some_and(|kept| !is_same(kept)) {
            *kept = None;
        }
        Ok(())
    }

    fn password(&self) -> Result<Option<Secret>, ProviderError> {
        let source = self.place.password.as_ref();
        let password = source.map(|source| source.resolve(&self.secrets_dir)).transpose();
        password.map_err(|why| ProviderError::new(Reason::BackendUnavailable, why))
    }

    async fn client(&self, password: Option<&Secret>) -> Result<Client, ProviderError> {
        let mut options = self.named().await?;
        let Place {
            standing,
            read_mode,
            topology,
            username,
            auth_source,
            ..
        } = &self.place;
        options.app_name = Some("portcullis".to_owned());
        options.connect_timeout = Some(self.times.connect);
        // So that a question hears why there is no server before its own time is over.
        options.server_selection_timeout = Some(topology.selection.unwrap_or(self.times.ask.mul_f64(0.5)));
        options.heartbeat_freq = topology.heartbeat;
        options.local_threshold = topology.threshold;
        options.max_pool_size = Some(self.pool_size);
        options.direct_connection = Some(*standing == Standing::Single && !self.place.by_srv_record);
        if let Standing::ReplicaSet(name) = standing {
            options.repl_set_name = Some(name.clone());
        }
        options.selection_criteria = Some(SelectionCriteria::ReadPreference(match read_mode {
            ReadMode::Primary => ReadPreference::Primary,
            ReadMode::Any => ReadPreference::SecondaryPreferred {
                options: Default::default(),
            },
        }));
        if !username.is_empty() {
            let mut who = options.credential.take().unwrap_or_default();
            who.username = Some(username.clone());
            who.password = password.map(|password| String::from_utf8_lossy(password.expose()).into_owned());
            if !auth_source.is_empty() {
                who.source = Some(auth_source.clone());
            }
            options.credential = Some(who);
        }
        options.tls = Some(match &self.files {
            Some(files) => Tls::Enabled(files.options(&self.place.ssl)),
            None => Tls::Disabled,
        });
        Client::with_options(options).map_err(|error| failed(&error))
    }

    /// The servers, from the settings or from DNS.
    async fn named(&self) -> Result<ClientOptions, ProviderError> {
        let Place {
            addresses,
            by_srv_record,
            ..
        } = &self.place;
        if let (true, Some(first)) = (by_srv_record, addresses.first()) {
            let name = format!("mongodb+srv://{}/", first.host);
            return ClientOptions::parse(name).await.map_err(|error| failed(&error));
        }
        let hosts = addresses.iter().map(|address| ServerAddress::Tcp {
            host: address.host.clone(),
            port: Some(address.port),
        });
        Ok(ClientOptions::builder().hosts(hosts.collect::<Vec<_>>()).build())
    }

    /// How long the server itself may take for a question.
    pub(super) const fn limit(&self) -> Duration {
        self.times.ask
    }
}

impl Files {
    fn of(ssl: &Material) -> Result<Self, String> {
        let certificate =
            (!ssl.certificate.is_empty()).then(|| MemoryFile::with(&[&*ssl.certificate, &ssl.key].concat()));
        Ok(Self {
            authorities: MemoryFile::with(&ssl.trusted_pem()?).map_err(|why| why.to_string())?,
            certificate: certificate.transpose().map_err(|why| why.to_string())?,
        })
    }

    fn options(&self, ssl: &Ssl) -> TlsOptions {
        let mut options = TlsOptions::default();
        options.allow_invalid_certificates = Some(ssl.trusts_anybody);
        options.ca_file_path = Some(self.authorities.path());
        options.cert_key_file_path = self.certificate.as_ref().map(MemoryFile::path);
        options
    }
}
