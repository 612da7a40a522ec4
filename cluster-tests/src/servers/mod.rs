//! Real servers.

pub mod certificates;
pub mod openldap;
