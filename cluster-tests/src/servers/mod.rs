//! Private instances of the servers that backends ask: from the installed Debian packages, on free ports, in folders that go with
//! them, with certificates of this run.

mod certificates; // for loopback, and in files
pub mod mariadb; // users in MariaDB
pub mod mongo; // accounts in MongoDB
pub mod openldap; // entries in OpenLDAP
pub mod pgbouncer; // what stands between many clients and few connections
pub mod postgresql; // users in PostgreSQL
pub mod program; // a server as a process: start, stop, kill, freeze
pub mod redis; // accounts in Redis

pub use self::mariadb::MariaDb;
pub use self::mongo::Mongo;
pub use self::openldap::OpenLdap;
pub use self::pgbouncer::PgBouncer;
pub use self::postgresql::PostgreSql;
pub use self::program::{Launch, Program, find};
pub use self::redis::{Redis, RedisCluster, Sentinel};
