//! How many requests were sent in each millisecond: what the evenness of arrivals is told from.

use crate::histogram::touched_zeros;

/// Milliseconds of a phase that are counted one by one.
const MOST_MS: usize = 65_536;

pub(crate) struct Sends {
    /// Always as many as there can be, so that a long phase needs no more memory than a short one.
    counts: Box<[u32]>,
    /// How many of them the phase has reached; the others are 0.
    reached: usize,
}

impl Sends {
    pub(crate) fn new() -> Self {
        Self {
            counts: touched_zeros(MOST_MS),
            reached: 0,
        }
    }

    /// A request was sent `offset_ns` after the window began.
    #[inline]
    pub(crate) fn record(&mut self, offset_ns: u64) {
        let millisecond = (offset_ns / 1_000_000) as usize;
        if let Some(count) = self.counts.get_mut(millisecond) {
            *count += 1;
            self.reached = self.reached.max(millisecond + 1);
        }
    }

    /// The whole milliseconds of a window of `length_ns`, and what lies behind them if anything was sent there; nothing
    /// is left.
    pub(crate) fn take(&mut self, length_ns: u64) -> Vec<u32> {
        let whole = ((length_ns / 1_000_000) as usize).min(MOST_MS);
        let taken = self.counts[..whole.max(self.reached)].to_vec();
        self.counts[..self.reached].fill(0);
        self.reached = 0;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_millisecond_of_the_window_has_its_count() {
        let mut sends = Sends::new();
        [0, 999_999, 3_000_000]
            .iter()
            .for_each(|&offset| sends.record(offset));
        assert_eq!(sends.take(5_500_000), [2, 0, 0, 1, 0]);
        assert_eq!(sends.take(2_000_000), [0, 0]);
    }

    #[test]
    fn what_lies_beyond_the_first_minute_is_not_counted() {
        let mut sends = Sends::new();
        sends.record(MOST_MS as u64 * 1_000_000);
        assert_eq!(sends.take(u64::MAX).len(), MOST_MS);
    }
}
