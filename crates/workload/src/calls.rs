//! A service inside a graph: for each request that it answers it calls other services first.
//!
//! *Order*: when the service time of a request is over its calls go out, those of one stage at the same time, the next
//! stage when all of them have ended; then the request is answered. A call that fails with its last attempt lets those
//! beside it end, keeps later stages from being called, and makes the answer an error.
//!
//! *Why this way*: everything happens in the worker's own loop. Connections are kept by each worker for itself, so no
//! lock is taken and no thread is woken; what a call costs is what it costs in the process that is measured.
//!
//! *What it refuses*: to follow a client that leaves. Its calls are made to their end, so that the counts of a chain of
//! services add up whatever the load generator does.

mod connection;
mod exchange;
mod http1;
mod http2;
mod latency;
pub mod passed;
mod placing;
pub mod plan;
mod pool;
mod request;
mod slab;
mod stream;
pub mod tally;

use std::collections::VecDeque;
use std::sync::Arc;

use self::connection::Connection;
use self::exchange::{Ended, Ending};
use self::plan::Plan;
use self::pool::Pool;
use self::request::Prepared;
use self::slab::Slab;
use crate::counters::Counters;
use crate::http2::Fields;
use crate::random::Random;
use crate::sys::{Epoll, now_ns};
use crate::tls::CalleeTls;

/// Set in the tokens of connections to callees; places of a worker's own connections never come that far.
pub const OUTGOING: u64 = 1 << 31;
/// Random streams of calls begin here, so that service times and statuses do not move when calls are added.
const FIRST_STREAM: u64 = 1 << 32;
/// Room to read into (bytes).
const READ: usize = 64 * 1024;

/// What all workers are to do.
#[derive(Clone)]
pub struct Orders {
    pub plan: Arc<Plan>,
    /// Of each of the plan's callees; empty: calls are plain.
    pub tls: Vec<CalleeTls>,
    pub seed: u64,
}

/// A request whose calls have all ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// The token of the connection that it came on.
    pub guest: u64,
    /// Its stream in HTTP/2, else 0.
    pub stream: u32,
    /// Whether it must be answered with an error.
    pub failed: bool,
}

/// All calls that are made for one request.
struct Errand {
    guest: u64,
    stream: u32,
    passed: Fields,
    /// Index of the first of the plan's calls that was not looked at yet.
    next: usize,
    /// Calls that have not ended.
    open: u32,
    failed: bool,
}

/// One call of an errand.
struct Call {
    errand: u64,
    /// Index among the plan's.
    wanted: usize,
    begun_ns: u64,
    /// 0 for the first attempt.
    attempt: u32,
    /// Whether this attempt was sent again because nobody had heard it.
    resent: bool,
    /// The connection that it is on.
    on: Option<u64>,
}

/// The calls of one worker.
pub struct Calls {
    plan: Arc<Plan>,
    /// Of each callee; empty: calls are plain.
    tls: Vec<CalleeTls>,
    counters: Arc<Counters>,
    epoll: Epoll,
    prepared: Vec<Prepared>,
    /// One for each of the plan's calls, so that the shares of one do not depend on the others.
    shares: Vec<Random>,
    filler: Box<[u8]>,
    scratch: Box<[u8]>,
    errands: Slab<Errand>,
    calls: Slab<Call>,
    connections: Slab<Connection>,
    pools: Vec<Pool>,
    /// Calls that need a connection.
    agenda: VecDeque<u64>,
    /// Connections whose turn it is, and those whose turn is the next.
    turns: Vec<u64>,
    later: Vec<u64>,
    /// When attempts are given up, in that order: (due, call, attempt).
    deadlines: VecDeque<(u64, u64, u32)>,
    ended: Vec<Ended>,
    done: Vec<Done>,
}

impl Calls {
    /// The calls of worker number `worker`; `epoll` is the one that its loop waits on, `filler` what bodies are made of.
    pub fn new(
        orders: &Orders,
        worker: u64,
        filler: &[u8],
        counters: Arc<Counters>,
        epoll: Epoll,
    ) -> Self {
        let Orders { plan, tls, seed } = orders.clone();
        let prepare = |wanted: &plan::Wanted| {
            Prepared::new(wanted, &plan.callees[wanted.callee], !tls.is_empty())
        };
        let prepared: Vec<_> = plan.wanted.iter().map(prepare).collect();
        let shares =
            (0..prepared.len() as u64).map(|n| Random::new(seed, FIRST_STREAM * (worker + 1) + n));
        Calls {
            shares: shares.collect(),
            prepared,
            filler: filler.into(),
            scratch: vec![0; READ].into(),
            errands: Slab::default(),
            calls: Slab::default(),
            connections: Slab::default(),
            pools: plan.callees.iter().map(|_| Pool::default()).collect(),
            agenda: VecDeque::new(),
            turns: Vec::new(),
            later: Vec::new(),
            deadlines: VecDeque::new(),
            ended: Vec::new(),
            done: Vec::new(),
            plan,
            counters,
            tls,
            epoll,
        }
    }

    /// Makes the calls of one request. False where it has none to make: it is answered at once.
    pub fn begin(&mut self, guest: u64, stream: u32, passed: Fields) -> bool {
        let errand = self.errands.insert(Errand {
            guest,
            stream,
            passed,
            next: 0,
            open: 0,
            failed: false,
        });
        let begun = self.begin_stage(errand);
        if begun {
            self.settle();
        } else {
            self.errands.remove(errand);
        }
        begun
    }

