//! One worker's part of one phase: send what is due, take what comes back, keep account of everything.
//!
//! Time line: start → guard → lead-in → counted window → drain. *Invariants*: the intended start of a request never
//! depends on a reply (open loop); a request that became due ends in exactly one of ok, error, timeout, unanswered and not
//! sent; when the phase ends no connection of it still expects a reply.

use crate::LoadError;
use crate::clock;
use crate::codec::Reply;
use crate::connection::Request;
use crate::outstanding::Outstanding;
use crate::part::{Line, Outcome, Part};
use crate::plan::Arrivals;
use crate::pool::{Event, Pool};
use crate::reason::{Failure, Reason};
use crate::recorder::Recorder;
use crate::schedule::Schedule;

/// The longest time between two looks at the stop flag; a raised flag also wakes the worker at once.
const LOOK_NS: u64 = 50_000_000;

pub(crate) struct PhaseLoop<'a> {
    part: Part<'a>,
    pool: &'a mut Pool,
    recorder: &'a mut Recorder,
    outstanding: &'a mut Outstanding,
    schedule: Schedule,
    line: Line,
    closed: bool,
    target: usize,
    timeout: u64,
    last_done: u64,
}

impl<'a> PhaseLoop<'a> {
    pub(crate) fn new(
        part: Part<'a>,
        pool: &'a mut Pool,
        recorder: &'a mut Recorder,
        outstanding: &'a mut Outstanding,
    ) -> Self {
        let phase = part.phase;
        let line = Line::new(phase, part.start);
        let endpoint = &pool.endpoints[phase.target];
        let schedule = part.schedule(line, endpoint.connections);
        let timeout = endpoint.timeout;
        Self {
            closed: phase.arrivals == Arrivals::Closed,
            target: phase.target,
            last_done: line.end,
            part,
            pool,
            recorder,
            outstanding,
            schedule,
            line,
            timeout,
        }
    }

