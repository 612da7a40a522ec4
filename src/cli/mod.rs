//! The command line: args, serve, dev, and one file per noun.

mod accounts;
mod args;
mod authenticator_errands;
mod authenticator_tables;
mod authenticators;
mod connect;
mod declaration;
mod destination;
mod dev;
mod doctor;
mod export;
mod failure;
mod import;
mod login;
mod matrix;
mod nodes;
mod operators;
mod output;
mod password;
mod private_file;
mod run;
mod scram;
mod serve;
mod settings;
mod setup;
mod status;
mod template;
mod user_creation;
mod user_deletion;
mod users;

pub use self::run::main;
