//! A directory of one test: OpenLDAP, in a folder and on ports of its own.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::PATIENCE;
use crate::ports::PortBlock;
use crate::servers::certificates::Certificate;
use crate::wait::wait_for;

const SERVER: &str = "/usr/sbin/slapd";
const LOADER: &str = "/usr/sbin/slapadd";
const PACKAGE: &str = "slapd";
/// The user that searches, and its password.
pub const READER: &str = "cn=reader,dc=test";
/// See [`READER`].
pub const READER_PASSWORD: &str = "reader's own";

/// EMQX's classes and attributes, under numbers that nobody else uses here.
const SCHEMA: &str = "\
attributetype ( 1.3.6.1.4.1.99999.1.1 NAME 'isEnabled' EQUALITY booleanMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.99999.1.2 NAME 'isSuperuser' EQUALITY booleanMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.99999.1.3 NAME 'clientIdOverride' EQUALITY caseExactMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.99999.1.4 NAME 'mqttPublishTopic' EQUALITY caseExactMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.99999.1.5 NAME 'mqttSubscriptionTopic' EQUALITY caseExactMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.99999.1.6 NAME 'mqttPubSubTopic' EQUALITY caseExactMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.99999.1.7 NAME 'mqttAclRule' EQUALITY caseExactMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.99999.1.8 NAME 'mqttAclTtl' EQUALITY caseExactMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectclass ( 1.3.6.1.4.1.99999.2.1 NAME 'mqttUser' SUP top AUXILIARY MAY ( isEnabled $ isSuperuser $ clientIdOverride $ mqttPublishTopic $ mqttSubscriptionTopic $ mqttPubSubTopic $ mqttAclRule $ mqttAclTtl $ userPassword ) )
";

/// Only the reader sees entries, and everybody may try to bind. Accounts can be locked.
const DATABASE: &str = "\
database mdb
suffix dc=test
rootdn cn=root,dc=test
maxsize 67108864
overlay ppolicy
access to attrs=userPassword by dn.exact=cn=reader,dc=test read by anonymous auth by * none
access to * by dn.exact=cn=reader,dc=test read by * none
";

const ROOT_ENTRIES: &str = "\
dn: dc=test
objectClass: dcObject
objectClass: organization
dc: test
o: test

dn: cn=reader,dc=test
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: reader's own

";

/// The server. It is killed when dropped.
#[derive(Debug)]
pub struct OpenLdap {
    plain: SocketAddr,
    tls: Option<SocketAddr>,
    folder: TempDir,
    _ports: PortBlock,
    child: Option<Child>,
}

impl OpenLdap {
    /// Starts one with these entries below `dc=test`, in LDIF; with a certificate it also speaks TLS.
    pub async fn start(entries: &str, certificate: Option<&Certificate>) -> Result<Self> {
        for program in [SERVER, LOADER] {
            ensure!(
                Path::new(program).exists(),
                "`{program}` is missing: install the Debian package {PACKAGE}"
            );
        }
        let mut ports = PortBlock::reserve()?;
        let mut server = Self {
            plain: ports.take()?,
            tls: certificate.map(|_| ports.take()).transpose()?,
            folder: tempfile::Builder::new().prefix("portcullis-ldap-").tempdir()?,
            _ports: ports,
            child: None,
        };
        server.configure(certificate)?;
        server.load(entries).await?;
        server.restart().await?;
        Ok(server)
    }

    /// `host:port` without TLS, or with StartTLS.
    pub fn address(&self) -> String {
        at_localhost(self.plain)
    }

    /// `host:port` with TLS from the first byte.
    pub fn tls_address(&self) -> Result<String> {
        self.tls.map(at_localhost).context("the directory has no certificate")
    }

    /// Where it listens without TLS, for a proxy.
    pub fn socket(&self) -> SocketAddr {
        self.plain
    }

    /// SIGKILL, and waits until the process is gone.
    pub async fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// Starts it on the same ports with what it has, and waits until it listens.
    pub async fn restart(&mut self) -> Result<()> {
        self.kill().await?;
        let mut urls = format!("ldap://{}/", self.plain);
        if let Some(tls) = self.tls {
            urls.push_str(&format!(" ldaps://{tls}/"));
        }
        let log = File::create(self.folder.path().join("log"))?;
        // A level, even if it is none, keeps it in the foreground.
        let child = Command::new(SERVER)
            .arg("-f")
            .arg(self.config_file())
            .args(["-h", &urls, "-d", "0"])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        self.child = Some(child);
        let (address, log) = (self.plain, self.folder.path().join("log"));
        let listens = wait_for("slapd to listen", PATIENCE, async || {
            Ok(TcpStream::connect(address).await.ok().map(|_| ()))
        });
        listens
            .await
            .with_context(|| fs::read_to_string(log).unwrap_or_default())
    }

    fn config_file(&self) -> std::path::PathBuf {
        self.folder.path().join("slapd.conf")
    }

    fn configure(&self, certificate: Option<&Certificate>) -> Result<()> {
        let folder = self.folder.path();
        let write = |name: &str, text: &str| fs::write(folder.join(name), text);
        fs::create_dir(folder.join("data"))?;
        write("mqtt.schema", SCHEMA)?;
        let shown = folder.display();
        let mut config = format!(
            "include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include {shown}/mqtt.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
moduleload pw-sha2
"
        );
        if let Some(certificate) = certificate {
            write("cert.pem", &certificate.chain)?;
            write("key.pem", &certificate.key)?;
            config.push_str(&format!(
                "TLSCertificateFile {shown}/cert.pem\nTLSCertificateKeyFile {shown}/key.pem\n"
            ));
        }
        config.push_str(&format!("{DATABASE}directory {shown}/data\n"));
        fs::write(self.config_file(), config)?;
        Ok(())
    }

    async fn load(&self, entries: &str) -> Result<()> {
        let file = self.folder.path().join("entries.ldif");
        fs::write(&file, [ROOT_ENTRIES, entries].concat())?;
        let loaded = Command::new(LOADER)
            .arg("-f")
            .arg(self.config_file())
            .arg("-l")
            .arg(&file)
            .output()
            .await?;
        if !loaded.status.success() {
            bail!("slapadd: {}", String::from_utf8_lossy(&loaded.stderr));
        }
        Ok(())
    }
}

/// By the name that certificates bear.
fn at_localhost(address: SocketAddr) -> String {
    format!("localhost:{}", address.port())
}
