//! The settings of MongoDB servers: EMQX's names and defaults.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::document::Shape;
use super::filter::Filter;
use crate::backends::Violation;
use crate::backends::address::{Address, address, addresses};
use crate::backends::fields::Fields;
use crate::backends::passwords::{ELSEWHERE, PasswordSettings};
use crate::backends::reach::ReachSettings;
use crate::backends::secrets::{self, SecretSource};
use crate::backends::ssl::Ssl;
use crate::words;

/// What the time for a question is called.
pub(super) const ASK: &str = "query_timeout";
const PORT: u16 = 27017;
const SELECTIONS: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(300);
const HEARTBEATS: RangeInclusive<Duration> = Duration::from_millis(500)..=Duration::from_secs(3600);
const THRESHOLDS: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(60);
/// Of EMQX's driver, and without a meaning for this one.
const LEFT_OUT_OF_TOPOLOGY: [&str; 8] = [
    "connect_timeout_ms",
    "max_overflow",
    "min_heartbeat_frequency_ms",
    "overflow_check_period",
    "overflow_ttl",
    "pool_size",
    "socket_timeout_ms",
    "wait_queue_timeout_ms",
];
const LEFT_OUT: [&str; 2] = ["use_legacy_protocol", "w_mode"];

/// How the servers stand together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Single,
    ReplicaSet(String),
    Sharded,
}

/// Which servers of a set are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadMode {
    Primary,
    /// Secondaries too, which may be behind.
    Any,
}

/// The servers, and who we are.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) standing: Standing,
    pub(super) addresses: Vec<Address>,
    /// The first address is a name that DNS knows the servers of.
    pub(super) by_srv_record: bool,
    pub(super) read_mode: ReadMode,
    pub(super) auth_source: String,
    pub(super) username: String,
    pub(super) password: Option<SecretSource>,
    pub(super) topology: Topology,
    pub(super) ssl: Ssl,
}

/// How the driver minds the servers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Topology {
    pub(super) selection: Option<Duration>,
    pub(super) heartbeat: Option<Duration>,
    pub(super) threshold: Option<Duration>,
}

/// Everything such a backend is set up by.
pub(super) struct MongoSettings {
    pub(super) place: Place,
    pub(super) database: String,
    pub(super) collection: String,
    pub(super) filter: Filter,
    pub(super) shape: Shape,
    pub(super) passwords: PasswordSettings,
    pub(super) reach: ReachSettings,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Single,
    ReplicaSet,
    Sharded,
}

impl MongoSettings {
    /// Reads them, with defaults filled in.
    pub(super) fn parse(settings: &Value) -> Result<(Self, Map<String, Value>), Vec<Violation>> {
        let mut fields = Fields::of("settings", settings).map_err(|fault| vec![fault])?;
        fields.leave_out(&LEFT_OUT);
        let place = place(&mut fields);
        let database = name(&mut fields, "database", "the database with the accounts");
        let collection = name(&mut fields, "collection", "the collection with the accounts");
        let filter = filter(&mut fields);
        let shape = Shape::parse(&mut fields);
        let passwords = PasswordSettings::parse(&mut fields, ELSEWHERE);
        let reach = ReachSettings::parse(&mut fields, ASK);
        let filled = fields.finish()?;
        let (Some(place), Some(filter), Some(reach)) = (place, filter, reach) else {
            return Err(vec![Violation::new("settings", "are incomplete")]);
        };
        let settings = Self {
            place,
            database,
            collection,
            filter,
            shape,
            passwords,
            reach,
        };
        Ok((settings, filled))
    }
}

