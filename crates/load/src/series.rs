//! A phase in equal intervals: what became of the requests that were due in each. Its memory has a bound and is all there
//! from the beginning: when the phase outgrows it, neighbours are joined and the intervals are twice as long.

use crate::histogram::{COUNTERS, Sparse, bucket_index};
use crate::recording::{Interval, Series};

/// Intervals held at most.
const MOST: usize = 512;
/// Counters of the full layout that share one of a series: 16 a factor of two, so 6 % wide.
const COARSE: usize = 64;
const CELLS: usize = COUNTERS / COARSE;

struct Cell {
    offered: u32,
    ok: u32,
    failed: u32,
    response: Box<[u32; CELLS]>,
}

impl Cell {
    fn new() -> Self {
        Self {
            offered: 0,
            ok: 0,
            failed: 0,
            response: Box::new([0; CELLS]),
        }
    }

    fn clear(&mut self) {
        (self.offered, self.ok, self.failed) = (0, 0, 0);
        self.response.fill(0);
    }

    fn join(&mut self, other: &Self) {
        self.offered = self.offered.saturating_add(other.offered);
        self.ok = self.ok.saturating_add(other.ok);
        self.failed = self.failed.saturating_add(other.failed);
        for (sum, count) in self.response.iter_mut().zip(other.response.iter()) {
            *sum = sum.saturating_add(*count);
        }
    }

    fn interval(&self) -> Interval {
        let counts = self.response.iter().enumerate();
        // A coarse counter shows as the middle one of those it stands for.
        let sparse = counts
            .filter(|&(_, &count)| count > 0)
            .map(|(cell, &count)| ((cell * COARSE + COARSE / 2) as u32, count));
        Interval {
            offered: u64::from(self.offered),
            ok: u64::from(self.ok),
            failed: u64::from(self.failed),
            response: Sparse(sparse.collect()),
        }
    }
}

pub(crate) struct Recorded {
    begin: u64,
    base: u64,
    interval: u64,
    /// Always as many as there can be.
    cells: Box<[Cell]>,
    /// How many of them the phase has reached; the others are empty.
    used: usize,
}

impl Recorded {
    pub(crate) fn new(interval_ns: u64) -> Self {
        let interval = interval_ns.max(1);
        let mut cells: Box<[Cell]> = (0..MOST).map(|_| Cell::new()).collect();
        for cell in &mut cells {
            // Written to once, so that a long phase asks the system for no page that a short one did not.
            std::hint::black_box(&mut cell.response).fill(1);
            cell.clear();
        }
        Self {
            begin: 0,
            base: interval,
            interval,
            cells,
            used: 0,
        }
    }

    /// A phase whose counted window begins at `begin` [ns] has started.
    pub(crate) fn start(&mut self, begin: u64) {
        self.begin = begin;
        self.interval = self.base;
        self.clear();
    }

    fn clear(&mut self) {
        self.cells[..self.used].iter_mut().for_each(Cell::clear);
        self.used = 0;
    }

    #[inline]
    fn cell(&mut self, due: u64) -> &mut Cell {
        let offset = due.saturating_sub(self.begin);
        let mut position = (offset / self.interval) as usize;
        while position >= MOST {
            self.halve();
            position = (offset / self.interval) as usize;
        }
        self.used = self.used.max(position + 1);
        &mut self.cells[position]
    }

    fn halve(&mut self) {
        self.interval *= 2;
        let halved = self.used.div_ceil(2);
        for pair in 0..halved {
            self.cells.swap(pair, 2 * pair);
            if let Some((first, rest)) = self.cells[pair..].split_first_mut()
                && let Some(second) = rest.get(pair)
            {
                first.join(second);
            }
        }
        self.cells[halved..self.used]
            .iter_mut()
            .for_each(Cell::clear);
        self.used = halved;
    }

    #[inline]
    pub(crate) fn offered(&mut self, due: u64) {
        self.cell(due).offered += 1;
    }

    #[inline]
    pub(crate) fn ok(&mut self, due: u64, response_ns: u64) {
        let cell = self.cell(due);
        cell.ok += 1;
        let coarse = (bucket_index(response_ns) / COARSE).min(CELLS - 1);
        cell.response[coarse] = cell.response[coarse].saturating_add(1);
    }

    pub(crate) fn failed(&mut self, due: u64) {
        self.cell(due).failed += 1;
    }

    /// End the phase: what was recorded, leaving nothing.
    pub(crate) fn take(&mut self) -> Series {
        let series = Series {
            interval_s: self.interval as f64 * 1e-9,
            intervals: self.cells[..self.used].iter().map(Cell::interval).collect(),
        };
        self.clear();
        series
    }
}

impl Series {
    /// Exact sum with another worker's; the finer one is joined until both are equally coarse.
    pub(crate) fn add(&mut self, mut other: Self) {
        if self.intervals.is_empty() {
            *self = other;
            return;
        }
        if other.intervals.is_empty() {
            return;
        }
        while self.interval_s < 0.75 * other.interval_s {
            self.halve();
        }
        while other.interval_s < 0.75 * self.interval_s {
            other.halve();
        }
        let longest = self.intervals.len().max(other.intervals.len());
        self.intervals.resize_with(longest, Interval::default);
        for (sum, part) in self.intervals.iter_mut().zip(&other.intervals) {
            sum.add(part);
        }
    }

    fn halve(&mut self) {
        self.interval_s *= 2.0;
        let mut joined = Vec::with_capacity(self.intervals.len().div_ceil(2));
        for pair in self.intervals.chunks(2) {
            let mut sum = pair[0].clone();
            if let Some(second) = pair.get(1) {
                sum.add(second);
            }
            joined.push(sum);
        }
        self.intervals = joined;
    }
}

impl Interval {
    fn add(&mut self, other: &Self) {
        self.offered += other.offered;
        self.ok += other.ok;
        self.failed += other.failed;
        self.response.add(&other.response);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn recorded(dues: &[u64], interval: u64) -> Series {
        let mut series = Recorded::new(interval);
        series.start(1_000);
        for &due in dues {
            series.offered(1_000 + due);
            series.ok(1_000 + due, due + 1);
        }
        series.take()
    }

    fn counts(series: &Series) -> Vec<u64> {
        series
            .intervals
            .iter()
            .map(|interval| interval.ok)
            .collect()
    }

    #[test]
    fn a_request_counts_in_the_interval_it_was_due_in() {
        assert_eq!(counts(&recorded(&[0, 9, 10, 35], 10)), [2, 1, 0, 1]);
    }

    #[test]
    fn a_long_phase_has_few_long_intervals() {
        let dues: Vec<u64> = (0..10_000).collect();
        let series = recorded(&dues, 1);
        assert!(series.intervals.len() <= MOST);
        assert_eq!(series.interval_s, 32e-9);
        assert!(counts(&series).iter().take(312).all(|&count| count == 32));
        assert_eq!(counts(&series).iter().sum::<u64>(), 10_000);
    }

    proptest! {
        #[test]
        fn what_is_shared_out_and_added_is_what_one_would_have_recorded(dues in prop::collection::vec(0..5_000u64, 1..200)) {
            let (even, odd): (Vec<u64>, Vec<u64>) = dues.iter().partition(|&&due| due % 2 == 0);
            let mut sum = recorded(&even, 1);
            sum.add(recorded(&odd, 1));
            let mut whole = recorded(&dues, 1);
            while whole.interval_s < sum.interval_s {
                whole.halve();
            }
            while sum.interval_s < whole.interval_s {
                sum.halve();
            }
            prop_assert_eq!(sum.intervals, whole.intervals);
        }
    }
}
