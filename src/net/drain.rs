//! The signal to stop that everyone hears, and the wait for all who still work.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// The signal to stop that everyone hears, and the wait for all who still work. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    stop: CancellationToken,
    work: TaskTracker,
}

impl Drain {
    /// Tells everyone to stop.
    pub fn begin(&self) {
        self.stop.cancel();
    }

    /// Resolves once [`Drain::begin`] was called.
    pub async fn begun(&self) {
        self.stop.cancelled().await;
    }

    /// Work in progress: hold it until done.
    pub fn hold(&self) -> Held {
        Held {
            _token: self.work.token(),
        }
    }

    /// Waits for all that is held, at most so long; false: some still work.
    pub async fn finished(&self, timeout: Duration) -> bool {
        // The tracker's wait only ever ends once it is closed; a closed one still lets work in, and waits for that too.
        self.work.close();
        tokio::time::timeout(timeout, self.work.wait()).await.is_ok()
    }
}

/// Work in progress.
#[derive(Debug)]
pub struct Held {
    _token: TaskTrackerToken,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Drain;

    #[tokio::test]
    async fn the_drain_waits_for_work_that_is_held() {
        let drain = Drain::default();
        let held = drain.hold();
        assert!(!drain.finished(Duration::from_millis(5)).await);
        drop(held);
        assert!(drain.finished(Duration::from_secs(5)).await);
    }

    #[tokio::test]
    async fn every_clone_hears_the_signal_to_stop() {
        let drain = Drain::default();
        let listening = drain.clone();
        let heard = tokio::spawn(async move { listening.begun().await });
        drain.begin();
        heard.await.unwrap();
    }
}
