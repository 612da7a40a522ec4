//! A directory of one test: OpenLDAP, in a folder and on ports of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::{Launch, Program, find};
use crate::authority::Pair;
use crate::ports::PortBlock;

const PACKAGE: &str = "slapd";
/// The user that searches, and its password.
pub const READER: &str = "cn=reader,dc=test";
/// See [`READER`].
pub const READER_PASSWORD: &str = "reader's own";

/// EMQX's class and attributes, under numbers that nobody else uses here.
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
ppolicy_default cn=policy,dc=test
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

dn: cn=policy,dc=test
objectClass: device
objectClass: pwdPolicy
cn: policy
pwdAttribute: userPassword
pwdLockout: TRUE

";

/// The server.
#[derive(Debug)]
pub struct OpenLdap {
    program: Program,
    plain: SocketAddr,
    tls: SocketAddr,
    _folder: TempDir,
    _ports: PortBlock,
}

impl OpenLdap {
    /// Starts one with these entries below `dc=test`, in LDIF; with a certificate it also speaks TLS.
    pub async fn start(entries: &str, certificate: Option<&Pair>) -> Result<Self> {
        let mut ports = PortBlock::reserve()?;
        let (plain, tls) = (ports.take()?, ports.take()?);
        let folder = tempfile::Builder::new().prefix("portcullis-openldap-").tempdir()?;
        let root = folder.path();
        fs::create_dir(root.join("data"))?;
        fs::write(root.join("mqtt.schema"), SCHEMA)?;
        fs::write(root.join("entries.ldif"), [ROOT_ENTRIES, entries].concat())?;
        fs::write(root.join("slapd.conf"), config(root, certificate)?)?;
        let mut urls = format!("ldap://{plain}/");
        if certificate.is_some() {
            urls.push_str(&format!(" ldaps://{tls}/"));
        }
        // A level of debugging, even if it is none, keeps it in the foreground.
        let arguments = ["-f", "slapd.conf", "-h", &urls, "-d", "0"];
        let launch = Launch {
            name: "OpenLDAP",
            program: find("slapd", PACKAGE)?,
            arguments: arguments.map(str::to_owned).to_vec(),
            folder: root.into(),
            user: "openldap",
        };
        launch.give_folder()?;
        launch.run(&find("slapadd", PACKAGE)?, &["-f", "slapd.conf", "-l", "entries.ldif"])?;
        let program = Program::start(launch, async || answers(plain).await).await?;
        Ok(Self {
            program,
            plain,
            tls,
            _folder: folder,
            _ports: ports,
        })
    }

    /// Where it listens without TLS, or for StartTLS.
    pub fn address(&self) -> SocketAddr {
        self.plain
    }

    /// Where it speaks TLS from the first byte, if it has a certificate.
    pub fn tls_address(&self) -> SocketAddr {
        self.tls
    }

    /// SIGKILL, and waits until the process is gone.
    pub fn kill(&mut self) -> Result<()> {
        self.program.kill()
    }

    /// Starts it again with what it had, and waits until it listens.
    pub async fn start_again(&mut self) -> Result<()> {
        let address = self.plain;
        self.program.start_again(async || answers(address).await).await
    }
}

async fn answers(address: SocketAddr) -> Result<()> {
    TcpStream::connect(address).await?;
    Ok(())
}

fn config(root: &Path, certificate: Option<&Pair>) -> Result<String> {
    let mut lines: Vec<String> = ["core.schema", "cosine.schema"]
        .map(|schema| format!("include /etc/ldap/schema/{schema}"))
        .to_vec();
    lines.push(format!("include {}/mqtt.schema", root.display()));
    lines.push("modulepath /usr/lib/ldap".into());
    lines.extend(["back_mdb", "ppolicy", "pw-sha2"].map(|module| format!("moduleload {module}")));
    if let Some(certificate) = certificate {
        let (certificate, key) = certificate.write(root, "server")?;
        lines.push(format!("TLSCertificateFile {}", certificate.display()));
        lines.push(format!("TLSCertificateKeyFile {}", key.display()));
    }
    lines.push(DATABASE.into());
    lines.push(format!("directory {}/data\n", root.display()));
    Ok(lines.join("\n"))
}
