//! How often something can be done in a second, with so many under way, and how long each takes.

use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

/// A measured rate.
#[derive(Debug)]
pub(crate) struct Rate {
    pub(crate) per_second: f64,
    pub(crate) count: u64,
    micros: Histogram<u64>,
}

impl Rate {
    /// That many took at most so long, in milliseconds.
    pub(crate) fn quantile_ms(&self, quantile: f64) -> f64 {
        // Latencies of a benchmark are far below 2^52 µs.
        Duration::from_micros(self.micros.value_at_quantile(quantile)).as_secs_f64() * 1000.0
    }
}

/// Does it over and over for that span, `in_flight` at a time. The closure is told the number of the lane and of the turn.
pub(crate) async fn measure<F>(
    in_flight: u64,
    span: Duration,
    act: impl Fn(u64, u64) -> F + Clone + Send + 'static,
) -> Result<Rate>
where
    F: Future<Output = Result<()>> + Send,
{
    let mut lanes = JoinSet::new();
    let started = Instant::now();
    for lane in 0..in_flight {
        let act = act.clone();
        lanes.spawn(async move {
            let mut micros = Histogram::<u64>::new(3)?;
            for turn in 0.. {
                if started.elapsed() >= span {
                    break;
                }
                let begun = Instant::now();
                act(lane, turn).await?;
                micros.record(u64::try_from(begun.elapsed().as_micros())?)?;
            }
            anyhow::Ok(micros)
        });
    }
    let mut micros = Histogram::<u64>::new(3)?;
    while let Some(lane) = lanes.join_next().await {
        micros.add(lane??)?;
    }
    let count = micros.len();
    Ok(Rate {
        per_second: per_second(count, started.elapsed()),
        count,
        micros,
    })
}

/// So many in that time.
pub(crate) fn per_second(count: u64, took: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / took.as_secs_f64()
}
