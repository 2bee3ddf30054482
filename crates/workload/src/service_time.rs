//! How long a request is in service: nothing, a constant, or drawn from a distribution.
//!
//! The written duration is the mean in every form, so that one offered rate gives one utilisation whatever the form:
//!
//! ```text
//!   300us                  every request 300 us
//!   exponential:300us      mean 300 us
//!   lognormal:300us:0.5    mean m = 300 us, shape s = 0.5: exp(ln m - s^2/2 + s Z), Z standard normal
//! ```

use crate::quantity::parse_duration_ns;
use crate::random::Random;

/// A draw is cut here: one reply that takes minutes says nothing more than one that takes a minute.
const LONGEST_NS: f64 = 60e9;
const WIDEST_SHAPE: f64 = 5.0;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ServiceTime {
    None,
    Constant { ns: u64 },
    Exponential { mean_ns: f64 },
    LogNormal { mean_ns: f64, shape: f64 },
}

impl ServiceTime {
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        match parts.as_slice() {
            ["exponential", mean] => Ok(Self::Exponential {
                mean_ns: parse_duration_ns(mean)? as f64,
            }),
            ["lognormal", mean, shape] => {
                let mean_ns = parse_duration_ns(mean)? as f64;
                match shape.parse::<f64>() {
                    Ok(shape) if (0.0..=WIDEST_SHAPE).contains(&shape) => {
                        Ok(Self::LogNormal { mean_ns, shape })
                    }
                    _ => Err(format!(
                        "the shape `{shape}` must be a number from 0 to {WIDEST_SHAPE}"
                    )),
                }
            }
            [constant] => Ok(match parse_duration_ns(constant)? {
                0 => Self::None,
                ns => Self::Constant {
                    ns: ns.min(LONGEST_NS as u64),
                },
            }),
            _ => Err(format!(
                "`{text}` is not a service time; write 300us, exponential:300us or lognormal:300us:0.5"
            )),
        }
    }

    /// The service time of the next request, in nanoseconds.
    pub fn draw(&self, random: &mut Random) -> u64 {
        let ns = match *self {
            Self::None => return 0,
            Self::Constant { ns } => return ns,
            Self::Exponential { mean_ns } => mean_ns * random.exponential(),
            Self::LogNormal { mean_ns, shape } => {
                mean_ns * (shape * random.normal() - shape * shape / 2.0).exp()
            }
        };
        ns.min(LONGEST_NS) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::ServiceTime;
    use crate::random::Random;

    fn draws(text: &str, seed: u64) -> Vec<f64> {
        let service = ServiceTime::parse(text).expect("a service time");
        let mut random = Random::new(seed, 0);
        (0..100_000)
            .map(|_| service.draw(&mut random) as f64)
            .collect()
    }

    fn mean(values: &[f64]) -> f64 {
        values.iter().sum::<f64>() / values.len() as f64
    }

    #[test]
    fn the_written_duration_is_the_mean_of_every_form() {
        for text in ["300us", "exponential:300us", "lognormal:300us:0.5"] {
            let relative = mean(&draws(text, 3)) / 300_000.0;
            assert!((relative - 1.0).abs() < 0.015, "{text}: {relative}");
        }
    }

    #[test]
    fn the_shapes_differ_as_the_formulas_say() {
        let mut lognormal = draws("lognormal:300us:0.5", 4);
        lognormal.sort_by(f64::total_cmp);
        let median = lognormal[lognormal.len() / 2] / 300_000.0;
        assert!((median - (-0.125f64).exp()).abs() < 0.01, "{median}");
        let exponential = draws("exponential:300us", 4);
        let above_mean = exponential.iter().filter(|x| **x > 300_000.0).count() as f64
            / exponential.len() as f64;
        assert!((above_mean - (-1.0f64).exp()).abs() < 0.01, "{above_mean}");
        assert!(draws("300us", 4).iter().all(|x| *x == 300_000.0));
    }

    #[test]
    fn equal_seeds_repeat_and_other_seeds_do_not() {
        assert_eq!(
            draws("exponential:1ms", 9)[..50],
            draws("exponential:1ms", 9)[..50]
        );
        assert_ne!(
            draws("exponential:1ms", 9)[..50],
            draws("exponential:1ms", 10)[..50]
        );
    }

    #[test]
    fn malformed_service_times_are_refused() {
        for text in [
            "",
            "fast",
            "300",
            "exponential:",
            "exponential",
            "lognormal:1ms",
            "lognormal:1ms:-1",
            "lognormal:1ms:nan",
            "a:1ms",
            "1ms:2",
        ] {
            assert!(ServiceTime::parse(text).is_err(), "{text}");
        }
    }
}