fn place(fields: &mut Fields<'_>) -> Option<Place> {
    let kinds = [
        ("single", Kind::Single),
        ("rs", Kind::ReplicaSet),
        ("sharded", Kind::Sharded),
    ];
    let kind = fields.word("mongo_type", &kinds, Kind::Single);
    let addresses = if kind == Kind::Single {
        fields.refuse_given(
            &["servers"],
            "goes with `rs` and `sharded`; one alone is named by `server`",
        );
        address(fields, "server", PORT).into_iter().collect()
    } else {
        fields.refuse_given(&["server"], "goes with `single`; here they are listed in `servers`");
        addresses(fields, "servers", PORT)
    };
    let standing = match kind {
        Kind::ReplicaSet => Standing::ReplicaSet(
            fields
                .needed_text("replica_set_name", "what the replica set calls itself")
                .to_owned(),
        ),
        _ => {
            fields.refuse_given(&["replica_set_name"], "goes with `mongo_type` `rs` only");
            if kind == Kind::Single {
                Standing::Single
            } else {
                Standing::Sharded
            }
        }
    };
    let modes = [("master", ReadMode::Primary), ("slave_ok", ReadMode::Any)];
    let read_mode = fields.word("r_mode", &modes, ReadMode::Primary);
    let by_srv_record = fields.flag("srv_record", false);
    let username = fields.text("username").unwrap_or_default().to_owned();
    let password = SecretSource::parse(fields, "password");
    if username.is_empty() && password.is_some() {
        fields.refuse("username", "is required with a `password`");
    }
    let auth_source = fields.text("auth_source").unwrap_or_default().to_owned();
    let topology = fields.within("topology", topology);
    let ssl = fields.within("ssl", Ssl::parse);
    if ssl.as_ref().is_some_and(|ssl| !ssl.server_name.is_empty()) {
        let path = format!("{}.server_name_indication", fields.path_of("ssl"));
        let why = "must not be given: the driver verifies the names of the addresses";
        fields.add_faults([Violation::new(path, why)]);
    }
    Some(Place {
        standing,
        addresses,
        by_srv_record,
        read_mode,
        auth_source,
        username,
        password,
        topology: topology?,
        ssl: ssl?,
    })
}

/// A name that the driver takes.
fn name(fields: &mut Fields<'_>, field: &'static str, what: &str) -> String {
    let name = fields.needed_text(field, what);
    let forbidden: &[char] = if field == "database" {
        &['\0', '.', '$', '/', '\\', ' ', '"']
    } else {
        &['\0', '$']
    };
    if name.contains(forbidden) {
        fields.refuse(field, "has a character that no such name may have");
    }
    name.to_owned()
}

fn filter(fields: &mut Fields<'_>) -> Option<Filter> {
    let nothing = Value::Object(Map::new());
    let given = fields.get("filter").unwrap_or(&nothing);
    fields.fill("filter", given.clone());
    Filter::parse(&fields.path_of("filter"), given)
        .map_err(|faults| fields.add_faults(faults))
        .ok()
}

fn topology(path: &str, given: &Value) -> Result<(Topology, Value), Vec<Violation>> {
    let mut fields = Fields::of(path, given).map_err(|fault| vec![fault])?;
    fields.leave_out(&LEFT_OUT_OF_TOPOLOGY);
    let topology = Topology {
        selection: milliseconds(&mut fields, "server_selection_timeout_ms", SELECTIONS),
        heartbeat: milliseconds(&mut fields, "heartbeat_frequency_ms", HEARTBEATS),
        threshold: milliseconds(&mut fields, "local_threshold_ms", THRESHOLDS),
    };
    fields.finish().map(|filled| (topology, filled.into()))
}

/// A number here is one of milliseconds, as the names say.
fn milliseconds(fields: &mut Fields<'_>, name: &'static str, range: RangeInclusive<Duration>) -> Option<Duration> {
    let given = fields.get(name)?;
    let time = match given {
        Value::Number(number) => number
            .as_f64()
            .and_then(|number| Duration::try_from_secs_f64(number / 1000.0).ok()),
        Value::String(text) => words::duration(text).ok(),
        _ => None,
    };
    let time = time.filter(|time| range.contains(time));
    match time {
        Some(time) => fields.fill(name, format!("{}ms", time.as_millis())),
        None => {
            let (least, most) = range.into_inner();
            let why = format!("must be a number of milliseconds or a time like `30s`, from {least:?} to {most:?}");
            fields.refuse(name, why);
        }
    }
    time
}

