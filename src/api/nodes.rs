//! The service `Nodes`.

use std::time::Duration;

use tonic::{Request, Response, Status};

use super::convert::{caller_of, duration_from, intent, known_timestamp, required};
use super::mask::Mask;
use crate::admin::{Admin, MembershipView, SettingsPatch, SettingsView, Violation};
use crate::auth::NoAuthenticator;
use crate::cluster::{Hashing, NodeReport, NodeStatus, Role};
use crate::wire::pb::v1 as pb;
use crate::wire::pb::v1::cluster_settings::NoAuthenticator as WireNoAuthenticator;

const UPDATABLE: [&str; 5] = [
    "no_authenticator",
    "detailed_reasons",
    "max_staleness",
    "session_idle",
    "session_lifetime",
];

/// Nodes and the cluster's settings over gRPC.
pub(crate) struct NodesService {
    admin: Admin,
}

impl NodesService {
    /// Over what an operator can do.
    pub(crate) fn new(admin: Admin) -> Self {
        Self { admin }
    }
}

#[tonic::async_trait]
impl pb::nodes_server::Nodes for NodesService {
    async fn init_cluster(
        &self,
        _request: Request<pb::InitClusterRequest>,
    ) -> Result<Response<pb::InitClusterResponse>, Status> {
        let created = self.admin.init_cluster().await?;
        Ok(Response::new(pb::InitClusterResponse {
            cluster_id: created.cluster_id,
            api_key: created.api_key.reveal().to_owned(),
            nodes: created.nodes,
            setup_token: created.setup_token.reveal().to_owned(),
        }))
    }

    async fn list_nodes(
        &self,
        _request: Request<pb::ListNodesRequest>,
    ) -> Result<Response<pb::ListNodesResponse>, Status> {
        let list = self.admin.list_nodes();
        let nodes = list
            .nodes
            .into_iter()
            .map(|node| shown(node, list.leader_log_index))
            .collect();
        Ok(Response::new(pb::ListNodesResponse {
            cluster_id: list.cluster_id,
            leader: list.leader,
            nodes,
        }))
    }

    async fn get_node_status(&self, request: Request<pb::GetNodeStatusRequest>) -> Result<Response<pb::Node>, Status> {
        let (node, leader_log_index) = self.admin.node_status(request.into_inner().id)?;
        Ok(Response::new(shown(node, leader_log_index)))
    }

    async fn add_node(&self, request: Request<pb::AddNodeRequest>) -> Result<Response<pb::MembershipResponse>, Status> {
        let request = request.into_inner();
        Ok(Response::new(membership(
            self.admin.add_node(request.id, &request.peer_address).await?,
        )))
    }

    async fn promote_node(
        &self,
        request: Request<pb::PromoteNodeRequest>,
    ) -> Result<Response<pb::MembershipResponse>, Status> {
        Ok(Response::new(membership(
            self.admin.promote_node(request.into_inner().id).await?,
        )))
    }

    async fn remove_node(
        &self,
        request: Request<pb::RemoveNodeRequest>,
    ) -> Result<Response<pb::MembershipResponse>, Status> {
        let intent = intent(caller_of(&request)?, "", 0);
        Ok(Response::new(membership(
            self.admin.remove_node(&intent, request.into_inner().id).await?,
        )))
    }

    async fn transfer_leadership(
        &self,
        request: Request<pb::TransferLeadershipRequest>,
    ) -> Result<Response<pb::TransferLeadershipResponse>, Status> {
        let leader = self.admin.transfer_leadership(request.into_inner().to).await?;
        Ok(Response::new(pb::TransferLeadershipResponse { leader }))
    }

    async fn take_snapshot(
        &self,
        _request: Request<pb::TakeSnapshotRequest>,
    ) -> Result<Response<pb::TakeSnapshotResponse>, Status> {
        let (index, bytes) = self.admin.take_snapshot().await?;
        Ok(Response::new(pb::TakeSnapshotResponse { index, bytes }))
    }

    async fn get_settings(
        &self,
        _request: Request<pb::GetSettingsRequest>,
    ) -> Result<Response<pb::ClusterSettings>, Status> {
        Ok(Response::new(settings(self.admin.settings().await?)))
    }

