//! What a worker is told of a phase, and what it hands back.

use crate::clock::nanoseconds;
use crate::plan::{Arrivals, Phase};
use crate::pool::share;
use crate::recorder::Tally;
use crate::schedule::{Constant, Poisson, Schedule, Stream};
use crate::wake::Wake;

/// The moments of a phase [ns].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) lead: u64,
    pub(crate) begin: u64,
    pub(crate) end: u64,
    pub(crate) drain_end: u64,
}

/// What a worker needs from outside to take part in a phase.
pub(crate) struct Part<'a> {
    pub(crate) phase: &'a Phase,
    /// Number of the phase in the session.
    pub(crate) number: u64,
    pub(crate) start: u64,
    pub(crate) worker: u32,
    pub(crate) workers: u32,
    pub(crate) stop: &'a Wake,
}

/// What one worker did in one phase.
pub(crate) struct Outcome {
    pub(crate) tally: Tally,
    pub(crate) begin: u64,
    pub(crate) end: u64,
    pub(crate) drained_at: u64,
    pub(crate) drained: bool,
    pub(crate) interrupted: bool,
    /// CPU time of this thread from begin to drained, spinning included [ns].
    pub(crate) cpu: u64,
    pub(crate) spun: u64,
}

impl Line {
    pub(crate) fn new(phase: &Phase, start: u64) -> Self {
        let lead = start + nanoseconds(phase.guard_s);
        let begin = lead + nanoseconds(phase.lead_in_s);
        let end = begin + nanoseconds(phase.duration_s);
        Self {
            lead,
            begin,
            end,
            drain_end: end + nanoseconds(phase.drain_s),
        }
    }
}

impl Part<'_> {
    /// This worker's share of the schedule. With fewer connections than workers only those that have one take part.
    pub(crate) fn schedule(&self, line: Line, connections: u32) -> Schedule {
        let phase = self.phase;
        let workers = self.workers.min(connections);
        let mine = share(connections, self.worker, self.workers) > 0;
        let Line {
            lead, begin, end, ..
        } = line;
        match (phase.arrivals, phase.rate) {
            (Arrivals::Constant, Some(rate)) if mine => {
                Schedule::Constant(Constant::new(rate, lead, begin, end, self.worker, workers))
            }
            (Arrivals::Poisson, Some(rate)) if mine => {
                let stream = Stream {
                    seed: phase.seed,
                    phase: self.number,
                    worker: self.worker,
                };
                Schedule::Poisson(Poisson::new(rate, lead, end, stream, workers))
            }
            _ => Schedule::None,
        }
    }
}
