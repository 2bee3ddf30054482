//! Random numbers that follow from a seed: the same plan draws the same ones, on every machine.

/// SplitMix64 (Steele, Lea, Flood 2014): 64 bits of state, full period, enough for gaps, mixes and selections.
#[derive(Clone, Debug)]
pub(crate) struct SplitMix {
    state: u64,
}

impl SplitMix {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A stream of its own for every combination of `numbers`.
    pub(crate) fn stream(seed: u64, numbers: &[u64]) -> Self {
        let mut mixer = Self::new(seed);
        for number in numbers {
            mixer.state = mixer.next() ^ number;
        }
        Self::new(mixer.next())
    }

    #[inline]
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in [0, 1), 53 bits.
    #[inline]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Exponential with mean 1.
    #[inline]
    pub(crate) fn exponential(&mut self) -> f64 {
        -(1.0 - self.unit()).ln()
    }

    /// Uniform in [0, n); None when there is nothing to draw from.
    #[inline]
    pub(crate) fn below(&mut self, n: usize) -> Option<usize> {
        (n > 0).then(|| ((u128::from(self.next()) * n as u128) >> 64) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_every_number_and_repeat_with_the_same() {
        let first = |numbers: &[u64]| SplitMix::stream(7, numbers).next();
        assert_eq!(first(&[1, 2]), first(&[1, 2]));
        assert_ne!(first(&[1, 2]), first(&[2, 1]));
        assert_ne!(first(&[1, 2]), first(&[1, 3]));
    }

    #[test]
    fn drawing_below_n_is_even() {
        let mut random = SplitMix::new(3);
        let mut counts = [0; 5];
        (0..50_000).for_each(|_| counts[random.below(5).unwrap_or(0)] += 1);
        // five standard deviations of a binomial(50 000, 1/5)
        assert!(
            counts.iter().all(|&count| (count - 10_000i32).abs() < 450),
            "{counts:?}"
        );
        assert_eq!(random.below(0), None);
    }
}
