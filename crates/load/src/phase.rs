//! One worker's part of one phase: send what is due, take what comes back, keep account of everything.
//!
//! Time line: start → guard → lead-in → counted window → drain. *Invariants*: the intended start of a request never
//! depends on a reply (open loop); a request that became due ends in exactly one of ok, error, timeout, unanswered and not
//! sent; when the phase ends no slot still expects a reply.

use crate::LoadError;
use crate::clock;
use crate::dialogue::Strays;
use crate::flow::Flow;
use crate::part::{Outcome, Part};
use crate::plan::Arrivals;
use crate::pool::{Event, Pool};
use crate::random::SplitMix;
use crate::recorder::Recorder;
use crate::schedule::Window;
use crate::slots::SlotList;

mod ends;

/// The longest time between two looks at the stop flag; a raised flag also wakes the worker at once.
const LOOK_NS: u64 = 50_000_000;

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
            draws: SplitMix::stream(phase.seed, &[part.number, u64::from(part.worker)]),
            steered: part.steering.version(),
            last_done: window.end,
            flow_of,
            closed,
            part,
            pool,
            recorder,
            outstanding,
            flows,
            window,
            drain_end,
        };
        if closed {
            phase_loop.fill_loop();
        }
        phase_loop
    }

    /// Put into a closed loop what is to be under way in it.
    fn fill_loop(&mut self) {
        if self.flows.len() == 1 && self.flows[0].fill_pinned(self.window.lead) {
            return;
        }
        for _ in 0..self.part.in_flight(&self.flows, self.pool) {
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
            if now >= self.window.end && self.done() {
                break true;
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

    /// Send every request that is due and has an idle slot.
    #[inline]
    fn send_due(&mut self) -> Result<(), LoadError> {
        for position in 0..self.flows.len() {
            let now = clock::now();
            self.flows[position].collect(self.pool, now);
            while let Some((slot, due)) = self.flows[position].take(self.pool, clock::now()) {
                self.send(slot, due)?;
            }
            if self.flows[position].starved(self.pool, now) {
                self.pool.grow(self.flows[position].target);
            }
        }
        self.flush_gathered()
    }

    /// Send the request that is due at `due` [ns]; in a closed loop the intended start is the send itself.
    #[inline]
    fn send(&mut self, slot: u32, due: u64) -> Result<(), LoadError> {
        let sent = clock::now();
        let due = if self.closed { sent } else { due };
        let request = &mut self.pool.requests[slot as usize];
        request.due = due;
        request.sent = sent;
        request.counted = due >= self.window.begin;
        request.under_way = true;
        request.hops = 0;
        request.bytes_out = 0;
        let connection = request.connection as usize;
        let target = self.pool.connections[connection].target as usize;
        let endpoint = &self.pool.endpoints[target];
        if endpoint.on_demand() {
            return self.open_for(slot);
        }
        let gathers = endpoint.speech.gathers();
        let bytes = self.pool.begin(slot);
        if gathers {
            self.pool.requests[slot as usize].bytes_out = bytes;
            self.pool.gather(slot);
            return Ok(());
        }
        self.recorder.offered(&self.pool.requests[slot as usize]);
        match self.pool.flush(connection as u32) {
            Ok(bytes) => {
                let request = &mut self.pool.requests[slot as usize];
                request.bytes_out = bytes;
                self.recorder.sent(request);
                self.outstanding[target].push(slot);
                Ok(())
            }
            Err(failure) => {
                self.lost(slot, failure.reason);
                self.broken(connection as u32, failure)
            }
        }
    }

    /// Begin to open the connection that a request has for itself.
    fn open_for(&mut self, slot: u32) -> Result<(), LoadError> {
        self.recorder.offered(&self.pool.requests[slot as usize]);
        let target = self.target_of(slot);
        self.outstanding[target].push(slot);
        if let Err(failure) = self.pool.open_for(slot) {
            self.lost(slot, failure.reason);
            self.pool.give_back(slot);
        }
        Ok(())
    }

    /// The connection that a request has for itself is open: the request goes out.
    fn carried(&mut self, slot: u32) -> Result<(), LoadError> {
        if !self.pool.requests[slot as usize].under_way {
            return Ok(());
        }
        self.pool.begin(slot);
        let connection = self.pool.connection_of(slot);
        match self.pool.flush(connection) {
            Ok(bytes) => {
                let request = &mut self.pool.requests[slot as usize];
                request.bytes_out = bytes;
                self.recorder.sent(request);
                Ok(())
            }
            Err(failure) => self.broken(connection, failure),
        }
    }

    /// Send the requests that were gathered in this turn: one write for all those of a connection.
    #[inline]
    fn flush_gathered(&mut self) -> Result<(), LoadError> {
        while let Some((connection, unsent)) = self.pool.next_gathered() {
            let sent = clock::now();
            let target = self.pool.connections[connection as usize].target as usize;
            for &slot in &unsent {
                let request = &mut self.pool.requests[slot as usize];
                request.sent = sent;
                if self.closed {
                    request.due = sent;
                    request.counted = sent >= self.window.begin;
                }
                self.recorder.offered(request);
            }
            match self.pool.flush(connection) {
                Ok(_) => {
                    for &slot in &unsent {
                        self.recorder.sent(&self.pool.requests[slot as usize]);
                        self.outstanding[target].push(slot);
                    }
                    self.pool.put_back(connection, unsent);
                }
                Err(failure) => {
                    for &slot in &unsent {
                        self.lost(slot, failure.reason);
                    }
                    self.pool.put_back(connection, unsent);
                    self.broken(connection, failure)?;
                }
            }
        }
        Ok(())
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
