//! Nodes: the birth of the cluster, who is a member and how each one fares, and the cluster's settings.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::api_key::{self, ApiKey};
use super::error::{AdminError, violation};
use super::handle::{Admin, Intent};
use super::token::{SetupToken, fresh_setup_token};
use crate::auth::{ClusterSettings, NoAuthenticator};
use crate::backends::Violation;
use crate::cluster::NodeStatus;
use crate::store::{Command, SessionTimes, SettingsChange};

const STALENESS: RangeInclusive<Duration> = Duration::from_millis(100)..=days(7);
const SESSION_IDLE: RangeInclusive<Duration> = Duration::from_secs(60)..=days(1);
const SESSION_LIFETIME: RangeInclusive<Duration> = Duration::from_secs(300)..=days(30);

const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 3600)
}

/// A cluster just made.
#[derive(Clone, Debug)]
pub struct ClusterCreated {
    /// Its id.
    pub cluster_id: String,
    /// The first admin's key, shown once.
    pub api_key: ApiKey,
    /// What makes the first account, once, within a day.
    pub setup_token: SetupToken,
    /// Its nodes.
    pub nodes: Vec<u64>,
}

/// Every member with what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeList {
    /// The cluster; empty before `init`.
    pub cluster_id: String,
    /// Who leads; 0: nobody known.
    pub leader: u64,
    /// The last entry of the leader's log, as far as it is known: what lags are measured against.
    pub leader_log_index: u64,
    /// The members.
    pub nodes: Vec<NodeStatus>,
}

/// What is left of the cluster once a node is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removal {
    /// How many nodes vote then.
    pub voters: usize,
    /// How many of them were heard within the last seconds.
    pub heard: usize,
    /// Whether fewer vote than before.
    pub is_of_voter: bool,
}

impl Removal {
    fn of(nodes: &[NodeStatus], id: u64) -> Self {
        let left = || nodes.iter().filter(|node| node.voter && node.id != id);
        Self {
            voters: left().count(),
            heard: left().filter(|node| node.answered).count(),
            is_of_voter: nodes.iter().any(|node| node.voter && node.id == id),
        }
    }

    /// Voters that have to agree then.
    pub const fn quorum(self) -> usize {
        self.voters / 2 + 1
    }

    /// How many of those that are heard may fail then.
    pub const fn can_lose(self) -> usize {
        self.heard.saturating_sub(self.quorum())
    }

    /// Whether the removal could not even be agreed upon, because most of those who are left have to.
    pub const fn loses_quorum(self) -> bool {
        self.is_of_voter && self.heard < self.quorum()
    }
}

/// Who is a member, as this node knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembershipView {
    /// Who votes.
    pub voters: Vec<u64>,
    /// Who only learns.
    pub learners: Vec<u64>,
    /// What this node had applied.
    pub revision: u64,
}

/// What to change of the cluster's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsPatch {
    /// What a chain without an enabled authenticator answers.
    pub no_authenticator: Option<NoAuthenticator>,
    /// Whether clients are told the exact reason.
    pub detailed_reasons: Option<bool>,
    /// Past it, `LOCAL` logins answer UNAVAILABLE.
    pub max_staleness: Option<Duration>,
    /// A session of an operator ends after so long without use.
    pub session_idle: Option<Duration>,
    /// It ends after so long however much it is used.
    pub session_lifetime: Option<Duration>,
    /// What was found wrong while it was read: refused together with what is found wrong later.
    pub faults: Vec<Violation>,
}

/// The cluster's settings as an operator sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsView {
    /// As they stand.
    pub settings: Arc<ClusterSettings>,
    /// Which chains let everybody in.
    pub warnings: Vec<String>,
}

impl Admin {
    /// Makes one cluster of the configured nodes. Its first entry is a first admin, and the token of a first account.
    pub async fn init_cluster(&self) -> Result<ClusterCreated, AdminError> {
        let fresh = api_key::fresh()?;
        let (setup_token, token_hash) = fresh_setup_token()?;
        let first = Command::Found {
            operator_id: fresh.id,
            operator_name: "admin".into(),
            secret_hash: fresh.secret_hash,
            token_hash,
            expires_at: self.setup_end(),
        };
        let (cluster_id, nodes) = Box::pin(self.cluster.init(first)).await?;
        Ok(ClusterCreated {
            cluster_id,
            api_key: fresh.key,
            setup_token,
            nodes,
        })
    }

    /// Every member. Asks no quorum: this is what one looks at when there is none.
    pub fn list_nodes(&self) -> NodeList {
        let nodes = self.cluster.gather();
        let leader = self.cluster.report().leader;
        let leader_log_index = log_end(&nodes, leader);
        NodeList {
            cluster_id: self.cluster.cluster_id().unwrap_or_default(),
            leader,
            leader_log_index,
            nodes,
        }
    }

