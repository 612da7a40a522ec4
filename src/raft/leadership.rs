//! Handing the leadership on.

use std::time::Duration;

use openraft::async_runtime::WatchReceiver;

use super::error::ProposeError;
use super::handle::{Handle, stopped};
use super::status::{Role, best_successor};

impl Handle {
    /// Hands leadership to `to`, or to the most up-to-date other voter; returns who leads then.
    pub async fn transfer_leadership(&self, to: Option<u64>, timeout: Duration) -> Result<u64, ProposeError> {
        let to = self.successor(to)?;
        let raft = self.raft().clone();
        self.in_time(timeout, async move {
            let mut metrics = raft.metrics();
            raft.trigger().transfer_leader(to).await.map_err(stopped)?;
            loop {
                let (leader, own_id) = {
                    let now = metrics.borrow_and_update();
                    (now.current_leader, now.id)
                };
                match leader {
                    Some(leader) if leader != own_id || to == own_id => return Ok(leader),
                    _ => metrics.changed().await.map_err(|_| stopped("it has ended"))?,
                }
            }
        })
        .await
    }

    /// Checks that this node leads and that `to` may follow it.
    fn successor(&self, to: Option<u64>) -> Result<u64, ProposeError> {
        let status = self.status();
        if status.role != Role::Leader {
            return Err(ProposeError::NotLeader { leader: status.leader });
        }
        match to {
            Some(to) if status.membership.voters.contains(&to) => Ok(to),
            Some(to) => Err(ProposeError::Refused(format!("node {to} has no vote"))),
            None => best_successor(&self.metrics())
                .ok_or_else(|| ProposeError::Refused("there is no other voter to lead".to_owned())),
        }
    }
}