    /// Requests whose calls have ended since this was asked last.
    pub fn take_done(&mut self) -> Vec<Done> {
        std::mem::take(&mut self.done)
    }

    /// epoll told of the connection with this token, `OUTGOING` taken off.
    pub fn on_event(&mut self, connection: u64, flags: u32) {
        if let Some(known) = self.connections.get(connection) {
            known.note_ready(flags);
            self.give_turn(connection);
            self.settle();
        }
    }

    /// When `on_time` wants to be called (CLOCK_MONOTONIC, ns); 0: now.
    pub fn next_ns(&mut self) -> Option<u64> {
        if !self.later.is_empty() || !self.done.is_empty() {
            return Some(0);
        }
        while let Some((due, call, attempt)) = self.deadlines.front().copied() {
            if self.is_under_way(call, attempt) {
                return Some(due);
            }
            self.deadlines.pop_front();
        }
        None
    }

    /// Gives up what took too long, and goes on with what was put off.
    pub fn on_time(&mut self, now_ns: u64) {
        for connection in std::mem::take(&mut self.later) {
            self.give_turn(connection);
        }
        while let Some((due, call, attempt)) = self.deadlines.front().copied()
            && due <= now_ns
        {
            self.deadlines.pop_front();
            if self.is_under_way(call, attempt) {
                self.counters.calls.timeouts.add(1);
                self.leave(call);
                self.fail_attempt(call);
            }
        }
        self.settle();
    }

    fn is_under_way(&mut self, call: u64, attempt: u32) -> bool {
        self.calls
            .get(call)
            .is_some_and(|known| known.attempt == attempt)
    }

    /// Begins the next stage in which there is a call to make; false where there is none.
    fn begin_stage(&mut self, number: u64) -> bool {
        let mut begun = Vec::new();
        let Some(errand) = self.errands.get(number) else {
            return false;
        };
        while begun.is_empty()
            && let Some(first) = self.plan.wanted.get(errand.next)
        {
            let of_stage = |wanted: &&plan::Wanted| wanted.stage == first.stage;
            for wanted in self.plan.wanted[errand.next..].iter().take_while(of_stage) {
                let index = errand.next;
                errand.next += 1;
                // Only a share is drawn: what always happens needs no chance.
                if wanted.share < 1.0 && self.shares[index].uniform() >= wanted.share {
                    continue;
                }
                for _ in 0..wanted.times {
                    begun.push(self.calls.insert(Call {
                        errand: number,
                        wanted: index,
                        begun_ns: 0,
                        attempt: 0,
                        resent: false,
                        on: None,
                    }));
                }
                let count = u64::from(wanted.times);
                self.counters.calls.calls.add(count);
                self.counters.calls.by_callee[wanted.callee].sent.add(count);
            }
        }
        errand.open = begun.len() as u32;
        let now = now_ns();
        for call in &begun {
            if let Some(call) = self.calls.get(*call) {
                call.begun_ns = now;
            }
            self.begin_attempt(*call, now);
        }
        !begun.is_empty()
    }

    fn begin_attempt(&mut self, number: u64, now_ns: u64) {
        if let (Some(timeout), Some(call)) = (self.plan.timeout_ns, self.calls.get(number)) {
            self.deadlines
                .push_back((now_ns + timeout, number, call.attempt));
        }
        self.agenda.push_back(number);
    }

    /// An attempt is over.
    fn end_attempt(&mut self, number: u64, ending: Ending) {
        let Some(call) = self.calls.get(number) else {
            return;
        };
        call.on = None;
        match ending {
            Ending::Well => self.end_call(number, true),
            Ending::Unheard if !call.resent => {
                call.resent = true;
                self.counters.calls.resends.add(1);
                self.agenda.push_back(number);
            }
            Ending::Unheard | Ending::Failed => self.fail_attempt(number),
        }
    }

    fn fail_attempt(&mut self, number: u64) {
        let Some(call) = self.calls.get(number) else {
            return;
        };
        if call.attempt == self.plan.retries {
            return self.end_call(number, false);
        }
        call.attempt += 1;
        call.resent = false;
        self.counters.calls.retries.add(1);
        self.begin_attempt(number, now_ns());
    }

    fn end_call(&mut self, number: u64, well: bool) {
        let Some(call) = self.calls.remove(number) else {
            return;
        };
        let callee = self.plan.wanted[call.wanted].callee;
        let tally = &self.counters.calls.by_callee[callee];
        if well {
            tally.ok.add(1);
            tally.latency.record(now_ns().saturating_sub(call.begun_ns));
        } else {
            tally.failed.add(1);
            self.counters.calls.failures.add(1);
        }
        let Some(errand) = self.errands.get(call.errand) else {
            return;
        };
        errand.open -= 1;
        errand.failed |= !well;
        if errand.open > 0 || !errand.failed && self.begin_stage(call.errand) {
            return;
        }
        if let Some(Errand {
            guest,
            stream,
            failed,
            ..
        }) = self.errands.remove(call.errand)
        {
            self.done.push(Done {
                guest,
                stream,
                failed,
            });
        }
    }
}

#[cfg(test)]
#[path = "calls/tests.rs"]
mod tests;
