//! How long calls take: a histogram that its worker writes while the admin listener reads it.
//!
//! Integer nanoseconds in HdrHistogram's layout, three significant digits, 1 ns to 1 h: the layout of every distribution
//! in a result, so that counts of the service and of the load generator may be compared and added.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use serde::Serialize;

const COUNTERS: usize = 33_792;
/// The longest duration held apart (ns); longer ones count as this.
const HIGHEST_NS: u64 = 3_600_000_000_000;
/// Values of one magnitude share this many bits of index.
const BITS: u32 = 10;

pub struct Latency {
    counts: Box<[AtomicU32]>,
    sum_ns: AtomicU64,
    longest_ns: AtomicU64,
}

/// What `/calls` says of a callee's calls that went well.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    pub count: u64,
    /// Exact; None where nothing was recorded, as of the others.
    pub mean_ns: Option<f64>,
    pub p50_ns: Option<u64>,
    pub p99_ns: Option<u64>,
    /// Exact.
    pub max_ns: Option<u64>,
    /// Index and count of every counter that is not 0, in rising order.
    pub histogram: Vec<(u32, u64)>,
}

impl Default for Latency {
    fn default() -> Self {
        Latency {
            counts: (0..COUNTERS).map(|_| AtomicU32::new(0)).collect(),
            sum_ns: AtomicU64::new(0),
            longest_ns: AtomicU64::new(0),
        }
    }
}

impl Latency {
    /// Only the owning worker records, so plain loads and stores are enough.
    pub fn record(&self, ns: u64) {
        let count = &self.counts[index(ns)];
        count.store(count.load(Relaxed).saturating_add(1), Relaxed);
        self.sum_ns
            .store(self.sum_ns.load(Relaxed).saturating_add(ns), Relaxed);
        self.longest_ns
            .store(self.longest_ns.load(Relaxed).max(ns), Relaxed);
    }

    /// The summary over several workers' calls to one callee.
    pub fn summary<'a>(workers: impl Iterator<Item = &'a Latency> + Clone) -> Summary {
        let mut histogram = Vec::new();
        for index in 0..COUNTERS {
            let counts = workers.clone().map(|latency| &latency.counts[index]);
            let count: u64 = counts.map(|count| u64::from(count.load(Relaxed))).sum();
            if count > 0 {
                histogram.push((index as u32, count));
            }
        }
        let count: u64 = histogram.iter().map(|(_, count)| count).sum();
        if count == 0 {
            return Summary::default();
        }
        let sum: u64 = workers
            .clone()
            .map(|latency| latency.sum_ns.load(Relaxed))
            .sum();
        let longest = workers.map(|latency| latency.longest_ns.load(Relaxed));
        Summary {
            count,
            mean_ns: Some(sum as f64 / count as f64),
            p50_ns: quantile(&histogram, count, 0.5),
            p99_ns: quantile(&histogram, count, 0.99),
            max_ns: longest.max(),
            histogram,
        }
    }
}

/// The counter that holds a duration.
fn index(ns: u64) -> usize {
    let value = ns.min(HIGHEST_NS);
    let magnitude = (63 - (value | 1).leading_zeros()).saturating_sub(BITS);
    ((magnitude as usize) << BITS) + (value >> magnitude) as usize
}

/// The middle of what a counter holds (ns).
fn middle(index: u32) -> u64 {
    let magnitude = (index >> BITS).saturating_sub(1);
    let low = u64::from(index - (magnitude << BITS)) << magnitude;
    low + (1 << magnitude) / 2
}

/// The middle of the counter that holds the value of rank ⌈q·count⌉.
fn quantile(histogram: &[(u32, u64)], count: u64, q: f64) -> Option<u64> {
    let rank = ((q * count as f64).ceil() as u64).max(1);
    let mut seen = 0;
    let holder = histogram.iter().find(|(_, count)| {
        seen += count;
        seen >= rank
    });
    holder.map(|(index, _)| middle(*index))
}

#[cfg(test)]
mod tests {
    use super::{COUNTERS, HIGHEST_NS, Latency, index, middle};

    #[test]
    fn a_counter_holds_what_lies_within_a_thousandth_of_its_middle() {
        for ns in (0..5000).chain((0..500).map(|n| 5000 + n * n * n * 27_000)) {
            let error = middle(index(ns) as u32).abs_diff(ns) as f64;
            assert!(error <= ns as f64 / 1000.0, "{ns}: {error}");
        }
        assert_eq!((index(2047), index(2048)), (2047, 2048));
        assert!(index(u64::MAX) < COUNTERS && index(HIGHEST_NS) == index(u64::MAX));
    }

    #[test]
    fn a_summary_is_over_all_workers() {
        let workers = [Latency::default(), Latency::default()];
        assert_eq!(Latency::summary(workers.iter()).mean_ns, None);
        for ns in 1..=50 {
            workers[0].record(ns);
            workers[1].record(ns + 50);
        }
        let summary = Latency::summary(workers.iter());
        assert_eq!((summary.count, summary.mean_ns), (100, Some(50.5)));
        assert_eq!(
            (summary.p50_ns, summary.p99_ns, summary.max_ns),
            (Some(50), Some(99), Some(100))
        );
        assert_eq!(summary.histogram.len(), 100);
    }
}
