//! All connections of one worker: opening them, opening them again, and finding a place for a request.
//!
//! A connection that breaks is opened again at once if it had served a reply, otherwise after a pause that doubles up to
//! one second, and only a few are opened at a time: a dead target sees no storm. Where each request has a connection of its
//! own, opening it is a part of the request and happens when that is due.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io;
use std::ops::Range;
use std::sync::Arc;

use crate::clock;
use crate::connection::{Connection, State, Step};
use crate::dialogue::{Answer, Ending, Strays};
use crate::endpoint::{ConnectionFacts, Endpoint};
use crate::idle::Idle;
use crate::poller::{Poller, WAKE};
use crate::random::SplitMix;
use crate::reason::{Failure, Reason};
use crate::request::Request;
use crate::transport::Buffers;

/// Connections that one worker opens at the same time.
const OPENING_AT_ONCE: usize = 32;
const FIRST_PAUSE_NS: u64 = 5_000_000;
const LONGEST_PAUSE_NS: u64 = 1_000_000_000;
/// How often attempts to connect are checked against their time limit.
const CHECK_NS: u64 = 20_000_000;

/// Something that happened on a connection and that the phase must know.
#[derive(Debug)]
pub(crate) enum Event {
    Answer(u32, Answer),
    /// The connection that this slot's request was waiting for is open.
    Carried(u32),
    /// The connection broke; whatever was under way on it is lost.
    Broken {
        connection: u32,
        failure: Failure,
    },
    /// It could not be opened.
    NotOpened {
        connection: u32,
        failure: Failure,
    },
}

pub(crate) struct Pool {
    pub(crate) poller: Poller,
    pub(crate) connections: Vec<Connection>,
    /// By slot.
    pub(crate) requests: Vec<Request>,
    pub(crate) facts: Vec<ConnectionFacts>,
    pub(crate) endpoints: Arc<[Endpoint]>,
    /// By target: whether a reply has ever come.
    pub(crate) spoke: Vec<bool>,
    pub(crate) buffers: Buffers,
    /// By target: its slots, those of connections it may grow by included.
    slots: Vec<Range<u32>>,
    idle: Vec<Idle>,
    /// By target: connections that belong to this worker from the beginning, and those that are open.
    mine: Vec<usize>,
    open: Vec<usize>,
    /// By target: connections that are opened only when the others do not suffice.
    spare: Vec<Vec<u32>>,
    opening: Vec<u32>,
    reopen: BinaryHeap<Reverse<(u64, u32)>>,
    answers: Vec<Answer>,
    /// How many of `answers` were handed on, and the connection they are of.
    handed: usize,
    answering: u32,
    pending: VecDeque<(u32, Event)>,
    /// Connections with requests to flush.
    dirty: Vec<u32>,
    connect_timeout: u64,
    checked: u64,
}

impl Pool {
    /// The connections that belong to worker `worker` of `workers`; none of them is open yet.
    pub(crate) fn new(
        endpoints: Arc<[Endpoint]>,
        poller: Poller,
        buffers: Buffers,
        connect_timeout: u64,
        worker: u32,
        workers: u32,
    ) -> Self {
        let mut connections: Vec<Connection> = Vec::new();
        let (mut mine, mut slots, mut idle) = (Vec::new(), Vec::new(), Vec::new());
        let (mut spare, mut reopen) = (Vec::new(), BinaryHeap::new());
        let mut next_slot = 0;
        for (target, endpoint) in endpoints.iter().enumerate() {
            let first = share(endpoint.connections, worker, workers);
            let most = share(endpoint.max_connections, worker, workers).max(first);
            let base = next_slot;
            let mut kept = Vec::new();
            for number in 0..most {
                let connection = connections.len() as u32;
                connections.push(Connection::new(target as u32, next_slot, endpoint));
                next_slot += endpoint.places;
                if number < first {
                    reopen.push(Reverse((0, connection)));
                } else {
                    kept.push(connection);
                }
            }
            let seed = SplitMix::stream(target as u64, &[u64::from(worker)]).next();
            idle.push(Idle::new(endpoint.selection, base..next_slot, seed));
            slots.push(base..next_slot);
            mine.push(first as usize);
            spare.push(kept);
        }
        let targets = endpoints.len();
        let mut requests = vec![Request::default(); next_slot as usize];
        for (number, entry) in connections.iter().enumerate() {
            let places = endpoints[entry.target as usize].places;
            let slots = entry.first_slot as usize..(entry.first_slot + places) as usize;
            requests[slots]
                .iter_mut()
                .for_each(|slot| slot.connection = number as u32);
        }
        Self {
            poller,
            facts: vec![ConnectionFacts::default(); targets],
            spoke: vec![false; targets],
            requests,
            opening: Vec::with_capacity(OPENING_AT_ONCE),
            open: vec![0; targets],
            answers: Vec::with_capacity(256),
            handed: 0,
            answering: 0,
            pending: VecDeque::new(),
            dirty: Vec::new(),
            checked: 0,
            slots,
            idle,
            mine,
            spare,
            reopen,
            connections,
            endpoints,
            buffers,
            connect_timeout,
        }
    }

