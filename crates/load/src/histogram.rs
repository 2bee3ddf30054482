//! Histograms of durations: integer nanoseconds, three significant digits, 1 ns to 1 h, HdrHistogram's layout.
//!
//! Why not the `hdrhistogram` crate's type: its counters cannot be read by another thread while they are written, and
//! clearing one for every slice of 100 ms touches all 33 792 counters. The layout is the same (a test proves it), so
//! counts add exactly with anybody's.

use std::sync::atomic::{AtomicU32, Ordering};

/// Counters of the layout: 2048 sub-buckets, values up to one hour.
pub const COUNTERS: usize = 33_792;
/// The longest duration held apart [ns]; longer ones count as this.
pub const HIGHEST_NS: u64 = 3_600_000_000_000;
const HALF_MAGNITUDE: u32 = 10;

/// The counter that holds a value.
#[inline]
pub fn bucket_index(value_ns: u64) -> usize {
    let value = value_ns.min(HIGHEST_NS);
    let bucket = (63 - (value | 1).leading_zeros()).saturating_sub(HALF_MAGNITUDE);
    ((bucket as usize) << HALF_MAGNITUDE) + (value >> bucket) as usize
}

/// Counts per bucket, only the buckets that are not empty, in rising order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sparse(pub Vec<(u32, u32)>);

impl Sparse {
    /// Exact sum. A counter saturates at `u32::MAX`.
    pub fn add(&mut self, other: &Self) {
        if self.0.is_empty() {
            self.0.clone_from(&other.0);
            return;
        }
        let mut sum = Vec::with_capacity(self.0.len() + other.0.len());
        let (mut left, mut right) = (
            self.0.iter().copied().peekable(),
            other.0.iter().copied().peekable(),
        );
        loop {
            match (left.peek(), right.peek()) {
                (Some(a), Some(b)) if a.0 == b.0 => {
                    sum.push((a.0, a.1.saturating_add(b.1)));
                    left.next();
                    right.next();
                }
                (Some(a), Some(b)) if a.0 < b.0 => sum.extend(left.next()),
                (_, Some(_)) => sum.extend(right.next()),
                (Some(_), None) => sum.extend(left.next()),
                (None, None) => break,
            }
        }
        self.0 = sum;
    }

    /// A single duration [ns].
    pub(crate) fn one(value_ns: u64) -> Self {
        Self(vec![(bucket_index(value_ns) as u32, 1)])
    }

    pub fn total(&self) -> u64 {
        self.0.iter().map(|&(_, count)| u64::from(count)).sum()
    }

    /// Little-endian u32 index, u32 count, repeated.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0
            .iter()
            .flat_map(|&(index, count)| [index.to_le_bytes(), count.to_le_bytes()].concat())
            .collect()
    }
}

/// `count` zeros that have been written to: a long run asks the system for no page that a short one did not.
pub(crate) fn touched_zeros(count: usize) -> Box<[u32]> {
    let mut zeros = vec![0; count].into_boxed_slice();
    // Without the box the compiler may see that the first fill changes nothing, and leave the pages to be made later.
    std::hint::black_box(&mut zeros).fill(1);
    zeros.fill(0);
    zeros
}

/// A histogram of one worker and phase.
pub(crate) struct Histogram {
    counts: Box<[u32]>,
    // Touched range, so that taking and clearing cost what was recorded and not the whole layout.
    low: usize,
    high: usize,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self {
            counts: touched_zeros(COUNTERS),
            low: COUNTERS,
            high: 0,
        }
    }

    #[inline]
    pub(crate) fn record(&mut self, value_ns: u64) {
        let index = bucket_index(value_ns);
        self.counts[index] = self.counts[index].saturating_add(1);
        self.low = self.low.min(index);
        self.high = self.high.max(index + 1);
    }

    /// The counts so far; the histogram is empty afterwards.
    pub(crate) fn take(&mut self) -> Sparse {
        let mut sparse = Vec::new();
        for index in self.low..self.high {
            let count = std::mem::take(&mut self.counts[index]);
            if count > 0 {
                sparse.push((index as u32, count));
            }
        }
        (self.low, self.high) = (COUNTERS, 0);
        Sparse(sparse)
    }
}

