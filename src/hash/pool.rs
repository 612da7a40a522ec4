//! Threads of its own beside the async ones, for what takes a while: as many jobs at once as there are threads and memory for,
//! first come, first served, with a bound on how many wait and for how long.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;

use super::error::HashError;
use super::memory::Memory;
use super::settings::Settings;

/// The figures tell of so many of the latest jobs.
const LATEST: usize = 512;

/// How the pool fares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Threads that hash.
    pub threads: usize,
    /// Memory that they may take together, in bytes.
    pub memory_bytes: u64,
    /// Threads at work.
    pub running: usize,
    /// Jobs that wait for a thread and its memory.
    pub waiting: usize,
    /// Jobs done since the start.
    pub done: u64,
    /// Jobs refused as overloaded since the start.
    pub refused: u64,
    /// How long the latest jobs waited: the median, …
    pub wait_p50: Duration,
    /// … the 99th percentile, …
    pub wait_p99: Duration,
    /// … and the longest.
    pub wait_max: Duration,
}

type Job = Box<dyn FnOnce() + Send>;

/// The threads, and who may use them.
pub(super) struct Pool {
    jobs: mpsc::SyncSender<Job>,
    started: usize,
    /// One permit for each thread: who holds one finds a thread free, so `jobs` never fills.
    threads: Arc<Semaphore>,
    memory_kib: u32,
    /// One permit for each KiB. Who waits for many is served in its turn: meanwhile nobody behind it gets any.
    room: Arc<Semaphore>,
    memory: Arc<Memory>,
    waiting: AtomicUsize,
    most_waiting: usize,
    patience: Duration,
    done: Arc<AtomicU64>,
    refused: AtomicU64,
    waits: Mutex<VecDeque<Duration>>,
}

/// The right to run one job. It travels with the job: a caller that gives up while its job runs does not make the thread free.
struct Turn {
    _thread: OwnedSemaphorePermit,
    _room: OwnedSemaphorePermit,
}

impl Pool {
    /// Starts the threads. A thread that the machine refuses is done without; with none left every job is refused.
    pub(super) fn start(settings: &Settings) -> Self {
        let wanted = settings.thread_count();
        let (jobs, queue) = mpsc::sync_channel(wanted);
        let queue = Arc::new(Mutex::new(queue));
        let started = (0..wanted)
            .filter(|number| spawn_worker(*number, Arc::clone(&queue)))
            .count();
        let memory_kib = settings.memory_kib();
        Self {
            jobs,
            started,
            threads: Arc::new(Semaphore::new(started)),
            memory_kib,
            room: Arc::new(Semaphore::new(memory_kib as usize)),
            memory: Arc::new(Memory::new(memory_kib)),
            waiting: AtomicUsize::new(0),
            most_waiting: settings.queue,
            patience: settings.patience(),
            done: Arc::default(),
            refused: AtomicU64::new(0),
            waits: Mutex::default(),
        }
    }

    /// Refuses a job that would never find enough memory.
    pub(super) fn check(&self, kib: u32) -> Result<(), HashError> {
        if kib > self.memory_kib {
            return Err(HashError::TooLarge {
                kib,
                limit_kib: self.memory_kib,
            });
        }
        Ok(())
    }