    /// Whether every connection of a target is ready for requests.
    pub(crate) fn settled(&self, target: usize) -> bool {
        if self.endpoints[target].on_demand() {
            self.idle[target].len() >= self.mine[target]
        } else {
            self.open[target] >= self.mine[target]
        }
    }

    /// This worker's connections to a target, without those it may grow by.
    pub(crate) fn own_connections(&self, target: usize) -> usize {
        self.mine[target]
    }

    pub(crate) fn slots(&self, target: usize) -> Range<u32> {
        self.slots[target].clone()
    }

    /// The connection that a slot belongs to.
    #[inline]
    pub(crate) fn connection_of(&self, slot: u32) -> u32 {
        self.requests[slot as usize].connection
    }

    #[inline]
    pub(crate) fn has_idle(&self, target: usize) -> bool {
        self.idle[target].len() > 0
    }

    /// An idle slot for a request that goes out now. Connections that are too old are closed on the way.
    #[inline]
    pub(crate) fn take_idle(&mut self, target: usize, now: u64) -> Option<u32> {
        loop {
            let slot = self.idle[target].take()?;
            let connection = self.connection_of(slot);
            let entry = &self.connections[connection as usize];
            if entry.state == State::Open
                && now.saturating_sub(entry.opened_at) >= self.endpoints[target].oldest
            {
                self.facts[target].retired += 1;
                self.retire(connection);
                continue;
            }
            return Some(slot);
        }
    }

    /// Whether a slot that was taken for later can still take a request.
    pub(crate) fn usable(&self, slot: u32) -> bool {
        let request = &self.requests[slot as usize];
        let entry = &self.connections[request.connection as usize];
        let on_demand = self.endpoints[entry.target as usize].on_demand();
        let open = entry.state == State::Open || (on_demand && entry.state == State::Closed);
        open && !entry.retiring && !request.under_way
    }

    /// Whether the slot whose request has just ended can take another one at once.
    #[inline]
    pub(crate) fn reusable(&mut self, slot: u32) -> bool {
        let entry = &mut self.connections[self.requests[slot as usize].connection as usize];
        let endpoint = &self.endpoints[entry.target as usize];
        entry.state == State::Open
            && !entry.retiring
            && entry.served < endpoint.most_requests
            && endpoint.oldest == u64::MAX
            && !entry.dialogue().closing()
            && entry
                .dialogue()
                .room()
                .is_some_and(|room| slot - entry.first_slot < room)
    }

    /// The slot takes another request at once instead of coming free.
    #[inline]
    pub(crate) fn reuse(&mut self, slot: u32) {
        let entry = &mut self.connections[self.requests[slot as usize].connection as usize];
        entry.busy = entry.busy.saturating_sub(1);
    }

    /// The slots of a connection.
    pub(crate) fn slots_of(&self, connection: u32) -> Range<u32> {
        let entry = &self.connections[connection as usize];
        entry.first_slot..entry.first_slot + self.endpoints[entry.target as usize].places
    }

    /// Put back a slot that was taken and not used.
    pub(crate) fn lay_by(&mut self, slot: u32) {
        let target = self.connections[self.connection_of(slot) as usize].target as usize;
        self.idle[target].push(slot);
    }

