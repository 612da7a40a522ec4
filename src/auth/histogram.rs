//! How long decisions take, as a histogram that costs one atomic addition: sixteen steps to each doubling, so that a figure is
//! off by a sixteenth at most.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Each doubling is cut into `1 << STEP_BITS` equal steps.
const STEP_BITS: u32 = 4;
const STEPS: usize = 1 << STEP_BITS;
/// Times at or beyond 2^43 ns, some two and a half hours, share the last bucket.
const MAX_BITS: u32 = 43;
const BUCKETS: usize = (MAX_BITS - STEP_BITS + 1) as usize * STEPS;

/// Counts by time taken, in nanoseconds.
#[derive(Debug)]
pub(super) struct Histogram {
    buckets: Box<[AtomicU64]>,
    max: AtomicU64,
    sum: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            max: AtomicU64::new(0),
            sum: AtomicU64::new(0),
        }
    }
}

impl Histogram {
    /// Counts one.
    pub(super) fn record(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.buckets.get(bucket_of(nanos)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.max.fetch_max(nanos, Ordering::Relaxed);
        self.sum.fetch_add(nanos, Ordering::Relaxed);
    }

    /// The longest, exactly.
    pub(super) fn max(&self) -> Duration {
        Duration::from_nanos(self.max.load(Ordering::Relaxed))
    }

    /// All of them together.
    pub(super) fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum.load(Ordering::Relaxed))
    }

    /// For each of these bounds, ascending, how many took no longer; those within a sixteenth of it may count either way.
    pub(super) fn within(&self, bounds: &[Duration]) -> Vec<u64> {
        let mut below = vec![0; bounds.len()];
        for (bucket, counter) in self.buckets.iter().enumerate() {
            let (count, longest) = (counter.load(Ordering::Relaxed), upper_bound(bucket));
            for (bound, below) in bounds.iter().zip(&mut below) {
                if longest <= *bound {
                    *below += count;
                }
            }
        }
        below
    }

    /// The times within which each of these shares (in percent, ascending) of all decisions was made; zero before the first.
    pub(super) fn percentiles<const N: usize>(&self, shares: [u64; N]) -> [Duration; N] {
        // One copy, because counts go on growing meanwhile.
        let counts: Vec<u64> = self
            .buckets
            .iter()
            .map(|bucket| bucket.load(Ordering::Relaxed))
            .collect();
        let total: u64 = counts.iter().sum();
        shares.map(|share| {
            let wanted = (total * share).div_ceil(100);
            let mut below = 0;
            let reached = counts.iter().position(|count| {
                below += count;
                below >= wanted
            });
            reached
                .filter(|_| total > 0)
                .map_or(Duration::ZERO, |bucket| upper_bound(bucket).min(self.max()))
        })
    }
}

fn bucket_of(nanos: u64) -> usize {
    let nanos = nanos.min((1 << MAX_BITS) - 1);
    let bits = u64::BITS - nanos.leading_zeros();
    // Below one doubling of steps each number has its own bucket.
    let shift = bits.saturating_sub(STEP_BITS + 1);
    shift as usize * STEPS + usize::try_from(nanos >> shift).unwrap_or(0)
}

fn upper_bound(bucket: usize) -> Duration {
    let shift = (bucket / STEPS).saturating_sub(1);
    let step = (bucket - shift * STEPS) as u64;
    Duration::from_nanos(((step + 1) << shift) - 1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{BUCKETS, Histogram, bucket_of, upper_bound};

    #[test]
    fn every_time_lies_within_its_bucket_and_a_sixteenth_of_its_bound() {
        let mut nanos = 1_u64;
        while nanos < 1 << 42 {
            let bound = u64::try_from(upper_bound(bucket_of(nanos)).as_nanos()).unwrap();
            assert!(bound >= nanos && bound - nanos <= nanos / 16, "{nanos} {bound}");
            nanos += nanos / 3 + 1;
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
        assert_eq!(bucket_of(0), 0);
    }

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let histogram = Histogram::default();
        assert_eq!(histogram.percentiles([50, 99]), [Duration::ZERO; 2]);
        for millis in 1..=100 {
            histogram.record(Duration::from_millis(millis));
        }
        let [p50, p99] = histogram.percentiles([50, 99]);
        assert!((50..=54).contains(&p50.as_millis()), "{p50:?}");
        assert!((99..=100).contains(&p99.as_millis()), "{p99:?}");
        assert_eq!(histogram.max(), Duration::from_millis(100));
    }
}