    /// Run to the end of the drain or until stopped. `at_begin` is called once when the counted window begins.
    pub(crate) fn run(mut self, mut at_begin: impl FnMut()) -> Result<Outcome, LoadError> {
        self.idle_until(self.line.lead)?;
        let (mut cpu, mut begun) = (clock::thread_cpu(), false);
        self.pool.poller.take_spun();
        let finished = loop {
            if self.part.stop.raised() {
                break false;
            }
            self.send_due();
            let now = clock::now();
            if !begun && now >= self.line.begin {
                begun = true;
                at_begin();
                cpu = clock::thread_cpu();
                self.pool.poller.take_spun();
            }
            if now >= self.line.end
                && self.schedule.peek().is_none()
                && self.outstanding.first().is_none()
            {
                break true;
            }
            if now >= self.line.drain_end {
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

    /// When the loop must look again though nothing is ready, and whether that is a request that is due.
    #[inline]
    fn next_moment(&self, now: u64, begun: bool) -> (u64, bool) {
        let mut until = now + LOOK_NS;
        let border = if !begun {
            self.line.begin
        } else if now < self.line.end {
            self.line.end
        } else {
            self.line.drain_end
        };
        until = until.min(border).min(self.pool.next_housekeeping(now));
        if let Some(first) = self.outstanding.first() {
            until = until.min(self.pool.connections[first as usize].request.sent + self.timeout);
        }
        if self.pool.has_idle(self.target)
            && let Some(due) = self.schedule.peek()
            && due <= until
        {
            return (due, true);
        }
        (until, false)
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
                Event::Reply(connection, reply) => self.reply(connection, reply),
                Event::Broken {
                    connection,
                    busy,
                    failure,
                } => self.broken(connection, busy, failure)?,
                Event::NotOpened {
                    connection,
                    failure,
                } => self.not_opened(connection, &failure),
            }
        }
        Ok(())
    }

    /// Send every request that is due and has an idle connection.
    #[inline]
    fn send_due(&mut self) {
        if self.closed {
            while self.pool.has_idle(self.target) && clock::now() < self.line.end {
                if let Some(connection) = self.pool.take_idle(self.target) {
                    self.send_closed(connection);
                }
            }
            return;
        }
        while self.pool.has_idle(self.target)
            && let Some(due) = self.schedule.peek()
            && due <= clock::now()
            && let Some(connection) = self.pool.take_idle(self.target)
        {
            self.schedule.advance();
            self.send(connection, due);
        }
    }

    #[inline]
    fn send(&mut self, connection: u32, due: u64) {
        let sent = clock::now();
        self.write(connection, due, sent);
    }

    /// In a closed loop the intended start is the send itself.
    #[inline]
    fn send_closed(&mut self, connection: u32) {
        let sent = clock::now();
        self.write(connection, sent, sent);
    }

    #[inline]
    fn write(&mut self, connection: u32, due: u64, sent: u64) {
        let counted = due >= self.line.begin;
        let entry = &mut self.pool.connections[connection as usize];
        self.recorder.offered(counted);
        match entry.send(due, sent, counted) {
            Ok(()) => {
                self.recorder.sent(&entry.request, entry.free_since);
                self.outstanding.push(connection);
            }
            Err(failure) => {
                self.recorder.broken(&entry.request, sent, failure.reason);
                self.last_done = self.last_done.max(sent);
                self.pool.reopen(connection);
            }
        }
    }

    #[inline]
    fn reply(&mut self, connection: u32, reply: Reply) {
        let now = clock::now();
        self.outstanding.remove(connection);
        self.last_done = self.last_done.max(now);
        let entry = &mut self.pool.connections[connection as usize];
        if reply.ok() {
            self.recorder.ok(&entry.request, now);
        } else {
            self.recorder.status(&entry.request, now, reply.status);
        }
        if !reply.keep {
            self.pool.reopen(connection);
            return;
        }
        entry.free_since = now;
        // A backlog is served at once on the connection that came free; otherwise the connection queues up as idle.
        if self.closed {
            if now < self.line.end {
                return self.send_closed(connection);
            }
        } else if !self.pool.has_idle(self.target)
            && let Some(due) = self.schedule.peek()
            && due <= now
        {
            self.schedule.advance();
            return self.send(connection, due);
        }
        self.pool.give_idle(connection);
    }

    fn broken(&mut self, connection: u32, busy: bool, failure: Failure) -> Result<(), LoadError> {
        let target = self.pool.connections[connection as usize].target as usize;
        if !self.pool.spoke[target] && self.hopeless(target, &failure) {
            return Err(self.pool.endpoints[target].unusable(as_handshake(failure)));
        }
        if busy {
            let now = clock::now();
            self.outstanding.remove(connection);
            self.last_done = self.last_done.max(now);
            self.recorder.broken(
                &self.pool.connections[connection as usize].request,
                now,
                failure.reason,
            );
        }
        self.pool.reopen(connection);
        Ok(())
    }

    /// Whether a failure before the first reply ever says that there will be none: another protocol, or a server that
    /// takes back a handshake because it refuses our certificate (in TLS 1.3 it does so after our side has finished).
    fn hopeless(&self, target: usize, failure: &Failure) -> bool {
        match failure.reason {
            Reason::Malformed | Reason::Tls => true,
            Reason::Closed | Reason::Reset => self.pool.endpoints[target]
                .tls
                .as_ref()
                .is_some_and(|tls| tls.with_certificate),
            _ => false,
        }
    }

    /// A connection could not be opened. When a request was waiting for a connection, this attempt was made for it and
    /// it fails with the attempt, as it would in any client that connects when it has something to send.
    fn not_opened(&mut self, connection: u32, failure: &Failure) {
        let entry = &self.pool.connections[connection as usize];
        if entry.target as usize != self.target || self.pool.has_idle(self.target) {
            return;
        }
        let now = clock::now();
        let due = if self.closed {
            let due = entry.opening_since.max(self.line.lead);
            (now >= self.line.lead && due < self.line.end).then_some(due)
        } else {
            self.schedule.peek().filter(|&due| due <= now)
        };
        let Some(due) = due else { return };
        self.schedule.advance();
        let counted = due >= self.line.begin;
        self.recorder.offered(counted);
        let request = Request {
            due,
            sent: now,
            counted,
            bytes_out: 0,
            bytes_in: 0,
        };
        self.recorder.broken(&request, now, failure.reason);
        self.last_done = self.last_done.max(now);
    }

    /// Give up requests whose time is over. Their connections may still bring the late reply, so they are closed.
    #[inline]
    fn expire(&mut self, now: u64) {
        while let Some(connection) = self.outstanding.first() {
            let request = self.pool.connections[connection as usize].request;
            let limit = request.sent + self.timeout;
            if limit > now {
                return;
            }
            self.outstanding.remove(connection);
            self.recorder.timeout(&request, limit);
            self.last_done = self.last_done.max(now);
            self.pool.reopen(connection);
        }
    }

    fn finish(mut self, finished: bool, cpu: u64, spun: u64) -> Outcome {
        let now = clock::now();
        let Line {
            mut begin, mut end, ..
        } = self.line;
        if !finished {
            // Stopped: the window ends here, and what would have become due later never did.
            (begin, end) = (begin.min(now), end.min(now));
            self.schedule.cut(now);
        }
        let mut drained = true;
        while let Some(connection) = self.outstanding.first() {
            drained = false;
            self.outstanding.remove(connection);
            self.recorder
                .unanswered(&self.pool.connections[connection as usize].request);
            // A reply that still comes must not be taken for that of the next phase.
            self.pool.reopen(connection);
        }
        let (lead_in, counted) = self.schedule.count_rest(self.line.begin);
        drained &= lead_in + counted == 0;
        self.recorder.not_sent(lead_in, counted);
        Outcome {
            tally: self.recorder.take(),
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

fn as_handshake(failure: Failure) -> Failure {
    match failure.reason {
        Reason::Closed | Reason::Reset => Failure::new(
            Reason::Tls,
            "the server ended the connection before its first reply; it may have refused our certificate",
        ),
        _ => failure,
    }
}