    /// The request of a slot has ended: the slot may take another one, or its connection has done its part.
    #[inline]
    pub(crate) fn give_back(&mut self, slot: u32) {
        let connection = self.connection_of(slot);
        let entry = &mut self.connections[connection as usize];
        let target = entry.target as usize;
        entry.busy = entry.busy.saturating_sub(1);
        if self.endpoints[target].on_demand() {
            return self.reopen(connection);
        }
        if entry.state != State::Open {
            return;
        }
        if !entry.retiring {
            if entry.served >= self.endpoints[target].most_requests {
                self.facts[target].retired += 1;
                return self.retire(connection);
            }
            if !entry.dialogue().closing() {
                let place = slot - entry.first_slot;
                if entry.dialogue().room().is_some_and(|room| place < room) {
                    self.idle[target].push(slot);
                }
                return;
            }
        }
        self.retire(connection);
    }

    /// Let a connection end with the requests that are under way on it.
    pub(crate) fn retire(&mut self, connection: u32) {
        let entry = &mut self.connections[connection as usize];
        if entry.busy == 0 {
            return self.reopen(connection);
        }
        entry.retiring = true;
        self.forget_idle(connection);
    }

    fn forget_idle(&mut self, connection: u32) {
        let target = self.connections[connection as usize].target as usize;
        for slot in self.slots_of(connection) {
            self.idle[target].remove(slot);
        }
    }

    /// Close a connection and open it again, after a pause when it never worked.
    pub(crate) fn reopen(&mut self, connection: u32) {
        self.forget_idle(connection);
        let entry = &mut self.connections[connection as usize];
        let target = entry.target as usize;
        if entry.state == State::Open {
            self.open[target] -= 1;
        }
        let worked = entry.served > 0 || entry.failures == 0;
        if entry.served > 0 {
            entry.failures = 0;
        }
        let pause = match worked {
            true => 0,
            false => (FIRST_PAUSE_NS << entry.failures.min(10)).min(LONGEST_PAUSE_NS),
        };
        entry.failures += 1;
        entry.close();
        self.opening.retain(|&other| other != connection);
        if self.endpoints[target].on_demand() && self.connections[connection as usize].opened_before
        {
            let slot = self.connections[connection as usize].first_slot;
            self.idle[target].push(slot);
        } else {
            self.reopen
                .push(Reverse((clock::now() + pause, connection)));
        }
    }

    /// Open a further connection to a target that may grow. At most a few are opened at a time.
    pub(crate) fn grow(&mut self, target: usize) {
        if self.opening.len() < OPENING_AT_ONCE
            && let Some(connection) = self.spare[target].pop()
        {
            self.facts[target].grown += 1;
            self.reopen.push(Reverse((0, connection)));
        }
    }

    /// Open the connection of a slot whose request is waiting for it. True when it is under way.
    pub(crate) fn open_for(&mut self, slot: u32) -> Result<(), Failure> {
        let connection = self.connection_of(slot);
        self.begin_opening(connection)?;
        self.connections[connection as usize].carries = Some(slot);
        Ok(())
    }

    fn begin_opening(&mut self, connection: u32) -> Result<(), Failure> {
        let entry = &mut self.connections[connection as usize];
        let endpoint = &self.endpoints[entry.target as usize];
        let descriptor = entry.open(endpoint)?;
        let token = token(connection, entry.generation);
        self.poller.add(descriptor, token)?;
        self.opening.push(connection);
        Ok(())
    }

    /// Begin to open what is due, and give up attempts that take too long.
    #[inline]
    pub(crate) fn housekeeping(&mut self, now: u64) {
        if let Some(clock) = &mut self.buffers.arrivals {
            clock.refresh(now);
        }
        if !self.reopen.is_empty() || !self.opening.is_empty() {
            self.open_due(now);
        }
    }

    fn open_due(&mut self, now: u64) {
        while self.opening.len() < OPENING_AT_ONCE
            && self
                .reopen
                .peek()
                .is_some_and(|Reverse((due, _))| *due <= now)
        {
            let Some(Reverse((_, connection))) = self.reopen.pop() else {
                break;
            };
            if let Err(failure) = self.begin_opening(connection) {
                self.not_opened(connection, failure);
            }
        }
        if now.saturating_sub(self.checked) >= CHECK_NS {
            self.checked = now;
            for connection in self.opening.clone() {
                let entry = &self.connections[connection as usize];
                if now.saturating_sub(entry.opening_since) > self.connect_timeout {
                    let failure = match entry.state {
                        State::Handshaking => {
                            Failure::new(Reason::Tls, "the TLS handshake took too long")
                        }
                        State::Greeting => Failure::new(
                            Reason::Malformed,
                            "the server did not say its HTTP/2 settings",
                        ),
                        _ => Failure::new(Reason::ConnectTimeout, "no answer in time"),
                    };
                    self.not_opened(connection, failure);
                }
            }
        }
    }

