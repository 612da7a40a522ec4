//! A private MongoDB with a collection of accounts: SecantusDB, which speaks its protocol and its SCRAM. It has one node and so no
//! fail-over.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Result, ensure};
use mongodb::bson::{self, Bson, Document, doc};
use mongodb::options::{Credential, ServerAddress, Tls, TlsOptions};
use mongodb::{Client, Collection};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::{Launch, Program};
use crate::authority::Authority;
use crate::conformance::{Server, User};
use crate::ports::PortBlock;

/// Who may look accounts up.
pub const USER: &str = "portcullis";
/// With characters that need care in addresses and in SASLprep.
pub const PASSWORD: &str = "p@ss wörd/%";
const ROOT: &str = "root";
const DATABASE: &str = "mqtt";
const COLLECTION: &str = "users";
/// Where `cluster-tests/run` puts the packages of `requirements.txt`.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tests-python/bin/secantusd-py");

/// The server.
#[derive(Debug)]
pub struct Mongo {
    program: Program,
    address: SocketAddr,
    folder: TempDir,
    accounts: OnceCell<Collection<Document>>,
    is_encrypted: bool,
    /// Who signed its certificate, if it speaks TLS.
    pub authority: Authority,
    _ports: PortBlock,
}

impl Mongo {
    /// Without TLS.
    pub async fn start() -> Result<Self> {
        Self::with(false).await
    }

    /// With nothing but TLS.
    pub async fn start_encrypted() -> Result<Self> {
        Self::with(true).await
    }

    async fn with(is_encrypted: bool) -> Result<Self> {
        let mut ports = PortBlock::reserve()?;
        let address = ports.take()?;
        let folder = tempfile::Builder::new().prefix("portcullis-mongo-").tempdir()?;
        let root = folder.path();
        let authority = Authority::new("MongoDB's authority")?;
        let (certificate, key) = authority.local_server()?.write(root, "server")?;
        fs::write(root.join("authority.pem"), &authority.certificate)?;
        ensure!(
            Path::new(PROGRAM).is_file(),
            "`{PROGRAM}` is missing: `cluster-tests/run` installs it, with what the Debian package `python3-venv` brings"
        );
        let launch = |more: &[String]| {
            let mut arguments: Vec<String> = [
                "--host",
                "127.0.0.1",
                "--storage-path",
                "data",
                "--standalone",
                "--sync-on-commit",
            ]
            .map(str::to_owned)
            .to_vec();
            arguments.push(format!("--port={}", address.port()));
            arguments.extend_from_slice(more);
            Launch {
                name: "SecantusDB",
                program: PROGRAM.into(),
                arguments,
                folder: root.into(),
                user: "root",
            }
        };
        // Users can only be made while nobody has to be one.
        let mut open = Program::start(launch(&[]), async || {
            let client = connect(address, None, false)?;
            for (name, password, role) in [(ROOT, ROOT, "root"), (USER, PASSWORD, "readWriteAnyDatabase")] {
                let user = doc! {"createUser": name, "pwd": password, "roles": [role]};
                match client.database("admin").run_command(user).await {
                    Err(error) if error.to_string().contains("already exists") => {}
                    other => drop(other?),
                }
            }
            client.shutdown().await;
            Ok(())
        })
        .await?;
        open.kill()?;
        let mut more = vec!["--auth".to_owned()];
        if is_encrypted {
            more.push(format!("--tls-cert-file={}", certificate.display()));
            more.push(format!("--tls-key-file={}", key.display()));
        }
        let ca = root.to_owned();
        let answers = async || answers(address, &ca, is_encrypted).await;
        Ok(Self {
            program: Program::start(launch(&more), answers).await?,
            address,
            folder,
            accounts: OnceCell::new(),
            is_encrypted,
            authority,
            _ports: ports,
        })
    }

    /// The accounts, for the one who may do everything.
    pub async fn accounts(&self) -> Result<&Collection<Document>> {
        let connected = self.accounts.get_or_try_init(async || {
            let client = connect(self.address, Some(self.folder.path()), self.is_encrypted)?;
            anyhow::Ok(client.database(DATABASE).collection(COLLECTION))
        });
        connected.await
    }
}

async fn answers(address: SocketAddr, folder: &Path, is_encrypted: bool) -> Result<()> {
    let client = connect(address, Some(folder), is_encrypted)?;
    client.database("admin").run_command(doc! {"ping": 1}).await?;
    client.shutdown().await;
    Ok(())
}

/// As the one who may do everything, if there are users.
fn connect(address: SocketAddr, folder: Option<&Path>, is_encrypted: bool) -> Result<Client> {
    let mut options = mongodb::options::ClientOptions::default();
    options.hosts = vec![ServerAddress::Tcp {
        host: address.ip().to_string(),
        port: Some(address.port()),
    }];
    options.direct_connection = Some(true);
    options.server_selection_timeout = Some(std::time::Duration::from_secs(2));
    if let Some(folder) = folder {
        let who = Credential::builder()
            .username(ROOT.to_owned())
            .password(ROOT.to_owned());
        options.credential = Some(who.build());
        if is_encrypted {
            let tls = TlsOptions::builder().ca_file_path(folder.join("authority.pem")).build();
            options.tls = Some(Tls::Enabled(tls));
        }
    }
    Ok(Client::with_options(options)?)
}

impl Server for Mongo {
    fn backend(&self) -> &'static str {
        "mongodb"
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn settings_at(&self, address: SocketAddr) -> Value {
        json!({
            "mongo_type": "single",
            "server": address.to_string(),
            "database": DATABASE,
            "collection": COLLECTION,
            "username": USER,
            "password": PASSWORD,
            "filter": {"username": "${username}"},
        })
    }

    fn wrong_secret(&self) -> Value {
        json!({ "password": "not-the-users-password" })
    }

    async fn put(&self, user: &User) -> Result<()> {
        let mut document = doc! {
            "username": &user.name,
            "password_hash": user.password_hash.clone(),
            "salt": user.salt.clone(),
            "is_superuser": user.is_superuser.clone(),
            "expire_at": user.expire_at.map(|end| bson::DateTime::from_millis(end * 1000)),
            "clientid_override": user.clientid_override.clone(),
        };
        for (name, value) in [("client_attrs", &user.client_attrs), ("acl", &user.acl)] {
            document.insert(name, value.as_ref().map_or(Bson::Null, as_bson));
        }
        let accounts = self.accounts().await?;
        accounts.insert_one(document).await?;
        Ok(())
    }

    fn kill(&mut self) -> Result<()> {
        self.program.kill()
    }

    async fn start_again(&mut self) -> Result<()> {
        let (address, folder) = (self.address, self.folder.path().to_owned());
        let is_encrypted = self.is_encrypted;
        self.program
            .start_again(async || answers(address, &folder, is_encrypted).await)
            .await
    }

    fn freeze(&self) -> Result<()> {
        self.program.freeze()
    }

    fn thaw(&self) -> Result<()> {
        self.program.thaw()
    }
}

fn as_bson(value: &Value) -> Bson {
    match value {
        Value::Null => Bson::Null,
        Value::Bool(flag) => Bson::Boolean(*flag),
        Value::Number(number) => number
            .as_i64()
            .map_or_else(|| Bson::Double(number.as_f64().unwrap_or(f64::NAN)), Bson::Int64),
        Value::String(text) => Bson::String(text.clone()),
        Value::Array(items) => Bson::Array(items.iter().map(as_bson).collect()),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), as_bson(value)));
            Bson::Document(members.collect())
        }
    }
}