/// JSON schema of the fields that are MongoDB's own.
pub(super) fn schemas() -> Value {
    let plain = |title: &str, description: &str| json!({"title": title, "description": description, "type": "string"});
    let left_out =
        |title: &str| json!({"title": title, "description": "Accepted from EMQX and not kept: the driver sees to it."});
    let time = |title: &str, description: &str| {
        json!({
            "title": title,
            "description": format!("{description} A number of milliseconds, or a time like `30s`."),
            "anyOf": [{"type": "number"}, {"type": "string"}],
        })
    };
    let mut topology = json!({
        "server_selection_timeout_ms": time("Selection timeout", "How long a server that can be asked is looked for. Not given: a little less than a question may take."),
        "heartbeat_frequency_ms": time("Heartbeat", "How often the driver looks at each server."),
        "local_threshold_ms": time("Threshold", "How much farther away than the nearest a server may be that is asked."),
    });
    if let Value::Object(topology) = &mut topology {
        topology.extend(LEFT_OUT_OF_TOPOLOGY.map(|name| (name.to_owned(), left_out(name))));
    }
    let mut schemas = json!({
        "mongo_type": {
            "title": "Deployment",
            "description": "How the servers stand together: one alone, a replica set, or a sharded cluster.",
            "enum": ["single", "rs", "sharded"],
            "default": "single",
        },
        "server": plain("Server", "The server of a single deployment, as `host` or `host:port` (27017)."),
        "servers": {
            "title": "Servers",
            "description": "Some servers of the set or cluster: a list of `host` or `host:port` (27017), or one text with commas. The others are found through them.",
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
        },
        "replica_set_name": plain("Replica set", "What the replica set calls itself."),
        "r_mode": {
            "title": "Read mode",
            "description": "Which servers of a set are asked: the primary, or secondaries too, which may be behind.",
            "enum": ["master", "slave_ok"],
            "default": "master",
        },
        "srv_record": {
            "title": "SRV record",
            "description": "Whether the first server is a name whose servers stand in DNS (`_mongodb._tcp.`).",
            "type": "boolean",
            "default": false,
        },
        "database": plain("Database", "The database with the accounts."),
        "collection": plain("Collection", "The collection with the accounts."),
        "auth_source": plain("Authentication database", "The database that knows the user below; empty: `admin`."),
        "username": plain("User name", "As whom the servers are asked; empty: as nobody."),
        "password": secrets::schema("Password", "The password for the servers."),
        "filter": {
            "title": "Filter",
            "description": "With which fields a document belongs to a client, like `{\"username\": \"${username}\"}`. Texts may hold placeholders, which only ever become strings; operators that compare may be used, others not. No such document: the user is unknown here.",
            "type": "object",
        },
        "topology": {
            "title": "Topology",
            "description": "How the driver minds the servers.",
            "type": "object",
            "properties": topology,
            "additionalProperties": false,
        },
    });
    if let Value::Object(schemas) = &mut schemas {
        schemas.extend(LEFT_OUT.map(|name| (name.to_owned(), left_out(name))));
        schemas.extend(Shape::schemas());
    }
    schemas
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::{MongoSettings, Standing};

    fn faults(settings: &Value) -> Vec<String> {
        let faults = MongoSettings::parse(settings).err().unwrap_or_default();
        faults.into_iter().map(|fault| fault.field).collect()
    }

    #[test]
    fn the_objects_of_emqx_are_taken() {
        let single = json!({
            "mongo_type": "single", "server": "127.0.0.1:27017", "database": "mqtt", "collection": "users",
            "filter": {"username": "${username}"}, "w_mode": "unsafe", "use_legacy_protocol": "auto",
            "topology": {"pool_size": 8, "server_selection_timeout_ms": "30s", "heartbeat_frequency_ms": 200_000.0},
            "username": "emqx", "password": "public", "auth_source": "admin", "pool_size": 8,
            "password_hash_field": "password_hash", "password_hash_algorithm": {"name": "sha256", "salt_position": "suffix"},
        });
        let (settings, filled) = MongoSettings::parse(&single).ok().unwrap();
        assert_eq!(settings.place.standing, Standing::Single);
        assert_eq!(settings.place.topology.heartbeat, Some(Duration::from_secs(200)));
        assert_eq!(filled["salt_field"], "salt");
        assert!(filled.get("w_mode").is_none());
        let again = MongoSettings::parse(&Value::Object(filled.clone())).ok().unwrap().1;
        assert_eq!(again, filled);
        let set = json!({
            "mongo_type": "rs", "servers": "a:1,b", "replica_set_name": "rs0", "r_mode": "slave_ok", "database": "mqtt",
            "collection": "users", "filter": {"username": "${username}"}, "srv_record": false,
        });
        assert!(faults(&set).is_empty());
    }

    #[test]
    fn every_fault_is_named() {
        assert_eq!(
            faults(&json!({})),
            [
                "settings.server",
                "settings.database",
                "settings.collection",
                "settings.filter"
            ]
        );
        let wrong = json!({
            "mongo_type": "rs", "server": "a", "password": "x", "database": "a.b", "collection": "$c",
            "filter": {"$where": "1"}, "topology": {"local_threshold_ms": "x", "y": 1},
            "ssl": {"server_name_indication": "other"},
        });
        assert_eq!(
            faults(&wrong),
            [
                "settings.server",
                "settings.servers",
                "settings.replica_set_name",
                "settings.username",
                "settings.topology.local_threshold_ms",
                "settings.topology.y",
                "settings.ssl.server_name_indication",
                "settings.database",
                "settings.collection",
                "settings.filter.$where"
            ]
        );
    }
}