/// A histogram that one thread writes and others read at any moment.
pub(crate) struct LiveHistogram {
    counts: Box<[AtomicU32]>,
}

impl LiveHistogram {
    pub(crate) fn new() -> Self {
        Self {
            counts: (0..COUNTERS).map(|_| AtomicU32::new(0)).collect(),
        }
    }

    /// Only the owning worker records, so a plain load and store suffice; no locked instruction is needed.
    #[inline]
    pub(crate) fn record(&self, value_ns: u64) {
        let counter = &self.counts[bucket_index(value_ns)];
        counter.store(
            counter.load(Ordering::Relaxed).saturating_add(1),
            Ordering::Relaxed,
        );
    }

    pub(crate) fn read(&self) -> Sparse {
        self.collect(|counter| counter.load(Ordering::Relaxed))
    }

    /// The counts so far; the histogram is empty afterwards. Only for the owning worker.
    pub(crate) fn take(&self) -> Sparse {
        self.collect(|counter| match counter.load(Ordering::Relaxed) {
            0 => 0,
            count => {
                counter.store(0, Ordering::Relaxed);
                count
            }
        })
    }

    fn collect(&self, read: impl Fn(&AtomicU32) -> u32) -> Sparse {
        let counts = self
            .counts
            .iter()
            .enumerate()
            .map(|(index, counter)| (index as u32, read(counter)));
        Sparse(counts.filter(|&(_, count)| count > 0).collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reference() -> hdrhistogram::Histogram<u32> {
        hdrhistogram::Histogram::new_with_bounds(1, HIGHEST_NS, 3).unwrap()
    }

    /// The counter a value lands in, as the reference implementation serializes it: the number of counters before it.
    fn reference_bounds(value: u64) -> (u64, u64) {
        let histogram = reference();
        (
            histogram.lowest_equivalent(value),
            histogram.highest_equivalent(value),
        )
    }

    fn values() -> impl Strategy<Value = u64> {
        (0..42u32, any::<u64>()).prop_map(|(bits, noise)| {
            ((1u64 << bits) | (noise & ((1 << bits) - 1))).min(HIGHEST_NS)
        })
    }

    proptest! {
        #[test]
        fn two_values_share_a_counter_exactly_where_hdrhistogram_says(value in values()) {
            let (low, high) = reference_bounds(value);
            prop_assert_eq!(bucket_index(low), bucket_index(value));
            prop_assert_eq!(bucket_index(high.min(HIGHEST_NS)), bucket_index(value));
            if high < HIGHEST_NS {
                prop_assert_eq!(bucket_index(high + 1), bucket_index(value) + 1);
            }
        }

        #[test]
        fn merging_is_adding_wherever_the_values_were_recorded(a in prop::collection::vec(values(), 0..60),
                                                               b in prop::collection::vec(values(), 0..60)) {
            let record = |values: &[u64]| {
                let mut histogram = Histogram::new();
                values.iter().for_each(|&value| histogram.record(value));
                histogram.take()
            };
            let (left, right) = (record(&a), record(&b));
            let (mut ab, mut ba) = (left.clone(), right.clone());
            ab.add(&right);
            ba.add(&left);
            prop_assert_eq!(&ab, &record(&[a, b].concat()));
            prop_assert_eq!(ab, ba);
        }
    }

    #[test]
    fn counters_start_at_zero_and_the_longest_fits() {
        assert_eq!(bucket_index(0), 0);
        assert_eq!(bucket_index(2047), 2047);
        assert_eq!(bucket_index(2048), 2048);
        assert!(bucket_index(u64::MAX) < COUNTERS);
        assert_eq!(reference().distinct_values(), COUNTERS);
    }

    #[test]
    fn taking_empties_and_both_kinds_agree() {
        let (mut plain, live) = (Histogram::new(), LiveHistogram::new());
        for value in [0, 5, 5, 4096, HIGHEST_NS + 1] {
            plain.record(value);
            live.record(value);
        }
        assert_eq!(live.read(), live.read());
        let sparse = plain.take();
        assert_eq!((sparse.clone(), sparse.total()), (live.take(), 5));
        assert_eq!(plain.take(), Sparse::default());
        assert_eq!(live.take(), Sparse::default());
        assert_eq!(
            &sparse.to_bytes()[..16],
            &[0, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0]
        );
    }
}
