//! The imports of this node: who may bring a file, and which imports are remembered.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::import_job::{ImportStage, Job};
use crate::admin::error::{AdminError, Obstacle};
use crate::admin::import::ImportHeader;

/// Files that are on their way, wait or are being stored: of all people together, …
const FILES: usize = 16;
/// … and of each.
const FILES_EACH: usize = 4;
/// Imports that are over and can still be looked at: of all people together, …
const OVER: usize = 64;
/// … and of each.
const OVER_EACH: usize = 8;

/// Imports, the oldest first.
#[derive(Default)]
pub(super) struct ImportJobs(Mutex<Jobs>);

#[derive(Default)]
struct Jobs {
    jobs: Vec<Arc<Job>>,
    /// Whose files are on their way.
    arriving: Vec<String>,
}

impl ImportJobs {
    /// A place for a file that is to come. Whoever has too many that only wait loses the oldest of these; nobody loses another's.
    pub(super) fn place(self: &Arc<Self>, by: &str) -> Result<Place, AdminError> {
        let mut jobs = self.lock();
        if jobs.files(|owner| owner == by) >= FILES_EACH {
            let waiting = |job: &&Arc<Job>| job.by == by && job.stage() == ImportStage::Checked;
            let oldest = jobs.jobs.iter().find(waiting);
            let oldest = oldest.ok_or_else(|| {
                AdminError::unavailable(
                    Obstacle::Overloaded,
                    format!("{FILES_EACH} of your imports run on this node"),
                )
            })?;
            oldest.give_up("you have brought another file since, and it gave way");
        }
        if jobs.files(|_| true) >= FILES {
            let why = "as many imports as it can hold are on this node";
            return Err(AdminError::unavailable(Obstacle::Overloaded, why));
        }
        jobs.arriving.push(by.to_owned());
        Ok(Place {
            all: Arc::clone(self),
            by: by.to_owned(),
        })
    }

    pub(super) fn find(&self, name: &str) -> Option<Arc<Job>> {
        self.lock().jobs.iter().find(|job| job.name == name).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Jobs {
    fn files(&self, of: impl Fn(&str) -> bool) -> usize {
        let arriving = self.arriving.iter().filter(|by| of(by)).count();
        let jobs = self.jobs.iter().filter(|job| !job.stage().is_over() && of(&job.by));
        arriving + jobs.count()
    }

    /// Of those that are over, the oldest go that are too many.
    fn forget(&mut self) {
        let (mut seen, mut seen_of): (usize, Vec<String>) = (0, Vec::new());
        let mut kept = Vec::new();
        for job in self.jobs.drain(..).rev() {
            if job.stage().is_over() {
                let of_this = seen_of.iter().filter(|by| **by == job.by).count();
                if seen >= OVER || of_this >= OVER_EACH {
                    continue;
                }
                seen += 1;
                seen_of.push(job.by.clone());
            }
            kept.push(job);
        }
        kept.reverse();
        self.jobs = kept;
    }
}

/// A place for one file, until it is filled or dropped.
pub(super) struct Place {
    all: Arc<ImportJobs>,
    by: String,
}

impl Place {
    /// The file has come.
    pub(super) fn fill(self, name: String, header: ImportHeader, file_name: String) -> Arc<Job> {
        let job = Arc::new(Job::new(name, self.by.clone(), header, file_name));
        let mut jobs = self.all.lock();
        jobs.forget();
        jobs.jobs.push(Arc::clone(&job));
        job
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut jobs = self.all.lock();
        if let Some(at) = jobs.arriving.iter().position(|by| *by == self.by) {
            jobs.arriving.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::import_job::tests::{checked, header};
    use super::{Arc, FILES, FILES_EACH, ImportJobs, ImportStage, Job, OVER_EACH};

    /// A file of that person has come.
    fn brought(jobs: &Arc<ImportJobs>, by: &str, name: impl ToString) -> Arc<Job> {
        let place = jobs.place(by).unwrap_or_else(|error| panic!("{error}"));
        place.fill(name.to_string(), header(false), "users.csv".into())
    }

    #[test]
    fn a_place_is_taken_before_the_file_comes_and_given_back_if_it_does_not() {
        let jobs = Arc::<ImportJobs>::default();
        let places: Vec<_> = (0..FILES_EACH).map(|_| jobs.place("ann").ok().unwrap()).collect();
        assert!(jobs.place("ann").is_err());
        drop(places);
        assert!(jobs.place("ann").is_ok());
    }

    #[test]
    fn nobody_loses_a_file_that_waits_or_runs_to_somebody_else() {
        let jobs = Arc::<ImportJobs>::default();
        let waits = brought(&jobs, "ann", "waits");
        checked(&waits, 1, 0);
        let running: Vec<_> = (1..FILES)
            .map(|n| brought(&jobs, &format!("bob {}", n % 4), n))
            .collect();
        assert!(jobs.place("carl").is_err() && jobs.place("ann").is_err());
        assert_eq!(waits.stage(), ImportStage::Checked);
        running[0].stop();
        assert_eq!(checked(&running[0], 1, 0), ImportStage::Stopped);
        assert!(jobs.place("carl").is_ok());
        assert_eq!(waits.stage(), ImportStage::Checked);
    }

    #[test]
    fn who_brings_file_after_file_and_begins_none_loses_the_oldest() {
        let jobs = Arc::<ImportJobs>::default();
        let mine: Vec<_> = (0..FILES_EACH).map(|n| brought(&jobs, "ann", n)).collect();
        assert!(jobs.place("ann").is_err(), "all are being read");
        checked(&mine[2], 1, 0);
        checked(&mine[1], 1, 0);
        brought(&jobs, "ann", "next");
        assert_eq!(
            (mine[1].stage(), mine[2].stage()),
            (ImportStage::Failed, ImportStage::Checked)
        );
    }

    #[test]
    fn what_is_over_is_remembered_for_a_while() {
        let jobs = Arc::<ImportJobs>::default();
        for n in 0..20 {
            let job = brought(&jobs, "ann", n);
            job.stop();
            checked(&job, 1, 0);
        }
        let other = brought(&jobs, "bob", "other");
        assert!(jobs.find("19").is_some() && jobs.find(&(20 - OVER_EACH).to_string()).is_some());
        assert!(jobs.find(&(19 - OVER_EACH).to_string()).is_none());
        assert_eq!(jobs.find("other").map(|job| job.by.clone()), Some(other.by.clone()));
    }
}