    fn not_opened(&mut self, connection: u32, failure: Failure) {
        let entry = &self.connections[connection as usize];
        self.facts[entry.target as usize].failed += 1;
        let event = Event::NotOpened {
            connection,
            failure,
        };
        if entry.carries.is_none() {
            self.reopen(connection);
        } else {
            self.opening.retain(|&other| other != connection);
        }
        let generation = self.connections[connection as usize].generation;
        self.pending.push_back((generation, event));
    }

    /// When `housekeeping` has something to do next [ns].
    #[inline]
    pub(crate) fn next_housekeeping(&self, now: u64) -> u64 {
        if self.reopen.is_empty() && self.opening.is_empty() {
            return u64::MAX;
        }
        let check = if self.opening.is_empty() {
            u64::MAX
        } else {
            now + CHECK_NS
        };
        match self.reopen.peek() {
            Some(Reverse((due, _))) if self.opening.len() < OPENING_AT_ONCE => check.min(*due),
            _ => check,
        }
    }

    /// Write the request of a slot; `flush_gathered` or `flush` sends it. Returns its bytes, before TLS.
    #[inline]
    pub(crate) fn begin(&mut self, slot: u32) -> u64 {
        let connection = self.connection_of(slot);
        self.connections[connection as usize].begin(slot)
    }

    /// Send what a connection has to send. Returns the bytes that went to the socket.
    #[inline]
    pub(crate) fn flush(&mut self, connection: u32) -> Result<u64, Failure> {
        let before = self.answers.len();
        let entry = &mut self.connections[connection as usize];
        let sent = entry.flush(&mut self.answers);
        if self.answers.len() > before {
            let (first_slot, generation) = (entry.first_slot, entry.generation);
            for answer in self.answers.drain(before..) {
                let event = Event::Answer(first_slot + answer.place, answer);
                self.pending.push_back((generation, event));
            }
        }
        sent
    }

    /// Remember that a slot's request is to be flushed together with others.
    #[inline]
    pub(crate) fn gather(&mut self, slot: u32) {
        let connection = self.connection_of(slot);
        let unsent = &mut self.connections[connection as usize].unsent;
        if unsent.is_empty() {
            self.dirty.push(connection);
        }
        unsent.push(slot);
    }

    /// A connection with gathered requests, and these; None when all were taken.
    #[inline]
    pub(crate) fn next_gathered(&mut self) -> Option<(u32, Vec<u32>)> {
        loop {
            let connection = self.dirty.pop()?;
            let unsent = std::mem::take(&mut self.connections[connection as usize].unsent);
            if !unsent.is_empty() {
                return Some((connection, unsent));
            }
        }
    }

    /// Give the emptied list back, so that gathering allocates nothing.
    #[inline]
    pub(crate) fn put_back(&mut self, connection: u32, mut unsent: Vec<u32>) {
        unsent.clear();
        self.connections[connection as usize].unsent = unsent;
    }

    /// Wait for readiness; the events are then taken with `next_event` from position 0 on.
    #[inline]
    pub(crate) fn wait(&mut self, until: u64, precise: bool) -> io::Result<()> {
        if self.pending.is_empty() {
            self.poller.wait(until, precise)
        } else {
            self.poller.wait(0, false)
        }
    }

