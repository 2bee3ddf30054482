//! When requests are due. A schedule is arithmetic, not accumulation of rounded intervals, and is generated one request
//! at a time: a backlog of any length costs no memory.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::curve::Curve;
use crate::random::SplitMix;

/// The counted window of a phase and the lead-in before it [ns].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) lead: u64,
    pub(crate) begin: u64,
    pub(crate) end: u64,
}

/// Which of the schedule's requests: those whose number is congruent to `number` modulo `of`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lane {
    pub(crate) number: u64,
    pub(crate) of: u64,
}

/// Which requests of a mix go to one target: those whose draw lies in [low, high) of [0, 1).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pick {
    pub(crate) seed: u64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Pick {
    fn takes(&self, number: u64) -> bool {
        let draw = SplitMix::stream(self.seed, &[number]).unit();
        self.low <= draw && draw < self.high
    }

    /// The share of all requests.
    pub(crate) fn weight(&self) -> f64 {
        self.high - self.low
    }
}

#[derive(Clone, Debug)]
enum Arrivals {
    Nothing,
    /// Request `i` is due when the curve's count reaches the integer `i`: no error accumulates. Lead-in requests have
    /// negative numbers, so the counted window always begins with request 0 and the spacing across its border is even.
    Constant {
        curve: Curve,
        next: i64,
    },
    /// A Poisson process: the curve's count grows by exponential steps. Lanes have streams of their own; the superposition
    /// of independent Poisson processes is one.
    Poisson {
        curve: Curve,
        count: f64,
        share: f64,
        random: SplitMix,
    },
    Trace {
        times: Arc<[u64]>,
        next: usize,
    },
    /// A closed loop: the moments from which each request under way in it may follow the one before.
    Closed(VecDeque<u64>),
}

/// Due times [ns] in rising order, ending before the window does.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    arrivals: Arrivals,
    window: Window,
    lane: Lane,
    pick: Option<Pick>,
    quantum: u64,
    /// From which moment on, at which rate [1/s]; changes still to come, in their order.
    changes: VecDeque<(u64, f64)>,
    head: Option<u64>,
}

impl Schedule {
    fn new(
        arrivals: Arrivals,
        window: Window,
        lane: Lane,
        pick: Option<Pick>,
        quantum: u64,
    ) -> Self {
        let mut schedule = Self {
            arrivals,
            window,
            lane,
            pick,
            quantum,
            changes: VecDeque::new(),
            head: None,
        };
        if !schedule.picked() {
            schedule.step();
        }
        schedule.find();
        schedule
    }

    /// Nothing is ever due.
    pub(crate) fn nothing(window: Window) -> Self {
        Self::new(
            Arrivals::Nothing,
            window,
            Lane { number: 0, of: 1 },
            None,
            0,
        )
    }

    pub(crate) fn constant(
        rate: f64,
        rate_end: Option<f64>,
        window: Window,
        lane: Lane,
        pick: Option<Pick>,
        quantum: u64,
    ) -> Self {
        let curve = Curve::new(window.begin, window.end, rate, rate_end);
        let first = -(curve.before(window.lead).floor() as i64);
        let next = first + (lane.number as i64 - first).rem_euclid(lane.of as i64);
        Self::new(
            Arrivals::Constant { curve, next },
            window,
            lane,
            pick,
            quantum,
        )
    }

    /// `share` of the offered rate: 1 over the number of lanes, times the weight in a mix.
    pub(crate) fn poisson(
        rate: f64,
        rate_end: Option<f64>,
        window: Window,
        share: f64,
        random: SplitMix,
        quantum: u64,
    ) -> Self {
        let curve = Curve::new(window.begin, window.end, rate, rate_end);
        let mut random = random;
        let count = random.exponential() / share - curve.before(window.lead);
        let arrivals = Arrivals::Poisson {
            curve,
            count,
            share,
            random,
        };
        Self::new(arrivals, window, Lane { number: 0, of: 1 }, None, quantum)
    }

    /// `times`: since the window's begin [ns], rising.
    pub(crate) fn trace(
        times: Arc<[u64]>,
        window: Window,
        lane: Lane,
        pick: Option<Pick>,
        quantum: u64,
    ) -> Self {
        let next = lane.number as usize;
        Self::new(Arrivals::Trace { times, next }, window, lane, pick, quantum)
    }

