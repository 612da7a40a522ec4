//! `portcullis user template`: a small file to fill in for `user import`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use super::args::Global;
use super::connect::{PATIENCE, Session};
use super::destination::DestinationArgs;
use super::import::Passwords;
use super::output::note;
use crate::wire::pb::v1::GetImportTemplateRequest;
use crate::wire::pb::v1::import_users_header::PasswordType;

/// Which file, and where to.
#[derive(Args, Debug)]
pub(super) struct TemplateArgs {
    /// Whether it is to hold hashes, or passwords in the clear
    #[arg(long, value_enum, default_value_t = Passwords::Hash)]
    passwords: Passwords,
    #[command(flatten)]
    to: DestinationArgs,
}

/// Writes the file.
pub(super) async fn run(args: TemplateArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let passwords = match args.passwords {
        Passwords::Hash => PasswordType::Hash,
        Passwords::Plain => PasswordType::Plain,
    };
    let request = GetImportTemplateRequest {
        format: args.to.format()?.into(),
        password_type: passwords.into(),
    };
    let session = Session::open(global, PATIENCE).await?;
    let template = session.client.users().get_import_template(request).await?.into_inner();
    let mut destination = args.to.open()?;
    let written = destination.write(&template.data).and_then(|_| destination.keep());
    written.with_context(|| args.to.failure())?;
    if let Some(name) = args.to.name() {
        let word = match args.passwords {
            Passwords::Hash => "hash",
            Passwords::Plain => "plain",
        };
        note(&format!(
            "Fill in `{name}`, then: portcullis user import {name} --type {word}"
        ));
    }
    Ok(ExitCode::SUCCESS)
}
