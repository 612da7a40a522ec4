//! What went wrong, and whose fault it is: the server's or the way's to it, or what a client sent or a record holds.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::auth::{ProviderError, Reason};
use crate::backends::address::Address;
use crate::net::deepest_cause;

/// A question without an answer.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) error: ProviderError,
    pub(super) kind: Kind,
}

/// What can be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The connection is of no more use, or there was none.
    Lost,
    /// The key has its home elsewhere by now.
    Moved(Address),
    /// The key is just moving: this question alone is to be asked there.
    Asked(Address),
    /// What lies under the key is no account.
    Record,
    /// Nothing.
    Final,
}

impl Trouble {
    /// The backend does not answer.
    pub(super) fn lost(why: impl Into<String>) -> Self {
        Self {
            error: ProviderError::new(Reason::BackendUnavailable, why),
            kind: Kind::Lost,
        }
    }

    /// The backend answers, but is in no state to be asked.
    pub(super) fn unavailable(why: impl Into<String>) -> Self {
        Self {
            kind: Kind::Final,
            ..Self::lost(why)
        }
    }

    /// The answer is not to be understood.
    pub(super) fn nonsense(why: impl Into<String>) -> Self {
        Self {
            error: ProviderError::new(Reason::BackendBadResponse, why),
            kind: Kind::Record,
        }
    }

    /// What the driver says, having asked `peer`.
    pub(super) fn of(error: &RedisError, peer: &Address) -> Self {
        let redirected = |kind: fn(Address) -> Kind| {
            let to = error.redirect_node().and_then(|(to, _)| elsewhere(to, peer));
            let mut trouble = Self::nonsense("the server belongs to a cluster: set `redis_type` to `cluster`");
            trouble.kind = to.map_or(Kind::Final, kind);
            trouble
        };
        match error.kind() {
            ErrorKind::Server(ServerErrorKind::Moved) => redirected(Kind::Moved),
            ErrorKind::Server(ServerErrorKind::Ask) => redirected(Kind::Asked),
            ErrorKind::Server(ServerErrorKind::NoPerm) => {
                let mut trouble = Self::unavailable(told(error));
                // A client has a say in the key, but not in the command.
                if !error.detail().unwrap_or_default().contains("to run the") {
                    trouble.error.reason = Reason::BackendBadResponse;
                }
                trouble
            }
            ErrorKind::Server(
                ServerErrorKind::BusyLoading
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ReadOnly,
            ) => Self::unavailable(told(error)),
            ErrorKind::Server(_) => Self {
                kind: Kind::Final,
                ..Self::nonsense(told(error))
            },
            ErrorKind::Extension => match error.code() {
                Some("WRONGTYPE") => Self::nonsense("what lies under the key is of another type (WRONGTYPE)"),
                Some("NOAUTH" | "WRONGPASS") => Self::lost(told(error)),
                Some("BUSY" | "DENIED" | "UNKILLABLE" | "MISCONF") => Self::unavailable(told(error)),
                _ => Self {
                    kind: Kind::Final,
                    ..Self::nonsense(told(error))
                },
            },
            _ => Self::lost(format!("{peer}: {}", deepest_cause(error))),
        }
    }
}

/// What the server said, without the arguments that it may repeat.
fn told(error: &RedisError) -> String {
    let detail = error.detail().unwrap_or_default();
    let detail = detail.split(", with args").next().unwrap_or_default();
    format!("the server answered {}: {detail}", error.code().unwrap_or("an error"))
}

/// Where the server sends on to. Without a host it means its own.
fn elsewhere(to: &str, peer: &Address) -> Option<Address> {
    let (host, port) = to.rsplit_once(':')?;
    Some(Address {
        host: if host.is_empty() { &peer.host } else { host }.to_owned(),
        port: port.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use redis::parse_redis_value;

    use super::{Address, Kind, Reason, Trouble};

    fn of(line: &str) -> Trouble {
        let reply = parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        let peer = Address {
            host: "10.0.0.1".to_owned(),
            port: 7000,
        };
        Trouble::of(&reply.extract_error().unwrap_err(), &peer)
    }

    #[test]
    fn the_servers_trouble_is_told_apart_from_what_a_client_brings_about() {
        for line in [
            "LOADING Redis is loading the dataset in memory",
            "MASTERDOWN Link with MASTER is down",
            "CLUSTERDOWN The cluster is down",
            "TRYAGAIN Multiple keys request during rehashing of slot",
            "NOPERM User u has no permissions to run the 'hget' command",
            "NOAUTH Authentication required.",
            "WRONGPASS invalid username-password pair or user is disabled.",
            "BUSY Redis is busy running a script.",
        ] {
            assert_eq!(of(line).error.reason, Reason::BackendUnavailable, "{line}");
        }
        for line in [
            "WRONGTYPE Operation against a key holding the wrong kind of value",
            "NOPERM No permissions to access a key",
            "ERR wrong number of arguments for 'hget' command",
            "MOVED 1234 10.0.0.2:7001",
        ] {
            assert_eq!(of(line).error.reason, Reason::BackendBadResponse, "{line}");
        }
    }

    #[test]
    fn a_redirection_names_another_server() {
        let there = |host: &str| Address {
            host: host.to_owned(),
            port: 7001,
        };
        assert_eq!(of("MOVED 1 10.0.0.2:7001").kind, Kind::Moved(there("10.0.0.2")));
        assert_eq!(of("ASK 1 :7001").kind, Kind::Asked(there("10.0.0.1")));
        assert_eq!(of("MOVED 1 ::1:7001").kind, Kind::Moved(there("::1")));
        assert_eq!(of("MOVED 1 nowhere").kind, Kind::Final);
    }

    #[test]
    fn the_arguments_of_a_command_are_not_repeated() {
        let trouble = of("ERR unknown command 'HGET', with args beginning with: 'mqtt:ada' 'password' ");
        assert!(trouble.error.detail.contains("unknown command 'HGET'"));
        assert!(!trouble.error.detail.contains("ada"));
    }
}
