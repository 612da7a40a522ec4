//! `portcullis settings`: what all nodes share.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::{ArgAction, Args, Subcommand, ValueEnum};

use super::args::{Global, IfRevision, duration};
use super::connect::{PATIENCE, Session};
use super::output::{fields, moment, span, warn, yes};
use crate::wire::pb::v1::cluster_settings::NoAuthenticator;
use crate::wire::pb::v1::{ClusterSettings, GetSettingsRequest, UpdateSettingsRequest};

/// What can be done with settings.
#[derive(Debug, Subcommand)]
pub(super) enum SettingsCommand {
    /// Show them
    Get,
    /// Change those given
    Set(SetArgs),
}

/// A change of settings.
#[derive(Args, Debug)]
pub(super) struct SetArgs {
    /// What a chain without an enabled authenticator answers
    #[arg(long, value_enum)]
    no_authenticator: Option<Answer>,
    /// Tell clients the exact reason of a denial; attackers learn from it too
    #[arg(long, value_name = "true|false", action = ArgAction::Set)]
    detailed_reasons: Option<bool>,
    /// A node whose knowledge may be older answers no more logins
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    max_staleness: Option<Duration>,
    /// A session of the dashboard ends after so long without use: 1m to 24h
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    session_idle: Option<Duration>,
    /// A session of the dashboard ends after so long in any case: 5m to 720h
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    session_lifetime: Option<Duration>,
    #[command(flatten)]
    condition: IfRevision,
}

/// An answer to a login.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Answer {
    /// Everybody may connect.
    Allow,
    /// Nobody may.
    Deny,
}

/// Runs one of them.
pub(super) async fn run(command: SettingsCommand, global: &Global) -> anyhow::Result<ExitCode> {
    let session = Session::open(global, PATIENCE).await?;
    let settings = match command {
        SettingsCommand::Get => session.client.nodes().get_settings(GetSettingsRequest {}).await?,
        SettingsCommand::Set(args) => {
            session
                .client
                .nodes()
                .update_settings(args.request(session.request_id())?)
                .await?
        }
    };
    let settings = settings.into_inner();
    warn(&settings.warnings);
    session.show(&settings, shown)?;
    Ok(ExitCode::SUCCESS)
}

impl SetArgs {
    fn request(self, request_id: String) -> anyhow::Result<UpdateSettingsRequest> {
        let mut settings = ClusterSettings::default();
        let mut update_mask = Vec::new();
        if let Some(answer) = self.no_authenticator {
            settings.set_no_authenticator(match answer {
                Answer::Allow => NoAuthenticator::Allow,
                Answer::Deny => NoAuthenticator::Deny,
            });
            update_mask.push("no_authenticator".to_owned());
        }
        if let Some(detailed) = self.detailed_reasons {
            settings.detailed_reasons = Some(detailed);
            update_mask.push("detailed_reasons".to_owned());
        }
        if let Some(bound) = self.max_staleness {
            settings.max_staleness = Some(bound.into());
            update_mask.push("max_staleness".to_owned());
        }
        if let Some(idle) = self.session_idle {
            settings.session_idle = Some(idle.into());
            update_mask.push("session_idle".to_owned());
        }
        if let Some(lifetime) = self.session_lifetime {
            settings.session_lifetime = Some(lifetime.into());
            update_mask.push("session_lifetime".to_owned());
        }
        if update_mask.is_empty() {
            bail!("nothing to change is given: see `portcullis settings set --help`");
        }
        Ok(UpdateSettingsRequest {
            settings: Some(settings),
            update_mask,
            if_revision: self.condition.if_revision,
            request_id,
        })
    }
}

fn shown(settings: &ClusterSettings) -> String {
    fields([
        (
            "no_authenticator",
            settings.no_authenticator().as_str_name().to_ascii_lowercase(),
        ),
        ("detailed_reasons", yes(settings.detailed_reasons())),
        ("max_staleness", span(settings.max_staleness.as_ref())),
        ("session_idle", span(settings.session_idle.as_ref())),
        ("session_lifetime", span(settings.session_lifetime.as_ref())),
        ("revision", settings.revision.to_string()),
        ("updated", moment(settings.updated_at.as_ref())),
        ("updated by", settings.updated_by.clone()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_nothing_is_not_sent() {
        let nothing = SetArgs {
            no_authenticator: None,
            detailed_reasons: None,
            max_staleness: None,
            session_idle: None,
            session_lifetime: None,
            condition: IfRevision { if_revision: 0 },
        };
        assert!(nothing.request(String::new()).is_err());
    }
}
