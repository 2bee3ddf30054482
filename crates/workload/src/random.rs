//! Seeded random numbers: the same seed gives the same draws in every release.
//!
//! SplitMix64 (Steele, Lea & Flood 2014) passes the statistical tests that matter for a few million draws and is one
//! word of state. A library generator may change its algorithm between versions, and then old seeds mean nothing.

#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    /// A stream of its own for every (seed, stream) pair, so that service times do not move when status draws do.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut random = Random { state: seed };
        let base = random.next_u64();
        Random {
            state: base ^ stream.wrapping_mul(0xd134_2543_de82_ef95),
        }
    }

    fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Exponential with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -(1.0 - self.uniform()).ln()
    }

    /// Normal with mean 0 and standard deviation 1 (Box and Muller 1958, the first of the pair).
    pub fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn equal_seeds_give_equal_draws_and_streams_differ() {
        let draw = |seed, stream| {
            let mut random = Random::new(seed, stream);
            [random.uniform(), random.uniform(), random.uniform()]
        };
        assert_eq!(draw(7, 0), draw(7, 0));
        assert_ne!(draw(7, 0), draw(7, 1));
        assert_ne!(draw(7, 0), draw(8, 0));
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut random = Random::new(1, 0);
        let n = 200_000;
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let uniform: Vec<f64> = (0..n).map(|_| random.uniform()).collect();
        let exponential: Vec<f64> = (0..n).map(|_| random.exponential()).collect();
        let normal: Vec<f64> = (0..n).map(|_| random.normal()).collect();
        let squares: Vec<f64> = normal.iter().map(|x| x * x).collect();
        assert!((mean(&uniform) - 0.5).abs() < 0.005);
        assert!((mean(&exponential) - 1.0).abs() < 0.01);
        assert!(mean(&normal).abs() < 0.01);
        assert!((mean(&squares) - 1.0).abs() < 0.02);
        assert!(uniform.iter().all(|u| (0.0..1.0).contains(u)));
    }
}
