//! When requests are due. A schedule is arithmetic, not accumulation of rounded intervals, and is generated one request
//! at a time: a backlog of any length costs no memory.

/// Due times [ns] of one worker's share of a phase, in rising order, ending before `end`.
#[derive(Debug)]
pub(crate) enum Schedule {
    /// Nothing is due by the clock: a closed loop, or a worker without connections to the target.
    None,
    Constant(Constant),
    Poisson(Poisson),
}

impl Schedule {
    /// The next request not yet taken; None when the window is over.
    #[inline]
    pub(crate) fn peek(&self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Constant(schedule) => schedule.peek(),
            Self::Poisson(schedule) => schedule.peek(),
        }
    }

    /// Take the request that `peek` shows.
    #[inline]
    pub(crate) fn advance(&mut self) {
        match self {
            Self::None => {}
            Self::Constant(schedule) => schedule.next += schedule.stride,
            Self::Poisson(schedule) => schedule.draw(),
        }
    }

    /// End the window earlier; requests due from `end` on are no longer due.
    pub(crate) fn cut(&mut self, end: u64) {
        match self {
            Self::None => {}
            Self::Constant(schedule) => schedule.end = schedule.end.min(end),
            Self::Poisson(schedule) => schedule.end = schedule.end.min(end),
        }
    }

    /// Take everything that is left: how many are due before `border`, and how many from there on.
    pub(crate) fn count_rest(&mut self, border: u64) -> (u64, u64) {
        let (mut before, mut after) = (0, 0);
        while let Some(due) = self.peek() {
            if due < border {
                before += 1;
            } else {
                after += 1;
            }
            self.advance();
        }
        (before, after)
    }
}

/// Request `i` is due at
///
///   t(i) = begin + i / r        begin: start of the counted window, r: offered rate [1/s]
///
/// computed from the integer `i` each time. Lead-in requests have negative numbers, so the counted window always begins
/// with request 0 and the spacing across its border is even. Worker `w` of `W` takes the numbers congruent to `w`
/// modulo `W`.
#[derive(Debug)]
pub(crate) struct Constant {
    begin: u64,
    end: u64,
    rate: f64,
    next: i64,
    stride: i64,
}

impl Constant {
    pub(crate) fn new(
        rate: f64,
        lead: u64,
        begin: u64,
        end: u64,
        worker: u32,
        workers: u32,
    ) -> Self {
        let first = -(((begin - lead) as f64 * rate * 1e-9).floor() as i64);
        let (worker, stride) = (i64::from(worker), i64::from(workers));
        let next = first + (worker - first).rem_euclid(stride);
        Self {
            begin,
            end,
            rate,
            next,
            stride,
        }
    }

    #[inline]
    fn peek(&self) -> Option<u64> {
        let offset = (self.next as f64 * 1e9 / self.rate).round() as i64;
        let due = self.begin.saturating_add_signed(offset);
        (due < self.end).then_some(due)
    }
}

/// A Poisson process of rate R / W on every worker; their superposition is a Poisson process of rate R.
///
/// The stream of random numbers follows from the phase's seed, the phase's number in the session and the worker, so that
/// phases given the same seed do not repeat one another's arrivals.
#[derive(Debug)]
pub(crate) struct Poisson {
    random: SplitMix,
    mean_gap_ns: f64,
    start: u64,
    elapsed_ns: f64,
    end: u64,
}

impl Poisson {
    pub(crate) fn new(rate: f64, lead: u64, end: u64, stream: Stream, workers: u32) -> Self {
        let mut schedule = Self {
            random: stream.random(),
            mean_gap_ns: 1e9 * f64::from(workers) / rate,
            start: lead,
            elapsed_ns: 0.0,
            end,
        };
        schedule.draw();
        schedule
    }

    #[inline]
    fn peek(&self) -> Option<u64> {
        let due = self.start.saturating_add(self.elapsed_ns as u64);
        (due < self.end).then_some(due)
    }

    #[inline]
    fn draw(&mut self) {
        self.elapsed_ns -= (1.0 - self.random.unit()).ln() * self.mean_gap_ns;
    }
}

/// Which random stream: seed of the phase, number of the phase in the session, worker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream {
    pub(crate) seed: u64,
    pub(crate) phase: u64,
    pub(crate) worker: u32,
}