    /// Runs a job that takes so much memory, in its turn.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        kib: u32,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        self.run_timed(kib, work).await.map(|(result, _)| result)
    }

    /// The same, with how long it waited.
    pub(super) async fn run_timed<T: Send + 'static>(
        &self,
        kib: u32,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<(T, Duration), HashError> {
        self.check(kib)?;
        let begun = Instant::now();
        let turn = match self.turn_now(kib) {
            Some(turn) => Ok(turn),
            None => self.turn_in_time(kib).await,
        };
        let waited = begun.elapsed();
        self.note(waited, turn.as_ref().err());
        Ok((self.carry_out(kib, turn?, work).await?, waited))
    }

    /// Runs it only if nobody waits and it can begin at once.
    pub(super) async fn run_if_idle<T: Send + 'static>(
        &self,
        kib: u32,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<Option<T>, HashError> {
        self.check(kib)?;
        let idle = self.waiting.load(Ordering::Relaxed) == 0;
        match self.turn_now(kib).filter(|_| idle) {
            Some(turn) => self.carry_out(kib, turn, work).await.map(Some),
            None => Ok(None),
        }
    }

    pub(super) fn figures(&self) -> Figures {
        let mut waits: Vec<_> = self.waits().iter().copied().collect();
        waits.sort_unstable();
        let within = |percent: usize| {
            let place = (waits.len() * percent).div_ceil(100).saturating_sub(1);
            waits.get(place).copied().unwrap_or_default()
        };
        Figures {
            threads: self.started,
            memory_bytes: u64::from(self.memory_kib) << 10,
            running: self.started.saturating_sub(self.threads.available_permits()),
            waiting: self.waiting.load(Ordering::Relaxed),
            done: self.done.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            wait_p50: within(50),
            wait_p99: within(99),
            wait_max: within(100),
        }
    }

    /// Whoever waits goes first: neither semaphore has a permit to give while there is somebody to give it to.
    fn turn_now(&self, kib: u32) -> Option<Turn> {
        let room = Arc::clone(&self.room).try_acquire_many_owned(kib).ok()?;
        let thread = Arc::clone(&self.threads).try_acquire_owned().ok()?;
        Some(Turn {
            _thread: thread,
            _room: room,
        })
    }

    async fn turn_in_time(&self, kib: u32) -> Result<Turn, HashError> {
        let _waiter = Waiter::enter(&self.waiting, self.most_waiting).ok_or(HashError::Overloaded)?;
        let turn = tokio::time::timeout(self.patience, self.turn(kib)).await;
        turn.unwrap_or(Err(HashError::Overloaded))
    }

    /// Memory first: who waits for it must not keep a thread from those who need none.
    async fn turn(&self, kib: u32) -> Result<Turn, HashError> {
        let stopped = |_| HashError::Stopped;
        let room = Arc::clone(&self.room).acquire_many_owned(kib).await.map_err(stopped)?;
        let thread = Arc::clone(&self.threads).acquire_owned().await.map_err(stopped)?;
        Ok(Turn {
            _thread: thread,
            _room: room,
        })
    }

    async fn carry_out<T: Send + 'static>(
        &self,
        kib: u32,
        turn: Turn,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let (memory, done) = (Arc::clone(&self.memory), Arc::clone(&self.done));
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move || {
            let turn = turn;
            let lent = memory.lend(kib);
            let result = work();
            drop(lent);
            // Free before the answer, so that whoever is answered finds the thread free.
            drop(turn);
            done.fetch_add(1, Ordering::Relaxed);
            let _ = reply.send(result);
        });
        self.jobs.try_send(job).map_err(|_| HashError::Stopped)?;
        // A job that panicked answers nothing.
        answer.await.map_err(|_| HashError::Stopped)?
    }

    fn note(&self, waited: Duration, failed: Option<&HashError>) {
        if failed == Some(&HashError::Overloaded) {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        let mut waits = self.waits();
        if waits.len() == LATEST {
            waits.pop_front();
        }
        waits.push_back(waited);
    }

    fn waits(&self) -> std::sync::MutexGuard<'_, VecDeque<Duration>> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one waiter, also when its future is dropped.
struct Waiter<'a>(&'a AtomicUsize);

impl<'a> Waiter<'a> {
    fn enter(waiting: &'a AtomicUsize, most: usize) -> Option<Self> {
        let waiter = waiting.fetch_add(1, Ordering::Relaxed);
        let waiting = Self(waiting);
        (waiter < most).then_some(waiting)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn spawn_worker(number: usize, queue: Arc<Mutex<mpsc::Receiver<Job>>>) -> bool {
    let name = format!("hash-{number}");
    let work = move || {
        loop {
            let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(job) = job else { break };
            // A panic costs one login, not the thread.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    };
    match thread::Builder::new().name(name).spawn(work) {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!(%error, "a hashing thread could not be started");
            false
        }
    }
}

#[cfg(test)]
mod tests;
