//! Private instances of the servers that backends ask: from the installed Debian packages, on free ports, in folders that go with
//! them, with certificates of this run.

pub mod certificates; // an authority, and certificates for servers and clients
pub mod mariadb; // users in MariaDB
pub mod openldap; // entries in OpenLDAP
pub mod pgbouncer; // what stands between many clients and few connections
pub mod postgresql; // users in PostgreSQL
pub mod program; // a server as a process: start, stop, kill, freeze

pub use self::certificates::{Authority, Pair};
pub use self::mariadb::MariaDb;
pub use self::openldap::OpenLdap;
pub use self::pgbouncer::PgBouncer;
pub use self::postgresql::PostgreSql;
pub use self::program::{Launch, Program, find};