    /// One member among all; 0 means this node.
    pub fn node_status(&self, id: u64) -> Result<(NodeStatus, u64), AdminError> {
        let id = if id == 0 { self.cluster.node_id() } else { id };
        let list = self.list_nodes();
        let status = list.nodes.into_iter().find(|node| node.id == id);
        let status = status.ok_or_else(|| AdminError::not_found("node", &id.to_string()))?;
        Ok((status, list.leader_log_index))
    }

    /// Adds a running, empty node as a learner; returns once it has caught up.
    pub async fn add_node(&self, id: u64, peer_address: &str) -> Result<MembershipView, AdminError> {
        check_node_id(id)?;
        if peer_address.is_empty() {
            return Err(AdminError::invalid(
                "peer_address",
                "must not be empty; it is `host:port`",
            ));
        }
        Box::pin(self.cluster.add_node(id, peer_address)).await?;
        Ok(self.membership())
    }

    /// Makes a learner a voter.
    pub async fn promote_node(&self, id: u64) -> Result<MembershipView, AdminError> {
        check_node_id(id)?;
        Box::pin(self.cluster.promote_node(id)).await?;
        Ok(self.membership())
    }

    /// Removes a node for good.
    pub async fn remove_node(&self, intent: &Intent, id: u64) -> Result<MembershipView, AdminError> {
        check_node_id(id)?;
        Box::pin(self.cluster.remove_node(id, &intent.by)).await?;
        Ok(self.membership())
    }

    /// What would be left without this node. From memory.
    pub fn after_removal(&self, id: u64) -> Removal {
        Removal::of(&self.cluster.gather(), id)
    }

    /// Has this node lead no longer. Refused if it does not lead as far as is known here: whoever leads since then may stay.
    pub async fn hand_over(&self, from: u64) -> Result<u64, AdminError> {
        let leader = self.cluster.report().leader;
        if leader != from {
            return Err(AdminError::Precondition(no_leader(from, leader)));
        }
        self.transfer_leadership(0).await
    }

    /// Hands leadership over; 0 leaves the choice to the cluster. Returns who leads then.
    pub async fn transfer_leadership(&self, to: u64) -> Result<u64, AdminError> {
        Ok(Box::pin(self.cluster.transfer_leadership((to != 0).then_some(to))).await?)
    }

    /// Takes a snapshot on this node: its Raft index and its size.
    pub async fn take_snapshot(&self) -> Result<(u64, u64), AdminError> {
        let taken = Box::pin(self.cluster.take_snapshot()).await?;
        Ok((taken.index, taken.bytes))
    }

    /// The cluster's settings.
    pub async fn settings(&self) -> Result<SettingsView, AdminError> {
        self.confirm().await?;
        Ok(self.settings_view())
    }

    /// The cluster's settings as this node knows them. From memory.
    pub fn settings_here(&self) -> SettingsView {
        self.settings_view()
    }

    /// Changes the cluster's settings.
    pub async fn update_settings(&self, intent: &Intent, patch: SettingsPatch) -> Result<SettingsView, AdminError> {
        let (change, sessions) = checked_settings(patch)?;
        self.write(intent, settings_command(change, sessions, intent.if_revision))
            .await?;
        let view = self.settings_view();
        for warning in &view.warnings {
            tracing::warn!(by = intent.by, "{warning}");
        }
        Ok(view)
    }

    fn settings_view(&self) -> SettingsView {
        SettingsView {
            settings: self.store.settings(),
            warnings: self.open_chains(),
        }
    }

    fn membership(&self) -> MembershipView {
        let known = self.cluster.membership();
        let learners = known
            .members
            .keys()
            .filter(|id| !known.voters.contains(id))
            .copied()
            .collect();
        let voters = known.voters.iter().copied().collect();
        MembershipView {
            voters,
            learners,
            revision: self.cluster.freshness().revision,
        }
    }
}

/// The end of the leader's log; of the longest known one while the leader is silent.
fn log_end(nodes: &[NodeStatus], leader: u64) -> u64 {
    let end = |node: &NodeStatus| node.report.as_ref().map_or(0, |report| report.last_log_index);
    match nodes.iter().find(|node| node.id == leader && node.answered) {
        Some(node) => end(node),
        None => nodes.iter().map(end).max().unwrap_or(0),
    }
}

fn no_leader(asked: u64, leader: u64) -> String {
    match leader {
        0 => format!("n{asked} does not lead: nobody does just now"),
        _ => format!("n{asked} does not lead any more: n{leader} does"),
    }
}

fn check_node_id(id: u64) -> Result<(), AdminError> {
    if id == 0 {
        Err(AdminError::invalid("id", "must be a node id, from 1 on"))
    } else {
        Ok(())
    }
}

/// Nodes of before there were sessions understand a change that is not about them.
fn settings_command(change: SettingsChange, sessions: SessionTimes, if_revision: Option<u64>) -> Command {
    if sessions == SessionTimes::default() {
        Command::UpdateSettings { change, if_revision }
    } else {
        Command::UpdateSettingsAndSessions {
            change,
            sessions,
            if_revision,
        }
    }
}

