//! All connections of one worker: opening them, opening them again, and finding a place for a request.
//!
//! A connection that breaks is opened again at once if it had served a reply, otherwise after a pause that doubles up to
//! one second, and only a few are opened at a time: a dead target sees no storm. Where each request has a connection of its
//! own, opening it is a part of the request and happens when that is due.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use crate::connection::{Connection, State};
use crate::dialogue::{Answer, Strays};
use crate::endpoint::{ConnectionFacts, Endpoint};
use crate::idle::Idle;
use crate::poller::Poller;
use crate::random::SplitMix;
use crate::reason::Failure;
use crate::request::Request;
use crate::transport::Buffers;
use crate::wake::Wake;

mod events;
mod opening;
mod sending;

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
    wake: Arc<Wake>,
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
        wake: Arc<Wake>,
        connect_timeout: u64,
        (worker, workers): (u32, u32),
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
            wake,
            facts: vec![ConnectionFacts::default(); targets],
            spoke: vec![false; targets],
            requests,
            opening: Vec::with_capacity(opening::OPENING_AT_ONCE),
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
            if !self.retire_old(connection, now) {
                return Some(slot);
            }
        }
    }

    /// Retire a connection that has reached its age.
    #[inline]
    fn retire_old(&mut self, connection: u32, now: u64) -> bool {
        let entry = &self.connections[connection as usize];
        let target = entry.target as usize;
        let old = entry.state == State::Open
            && now.saturating_sub(entry.opened_at) >= self.endpoints[target].oldest;
        if old {
            self.facts[target].retired += 1;
            self.retire(connection);
        }
        old
    }

    /// Whether a slot that was taken for later can take its request now. A connection that is too old is closed instead.
    pub(crate) fn still_usable(&mut self, slot: u32, now: u64) -> bool {
        self.usable(slot) && !self.retire_old(self.connection_of(slot), now)
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
        if entry.retiring || entry.dialogue().closing() {
            return self.retire(connection);
        }
        let place = slot - entry.first_slot;
        if entry.dialogue().room().is_some_and(|room| place < room) {
            self.idle[target].push(slot);
        }
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
