//! One worker's part of one phase: send what is due, take what comes back, keep account of everything.
//!
//! Time line: start → guard → lead-in → counted window → drain. *Invariants*: the intended start of a request never
//! depends on a reply (open loop); a request that became due ends in exactly one of ok, error, timeout, unanswered and not
//! sent; when the phase ends no slot still expects a reply.

use std::collections::HashMap;

use crate::LoadError;
use crate::clock;
use crate::dialogue::Strays;
use crate::flow::Flow;
use crate::part::{Outcome, Part};
use crate::plan::Arrivals;
use crate::pool::{Event, Pool};
use crate::random::SplitMix;
use crate::recorder::Recorder;
use crate::redirect::Redirect;
use crate::schedule::Window;
use crate::slots::SlotList;

mod ends;
mod redirects;
mod sends;

/// The longest time between two looks at the stop flag; a raised flag also wakes the worker at once.
const LOOK_NS: u64 = 50_000_000;
/// In a closed loop: from an attempt to connect that failed to the next one in its place.
const FAILED_PAUSE_NS: u64 = 5_000_000;

pub(crate) struct PhaseLoop<'a> {
    part: Part<'a>,
    pool: &'a mut Pool,
    recorder: &'a mut Recorder,
    /// By target: slots that wait for a reply, in the order their requests were sent. All requests to a target have the
    /// same timeout, so the first is the first to expire.
    outstanding: &'a mut [SlotList],
    flows: Vec<Flow>,
    /// By target: the flow that it belongs to.
    flow_of: Vec<usize>,
    window: Window,
    drain_end: u64,
    closed: bool,
    think: u64,
    /// A closed loop whose window is over.
    ended: bool,
    /// By slot: where its request goes once the connection that is opened for it is there.
    moving: HashMap<u32, Redirect>,
    /// Draws the flow of the next request of a closed loop over a mix.
    draws: SplitMix,
    steered: u64,
    last_done: u64,
}

impl<'a> PhaseLoop<'a> {
    pub(crate) fn new(
        part: Part<'a>,
        pool: &'a mut Pool,
        recorder: &'a mut Recorder,
        outstanding: &'a mut [SlotList],
    ) -> Self {
        let phase = part.phase;
        let (window, drain_end) = part.line();
        let flows = part.flows(window, pool);
        let mut flow_of = vec![usize::MAX; pool.endpoints.len()];
        for (position, flow) in flows.iter().enumerate() {
            flow_of[flow.target] = position;
        }
        let closed = phase.arrivals == Arrivals::Closed;
        let mut phase_loop = Self {
            think: clock::nanoseconds(phase.think_s),
            draws: SplitMix::stream(phase.seed, &part.numbers()),
            steered: part.steering.version(),
            last_done: window.end,
            flow_of,
            closed,
            ended: false,
            moving: HashMap::new(),
            part,
            pool,
            recorder,
            outstanding,
            flows,
            window,
            drain_end,
        };
        for flow in &phase_loop.flows {
            // What datagrams of an earlier phase still brought is not of this one.
            phase_loop.pool.take_strays(flow.target);
            let mut numbers = phase_loop.part.numbers().to_vec();
            numbers.push(flow.target as u64);
            let seed = SplitMix::stream(phase.seed, &numbers).next();
            phase_loop.pool.arrange_idle(flow.target, seed);
        }
        if closed {
            phase_loop.fill_loop();
        }
        phase_loop
    }

    /// Put into a closed loop what is to be under way in it.
    fn fill_loop(&mut self) {
        let count = self.part.in_flight(&self.flows, self.pool);
        if self.flows.len() == 1 && self.flows[0].fill_pinned(self.window.lead, count) {
            return;
        }
        for _ in 0..count {
            let flow = self.drawn_flow();
            self.flows[flow].follow(None, self.window.lead);
        }
    }

    fn drawn_flow(&mut self) -> usize {
        let mix = &self.part.phase.mix;
        if self.flows.len() == 1 {
            return 0;
        }
        let whole: f64 = mix.iter().map(|&(_, weight)| weight).sum();
        let mut draw = self.draws.unit() * whole;
        mix.iter()
            .position(|&(_, weight)| {
                draw -= weight;
                draw < 0.0
            })
            .unwrap_or(mix.len() - 1)
    }

    /// Run to the end of the drain or until stopped. `at_begin` is called once when the counted window begins.
    pub(crate) fn run(mut self, mut at_begin: impl FnMut()) -> Result<Outcome, LoadError> {
        self.idle_until(self.window.lead)?;
        let (mut cpu, mut begun) = (clock::thread_cpu(), false);
        self.pool.poller.take_spun();
        let finished = loop {
            if self.part.stop.raised() {
                break false;
            }
            self.steer();
            self.send_due()?;
            let now = clock::now();
            if !begun && now >= self.window.begin {
                begun = true;
                at_begin();
                cpu = clock::thread_cpu();
                self.pool.poller.take_spun();
            }
            if now >= self.window.end {
                self.end_loop();
                if self.done() {
                    break true;
                }
            }
            if now >= self.drain_end {
                break true;
            }
            self.expire(now);
            self.pool.housekeeping(now);
            self.recorder.publish();
            let (until, precise) = self.next_moment(now, begun);
            self.take_events(until, precise)?;
        };
        let cpu = clock::thread_cpu().saturating_sub(cpu);
        let spun = self.pool.poller.take_spun();
        Ok(self.finish(finished, cpu, spun))
    }