    /// Handle the ready socket at `position` of the last wait and go on from there; None when all are handled.
    #[inline]
    pub(crate) fn next_event(&mut self, position: &mut usize) -> Option<Event> {
        loop {
            if self.handed < self.answers.len() {
                let slot = self.connections[self.answering as usize].first_slot;
                let answer = std::mem::replace(
                    &mut self.answers[self.handed],
                    Answer::new(0, Ending::Reset),
                );
                self.handed += 1;
                return Some(Event::Answer(slot + answer.place, answer));
            }
            if self.handed > 0 {
                self.answers.clear();
                self.handed = 0;
            }
            if let Some(event) = self.next_pending() {
                return Some(event);
            }
            let (token, flags) = self.poller.event(*position)?;
            *position += 1;
            if token == WAKE {
                continue;
            }
            let connection = token as u32;
            let entry = &mut self.connections[connection as usize];
            // An event of a socket that was closed earlier in this very batch.
            if entry.generation != (token >> 32) as u32 {
                continue;
            }
            let before = entry.state;
            let target = entry.target as usize;
            let endpoint = &self.endpoints[target];
            let step = entry.ready(flags, endpoint, &mut self.buffers, &mut self.answers);
            let generation = entry.generation;
            self.answering = connection;
            if !self.answers.is_empty() {
                self.spoke[target] = true;
            }
            match step {
                // The peer says that it takes no more: what is under way may end.
                Step::Nothing if entry.state == State::Open && entry.dialogue().closing() => {
                    self.retire(connection);
                }
                Step::Nothing => {}
                Step::Opened => self.opened(connection),
                Step::Failed(failure) => match before {
                    State::Connecting | State::Handshaking | State::Greeting => {
                        self.not_opened(connection, failure);
                    }
                    State::Open | State::Closed => {
                        let event = Event::Broken {
                            connection,
                            failure,
                        };
                        self.forget_idle(connection);
                        self.pending.push_back((generation, event));
                    }
                },
            }
        }
    }

    /// The next event that is still about the socket it was noted for.
    fn next_pending(&mut self) -> Option<Event> {
        while let Some((generation, event)) = self.pending.pop_front() {
            let connection = match &event {
                Event::Answer(slot, _) | Event::Carried(slot) => self.connection_of(*slot),
                Event::Broken { connection, .. } | Event::NotOpened { connection, .. } => {
                    *connection
                }
            };
            if self.connections[connection as usize].generation == generation {
                return Some(event);
            }
        }
        None
    }

    fn opened(&mut self, connection: u32) {
        let now = clock::now();
        let entry = &mut self.connections[connection as usize];
        let target = entry.target as usize;
        let facts = &mut self.facts[target];
        if entry.opened_before {
            facts.reopened += 1;
        } else {
            facts.opened += 1;
            entry.opened_before = true;
        }
        let shaken = entry.transport().session().is_some();
        let connected = if shaken { entry.shaking_since } else { now };
        facts.note_connect(connected.saturating_sub(entry.opening_since));
        if let Some(session) = entry.transport().session() {
            facts.note(session, now.saturating_sub(entry.shaking_since));
        }
        let places = self.endpoints[target].places;
        let room = entry.dialogue().room().unwrap_or(0);
        if places > 1 || room != 1 {
            facts.note_streams(room);
        }
        self.opening.retain(|&other| other != connection);
        self.open[target] += 1;
        let (generation, first) = (entry.generation, entry.first_slot);
        if let Some(slot) = entry.carries {
            return self.pending.push_back((generation, Event::Carried(slot)));
        }
        if self.endpoints[target].on_demand() {
            // A first try that showed that the target is there.
            return self.reopen(connection);
        }
        for slot in first..first + places.min(room) {
            self.requests[slot as usize].free_since = now;
            self.idle[target].push(slot);
        }
    }

    /// Everything that was seen of datagrams since this was asked last.
    pub(crate) fn take_strays(&mut self, target: usize) -> Strays {
        let mut sum = Strays::default();
        for entry in &mut self.connections {
            if entry.target as usize == target {
                sum.add(entry.dialogue().take_strays());
            }
        }
        sum
    }
}

/// How many of `connections` belong to worker `worker`: those with numbers congruent to it.
pub(crate) fn share(connections: u32, worker: u32, workers: u32) -> u32 {
    connections / workers + u32::from(worker < connections % workers)
}

fn token(connection: u32, generation: u32) -> u64 {
    (u64::from(generation) << 32) | u64::from(connection)
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn every_connection_has_one_worker() {
        for connections in 1..40 {
            for workers in 1..9 {
                let shares: Vec<u32> = (0..workers)
                    .map(|worker| share(connections, worker, workers))
                    .collect();
                assert_eq!(shares.iter().sum::<u32>(), connections);
                assert!(
                    shares.is_sorted_by(|a, b| a >= b) && shares[0] - shares[shares.len() - 1] <= 1
                );
            }
        }
    }
}
