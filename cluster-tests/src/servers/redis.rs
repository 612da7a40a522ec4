//! Private Redis servers with accounts: one alone, a replica with a sentinel, a cluster of three.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::{fs, iter};

use anyhow::{Context as _, Result, bail, ensure};
use redis::aio::MultiplexedConnection;
use redis::{Client, FromRedisValue};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Launch, Program, find};
use crate::authority::Authority;
use crate::cluster::PATIENCE;
use crate::conformance::{Server, User};
use crate::ports::PortBlock;
use crate::wait::wait_for;

/// Who may look accounts up, and nothing else.
pub const USER: &str = "portcullis";
/// With characters that need care in addresses.
pub const PASSWORD: &str = "p@ss:w/rd%";
/// Whom the sentinel knows, and the servers do not.
pub const SENTINEL_USER: &str = "watcher";
/// Its password.
pub const SENTINEL_PASSWORD: &str = "w@tch";
/// What the sentinel calls its servers.
pub const GROUP: &str = "mymaster";
/// The password of the default user, who may do everything.
pub const ADMIN: &str = "administrator";
/// Asks for everything that an account may have.
pub const COMMAND: &str =
    "HMGET mqtt:${username} password_hash salt is_superuser client_attrs expire_at acl clientid_override";
const PACKAGE: &str = "redis-server";
/// Commands that only the fixture uses.
const OF_THE_FIXTURE: [&str; 3] = ["client", "hset", "info"];

/// A server.
#[derive(Debug)]
pub struct Redis {
    program: Program,
    /// Where it is asked without TLS.
    pub plain: SocketAddr,
    /// Where it is asked with TLS.
    pub encrypted: SocketAddr,
    /// Whether the table is to ask it over TLS.
    is_asked_encrypted: bool,
    bus: SocketAddr,
    /// Who signed its certificate.
    pub authority: Authority,
    _folder: TempDir,
    _ports: PortBlock,
}

impl Redis {
    /// One alone.
    pub async fn start() -> Result<Self> {
        Self::with("").await
    }

    /// One alone, which is asked over TLS.
    pub async fn start_encrypted() -> Result<Self> {
        Ok(Self {
            is_asked_encrypted: true,
            ..Self::with("").await?
        })
    }

    /// One that repeats another.
    pub async fn replica_of(master: &Self) -> Result<Self> {
        Self::with(&format!(
            "replicaof {} {}\nrepl-diskless-sync-delay 0\n",
            master.plain.ip(),
            master.plain.port()
        ))
        .await
    }

    async fn with(more: &str) -> Result<Self> {
        let mut ports = PortBlock::reserve()?;
        let (plain, encrypted, bus) = (ports.take()?, ports.take()?, ports.take()?);
        let folder = tempfile::Builder::new().prefix("portcullis-redis-").tempdir()?;
        let root = folder.path();
        let authority = Authority::new("Redis's authority")?;
        let (certificate, key) = authority.local_server()?.write(root, "server")?;
        fs::write(root.join("authority.pem"), &authority.certificate)?;
        let mut text = String::from(
            "bind 127.0.0.1\nsave \"\"\nappendonly yes\ntls-auth-clients optional\nenable-debug-command local\n",
        );
        writeln!(text, "port {}\ntls-port {}", plain.port(), encrypted.port())?;
        writeln!(
            text,
            "tls-cert-file {}\ntls-key-file {}",
            certificate.display(),
            key.display()
        )?;
        writeln!(text, "tls-ca-cert-file {}/authority.pem", root.display())?;
        writeln!(text, "user default on >{ADMIN} ~* &* +@all")?;
        let may = "~mqtt:* resetchannels -@all +hget +hmget +hgetall +get +cluster|slots +asking";
        writeln!(text, "user {USER} on >{PASSWORD} {may}")?;
        writeln!(text, "masteruser default\nmasterauth {ADMIN}")?;
        text.push_str(&more.replace("BUS", &bus.port().to_string()));
        fs::write(root.join("redis.conf"), text)?;
        let launch = Launch {
            name: "Redis",
            program: find("redis-server", PACKAGE)?,
            arguments: vec!["redis.conf".into()],
            folder: root.into(),
            user: "redis",
        };
        launch.give_folder()?;
        Ok(Self {
            program: Program::start(launch, async || answers(plain).await).await?,
            plain,
            encrypted,
            is_asked_encrypted: false,
            bus,
            authority,
            _folder: folder,
            _ports: ports,
        })
    }

