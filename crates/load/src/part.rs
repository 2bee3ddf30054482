//! What a worker is told of a phase, and what it hands back.

use std::sync::Arc;

use crate::clock::nanoseconds;
use crate::endpoint::Endpoint;
use crate::flow::Flow;
use crate::plan::{Arrivals, Phase, Pooling};
use crate::pool::{Pool, share};
use crate::random::SplitMix;
use crate::recorder::Tally;
use crate::schedule::{Lane, Pick, Schedule, Window};
use crate::steering::Steering;
use crate::wake::Wake;

/// Tells the draws of a mix from other streams of the same phase.
const MIX: u64 = 0x006D_6978;

/// What a worker needs from outside to take part in a phase.
pub(crate) struct Part<'a> {
    pub(crate) phase: &'a Phase,
    /// Number of the phase in the session.
    pub(crate) number: u64,
    pub(crate) start: u64,
    /// Times of a trace, since the window's begin [ns].
    pub(crate) trace: &'a Arc<[u64]>,
    pub(crate) worker: u32,
    pub(crate) workers: u32,
    /// This generator's number, and how many there are.
    pub(crate) generator: (u32, u32),
    pub(crate) stop: &'a Wake,
    pub(crate) steering: &'a Steering,
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

impl Part<'_> {
    /// Lead-in and counted window, and when the drain is given up [ns].
    pub(crate) fn line(&self) -> (Window, u64) {
        let phase = self.phase;
        let lead = self.start + nanoseconds(phase.guard_s);
        let begin = lead + nanoseconds(phase.lead_in_s);
        let end = begin + nanoseconds(phase.duration_s);
        (
            Window { lead, begin, end },
            end + nanoseconds(phase.drain_s),
        )
    }

    /// This worker's share of the phase, by target.
    pub(crate) fn flows(&self, window: Window, pool: &Pool) -> Vec<Flow> {
        let phase = self.phase;
        if phase.mix.is_empty() {
            return vec![self.flow(phase.target, None, window, pool)];
        }
        let whole: f64 = phase.mix.iter().map(|&(_, weight)| weight).sum();
        let seed = SplitMix::stream(phase.seed, &[self.number, MIX]).next();
        let mut low = 0.0;
        let mut flows = Vec::with_capacity(phase.mix.len());
        for (position, &(target, weight)) in phase.mix.iter().enumerate() {
            // The last part ends at 1 whatever rounding has done, so that every request has a target.
            let last = position + 1 == phase.mix.len();
            let high = if last { 1.0 } else { low + weight / whole };
            let pick = Pick { seed, low, high };
            flows.push(self.flow(target, Some(pick), window, pool));
            low = high;
        }
        flows
    }

    /// Requests under way at a time in this worker's part of a closed loop: as large a part of all of them as it has of
    /// the places for them.
    pub(crate) fn in_flight(&self, flows: &[Flow], pool: &Pool) -> usize {
        let places = |endpoint: &Endpoint, workers: u32| -> u64 {
            (0..workers)
                .map(|worker| {
                    let connections = share(endpoint.max_connections, worker, self.workers);
                    u64::from(connections) * u64::from(endpoint.places)
                })
                .sum()
        };
        let endpoints = flows.iter().map(|flow| &pool.endpoints[flow.target]);
        let Some(most) = endpoints.max_by_key(|endpoint| places(endpoint, self.workers)) else {
            return 0;
        };
        let Some(all) = self.phase.in_flight else {
            let own = |flow: &Flow| {
                pool.own_connections(flow.target) * pool.endpoints[flow.target].places as usize
            };
            return flows.iter().map(own).max().unwrap_or(0);
        };
        let (generator, generators) = self.generator;
        let here = u64::from(share(all, generator, generators));
        let up_to = |worker: u32| here * places(most, worker) / places(most, self.workers);
        (up_to(self.worker + 1) - up_to(self.worker)) as usize
    }

    /// What tells this worker's random numbers in this phase from all others.
    pub(crate) fn numbers(&self) -> [u64; 3] {
        let (generator, _) = self.generator;
        [self.number, u64::from(generator), u64::from(self.worker)]
    }

    fn flow(&self, target: usize, pick: Option<Pick>, window: Window, pool: &Pool) -> Flow {
        let endpoint = &pool.endpoints[target];
        if pool.own_connections(target) == 0 {
            return Flow::pooled(target, Schedule::nothing(window));
        }
        // With fewer connections than workers only those that have one take part.
        let lanes = self.workers.min(endpoint.connections);
        if endpoint.pooling == Pooling::Pooled {
            let schedule = self.schedule(self.lane(self.worker, lanes), pick, window);
            return Flow::pooled(target, schedule);
        }
        let slots = pool.slots(target);
        let lanes = endpoint.connections * endpoint.places;
        let schedules = (0..slots.len() as u32)
            .map(|slot| self.schedule(self.pinned_lane(slot, lanes, endpoint), pick, window))
            .collect();
        Flow::pinned(target, slots, schedules)
    }

    fn lane(&self, number: u32, of: u32) -> Lane {
        let (generator, generators) = self.generator;
        Lane {
            // With N generators each has every N-th request, however many lanes it deals them out to.
            number: u64::from(number) * u64::from(generators) + u64::from(generator),
            of: u64::from(of) * u64::from(generators),
        }
    }

    /// The lane of a slot of this worker: connections are dealt out to the workers in turn.
    fn pinned_lane(&self, slot: u32, lanes: u32, endpoint: &Endpoint) -> Lane {
        let (mine, place) = (slot / endpoint.places, slot % endpoint.places);
        let connection = mine * self.workers + self.worker;
        self.lane(connection * endpoint.places + place, lanes)
    }

    fn schedule(&self, lane: Lane, pick: Option<Pick>, window: Window) -> Schedule {
        let phase = self.phase;
        let quantum = nanoseconds(phase.quantum_s);
        match (phase.arrivals, phase.rate) {
            (Arrivals::Constant, Some(rate)) => {
                Schedule::constant(rate, phase.rate_end, window, lane, pick, quantum)
            }
            (Arrivals::Poisson, Some(rate)) => {
                let mut numbers = vec![self.number, lane.number];
                // Every target of a mix has a stream of its own: their superposition is a Poisson process again.
                numbers.extend(pick.map(|pick| pick.low.to_bits()));
                let random = SplitMix::stream(phase.seed, &numbers);
                let share = pick.map_or(1.0, |pick| pick.weight()) / lane.of as f64;
                Schedule::poisson(rate, phase.rate_end, window, share, random, quantum)
            }
            (Arrivals::Trace, _) => {
                Schedule::trace(self.trace.clone(), window, lane, pick, quantum)
            }
            (Arrivals::Closed, _) => Schedule::closed(window),
            _ => Schedule::nothing(window),
        }
    }
}
