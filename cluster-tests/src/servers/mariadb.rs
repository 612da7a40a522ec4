//! A private MariaDB with a table of users.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, OptsBuilder, Params, Value as Cell};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Launch, Program, find};
use crate::authority::Authority;
use crate::conformance::{Server, User, lay_over};
use crate::ports::PortBlock;

const PACKAGE: &str = "mariadb-server";
/// The password of the users that the authenticators log in as.
pub const PASSWORD: &str = "user's \"pass\\word";
const SETUP: &[&str] = &[
    "CREATE DATABASE mqtt",
    "CREATE USER portcullis@'127.0.0.1' IDENTIFIED BY 'user''s \"pass\\\\word'",
    "CREATE USER certified@'127.0.0.1' IDENTIFIED BY 'user''s \"pass\\\\word' REQUIRE X509",
    // Without its padding a trailing space means something, and binary so does every other difference.
    "CREATE TABLE mqtt.users (username TEXT, password_hash TEXT, salt TEXT, is_superuser TEXT, client_attrs JSON, \
     expire_at BIGINT, acl JSON, clientid_override TEXT) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
    "GRANT SELECT ON mqtt.* TO portcullis@'127.0.0.1', certified@'127.0.0.1'",
];
const QUERY: &str = "SELECT password_hash, salt, is_superuser, client_attrs, expire_at, acl, clientid_override \
                     FROM users WHERE username = ${username} LIMIT 1";

/// The server.
#[derive(Debug)]
pub struct MariaDb {
    program: Program,
    address: SocketAddr,
    /// Who signed its certificate, and signs those of clients.
    pub authority: Authority,
    /// Settings over the usual ones.
    pub over: Value,
    _folder: TempDir,
    _ports: PortBlock,
}

impl MariaDb {
    /// Makes a data folder and starts it.
    pub async fn start() -> Result<Self> {
        let mut ports = PortBlock::reserve()?;
        let address = ports.take()?;
        let folder = tempfile::Builder::new().prefix("portcullis-mariadb-").tempdir()?;
        let root = folder.path();
        let authority = Authority::new("MariaDB's authority")?;
        let (certificate, key) = authority.local_server()?.write(root, "server")?;
        std::fs::write(root.join("authority.pem"), &authority.certificate)?;
        let data = format!("--datadir={}", root.join("data").display());
        let launch = Launch {
            name: "MariaDB",
            program: find("mariadbd", PACKAGE)?,
            arguments: vec![
                "--no-defaults".into(),
                data.clone(),
                format!("--port={}", address.port()),
                "--bind-address=127.0.0.1".into(),
                format!("--socket={}", root.join("socket").display()),
                format!("--pid-file={}", root.join("pid").display()),
                format!("--ssl-cert={}", certificate.display()),
                format!("--ssl-key={}", key.display()),
                format!("--ssl-ca={}", root.join("authority.pem").display()),
                "--innodb-flush-log-at-trx-commit=2".into(),
                "--innodb-buffer-pool-size=32M".into(),
                "--plugin-load-add=auth_ed25519".into(),
                "--skip-name-resolve".into(),
                // The statements as they were prepared.
                "--general-log".into(),
                "--log-output=TABLE".into(),
            ],
            folder: root.into(),
            user: "mysql",
        };
        launch.give_folder()?;
        let install = find("mariadb-install-db", PACKAGE)?;
        let options = [
            "--no-defaults",
            &data,
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ];
        launch.run(&install, &options)?;
        let program = Program::start(launch, async || connect(address).await.map(drop)).await?;
        let server = Self {
            program,
            address,
            authority,
            over: json!({}),
            _folder: folder,
            _ports: ports,
        };
        server.execute(SETUP).await?;
        Ok(server)
    }

    /// Runs statements as the one who may do everything.
    pub async fn execute(&self, statements: &[&str]) -> Result<()> {
        let mut connection = connect(self.address).await?;
        for statement in statements {
            connection.query_drop(*statement).await?;
        }
        Ok(())
    }

    /// The one number that a query answers.
    pub async fn count(&self, query: &str) -> Result<i64> {
        let count: Option<i64> = connect(self.address).await?.query_first(query).await?;
        count.context("no row")
    }

    /// What users of that name have prepared or run as it is, without the values in it.
    pub async fn statements_of(&self, user: &str) -> Result<BTreeSet<String>> {
        let mut connection = connect(self.address).await?;
        let statements: Vec<Vec<u8>> = connection
            .exec(
                "SELECT DISTINCT argument FROM mysql.general_log \
                 WHERE command_type IN ('Prepare', 'Query') AND user_host LIKE CONCAT(?, '[%')",
                (user,),
            )
            .await?;
        Ok(statements
            .iter()
            .map(|text| without_values(&String::from_utf8_lossy(text)))
            .collect())
    }
}

/// Those in hexadecimal, which is how they stand in statements that are not prepared.
fn without_values(statement: &str) -> String {
    let mut pieces = statement.split("X'");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        text.push_str("X'");
        text.push_str(piece.trim_start_matches(|digit: char| digit.is_ascii_hexdigit()));
    }
    text
}

async fn connect(address: SocketAddr) -> Result<Conn> {
    let options = OptsBuilder::default()
        .ip_or_hostname(address.ip().to_string())
        .tcp_port(address.port())
        .prefer_socket(false)
        .user(Some("root"));
    Ok(Conn::new(options).await?)
}

impl Server for MariaDb {
    fn backend(&self) -> &'static str {
        "mysql"
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn settings_at(&self, address: SocketAddr) -> Value {
        let mut settings = json!({
            "server": address.to_string(),
            "database": "mqtt",
            "username": "portcullis",
            "password": PASSWORD,
            "query": QUERY,
        });
        lay_over(&mut settings, self.over.clone());
        settings
    }

    fn wrong_secret(&self) -> Value {
        json!({ "password": "not-the-users-password" })
    }

    fn authority(&self) -> Option<&Authority> {
        Some(&self.authority)
    }

    async fn put(&self, user: &User) -> Result<()> {
        let text = |value: &Option<String>| Cell::from(value.clone());
        let json = |value: &Option<Value>| Cell::from(value.as_ref().map(Value::to_string));
        let row = vec![
            Cell::from(user.name.clone()),
            text(&user.password_hash),
            text(&user.salt),
            text(&user.is_superuser),
            json(&user.client_attrs),
            Cell::from(user.expire_at),
            json(&user.acl),
            text(&user.clientid_override),
        ];
        let mut connection = connect(self.address).await?;
        let insert = "INSERT INTO mqtt.users VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
        connection.exec_drop(insert, Params::Positional(row)).await?;
        Ok(())
    }

    async fn seen(&self) -> Result<Option<BTreeSet<String>>> {
        Ok(Some(self.statements_of("portcullis").await?))
    }

    fn kill(&mut self) -> Result<()> {
        self.program.kill()
    }

    async fn start_again(&mut self) -> Result<()> {
        let address = self.address;
        self.program
            .start_again(async || connect(address).await.map(drop))
            .await
    }

    fn freeze(&self) -> Result<()> {
        self.program.freeze()
    }

    fn thaw(&self) -> Result<()> {
        self.program.thaw()
    }
}