    /// A client that may do everything.
    pub fn client(&self) -> Result<Client> {
        client(self.plain)
    }

    /// Does something as the one who may do everything.
    pub async fn tell<T: FromRedisValue>(&self, arguments: &[&str]) -> Result<T> {
        let mut command = redis::Cmd::new();
        for argument in arguments {
            command.arg(argument);
        }
        Ok(command.query_async(&mut connect(self.plain).await?).await?)
    }
}

fn client(address: SocketAddr) -> Result<Client> {
    Ok(Client::open(format!("redis://default:{ADMIN}@{address}/"))?)
}

async fn connect(address: SocketAddr) -> Result<MultiplexedConnection> {
    Ok(client(address)?.get_multiplexed_async_connection().await?)
}

async fn answers(address: SocketAddr) -> Result<()> {
    redis::cmd("PING")
        .query_async::<()>(&mut connect(address).await?)
        .await?;
    Ok(())
}

impl Server for Redis {
    fn backend(&self) -> &'static str {
        "redis"
    }

    fn address(&self) -> SocketAddr {
        if self.is_asked_encrypted {
            self.encrypted
        } else {
            self.plain
        }
    }

    fn settings_at(&self, address: SocketAddr) -> Value {
        json!({
            "redis_type": "single",
            "server": address.to_string(),
            "username": USER,
            "password": PASSWORD,
            "cmd": COMMAND,
        })
    }

    fn wrong_secret(&self) -> Value {
        json!({ "password": "not-the-users-password" })
    }

    fn authority(&self) -> Option<&Authority> {
        self.is_asked_encrypted.then_some(&self.authority)
    }

    async fn put(&self, user: &User) -> Result<()> {
        let document = |value: &Option<Value>| value.as_ref().map(Value::to_string);
        let fields = [
            ("password_hash", user.password_hash.clone()),
            ("salt", user.salt.clone()),
            ("is_superuser", user.is_superuser.clone()),
            ("client_attrs", document(&user.client_attrs)),
            ("expire_at", user.expire_at.map(|end| end.to_string())),
            ("acl", document(&user.acl)),
            ("clientid_override", user.clientid_override.clone()),
        ];
        let mut command = redis::cmd("HSET");
        command.arg(format!("mqtt:{}", user.name));
        for (name, value) in fields {
            if let Some(value) = value {
                command.arg(name).arg(value);
            }
        }
        command.query_async::<()>(&mut connect(self.plain).await?).await?;
        Ok(())
    }

    /// A hash has no field that holds nothing.
    fn can_keep(&self, user: &User) -> bool {
        user.password_hash.is_some()
    }

    async fn seen(&self) -> Result<Option<BTreeSet<String>>> {
        let told: String = self.tell(&["INFO", "commandstats"]).await?;
        let names = told
            .lines()
            .filter_map(|line| line.strip_prefix("cmdstat_")?.split(':').next());
        let seen = names.filter(|name| !OF_THE_FIXTURE.iter().any(|own| name.starts_with(own)));
        Ok(Some(seen.map(str::to_owned).collect()))
    }

    fn kill(&mut self) -> Result<()> {
        self.program.kill()
    }

    async fn start_again(&mut self) -> Result<()> {
        let address = self.plain;
        self.program.start_again(async || answers(address).await).await
    }

    fn freeze(&self) -> Result<()> {
        self.program.freeze()
    }

    fn thaw(&self) -> Result<()> {
        self.program.thaw()
    }
}

