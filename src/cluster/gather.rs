//! What all members say of themselves, now or when last heard.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;

use super::handle::{Cluster, Inner};
use super::orders::decode;
use super::report::NodeReport;
use crate::auth::Instant;
use crate::raft::{self, Member, Membership};

/// Who has not answered by then is listed with its last report.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// A member with what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeStatus {
    /// Node id.
    pub id: u64,
    /// Addresses and incarnation.
    pub member: Member,
    /// Votes or only learns.
    pub voter: bool,
    /// Whether it answered just now.
    pub answered: bool,
    /// The last report, from now or earlier.
    pub report: Option<NodeReport>,
    /// How old the report is.
    pub age: Option<Duration>,
    /// Why it did not answer.
    pub error: String,
}

impl Cluster {
    /// Every member, asked at once, at most a second; who did not answer is listed with its last report.
    pub async fn gather(&self) -> Vec<NodeStatus> {
        let membership = self.membership();
        let questions = membership
            .members
            .iter()
            .map(|(&id, member)| async move { (id, self.inner.ask(id, member).await) });
        let answers = join_all(questions).await.into_iter().collect();
        self.inner
            .last_reports
            .merge(self.inner.parts.clock.instant(), membership, answers)
    }
}

impl Inner {
    async fn ask(&self, id: u64, member: &Member) -> Result<NodeReport, String> {
        if id == self.node_id {
            return Ok(self.report());
        }
        let peer = raft::Handle::peer_name(id, member);
        let report = self.parts.peers.report(&peer, ANSWER_TIMEOUT).await;
        decode(&report.map_err(|error| error.to_string())?).map_err(|why| format!("its report {why}"))
    }
}

/// The last report of each member, and when it came.
#[derive(Debug, Default)]
pub(super) struct LastReports {
    reports: Mutex<BTreeMap<u64, (Instant, NodeReport)>>,
}

impl LastReports {
    /// Lays the answers of now over those of earlier. Nodes that are no members any more are forgotten.
    fn merge(
        &self,
        now: Instant,
        membership: Membership,
        mut answers: BTreeMap<u64, Result<NodeReport, String>>,
    ) -> Vec<NodeStatus> {
        let Membership { voters, members } = membership;
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        reports.retain(|id, _| members.contains_key(id));
        let status = |(id, member)| {
            let (answered, error) = match answers.remove(&id) {
                Some(Ok(report)) => {
                    reports.insert(id, (now, report));
                    (true, String::new())
                }
                Some(Err(why)) => (false, why),
                None => (false, "it was not asked".to_owned()),
            };
            let last = reports.get(&id);
            NodeStatus {
                id,
                member,
                voter: voters.contains(&id),
                answered,
                report: last.map(|(_, report)| report.clone()),
                age: last.map(|(at, _)| now.since(*at)),
                error,
            }
        };
        members.into_iter().map(status).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{LastReports, Member, Membership, NodeReport};
    use crate::auth::{Clock as _, TestClock};

    fn report(id: u64, term: u64) -> NodeReport {
        NodeReport {
            id,
            term,
            ..NodeReport::default()
        }
    }

    fn membership(ids: &[u64]) -> Membership {
        let members = ids.iter().map(|&id| (id, Member::default())).collect();
        Membership {
            voters: [1].into(),
            members,
        }
    }

    #[test]
    fn who_does_not_answer_is_listed_with_its_last_report_and_its_age() {
        let (last, clock) = (LastReports::default(), TestClock::at(0));
        let both = [(1, Ok(report(1, 5))), (2, Ok(report(2, 5)))];
        last.merge(clock.instant(), membership(&[1, 2]), both.into());
        clock.advance(Duration::from_secs(7));
        let one = [(1, Ok(report(1, 6))), (2, Err("gone".to_owned()))];
        let list = last.merge(clock.instant(), membership(&[1, 2]), one.into());

        assert!(list[0].answered && list[0].voter && list[0].age == Some(Duration::ZERO));
        assert!(!list[1].answered && !list[1].voter);
        assert_eq!(list[1].report, Some(report(2, 5)));
        assert_eq!(list[1].age, Some(Duration::from_secs(7)));
        assert_eq!(list[1].error, "gone");
    }

    #[test]
    fn a_node_that_was_never_heard_has_no_report() {
        let list = LastReports::default().merge(
            TestClock::at(0).instant(),
            membership(&[3]),
            [(3, Err("gone".to_owned()))].into(),
        );
        assert_eq!((&list[0].report, list[0].age), (&None, None));
    }

    #[test]
    fn a_removed_node_is_forgotten() {
        let (last, now) = (LastReports::default(), TestClock::at(0).instant());
        last.merge(now, membership(&[1, 2]), [(2, Ok(report(2, 1)))].into());
        last.merge(now, membership(&[1]), [].into());
        let list = last.merge(now, membership(&[1, 2]), [].into());
        assert_eq!(list[1].report, None);
    }
}
