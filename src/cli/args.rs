//! What can be typed: the commands, and the options that all of them share. A noun's own commands stand in its file.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::{authenticators, dev, login, nodes, operators, settings, users};
use crate::words;

/// A clustered authentication store: every node answers every login.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, max_term_width = 110)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// How to reach the cluster and how to show what it says.
#[derive(Args)]
#[command(next_help_heading = "Connection and output")]
pub(super) struct Global {
    /// A node's gRPC address. Repeat it to give others that are tried in turn
    #[arg(long, global = true, value_name = "URL", default_value = "http://127.0.0.1:7600")]
    pub(super) endpoint: Vec<String>,
    /// An operator's API key. Prefer the variable: other users of this machine can read command lines
    #[arg(
        long,
        global = true,
        value_name = "KEY",
        env = "PORTCULLIS_API_KEY",
        hide_env_values = true
    )]
    pub(super) api_key: Option<String>,
    /// PEM file of the authority that signed the nodes' certificates, instead of the system's
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) ca: Option<PathBuf>,
    /// PEM file of a client certificate
    #[arg(long, global = true, value_name = "FILE", requires = "key")]
    pub(super) cert: Option<PathBuf>,
    /// PEM file of the client certificate's private key
    #[arg(long, global = true, value_name = "FILE", requires = "cert")]
    pub(super) key: Option<PathBuf>,
    /// How answers are printed; `json` is the protocol's own JSON mapping and nothing else
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    pub(super) output: Output,
    /// Deadline of a call, such as 5s or 250ms [default: 10s; longer where a command takes long]
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration)]
    pub(super) timeout: Option<Duration>,
    /// Names a write, so that repeating it after a doubtful answer applies it once [default: a random one]
    #[arg(long, global = true, value_name = "ID")]
    pub(super) request_id: Option<String>,
}

/// The key is a secret, so it is not shown.
impl std::fmt::Debug for Global {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Global")
            .field("endpoint", &self.endpoint)
            .field("output", &self.output)
            .finish_non_exhaustive()
    }
}

/// How answers are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// Everything `portcullis` does.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a whole cluster on this machine, seeded and ready to try
    Dev(dev::DevArgs),
    /// Run one node
    Serve {
        /// Its configuration
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// About the configuration file
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Form the cluster and change its members
    #[command(subcommand)]
    Cluster(nodes::ClusterCommand),
    /// The settings that all nodes share
    #[command(subcommand)]
    Settings(settings::SettingsCommand),
    /// The chain that decides a login
    #[command(subcommand)]
    Authenticator(authenticators::AuthenticatorCommand),
    /// The users of a built-in database
    #[command(subcommand)]
    User(users::UserCommand),
    /// Try a login. Exits with 0 for allow, 1 for deny, 2 if it could not be decided
    Login(login::LoginArgs),
    /// Who may administer the cluster
    #[command(subcommand)]
    Operator(operators::OperatorCommand),
    /// How the cluster fares. Exits with 1 unless every node is ready
    Status,
    /// Look at everything that the cluster tells, and say what to do. Exits with 1 if anything is to be done
    Doctor,
    /// Print a completion script for a shell
    Completion {
        /// Which shell
        shell: Shell,
    },
}

/// About the configuration file.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print the commented reference: every key with its default
    Reference,
}

/// Which authenticator's users are meant.
#[derive(Args, Clone, Debug)]
pub(super) struct Scope {
    /// The authenticator that keeps the users
    #[arg(long, value_name = "ID", default_value = "password_based:built_in_database")]
    pub(super) authenticator: String,
    #[command(flatten)]
    pub(super) chain: ChainOption,
}

/// Which chain is meant.
#[derive(Args, Clone, Debug)]
pub(super) struct ChainOption {
    /// `global`, or the id of a listener with a chain of its own
    #[arg(long, value_name = "CHAIN", default_value = "global")]
    pub(super) chain: String,
}

/// Which part of a long list is wanted.
#[derive(Args, Clone, Debug)]
pub(super) struct PageOptions {
    /// At most so many at once (1000 at most)
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i32).range(1..=1000))]
    pub(super) page_size: i32,
    /// Go on where the last page ended
    #[arg(long, value_name = "TOKEN", default_value = "", hide_default_value = true)]
    pub(super) page_token: String,
    /// Fetch every page
    #[arg(long)]
    pub(super) all: bool,
}

/// A write that holds only while nobody else has changed the object.
#[derive(Args, Clone, Debug)]
pub(super) struct IfRevision {
    /// Only if the object still has this revision
    #[arg(long, value_name = "REVISION", default_value_t = 0, hide_default_value = true)]
    pub(super) if_revision: u64,
}

/// Reads a duration that is not nothing.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    match words::duration(text) {
        Ok(duration) if duration.is_zero() => Err("must be longer than nothing".to_owned()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_are_humane() {
        assert_eq!(duration("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("0.250s"), Ok(Duration::from_millis(250)));
        for wrong in ["5", "soon", "-1s", "0s", ""] {
            assert!(duration(wrong).is_err(), "{wrong} was taken");
        }
    }

    #[test]
    fn endpoints_are_given_in_turn_and_default_to_the_first_local_node() {
        let one = Cli::try_parse_from(["portcullis", "status"]).unwrap();
        assert_eq!(one.global.endpoint, ["http://127.0.0.1:7600"]);
        let two = Cli::try_parse_from([
            "portcullis",
            "--endpoint",
            "http://a:1",
            "status",
            "--endpoint",
            "http://b:1",
        ]);
        assert!(two.is_ok());
        let both = Cli::try_parse_from([
            "portcullis",
            "--endpoint",
            "http://a:1",
            "--endpoint",
            "http://b:1",
            "status",
        ]);
        assert_eq!(both.unwrap().global.endpoint, ["http://a:1", "http://b:1"]);
    }

    #[test]
    fn a_password_cannot_be_typed_into_a_command_line() {
        for words in [
            ["user", "create", "ann", "--password", "x"],
            ["login", "--username", "ann", "--password", "x"],
        ] {
            let line = std::iter::once("portcullis").chain(words);
            assert!(Cli::try_parse_from(line).is_err(), "{words:?} was taken");
        }
    }

    #[test]
    fn an_api_key_is_not_printed() {
        let cli = Cli::try_parse_from(["portcullis", "--api-key", "pck_a_secret", "status"]).unwrap();
        assert!(!format!("{cli:?}").contains("secret"));
    }
}