    /// Let the connections settle until `moment`, sending nothing.
    fn idle_until(&mut self, moment: u64) -> Result<(), LoadError> {
        loop {
            let now = clock::now();
            if now >= moment || self.part.stop.raised() {
                return Ok(());
            }
            self.pool.housekeeping(now);
            let until = moment
                .min(self.pool.next_housekeeping(now))
                .min(now + LOOK_NS);
            self.take_events(until, until == moment)?;
        }
    }

    /// In a closed loop nothing follows in the drain, also what found no connection before.
    fn end_loop(&mut self) {
        if self.closed && !self.ended {
            self.ended = true;
            self.flows.iter_mut().for_each(|flow| flow.cut(0));
        }
    }

    fn done(&self) -> bool {
        let idle = |flow: &Flow| self.outstanding[flow.target].first().is_none() && flow.over();
        self.flows.iter().all(idle)
    }

    #[inline]
    fn steer(&mut self) {
        if let Some((version, moment, rate)) = self.part.steering.after(self.steered) {
            self.steered = version;
            if !self.closed {
                self.flows
                    .iter_mut()
                    .for_each(|flow| flow.steer(moment, rate));
            }
        }
    }

    /// When the loop must look again though nothing is ready, and whether that is a request that is due.
    #[inline]
    fn next_moment(&mut self, now: u64, begun: bool) -> (u64, bool) {
        let border = if !begun {
            self.window.begin
        } else if now < self.window.end {
            self.window.end
        } else {
            self.drain_end
        };
        let mut until = (now + LOOK_NS)
            .min(border)
            .min(self.pool.next_housekeeping(now));
        let mut precise = false;
        for flow in &mut self.flows {
            flow.collect(self.pool, now);
            if let Some(first) = self.outstanding[flow.target].first() {
                let sent = self.pool.requests[first as usize].sent;
                let limit = sent + self.pool.endpoints[flow.target].timeout;
                if limit < until {
                    (until, precise) = (limit, false);
                }
            }
            if let Some(due) = flow.peek(self.pool)
                && due <= until
            {
                (until, precise) = (due, true);
            }
        }
        (until, precise)
    }

    fn take_events(&mut self, until: u64, precise: bool) -> Result<(), LoadError> {
        let system = |source| LoadError::System {
            what: "waiting for sockets",
            source,
        };
        self.pool.wait(until, precise).map_err(system)?;
        let mut position = 0;
        while let Some(event) = self.pool.next_event(&mut position) {
            match event {
                Event::Answer(slot, answer) => self.answer(slot, answer)?,
                Event::Carried(slot) => self.carried(slot)?,
                Event::Broken {
                    connection,
                    failure,
                } => self.broken(connection, failure)?,
                Event::NotOpened {
                    connection,
                    failure,
                } => self.not_opened(connection, &failure),
            }
        }
        self.flush_gathered()
    }

    #[inline]
    fn target_of(&self, slot: u32) -> usize {
        let connection = self.pool.connection_of(slot);
        self.pool.connections[connection as usize].target as usize
    }

    fn finish(mut self, finished: bool, cpu: u64, spun: u64) -> Outcome {
        let now = clock::now();
        let Window {
            mut begin, mut end, ..
        } = self.window;
        if !finished {
            // Stopped: the window ends here, and what would have become due later never did.
            (begin, end) = (begin.min(now), end.min(now));
        }
        let mut drained = true;
        let mut strays = Strays::default();
        for position in 0..self.flows.len() {
            if !finished {
                self.flows[position].cut(now);
            }
            let target = self.flows[position].target;
            while let Some(slot) = self.outstanding[target].first() {
                drained = false;
                self.outstanding[target].remove(slot);
                let request = &mut self.pool.requests[slot as usize];
                request.under_way = false;
                self.recorder.unanswered(request, now);
                // A reply that still comes must not be taken for that of the next phase.
                self.give_up(slot, target, now);
            }
            let border = self.window.begin;
            let recorder = &mut *self.recorder;
            self.flows[position].rest(self.pool, |due| {
                drained = false;
                recorder.not_sent(due, due >= border, now);
            });
            strays.add(self.pool.take_strays(target));
        }
        let mut tally = self.recorder.take(end);
        tally.strays = strays;
        Outcome {
            tally,
            begin,
            end,
            drained_at: if drained && finished {
                self.last_done.max(end)
            } else {
                now
            },
            drained,
            interrupted: !finished,
            cpu,
            spun,
        }
    }
}
