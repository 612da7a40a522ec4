//! The command line: args, serve, dev, and one file per noun.

mod args;
mod authenticator_tables;
mod authenticators;
mod connect;
mod declaration;
mod dev;
mod failure;
mod import;
mod login;
mod nodes;
mod operators;
mod output;
mod password;
mod run;
mod serve;
mod settings;
mod status;
mod users;

pub use self::run::main;