    async fn update_settings(
        &self,
        request: Request<pb::UpdateSettingsRequest>,
    ) -> Result<Response<pb::ClusterSettings>, Status> {
        let caller = caller_of(&request)?;
        let request = request.into_inner();
        let intent = intent(caller, &request.request_id, request.if_revision);
        let patch = patch(&required(request.settings, "settings")?, &request.update_mask);
        Ok(Response::new(settings(
            self.admin.update_settings(&intent, patch).await?,
        )))
    }
}

fn shown(node: NodeStatus, leader_log_index: u64) -> pb::Node {
    let message = pb::Node {
        id: node.id,
        peer_address: node.member.peer_address,
        api_address: node.member.api_address,
        voter: node.voter,
        answered: node.answered,
        age: node.age.map(Into::into),
        error: node.error,
        clock_offset: node.clock_offset_ms.map(signed),
        ..Default::default()
    };
    match node.report {
        Some(report) => with_report(message, report, leader_log_index),
        None => message,
    }
}

fn with_report(message: pb::Node, report: NodeReport, leader_log_index: u64) -> pb::Node {
    pb::Node {
        role: role(report.role).into(),
        // What was true when it was last heard is no promise for now.
        ready: report.ready && message.answered,
        term: report.term,
        leader: report.leader,
        last_log_index: report.last_log_index,
        applied_index: report.applied_index,
        snapshot_index: report.snapshot_index,
        purged_index: report.purged_index,
        lag: leader_log_index.saturating_sub(report.applied_index),
        staleness: report.staleness_ms.map(|millis| Duration::from_millis(millis).into()),
        version: report.version,
        uptime: Some(Duration::from_millis(report.uptime_ms).into()),
        state_hash: format!("{:016x}", report.state_hash),
        users: report.users,
        disk_bytes: report.disk_bytes,
        hash_queue: report.hash_queue,
        hashing: Some(hashing(report.hashing)),
        disk_free_bytes: report.disk_free_bytes,
        http_address: report.http_address,
        ..message
    }
}

/// Both parts of a negative duration are negative.
fn signed(millis: i64) -> pbjson_types::Duration {
    pbjson_types::Duration {
        seconds: millis / 1000,
        nanos: i32::try_from(millis % 1000 * 1_000_000).unwrap_or(0),
    }
}

fn hashing(figures: Hashing) -> pb::Hashing {
    pb::Hashing {
        threads: figures.threads,
        memory_bytes: figures.memory_bytes,
        running: figures.running,
        waiting: figures.waiting,
        done: figures.done,
        refused: figures.refused,
        wait_p50: Some(figures.wait_p50.into()),
        wait_p99: Some(figures.wait_p99.into()),
        wait_max: Some(figures.wait_max.into()),
        rehashed: figures.rehashed,
        rehash_dropped: figures.rehash_dropped,
    }
}

fn role(role: Role) -> pb::NodeRole {
    match role {
        Role::Leader => pb::NodeRole::Leader,
        Role::Follower => pb::NodeRole::Follower,
        Role::Candidate => pb::NodeRole::Candidate,
        Role::Learner => pb::NodeRole::Learner,
    }
}

fn membership(view: MembershipView) -> pb::MembershipResponse {
    pb::MembershipResponse {
        voters: view.voters,
        learners: view.learners,
        revision: view.revision,
    }
}

fn settings(view: SettingsView) -> pb::ClusterSettings {
    let SettingsView { settings, warnings } = view;
    let no_authenticator = match settings.no_authenticator {
        NoAuthenticator::Allow => WireNoAuthenticator::Allow,
        NoAuthenticator::Deny => WireNoAuthenticator::Deny,
    };
    pb::ClusterSettings {
        no_authenticator: no_authenticator.into(),
        detailed_reasons: Some(settings.detailed_reasons),
        max_staleness: Some(settings.max_staleness.into()),
        session_idle: Some(settings.session_idle.into()),
        session_lifetime: Some(settings.session_lifetime.into()),
        revision: settings.revision,
        updated_at: known_timestamp(settings.updated_at),
        updated_by: settings.updated_by.clone(),
        warnings,
    }
}