/// What names the master of others.
#[derive(Debug)]
pub struct Sentinel {
    _program: Program,
    /// Where it is asked.
    pub address: SocketAddr,
    _folder: TempDir,
    _ports: PortBlock,
}

impl Sentinel {
    /// Minds that master, impatiently, and knows its replica.
    pub async fn of(master: &Redis) -> Result<Self> {
        let mut ports = PortBlock::reserve()?;
        let address = ports.take()?;
        let folder = tempfile::Builder::new().prefix("portcullis-sentinel-").tempdir()?;
        let root = folder.path();
        let mut text = format!("bind 127.0.0.1\nport {}\ndir {}\n", address.port(), root.display());
        writeln!(
            text,
            "user default off\nuser {SENTINEL_USER} on >{SENTINEL_PASSWORD} &* +@all"
        )?;
        writeln!(
            text,
            "sentinel monitor {GROUP} {} {} 1",
            master.plain.ip(),
            master.plain.port()
        )?;
        writeln!(
            text,
            "sentinel auth-user {GROUP} default\nsentinel auth-pass {GROUP} {ADMIN}"
        )?;
        writeln!(text, "sentinel down-after-milliseconds {GROUP} 500")?;
        writeln!(text, "sentinel failover-timeout {GROUP} 3000")?;
        fs::write(root.join("sentinel.conf"), text)?;
        let launch = Launch {
            name: "the sentinel",
            program: find("redis-server", PACKAGE)?,
            arguments: vec!["sentinel.conf".into(), "--sentinel".into()],
            folder: root.into(),
            user: "redis",
        };
        launch.give_folder()?;
        let who = format!("redis://{SENTINEL_USER}:{SENTINEL_PASSWORD}@{address}/");
        let knows_a_replica = async || {
            let mut sentinel = Client::open(who.as_str())?.get_multiplexed_async_connection().await?;
            let mut command = redis::cmd("SENTINEL");
            let replicas: Vec<redis::Value> = command.arg("REPLICAS").arg(GROUP).query_async(&mut sentinel).await?;
            ensure!(!replicas.is_empty(), "the sentinel knows no replica");
            Ok(())
        };
        Ok(Self {
            _program: Program::start(launch, knows_a_replica).await?,
            address,
            _folder: folder,
            _ports: ports,
        })
    }
}

/// Three masters that share the keys.
#[derive(Debug)]
pub struct RedisCluster {
    /// Each with a third of them.
    pub servers: Vec<Redis>,
}

impl RedisCluster {
    /// Starts them, and waits until they agree.
    pub async fn start() -> Result<Self> {
        let more =
            "cluster-enabled yes\ncluster-port BUS\ncluster-node-timeout 2000\ncluster-require-full-coverage no\n";
        let mut servers = Vec::new();
        for _ in 0..3 {
            servers.push(Redis::with(more).await?);
        }
        let cluster = Self { servers };
        let first = cluster.servers.first().context("no server")?;
        let thirds = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];
        for (server, (from, to)) in iter::zip(&cluster.servers, thirds) {
            server.tell::<()>(&["CLUSTER", "ADDSLOTSRANGE", from, to]).await?;
            let (port, bus) = (server.plain.port().to_string(), server.bus.port().to_string());
            first.tell::<()>(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]).await?;
        }
        for server in &cluster.servers {
            wait_for("the servers to agree", PATIENCE, async || {
                let told: String = server.tell(&["CLUSTER", "INFO"]).await?;
                ensure!(
                    told.contains("cluster_state:ok") && told.contains("cluster_slots_ok:16384"),
                    "{told}"
                );
                Ok(Some(()))
            })
            .await?;
        }
        Ok(cluster)
    }

    /// Keeps an account at whichever server has its key.
    pub async fn put(&self, user: &User) -> Result<()> {
        for server in &self.servers {
            match server.put(user).await {
                Err(error) if error.to_string().to_lowercase().contains("moved") => {}
                other => return other,
            }
        }
        bail!("no server has the key")
    }
}
