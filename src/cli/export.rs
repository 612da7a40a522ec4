//! `portcullis user export`: the users as a file that `user import` reads back.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::{Global, Output, Scope};
use super::connect::Session;
use super::destination::{Destination, DestinationArgs};
use crate::wire::pb::v1::{ExportUsersRequest, ExportUsersResponse};

/// A million users take their time on a slow line.
const PATIENCE: Duration = Duration::from_secs(6 * 3600);

/// Which users, and where to.
#[derive(Args, Debug)]
pub(super) struct ExportArgs {
    /// Only names that begin so
    #[arg(long, default_value = "", hide_default_value = true)]
    prefix: String,
    #[command(flatten)]
    to: DestinationArgs,
    #[command(flatten)]
    scope: Scope,
}

/// Writes the file and says how many users it holds.
pub(super) async fn run(args: ExportArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let format = args.to.format()?;
    let request = ExportUsersRequest {
        chain: args.scope.chain.chain,
        authenticator: args.scope.authenticator,
        prefix: args.prefix,
        format: format.into(),
    };
    let session = Session::open(global, PATIENCE).await?;
    let mut destination = args.to.open()?;
    let bar = progress_bar(session.output, &destination);
    // A half file is removed on the way out, so an interrupt has to come this way too.
    let taken = tokio::select! {
        taken = take(&session, request, &mut destination, &args.to, &bar) => taken,
        _ = tokio::signal::ctrl_c() => Err(anyhow!("interrupted")),
    };
    bar.finish_and_clear();
    let Some(users) = taken? else {
        return Ok(ExitCode::SUCCESS);
    };
    destination.keep().with_context(|| args.to.failure())?;
    if let Some(name) = args.to.name() {
        let written = ExportUsersResponse {
            users,
            ..ExportUsersResponse::default()
        };
        session.show(&written, |_| {
            format!("{users} users are written to `{name}`; it holds their hashes")
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Takes the pieces to their end; `None` if nobody reads them any more.
async fn take(
    session: &Session,
    request: ExportUsersRequest,
    destination: &mut Destination,
    to: &DestinationArgs,
    bar: &ProgressBar,
) -> anyhow::Result<Option<u64>> {
    let mut pieces = session.client.users().export(request).await?.into_inner();
    let mut users = 0;
    while let Some(piece) = pieces.message().await? {
        users = piece.users;
        if !destination.write(&piece.data).with_context(|| to.failure())? {
            return Ok(None);
        }
        bar.set_message(format!("{users} users"));
    }
    Ok(Some(users))
}

fn progress_bar(output: Output, destination: &Destination) -> ProgressBar {
    // Standard error, where indicatif shows nothing unless it is a terminal.
    let target = match output {
        Output::Table if !destination.is_terminal() => ProgressDrawTarget::stderr(),
        _ => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(None, target);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar
}
