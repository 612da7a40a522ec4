//! The pool's promises, with jobs that last as long as the test wants.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Figures, HashError, Pool, Settings};

/// With a MiB of memory.
fn pool(threads: usize, queue: usize, queue_timeout_ms: u64) -> Arc<Pool> {
    Arc::new(Pool::start(&Settings {
        threads,
        memory_mib: 1,
        queue,
        queue_timeout_ms,
        ..Settings::default()
    }))
}

/// A job that has begun and goes on until it is let go.
struct Held {
    release: mpsc::Sender<()>,
    done: JoinHandle<Result<(), HashError>>,
}

impl Held {
    async fn end(self) {
        drop(self.release);
        self.done.await.unwrap().unwrap();
    }
}

async fn hold(pool: &Arc<Pool>, kib: u32) -> Held {
    let (held, begun) = queue_up(pool, kib);
    begun.await.unwrap();
    held
}

/// A job that waits for its turn, and a sign that it has begun.
fn queue_up(pool: &Arc<Pool>, kib: u32) -> (Held, oneshot::Receiver<()>) {
    let (release, held) = mpsc::channel::<()>();
    let (begin, begun) = oneshot::channel();
    let pool = Arc::clone(pool);
    let done = tokio::spawn(async move {
        let work = move || {
            let _ = begin.send(());
            let _ = held.recv();
            Ok(())
        };
        pool.run(kib, work).await
    });
    (Held { release, done }, begun)
}

async fn until(what: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(10), async {
        while !what() {
            tokio::task::yield_now().await;
        }
    });
    waited.await.expect("it never happens");
}

async fn waiting(pool: &Arc<Pool>, count: usize) {
    until(|| pool.figures().waiting == count).await;
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), pin!(future))
        .await
        .expect("it never happens")
}

#[tokio::test]
async fn one_too_many_waiters_is_refused_at_once() {
    let pool = pool(1, 1, 60_000);
    let running = hold(&pool, 0).await;
    let (queued, _) = queue_up(&pool, 0);
    waiting(&pool, 1).await;
    assert_eq!(soon(pool.run(0, || Ok(()))).await, Err(HashError::Overloaded));
    assert_eq!((pool.figures().waiting, pool.figures().refused), (1, 1));
    running.end().await;
    queued.end().await;
}

#[tokio::test]
async fn a_waiter_is_refused_when_its_patience_ends() {
    let pool = pool(1, 8, 10);
    let running = hold(&pool, 0).await;
    assert_eq!(soon(pool.run(0, || Ok(()))).await, Err(HashError::Overloaded));
    let Figures { refused, wait_max, .. } = pool.figures();
    assert_eq!(refused, 1);
    assert!(wait_max >= Duration::from_millis(10));
    running.end().await;
}

#[tokio::test]
async fn a_waiter_that_gives_up_leaves_the_queue() {
    let pool = pool(1, 8, 60_000);
    let running = hold(&pool, 0).await;
    let (queued, _) = queue_up(&pool, 0);
    waiting(&pool, 1).await;
    queued.done.abort();
    waiting(&pool, 0).await;
    running.end().await;
    assert_eq!(soon(pool.run(0, || Ok(7))).await, Ok(7));
}

#[tokio::test]
async fn jobs_together_never_take_more_memory_than_there_is() {
    let pool = pool(4, 8, 60_000);
    let (one, two) = (hold(&pool, 400).await, hold(&pool, 600).await);
    let (third, mut begun) = queue_up(&pool, 25);
    waiting(&pool, 1).await;
    assert!(begun.try_recv().is_err());
    // Threads are free, and who needs no memory gets one.
    assert_eq!(soon(pool.run(0, || Ok(7))).await, Ok(7));
    one.end().await;
    soon(begun).await.unwrap();
    third.end().await;
    two.end().await;
    until(|| pool.figures().running == 0).await;
}

#[tokio::test]
async fn a_large_job_has_its_turn_however_many_small_ones_come_after_it() {
    let pool = pool(4, 8, 60_000);
    let (one, two) = (hold(&pool, 500).await, hold(&pool, 500).await);
    let (large, mut large_begun) = queue_up(&pool, 1000);
    waiting(&pool, 1).await;
    let (small, mut small_begun) = queue_up(&pool, 100);
    waiting(&pool, 2).await;
    // Enough for the small one, but it came later.
    one.end().await;
    assert_eq!(soon(pool.run_if_idle(100, || Ok(()))).await, Ok(None));
    assert!(large_begun.try_recv().is_err() && small_begun.try_recv().is_err());
    two.end().await;
    soon(large_begun).await.unwrap();
    assert!(small_begun.try_recv().is_err());
    large.end().await;
    soon(small_begun).await.unwrap();
    small.end().await;
}

#[tokio::test]
async fn a_job_larger_than_all_memory_is_refused_and_told_why() {
    let pool = pool(1, 8, 60_000);
    let refused = HashError::TooLarge {
        kib: 1025,
        limit_kib: 1024,
    };
    assert_eq!(pool.run(1025, || Ok(())).await, Err(refused.clone()));
    assert_eq!(pool.run_if_idle(1025, || Ok(())).await, Err(refused));
    assert_eq!(pool.run(1024, || Ok(7)).await, Ok(7));
}

#[tokio::test]
async fn what_is_in_no_hurry_runs_only_while_nobody_else_wants_to() {
    let pool = pool(1, 8, 60_000);
    assert_eq!(soon(pool.run_if_idle(0, || Ok(7))).await, Ok(Some(7)));
    let running = hold(&pool, 0).await;
    assert_eq!(soon(pool.run_if_idle(0, || Ok(7))).await, Ok(None));
    running.end().await;
}

#[tokio::test]
async fn a_panic_costs_one_job_and_not_the_thread() {
    let pool = pool(1, 8, 60_000);
    let panicking = pool.run::<()>(1024, || panic!("as a test"));
    assert_eq!(soon(panicking).await, Err(HashError::Stopped));
    assert_eq!(soon(pool.run(1024, || Ok(7))).await, Ok(7));
}

#[tokio::test]
async fn the_figures_tell_what_runs_and_waits() {
    let pool = pool(2, 8, 60_000);
    assert_eq!(
        pool.figures(),
        Figures {
            threads: 2,
            memory_bytes: 1 << 20,
            ..Figures::default()
        }
    );
    let (one, two) = (hold(&pool, 0).await, hold(&pool, 0).await);
    let (three, begun) = queue_up(&pool, 0);
    waiting(&pool, 1).await;
    let figures = pool.figures();
    assert_eq!((figures.running, figures.waiting, figures.refused), (2, 1, 0));
    one.end().await;
    soon(begun).await.unwrap();
    let figures = pool.figures();
    assert!(figures.wait_max > Duration::ZERO && figures.wait_p50 <= figures.wait_p99);
    two.end().await;
    three.end().await;
    assert_eq!(pool.figures().done, 3);
}
