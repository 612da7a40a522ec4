//! What logins are decided by: chains that let everybody in, backends that do not answer, settings that are unwise.

use super::checkup::Checkup;
use crate::cli::connect::Session;
use crate::cli::matrix::{Fared, bad_nodes};
use crate::cli::{authenticators, status};
use crate::wire::pb::v1::authenticator_status::Status;
use crate::wire::pb::v1::{Authenticator, ClusterSettings};

/// The authenticators, each with how it fares.
pub(super) type Found = Vec<(Authenticator, Fared)>;

pub(super) async fn look(session: &Session) -> anyhow::Result<Found> {
    let chain = authenticators::list(session, "").await?;
    let fared = status::fared(session, &chain).await?;
    Ok(chain.authenticators.into_iter().zip(fared).collect())
}

pub(super) fn examine_settings(settings: &ClusterSettings, checkup: &mut Checkup) {
    for warning in &settings.warnings {
        let advice = "enable an authenticator, or run `portcullis settings set --no-authenticator deny`";
        checkup.warn("chains", "the cluster", warning, advice);
    }
    if settings.warnings.is_empty() {
        checkup.ok("chains", "the cluster", "no chain lets everybody in");
    }
    if settings.detailed_reasons() {
        let found = "clients are told why exactly they are denied, which tells attackers who exists";
        let advice = "run `portcullis settings set --detailed-reasons false`";
        checkup.warn("settings", "the cluster", found, advice);
    }
}

/// `warned`: what was said of the cluster's settings already.
pub(super) fn examine(found: &Found, warned: &[String], checkup: &mut Checkup) {
    for (authenticator, fared) in found {
        backend(authenticator, fared, checkup);
        let (name, _) = fared;
        for warning in authenticator
            .warnings
            .iter()
            .filter(|warning| !warned.contains(warning))
        {
            let advice = format!(
                "change its settings: `portcullis authenticator update {}`",
                authenticator.id
            );
            checkup.warn("settings", name, warning, advice);
        }
    }
}

fn backend(authenticator: &Authenticator, (name, status): &Fared, checkup: &mut Checkup) {
    if !authenticator.enabled() {
        checkup.ok("backend", name, "switched off");
        return;
    }
    let (heard, bad) = bad_nodes(status);
    for node in &bad {
        let about = format!("{name} on node {}", node.node);
        let advice = "see whether the backend runs, whether that node reaches it, and whether the settings are right";
        checkup.fail("backend", about, &node.error, advice);
    }
    let connecting = heard.iter().filter(|node| node.status() == Status::Connecting);
    for node in connecting {
        let about = format!("{name} on node {}", node.node);
        let found = format!("still connecting {}", node.error);
        checkup.warn("backend", about, found.trim_end(), "look again in a few seconds");
    }
    let answers = heard.iter().filter(|node| node.status() == Status::Connected).count();
    if answers > 0 && answers == heard.len() {
        checkup.ok(
            "backend",
            name,
            format!("answers all {answers} nodes that are heard of"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::checkup::State;
    use crate::wire::pb::v1::{AuthenticatorStatus, NodeAuthenticatorStatus};

    fn examined(enabled: bool, states: &[Status], warnings: &[&str]) -> Vec<(String, State, String)> {
        let authenticator = Authenticator {
            id: "db".into(),
            enabled: Some(enabled),
            warnings: warnings.iter().map(ToString::to_string).collect(),
            ..Authenticator::default()
        };
        let nodes = states.iter().zip(1..).map(|(state, id)| NodeAuthenticatorStatus {
            node: id.to_string(),
            answered: true,
            status: (*state).into(),
            error: "connection refused".into(),
            ..NodeAuthenticatorStatus::default()
        });
        let status = AuthenticatorStatus {
            nodes: nodes.collect(),
            ..AuthenticatorStatus::default()
        };
        let mut checkup = Checkup::default();
        let found = vec![(authenticator, ("db".to_owned(), status))];
        examine(&found, &["EVERYBODY".to_owned()], &mut checkup);
        let findings = checkup.findings.into_iter();
        findings
            .map(|finding| (finding.about, finding.state, finding.found))
            .collect()
    }

    #[test]
    fn a_backend_is_one_line_if_it_answers_all_and_one_for_each_node_that_it_does_not_answer() {
        use Status::{Connected, Connecting, Disabled, Disconnected};
        let well = examined(true, &[Connected, Connected], &[]);
        assert_eq!(well.len(), 1);
        assert_eq!((&*well[0].0, well[0].1), ("db", State::Ok));
        let mixed = examined(true, &[Connected, Disconnected, Connecting], &[]);
        let states: Vec<_> = mixed.iter().map(|(about, state, _)| (&**about, *state)).collect();
        assert_eq!(states, [("db on node 2", State::Fail), ("db on node 3", State::Warn)]);
        assert_eq!(mixed[0].2, "connection refused");
        assert_eq!(examined(false, &[Disabled], &[])[0].1, State::Ok);
    }

    #[test]
    fn what_is_unwise_is_told_once() {
        let told = examined(false, &[], &["EVERYBODY", "weak"]);
        assert_eq!(told.len(), 2);
        assert_eq!((told[1].1, &*told[1].2), (State::Warn, "weak"));
    }
}
