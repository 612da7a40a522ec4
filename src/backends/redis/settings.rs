//! The settings of Redis servers: EMQX's names and defaults.

use serde_json::{Map, Value, json};

use super::command::Command;
use super::dial::Login;
use crate::backends::Violation;
use crate::backends::address::{Address, address, addresses};
use crate::backends::fields::Fields;
use crate::backends::passwords::{ELSEWHERE, PasswordSettings};
use crate::backends::reach::ReachSettings;
use crate::backends::secrets::{self, SecretSource};
use crate::backends::ssl::Ssl;

/// What the time for a question is called.
pub(super) const ASK: &str = "query_timeout";
const PORT: u16 = 6379;
const MOST_DATABASES: u32 = 65_535;

/// How the servers stand together.
#[derive(Clone, Debug)]
pub(super) enum Standing {
    /// One alone.
    Single(Address),
    /// A master with replicas, named by sentinels.
    Sentinels {
        addresses: Vec<Address>,
        group: String,
        login: Login,
    },
    /// A cluster, of which some are known.
    Cluster(Vec<Address>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Single,
    Sentinel,
    Cluster,
}

/// Everything such a backend is set up by.
pub(super) struct RedisSettings {
    pub(super) command: Command,
    pub(super) standing: Standing,
    pub(super) login: Login,
    pub(super) ssl: Ssl,
    pub(super) passwords: PasswordSettings,
    pub(super) reach: ReachSettings,
}

impl RedisSettings {
    /// Reads them, with defaults filled in.
    pub(super) fn parse(settings: &Value) -> Result<(Self, Map<String, Value>), Vec<Violation>> {
        let mut fields = Fields::of("settings", settings).map_err(|fault| vec![fault])?;
        let kinds = [
            ("single", Kind::Single),
            ("sentinel", Kind::Sentinel),
            ("cluster", Kind::Cluster),
        ];
        let kind = fields.word("redis_type", &kinds, Kind::Single);
        let standing = standing(&mut fields, kind);
        let login = login(&mut fields, kind);
        let command = command(&mut fields);
        let ssl = fields.within("ssl", Ssl::parse);
        let passwords = PasswordSettings::parse(&mut fields, ELSEWHERE);
        let reach = ReachSettings::parse(&mut fields, ASK);
        let filled = fields.finish()?;
        let (Some(command), Some(standing), Some(ssl), Some(reach)) = (command, standing, ssl, reach) else {
            return Err(vec![Violation::new("settings", "are incomplete")]);
        };
        let settings = Self {
            command,
            standing,
            login,
            ssl,
            passwords,
            reach,
        };
        Ok((settings, filled))
    }
}

fn standing(fields: &mut Fields<'_>, kind: Kind) -> Option<Standing> {
    if kind != Kind::Sentinel {
        let why = "goes with `redis_type` `sentinel` only";
        fields.refuse_given(&["sentinel", "sentinel_username", "sentinel_password"], why);
    }
    if kind == Kind::Single {
        fields.refuse_given(
            &["servers"],
            "goes with `sentinel` and `cluster`; one alone is named by `server`",
        );
        return address(fields, "server", PORT).map(Standing::Single);
    }
    fields.refuse_given(&["server"], "goes with `single`; here they are listed in `servers`");
    let addresses = addresses(fields, "servers", PORT);
    if kind == Kind::Cluster {
        return Some(Standing::Cluster(addresses));
    }
    let group = fields.needed_text("sentinel", "the name that the sentinels know the master by");
    let login = Login {
        username: fields.text("sentinel_username").unwrap_or_default().to_owned(),
        password: SecretSource::parse(fields, "sentinel_password"),
        database: 0,
    };
    Some(Standing::Sentinels {
        addresses,
        group: group.to_owned(),
        login,
    })
}

fn login(fields: &mut Fields<'_>, kind: Kind) -> Login {
    let database = fields.number("database", 0..=MOST_DATABASES, 0);
    if kind == Kind::Cluster && database != 0 {
        fields.refuse("database", "must be 0: a cluster has no other");
    }
    Login {
        username: fields.text("username").unwrap_or_default().to_owned(),
        password: SecretSource::parse(fields, "password"),
        database,
    }
}

fn command(fields: &mut Fields<'_>) -> Option<Command> {
    let text = fields.needed_text("cmd", "the command that looks an account up");
    if text.is_empty() {
        return None;
    }
    Command::parse(text).map_err(|why| fields.refuse("cmd", why)).ok()
}

/// JSON schema of the fields that are Redis's own.
pub(super) fn schemas() -> Value {
    let plain = |title: &str, description: &str| json!({"title": title, "description": description, "type": "string"});
    json!({
        "redis_type": {
            "title": "Deployment",
            "description": "How the servers stand together: one alone, a master that sentinels name, or a cluster.",
            "enum": ["single", "sentinel", "cluster"],
            "default": "single",
        },
        "server": plain("Server", "The server of a single deployment, as `host` or `host:port` (6379)."),
        "servers": {
            "title": "Servers",
            "description": "The sentinels, or some servers of the cluster: a list of `host` or `host:port` (6379), or one text with commas. The others are found through them.",
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
        },
        "sentinel": plain("Master name", "The name that the sentinels know the master by."),
        "sentinel_username": plain("Sentinel user name", "As whom the sentinels are asked, if they have users."),
        "sentinel_password": secrets::schema("Sentinel password", "The password for the sentinels, if they want one."),
        "username": plain("User name", "As whom the servers are asked; empty: their default user."),
        "password": secrets::schema("Password", "The password for the servers."),
        "database": {
            "title": "Database",
            "description": "The number of the database. A cluster has only 0.",
            "type": "integer",
            "minimum": 0,
            "maximum": MOST_DATABASES,
            "default": 0,
        },
        "cmd": plain("Command", "How an account is looked up: `HMGET KEY password_hash salt is_superuser` (or HGET for one field, HGETALL for all), or `GET KEY` for a JSON object. Only the key holds placeholders like `${username}`. No such key: the user is unknown here."),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{RedisSettings, Standing};

    fn faults(settings: &Value) -> Vec<String> {
        let faults = RedisSettings::parse(settings).err().unwrap_or_default();
        faults.into_iter().map(|fault| fault.field).collect()
    }

    #[test]
    fn the_objects_of_emqx_are_taken() {
        let cmd = "HMGET mqtt_user:${username} password_hash salt";
        let single = json!({
            "redis_type": "single", "server": "127.0.0.1:6379", "cmd": cmd, "database": 1.0, "password": "public",
            "pool_size": 8, "auto_reconnect": true, "ssl": {"enable": false},
            "password_hash_algorithm": {"name": "plain", "salt_position": "suffix"},
        });
        let (settings, filled) = RedisSettings::parse(&single).ok().unwrap();
        assert!(matches!(settings.standing, Standing::Single(_)));
        assert_eq!(filled["query_timeout"], 5);
        let sentinel = json!({
            "redis_type": "sentinel", "servers": "a:26379,b", "sentinel": "mymaster", "cmd": cmd,
            "sentinel_username": "s", "sentinel_password": "p",
        });
        let (settings, filled) = RedisSettings::parse(&sentinel).ok().unwrap();
        assert!(matches!(&settings.standing, Standing::Sentinels { addresses, .. } if addresses.len() == 2));
        assert_eq!(filled["password_hash_algorithm"]["name"], "sha256");
        let again = RedisSettings::parse(&Value::Object(filled.clone())).ok().unwrap().1;
        assert_eq!(again, filled);
        let cluster = json!({"redis_type": "cluster", "servers": ["a", "b:7000"], "cmd": cmd});
        assert!(faults(&cluster).is_empty());
    }

    #[test]
    fn every_fault_is_named() {
        assert_eq!(faults(&json!({})), ["settings.server", "settings.cmd"]);
        let wrong = json!({
            "redis_type": "cluster", "server": "a", "sentinel": "m", "database": 3, "cmd": "SET k v",
        });
        assert_eq!(
            faults(&wrong),
            [
                "settings.sentinel",
                "settings.server",
                "settings.servers",
                "settings.database",
                "settings.cmd"
            ]
        );
        let wrong = json!({"redis_type": "sentinel", "servers": "a:b", "cmd": "GET k", "ssl": {"x": 1}});
        assert_eq!(
            faults(&wrong),
            ["settings.servers", "settings.sentinel", "settings.ssl.x"]
        );
    }
}