/// Without a mask the fields that are set count; what is absent cannot be meant.
fn patch(sent: &pb::ClusterSettings, paths: &[String]) -> SettingsPatch {
    let mut faults = Vec::new();
    let mask = Mask::checked(paths, &UPDATABLE, &mut faults);
    let no_authenticator = match WireNoAuthenticator::try_from(sent.no_authenticator) {
        Ok(WireNoAuthenticator::Allow) => Some(NoAuthenticator::Allow),
        Ok(WireNoAuthenticator::Deny) => Some(NoAuthenticator::Deny),
        Ok(WireNoAuthenticator::Unspecified) | Err(_) => None,
    };
    let no_authenticator = mask.take("no_authenticator", sent.no_authenticator != 0, no_authenticator);
    let detailed_reasons = mask.take(
        "detailed_reasons",
        sent.detailed_reasons.is_some(),
        sent.detailed_reasons,
    );
    let mut missing = |field: &str, is_missing, why: &str| {
        if is_missing {
            faults.push(Violation {
                field: field.to_owned(),
                why: why.to_owned(),
            });
        }
    };
    missing(
        "no_authenticator",
        no_authenticator == Some(None),
        "must be ALLOW or DENY",
    );
    missing(
        "detailed_reasons",
        detailed_reasons == Some(None),
        "must be true or false",
    );
    let mut duration =
        |field: &str, sent: Option<pbjson_types::Duration>| match mask.take(field, sent.is_some(), sent)? {
            None => {
                missing(field, true, "must be a duration");
                None
            }
            Some(sent) => duration_from(sent, field)
                .map_err(|fault| missing(field, true, &fault.why))
                .ok(),
        };
    SettingsPatch {
        no_authenticator: no_authenticator.flatten(),
        detailed_reasons: detailed_reasons.flatten(),
        max_staleness: duration("max_staleness", sent.max_staleness),
        session_idle: duration("session_idle", sent.session_idle),
        session_lifetime: duration("session_lifetime", sent.session_lifetime),
        faults,
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, NodeReport, NodeStatus, Role, SettingsPatch, patch, pb, shown};

    fn heard(answered: bool) -> NodeStatus {
        let report = NodeReport {
            id: 2,
            ready: true,
            role: Role::Follower,
            applied_index: 40,
            ..NodeReport::default()
        };
        NodeStatus {
            id: 2,
            member: Default::default(),
            voter: true,
            answered,
            report: Some(report),
            age: Some(Duration::from_secs(3)),
            error: String::new(),
            clock_offset_ms: Some(-1500),
        }
    }

    #[test]
    fn a_node_shows_how_far_it_is_behind_the_leader() {
        let node = shown(heard(true), 50);
        assert_eq!((node.lag, node.role(), node.ready), (10, pb::NodeRole::Follower, true));
        let offset = node.clock_offset.unwrap();
        assert_eq!((offset.seconds, offset.nanos), (-1, -500_000_000));
    }

    #[test]
    fn a_silent_node_is_not_ready_whatever_it_said_last() {
        let node = shown(heard(false), 50);
        assert_eq!((node.answered, node.ready, node.applied_index), (false, false, 40));
    }

    #[test]
    fn settings_without_a_mask_leave_what_is_absent() {
        let only_staleness = pb::ClusterSettings {
            max_staleness: Some(Duration::from_secs(9).into()),
            ..Default::default()
        };
        let expected = SettingsPatch {
            max_staleness: Some(Duration::from_secs(9)),
            ..SettingsPatch::default()
        };
        assert_eq!(patch(&only_staleness, &[]), expected);
        assert_eq!(patch(&pb::ClusterSettings::default(), &[]), SettingsPatch::default());
    }

    #[test]
    fn every_masked_setting_must_be_given_and_all_faults_are_noted() {
        let paths = ["no_authenticator", "detailed_reasons", "max_staleness", "max_stalenes"].map(str::to_owned);
        let fields = |sent: &pb::ClusterSettings| {
            let faults = patch(sent, &paths).faults;
            faults.into_iter().map(|fault| fault.field).collect::<Vec<_>>()
        };
        let expected = ["update_mask", "no_authenticator", "detailed_reasons", "max_staleness"];
        assert_eq!(fields(&pb::ClusterSettings::default()), expected);
        let wrong = pb::ClusterSettings {
            no_authenticator: 9,
            detailed_reasons: Some(true),
            max_staleness: Some(pbjson_types::Duration { seconds: -1, nanos: 0 }),
            ..Default::default()
        };
        assert_eq!(fields(&wrong), ["update_mask", "no_authenticator", "max_staleness"]);
    }
}
