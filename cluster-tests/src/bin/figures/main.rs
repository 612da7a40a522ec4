//! The figures: what Portcullis does in a second, beside something known, in the same run on the same machine.
//!
//! `cargo run --release -p cluster-tests --bin figures` prints one table.

mod argon;
mod bare_stores;
mod echo;
mod etcd;
mod imports;
mod logins;
mod lookups;
mod pages;
mod process_figures;
mod rate;
mod redis;
mod scram;
mod sql;
mod table;
mod tokens;
mod writes;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, Subcommand};

use self::table::Table;

/// As in the program itself, and for what it is compared with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Portcullis and prints one table.
#[derive(Debug, Parser)]
struct Arguments {
    /// How long each rate is measured, in seconds.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How many users are imported.
    #[arg(long, default_value_t = 1_000_000)]
    users: u64,
    /// What to measure; everything if none is named.
    #[arg(value_enum)]
    sections: Vec<Section>,
    #[command(subcommand)]
    child: Option<ChildRole>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Section {
    Logins,
    Argon,
    Scram,
    Writes,
    Import,
    Tokens,
    Sql,
    Redis,
    Pages,
}

/// What this program does when it starts itself as a child.
#[derive(Debug, Subcommand)]
enum ChildRole {
    /// The empty service to compare with.
    #[command(hide = true)]
    Echo {
        /// Where it listens.
        listen: std::net::SocketAddr,
    },
}

fn main() -> ExitCode {
    // The nodes are this program too, so that one `cargo run` builds all that is measured.
    if std::env::args().nth(1).as_deref() == Some("serve") {
        return portcullis::cli::main();
    }
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("figures: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(arguments: Arguments) -> Result<()> {
    if let Some(ChildRole::Echo { listen }) = arguments.child {
        return echo::serve(listen).await;
    }
    let span = Duration::from_secs(arguments.seconds);
    let wanted = |section| arguments.sections.is_empty() || arguments.sections.contains(&section);
    let mut table = Table::default();
    if wanted(Section::Logins) {
        logins::measure(&mut table, span).await?;
    }
    if wanted(Section::Argon) {
        argon::measure(&mut table).await?;
    }
    if wanted(Section::Scram) {
        scram::measure(&mut table, span).await?;
    }
    if wanted(Section::Writes) {
        writes::measure(&mut table, span).await?;
    }
    if wanted(Section::Import) {
        imports::measure(&mut table, arguments.users).await?;
    }
    if wanted(Section::Tokens) {
        tokens::measure(&mut table, span).await?;
    }
    if wanted(Section::Sql) {
        sql::measure(&mut table, span).await?;
    }
    if wanted(Section::Redis) {
        redis::measure(&mut table, span).await?;
    }
    if wanted(Section::Pages) {
        pages::measure(&mut table, span, arguments.users).await?;
    }
    print!("{table}");
    Ok(())
}
