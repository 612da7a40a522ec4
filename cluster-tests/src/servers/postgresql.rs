//! A private PostgreSQL with a table of users.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_postgres::{Client, Config, NoTls};

use super::{Launch, Program, find};
use crate::authority::Authority;
use crate::conformance::{Server, User, lay_over};
use crate::ports::PortBlock;

const PACKAGE: &str = "postgresql";
/// The password of the roles that the authenticators log in as.
pub const PASSWORD: &str = "role's \"pass\\word";
const SETUP: &str = r#"
    SET password_encryption = 'scram-sha-256';
    CREATE ROLE portcullis LOGIN PASSWORD 'role''s "pass\word';
    CREATE ROLE certified LOGIN PASSWORD 'role''s "pass\word';
    SET password_encryption = 'md5';
    CREATE ROLE old LOGIN PASSWORD 'role''s "pass\word';
    CREATE TABLE users (
        username text, password_hash text, salt text, is_superuser text, client_attrs jsonb, expire_at timestamptz,
        acl jsonb, clientid_override text
    );
    GRANT SELECT ON users TO portcullis, certified, old;
"#;
const QUERY: &str = "SELECT password_hash, salt, is_superuser, client_attrs, expire_at, acl, clientid_override \
                     FROM users WHERE username = ${username} LIMIT 1";

/// The server.
#[derive(Debug)]
pub struct PostgreSql {
    program: Program,
    address: SocketAddr,
    folder: TempDir,
    /// Who signed its certificate, and signs those of clients.
    pub authority: Authority,
    /// Settings over the usual ones.
    pub over: Value,
    _ports: PortBlock,
}

impl PostgreSql {
    /// Makes a data folder and starts it.
    pub async fn start() -> Result<Self> {
        let mut ports = PortBlock::reserve()?;
        let address = ports.take()?;
        let folder = tempfile::Builder::new().prefix("portcullis-postgresql-").tempdir()?;
        let root = folder.path();
        let launch = Launch {
            name: "PostgreSQL",
            program: find("postgres", PACKAGE)?,
            arguments: vec!["-D".into(), root.join("data").display().to_string()],
            folder: root.into(),
            user: "postgres",
        };
        launch.give_folder()?;
        let initdb = find("initdb", PACKAGE)?;
        let options = "-D data -U postgres --auth=trust --encoding=UTF8 --no-locale --no-sync";
        launch.run(&initdb, &options.split(' ').collect::<Vec<_>>())?;
        let authority = Authority::new("PostgreSQL's authority")?;
        let data = root.join("data");
        authority.local_server()?.write(&data, "server")?;
        fs::write(data.join("authority.pem"), &authority.certificate)?;
        let settings = [
            format!("port = {}", address.port()),
            "listen_addresses = '127.0.0.1'".into(),
            format!("unix_socket_directories = '{}'", root.display()),
            "max_connections = 60".into(),
            "fsync = off".into(),
            "ssl = on".into(),
            "ssl_cert_file = 'server.pem'".into(),
            "ssl_key_file = 'server-key.pem'".into(),
            "ssl_ca_file = 'authority.pem'".into(),
            // The statements, without the values that are bound to them.
            "logging_collector = on".into(),
            "log_destination = 'jsonlog'".into(),
            format!("log_directory = '{}'", root.display()),
            "log_filename = 'statements'".into(),
            "log_statement = 'all'".into(),
            "log_parameter_max_length = 0".into(),
        ];
        fs::write(data.join("postgresql.auto.conf"), settings.join("\n"))?;
        let rules = "host all postgres 127.0.0.1/32 trust\n\
                     host all old 127.0.0.1/32 md5\n\
                     hostssl all certified 127.0.0.1/32 scram-sha-256 clientcert=verify-ca\n\
                     host all portcullis 127.0.0.1/32 scram-sha-256\n";
        fs::write(data.join("pg_hba.conf"), rules)?;
        launch.give_folder()?;
        let program = Program::start(launch, async || answers(address).await).await?;
        let server = Self {
            program,
            address,
            folder,
            authority,
            over: json!({}),
            _ports: ports,
        };
        server.execute(SETUP).await?;
        Ok(server)
    }

    /// Runs statements as the one who may do everything.
    pub async fn execute(&self, statements: &str) -> Result<()> {
        Ok(connect(self.address).await?.batch_execute(statements).await?)
    }

    /// The one number that a query answers.
    pub async fn count(&self, query: &str) -> Result<i64> {
        Ok(connect(self.address).await?.query_one(query, &[]).await?.try_get(0)?)
    }

    /// What the log has of statements of that role.
    pub fn statements_of(&self, role: &str) -> Result<BTreeSet<String>> {
        let log = fs::read_to_string(self.folder.path().join("statements.json"))?;
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let statements = lines.filter(|line| line["user"] == role).filter_map(|line| {
            let message = line.get("message")?.as_str()?;
            // The driver numbers its statements.
            let (kind, statement) = message.split_once(": ")?;
            let kind = kind.split(' ').next()?;
            matches!(kind, "statement" | "execute").then(|| statement.to_owned())
        });
        Ok(statements.collect())
    }
}

async fn connect(address: SocketAddr) -> Result<Client> {
    let mut config = Config::new();
    config
        .host(address.ip().to_string())
        .port(address.port())
        .user("postgres")
        .dbname("postgres");
    let (client, connection) = config.connect(NoTls).await?;
    // It ends with the client.
    tokio::spawn(connection);
    Ok(client)
}

async fn answers(address: SocketAddr) -> Result<()> {
    connect(address)
        .await?
        .batch_execute("SELECT 1")
        .await
        .context("it does not answer")
}

impl Server for PostgreSql {
    fn backend(&self) -> &'static str {
        "postgresql"
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn settings_at(&self, address: SocketAddr) -> Value {
        let mut settings = json!({
            "server": address.to_string(),
            "database": "postgres",
            "username": "portcullis",
            "password": PASSWORD,
            "query": QUERY,
        });
        lay_over(&mut settings, self.over.clone());
        settings
    }

    fn wrong_secret(&self) -> Value {
        json!({ "password": "not-the-roles-password" })
    }

    fn authority(&self) -> Option<&Authority> {
        Some(&self.authority)
    }

    async fn put(&self, user: &User) -> Result<()> {
        let client = connect(self.address).await?;
        let json = |value: &Option<Value>| value.as_ref().map(Value::to_string);
        let (attrs, acl) = (json(&user.client_attrs), json(&user.acl));
        let end = user.expire_at.map(|end| end.to_string());
        client
            .execute(
                "INSERT INTO users VALUES ($1, $2, $3, $4, $5::text::jsonb, to_timestamp($6::text::bigint), $7::text::jsonb, $8)",
                &[&user.name, &user.password_hash, &user.salt, &user.is_superuser, &attrs, &end, &acl, &user.clientid_override],
            )
            .await?;
        Ok(())
    }

    fn can_keep(&self, user: &User) -> bool {
        !user.name.contains('\0')
    }

    async fn seen(&self) -> Result<Option<BTreeSet<String>>> {
        Ok(Some(self.statements_of("portcullis")?))
    }

    fn kill(&mut self) -> Result<()> {
        self.program.kill()
    }

    async fn start_again(&mut self) -> Result<()> {
        let address = self.address;
        self.program.start_again(async || answers(address).await).await
    }

    fn freeze(&self) -> Result<()> {
        self.program.freeze()
    }

    fn thaw(&self) -> Result<()> {
        self.program.thaw()
    }
}