fn checked_settings(patch: SettingsPatch) -> Result<(SettingsChange, SessionTimes), AdminError> {
    let SettingsPatch {
        no_authenticator,
        detailed_reasons,
        max_staleness,
        session_idle,
        session_lifetime,
        faults: mut violations,
    } = patch;
    for (field, asked, bounds, told) in [
        ("max_staleness", max_staleness, STALENESS, "100 ms and 7 days"),
        ("session_idle", session_idle, SESSION_IDLE, "1 minute and 24 hours"),
        (
            "session_lifetime",
            session_lifetime,
            SESSION_LIFETIME,
            "5 minutes and 30 days",
        ),
    ] {
        if asked.is_some_and(|asked| !bounds.contains(&asked)) {
            violations.push(violation(field, format!("must be between {told}")));
        }
    }
    let change = SettingsChange {
        no_authenticator,
        detailed_reasons,
        max_staleness,
    };
    let sessions = SessionTimes {
        idle: session_idle,
        lifetime: session_lifetime,
    };
    if violations.is_empty() && change == SettingsChange::default() && sessions == SessionTimes::default() {
        violations.push(violation(
            "update_mask",
            "names nothing, and nothing to change is given",
        ));
    }
    AdminError::unless_empty(violations)?;
    Ok((change, sessions))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{AdminError, NodeStatus, Removal, SettingsPatch, checked_settings, log_end, violation};
    use crate::cluster::NodeReport;

    fn node(id: u64, answered: bool, last_log_index: u64) -> NodeStatus {
        NodeStatus {
            id,
            member: Default::default(),
            voter: true,
            answered,
            report: Some(NodeReport {
                id,
                last_log_index,
                ..NodeReport::default()
            }),
            age: None,
            error: String::new(),
            clock_offset_ms: None,
        }
    }

    #[test]
    fn lag_is_measured_against_the_leader_that_answers() {
        let nodes = [node(1, true, 50), node(2, true, 70)];
        assert_eq!(log_end(&nodes, 1), 50);
        assert_eq!(log_end(&nodes, 0), 70);
        assert_eq!(log_end(&[node(1, false, 50), node(2, true, 70)], 1), 70);
    }

    #[test]
    fn a_removal_is_judged_by_who_is_alive_and_not_by_who_votes() {
        let three = |third| [node(1, true, 0), node(2, true, 0), node(3, third, 0)];
        let all = Removal::of(&three(true), 2);
        assert_eq!(
            (all.voters, all.heard, all.can_lose(), all.loses_quorum()),
            (2, 2, 0, false)
        );
        let wrong = Removal::of(&three(false), 2);
        assert_eq!((wrong.voters, wrong.heard, wrong.loses_quorum()), (2, 1, true));
        assert!(!Removal::of(&three(false), 3).loses_quorum(), "the dead one may go");
        let mut learner = three(false);
        learner[1].voter = false;
        assert!(!Removal::of(&learner, 2).loses_quorum(), "its voice is not missed");
        let five = [true, true, true, true, true].map(|answered| node(1, answered, 0));
        let five: Vec<_> = (1..).zip(five).map(|(id, node)| NodeStatus { id, ..node }).collect();
        assert_eq!(Removal::of(&five, 5).can_lose(), 1);
    }

    fn patch(max_staleness: Option<Duration>) -> SettingsPatch {
        SettingsPatch {
            max_staleness,
            ..SettingsPatch::default()
        }
    }

    #[test]
    fn staleness_has_bounds() {
        assert!(checked_settings(patch(Some(Duration::from_secs(2)))).is_ok());
        assert!(checked_settings(patch(Some(Duration::ZERO))).is_err());
    }

    #[test]
    fn sessions_last_neither_no_time_nor_for_ever() {
        let patch = |idle, lifetime| SettingsPatch {
            session_idle: Some(Duration::from_secs(idle)),
            session_lifetime: Some(Duration::from_secs(lifetime)),
            ..SettingsPatch::default()
        };
        assert!(checked_settings(patch(60, 300)).is_ok());
        let Err(AdminError::Invalid(violations)) = checked_settings(patch(59, 31 * 24 * 3600)) else {
            panic!("taken")
        };
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["session_idle", "session_lifetime"]);
    }

    #[test]
    fn everything_wrong_with_settings_is_named_at_once() {
        let faulty = SettingsPatch {
            faults: vec![violation("no_authenticator", "must be ALLOW or DENY")],
            ..patch(Some(Duration::ZERO))
        };
        let Err(AdminError::Invalid(violations)) = checked_settings(faulty) else {
            panic!("taken")
        };
        assert_eq!(violations.len(), 2);
    }

    #[test]
    fn a_change_of_nothing_is_refused() {
        assert!(checked_settings(SettingsPatch::default()).is_err());
    }
}
