//! The servers that are asked, in whichever of three ways they stand together.

use redis::Value as Reply;

use super::cluster::Cluster;
use super::command::Command;
use super::dial::{Dialer, Tls};
use super::line::{End, Line};
use super::sentinel::Sentinels;
use super::settings::{RedisSettings, Standing};
use super::trouble::{Kind, Trouble};
use crate::auth::Credentials;
use crate::backends::Context;

/// Bytes of an answer.
const LONGEST_ANSWER: u64 = 64 << 10;

/// Ready to be asked; nothing is open yet.
pub(super) enum Servers {
    /// One, fixed or named by sentinels.
    One(Box<Line>),
    /// Many.
    Cluster(Cluster),
}

impl Servers {
    /// Reads certificates: not to be called on the async threads.
    pub(super) fn new(settings: &RedisSettings, context: &Context) -> Result<Self, String> {
        let pool = settings.reach.pool_size() as u64;
        let dialer = Dialer {
            login: settings.login.clone(),
            tls: Tls::of(&settings.ssl, &context.secrets_dir)?,
            within: settings.reach.times.connect,
            most: LONGEST_ANSWER.saturating_mul(pool),
            secrets_dir: context.secrets_dir.clone(),
        };
        Ok(match &settings.standing {
            Standing::Single(address) => Self::One(Box::new(Line::new(End::Fixed(dialer.into(), address.clone())))),
            Standing::Sentinels {
                addresses,
                group,
                login,
            } => {
                let to_sentinels = Dialer {
                    login: login.clone(),
                    ..dialer.clone()
                };
                Self::One(Box::new(Line::new(End::Master(Box::new(Sentinels {
                    addresses: addresses.clone(),
                    group: group.clone(),
                    to_sentinels,
                    to_master: dialer,
                })))))
            }
            Standing::Cluster(seeds) => Self::Cluster(Cluster::new(dialer, seeds.clone())),
        })
    }

    /// Asks about a client.
    pub(super) async fn ask(&self, command: &Command, credentials: &Credentials) -> Result<Reply, Trouble> {
        let key = command.key(credentials);
        let asked = command.of(&key);
        match self {
            Self::One(line) => line.ask(&asked, false).await,
            Self::Cluster(cluster) => cluster.ask(&key, &asked).await,
        }
    }

    /// Asks about nobody, and looks whether the servers still stand as they are known to. What lies under that key does not matter.
    pub(super) async fn probe(&self, command: &Command) -> Result<(), Trouble> {
        match self {
            Self::One(line) => line.check().await,
            Self::Cluster(cluster) => cluster.check().await?,
        }
        match self.ask(command, &Credentials::default()).await {
            Err(trouble) if trouble.kind != Kind::Record => Err(trouble),
            _ => Ok(()),
        }
    }
}
