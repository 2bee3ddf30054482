//! Known truth: a server that stops on purpose, at times that anyone can compute.
//!
//! With a period P and a stall S the server is stopped during the last S of every period:
//!
//! ```text
//!   stopped at t  <=>  (t - t0) mod P >= P - S         t0 start of the process, CLOCK_MONOTONIC
//! ```
//!
//! The stall is at the end of the period, so that a run that begins with the server starts in a healthy stretch. What a
//! load generator must report against it follows from S, P, the rate and the server's capacity alone.

use crate::quantity::parse_duration_ns;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stall {
    stall_ns: u64,
    period_ns: u64,
    /// Share of the connections that are stopped, in (0, 1]; below 1 the server itself goes on.
    pub share: f64,
}

impl Stall {
    /// Reads `S/P`, such as `200ms/1000ms`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((stall, period)) = text.split_once('/') else {
            return Err(format!(
                "`{text}` is not STALL/PERIOD; write for example 200ms/1000ms"
            ));
        };
        let (stall_ns, period_ns) = (parse_duration_ns(stall)?, parse_duration_ns(period)?);
        if stall_ns == 0 || stall_ns >= period_ns {
            return Err(format!(
                "the stall `{stall}` must be longer than 0 and shorter than its period `{period}`"
            ));
        }
        Ok(Stall {
            stall_ns,
            period_ns,
            share: 1.0,
        })
    }

    /// When the stall that `now_ns` lies in ends; None while the server runs. All in nanoseconds of one clock.
    pub fn ends_at(&self, start_ns: u64, now_ns: u64) -> Option<u64> {
        let phase = now_ns.saturating_sub(start_ns) % self.period_ns;
        (phase >= self.period_ns - self.stall_ns).then(|| now_ns - phase + self.period_ns)
    }

    pub fn whole_server(&self) -> bool {
        self.share >= 1.0
    }

    /// Whether connection `n` (0, 1, 2, …) is one of those that stop: evenly spread, exact in every prefix.
    pub fn stops_connection(&self, n: u64) -> bool {
        let before = (n as f64 * self.share).floor();
        ((n + 1) as f64 * self.share).floor() > before
    }
}

#[cfg(test)]
mod tests {
    use super::Stall;

    const MS: u64 = 1_000_000;

    #[test]
    fn the_stall_is_the_end_of_every_period() {
        let stall = Stall::parse("200ms/1000ms").expect("a stall");
        let start = 5_000 * MS + 123;
        for period in [0, 1, 7] {
            let begin = start + period * 1000 * MS;
            assert_eq!(stall.ends_at(start, begin), None);
            assert_eq!(stall.ends_at(start, begin + 800 * MS - 1), None);
            let end = Some(begin + 1000 * MS);
            assert_eq!(stall.ends_at(start, begin + 800 * MS), end);
            assert_eq!(stall.ends_at(start, begin + 1000 * MS - 1), end);
        }
    }

    #[test]
    fn time_before_the_start_is_no_stall() {
        let stall = Stall::parse("1ms/2ms").expect("a stall");
        assert_eq!(stall.ends_at(10 * MS, 9 * MS), None);
    }

    #[test]
    fn stopped_connections_are_spread_evenly() {
        let mut stall = Stall::parse("1ms/2ms").expect("a stall");
        stall.share = 0.5;
        assert!(
            (0..6)
                .map(|n| stall.stops_connection(n))
                .eq([false, true, false, true, false, true])
        );
        stall.share = 0.3;
        assert_eq!(
            (0..1000).filter(|n| stall.stops_connection(*n)).count(),
            300
        );
        stall.share = 1.0;
        assert!((0..5).all(|n| stall.stops_connection(n)));
    }

    #[test]
    fn impossible_stalls_are_refused() {
        for text in ["200ms", "0ms/1s", "1s/1s", "2s/1s", "a/b", "1ms/"] {
            assert!(Stall::parse(text).is_err(), "{text}");
        }
    }
}