impl Stream {
    fn random(self) -> SplitMix {
        let mut mixer = SplitMix { state: self.seed };
        mixer.state = mixer.next() ^ self.phase;
        mixer.state = mixer.next() ^ u64::from(self.worker);
        SplitMix {
            state: mixer.next(),
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): 64 bits of state, full period, enough for exponential gaps.
#[derive(Debug)]
struct SplitMix {
    state: u64,
}

impl SplitMix {
    #[inline]
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in [0, 1), 53 bits.
    #[inline]
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BEGIN: u64 = 1_000_000_000_000;

    fn all(mut schedule: Schedule) -> Vec<u64> {
        let mut due = Vec::new();
        while let Some(time) = schedule.peek() {
            due.push(time);
            schedule.advance();
        }
        due
    }

    fn constant(rate: f64, lead_ns: u64, window_ns: u64, worker: u32, workers: u32) -> Vec<u64> {
        let schedule = Constant::new(
            rate,
            BEGIN - lead_ns,
            BEGIN,
            BEGIN + window_ns,
            worker,
            workers,
        );
        all(Schedule::Constant(schedule))
    }

    proptest! {
        #[test]
        fn workers_share_the_schedule_of_one(rate in 1.0..50_000f64, lead in 0..50_000_000u64,
                                             window in 0..200_000_000u64, workers in 1..7u32) {
            let mut shared: Vec<u64> = (0..workers).flat_map(|w| constant(rate, lead, window, w, workers)).collect();
            shared.sort_unstable();
            prop_assert_eq!(shared, constant(rate, lead, window, 0, 1));
        }

        #[test]
        fn request_i_is_due_at_begin_plus_i_over_rate(rate in 1.0..1e6f64, i in 0..100_000_000i64) {
            let schedule = Constant { begin: BEGIN, end: u64::MAX, rate, next: i, stride: 1 };
            let due = schedule.peek().map_or(0, |due| due - BEGIN) as f64;
            prop_assert!((due - i as f64 * 1e9 / rate).abs() <= 1.0);
        }

        #[test]
        fn the_window_holds_rate_times_duration(rate in 1..20_000u32, tenths in 1..20u32) {
            // whole numbers of requests only: then the count is exact, whatever the lead-in
            let window = u64::from(tenths) * 1_000_000_000 / 10;
            prop_assume!((rate * tenths) % 10 == 0);
            let due = constant(f64::from(rate), 12_345_678, window, 0, 1);
            prop_assert_eq!(due.iter().filter(|&&t| t >= BEGIN).count() as u32, rate * tenths / 10);
            prop_assert!(due.iter().all(|&t| t + 12_345_679 >= BEGIN));
        }

        #[test]
        fn a_poisson_stream_is_reproducible_and_rises(seed: u64, phase in 0..9u64, worker in 0..4u32) {
            let stream = Stream { seed, phase, worker };
            let make = |stream| all(Schedule::Poisson(Poisson::new(10_000.0, BEGIN, BEGIN + 50_000_000, stream, 2)));
            let due = make(stream);
            prop_assert!(due.windows(2).all(|pair| pair[0] <= pair[1]));
            prop_assert_eq!(&due, &make(stream));
            prop_assert_ne!(due, make(Stream { phase: phase + 1, ..stream }));
        }

        #[test]
        fn the_rest_is_counted_as_if_taken_one_by_one(rate in 10.0..10_000f64, taken in 0..50usize) {
            let mut schedule = Schedule::Constant(Constant::new(rate, BEGIN, BEGIN, BEGIN + 100_000_000, 0, 1));
            let total = constant(rate, 0, 100_000_000, 0, 1).len();
            (0..taken).for_each(|_| schedule.advance());
            prop_assert_eq!(schedule.count_rest(0).1 as usize, total.saturating_sub(taken));
        }
    }

    #[test]
    fn poisson_gaps_have_the_mean_and_spread_of_an_exponential() {
        let stream = Stream {
            seed: 7,
            phase: 0,
            worker: 0,
        };
        let due = all(Schedule::Poisson(Poisson::new(
            100_000.0,
            BEGIN,
            BEGIN + 2_000_000_000,
            stream,
            1,
        )));
        let gaps: Vec<f64> = due
            .windows(2)
            .map(|pair| (pair[1] - pair[0]) as f64)
            .collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean / 10_000.0 - 1.0).abs() < 0.02, "{mean}");
        assert!(
            (variance.sqrt() / mean - 1.0).abs() < 0.02,
            "{}",
            variance.sqrt() / mean
        );
    }

    #[test]
    fn a_cut_schedule_ends_at_the_cut() {
        let mut schedule = Schedule::Constant(Constant::new(
            1000.0,
            BEGIN,
            BEGIN,
            BEGIN + 1_000_000_000,
            0,
            1,
        ));
        schedule.cut(BEGIN + 10_000_000);
        assert_eq!(schedule.count_rest(BEGIN + 4_000_000), (4, 6));
    }
}