    /// A closed loop in which nothing is under way yet: `follow` puts requests into it.
    pub(crate) fn closed(window: Window) -> Self {
        let lane = Lane { number: 0, of: 1 };
        Self::new(Arrivals::Closed(VecDeque::new()), window, lane, None, 0)
    }

    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.arrivals, Arrivals::Closed(_))
    }

    /// The next request not yet taken; None when the window is over.
    #[inline]
    pub(crate) fn peek(&self) -> Option<u64> {
        self.head
    }

    /// Take the request that `peek` shows.
    #[inline]
    pub(crate) fn advance(&mut self) {
        self.step();
        self.find();
    }

    /// In a closed loop: a request has ended, another may follow from `moment` on.
    #[inline]
    pub(crate) fn follow(&mut self, moment: u64) {
        if let Arrivals::Closed(ready) = &mut self.arrivals {
            ready.push_back(moment);
            self.find();
        }
    }

    /// Change the rate [1/s] from `moment` on; requests before it stay due when they were.
    pub(crate) fn steer(&mut self, moment: u64, rate: f64) {
        self.changes
            .push_back((moment.max(self.window.begin), rate));
        self.find();
    }

    /// End the window earlier; requests due from `end` on are no longer due.
    pub(crate) fn cut(&mut self, end: u64) {
        self.window.end = self.window.end.min(end);
        self.find();
    }

    /// Take everything that is left. A closed loop has nothing that was due and not sent.
    pub(crate) fn rest(&mut self, mut each: impl FnMut(u64)) {
        while !self.is_closed()
            && let Some(due) = self.peek()
        {
            each(due);
            self.advance();
        }
    }

    /// How many requests are due by `now`; counted up to `most`.
    pub(crate) fn waiting(&self, now: u64, most: usize) -> usize {
        let due = |moment: Option<u64>| moment.is_some_and(|due| due <= now);
        if let Arrivals::Closed(ready) = &self.arrivals {
            return ready.iter().take_while(|&&moment| moment <= now).count();
        }
        let mut ahead = self.clone();
        let mut count = 0;
        while count < most && due(ahead.peek()) {
            ahead.advance();
            count += 1;
        }
        count
    }

    fn step(&mut self) {
        loop {
            match &mut self.arrivals {
                Arrivals::Nothing => return,
                Arrivals::Constant { next, .. } => *next += self.lane.of as i64,
                Arrivals::Poisson {
                    count,
                    share,
                    random,
                    ..
                } => *count += random.exponential() / *share,
                Arrivals::Trace { next, .. } => *next += self.lane.of as usize,
                Arrivals::Closed(ready) => {
                    ready.pop_front();
                }
            }
            if self.picked() || self.exact().is_none_or(|due| due >= self.window.end) {
                return;
            }
        }
    }

    /// Whether the request at hand belongs to this schedule's part of a mix.
    fn picked(&self) -> bool {
        let Some(pick) = &self.pick else { return true };
        match &self.arrivals {
            Arrivals::Constant { next, .. } => pick.takes(*next as u64),
            Arrivals::Trace { next, .. } => pick.takes(*next as u64),
            _ => true,
        }
    }

    /// When the request at hand is due, before rounding to a quantum.
    #[inline]
    fn exact(&self) -> Option<u64> {
        match &self.arrivals {
            Arrivals::Nothing => None,
            Arrivals::Constant { curve, next } => curve.moment(*next as f64),
            Arrivals::Poisson { curve, count, .. } => curve.moment(*count),
            Arrivals::Trace { times, next } => times
                .get(*next)
                .map(|time| self.window.begin.saturating_add(*time)),
            Arrivals::Closed(ready) => ready.front().copied(),
        }
    }

    fn find(&mut self) {
        let mut due = self.exact();
        while let Some(&(moment, rate)) = self.changes.front()
            && due.is_none_or(|due| due >= moment)
        {
            self.changes.pop_front();
            self.turn(moment, rate);
            due = self.exact();
        }
        self.head = due
            .filter(|&due| due < self.window.end)
            .map(|due| self.rounded(due));
    }

    /// Go on at another rate from `moment` on. The request at hand stays the same one: it is only due at another time.
    fn turn(&mut self, moment: u64, rate: f64) {
        if let Arrivals::Constant { curve, .. } | Arrivals::Poisson { curve, .. } =
            &mut self.arrivals
        {
            *curve = curve.turned(moment, rate);
        }
        if !self.picked() {
            self.step();
        }
    }

    #[inline]
    fn rounded(&self, due: u64) -> u64 {
        if self.quantum == 0 || due < self.window.begin {
            return due;
        }
        let offset = due - self.window.begin;
        let put_off = self.window.begin + offset.div_ceil(self.quantum) * self.quantum;
        // What became due in the window is not put off beyond it.
        put_off.min(self.window.end)
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
