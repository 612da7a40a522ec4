//! From the words typed to an exit code.

use std::future::Future;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser as _};

use super::args::{Cli, Command, ConfigCommand, Global};
use super::{authenticators, dev, doctor, failure, login, nodes, operators, output, serve, settings, status, users};

/// Runs the command line and returns the exit code.
pub fn main() -> ExitCode {
    let Cli { global, command } = Cli::parse();
    // A login that fails on the way was not denied: its caller must be able to tell.
    let on_failure = if matches!(command, Command::Login(_)) {
        login::COULD_NOT_DECIDE
    } else {
        1
    };
    match dispatch(command, &global) {
        Ok(code) => code,
        Err(error) => {
            output::complain(&failure::describe(&error));
            ExitCode::from(on_failure)
        }
    }
}

fn dispatch(command: Command, global: &Global) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve { config } => Ok(serve::run(&config)),
        Command::Config(ConfigCommand::Reference) => print(&crate::config::reference()),
        Command::Completion { shell } => print(&completion(shell)),
        Command::Dev(args) => block_on(dev::run(args)),
        Command::Cluster(command) => block_on(nodes::run(command, global)),
        Command::Settings(command) => block_on(settings::run(command, global)),
        Command::Authenticator(command) => block_on(authenticators::run(command, global)),
        Command::User(command) => block_on(users::run(command, global)),
        Command::Login(args) => block_on(login::run(args, global)),
        Command::Operator(command) => block_on(operators::run(command, global)),
        Command::Status => block_on(status::run(global)),
        Command::Doctor => block_on(doctor::run(global)),
    }
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
    output::print(text)?;
    Ok(ExitCode::SUCCESS)
}

fn completion(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "portcullis", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// A client waits on sockets, never computes: one thread is enough.
fn block_on(work: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    runtime.block_on(work)
}

#[cfg(test)]
mod tests {
    use super::completion;

    #[test]
    fn every_shell_gets_a_completion_script_that_knows_the_commands() {
        for shell in [
            clap_complete::Shell::Bash,
            clap_complete::Shell::Zsh,
            clap_complete::Shell::Fish,
        ] {
            assert!(completion(shell).contains("authenticator"), "{shell}");
        }
    }
}
