//! All connections of one worker: opening them, opening them again, and finding one that is idle.
//!
//! Pooled model: any idle connection of a target takes the next due request, the one that has been idle longest first.
//! A connection that breaks is opened again at once if it had served a reply, otherwise after a pause that doubles up to
//! one second, and only a few are opened at a time: a dead target sees no storm.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io;
use std::sync::Arc;

use crate::clock;
use crate::codec::Reply;
use crate::connection::{Connection, State, Step};
use crate::endpoint::{ConnectionFacts, Endpoint};
use crate::poller::{Poller, WAKE};
use crate::reason::{Failure, Reason};
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
    Reply(u32, Reply),
    /// The connection broke; `busy`: while a request was on its way.
    Broken {
        connection: u32,
        busy: bool,
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
    pub(crate) facts: Vec<ConnectionFacts>,
    pub(crate) endpoints: Arc<[Endpoint]>,
    /// By target: whether a reply has ever come.
    pub(crate) spoke: Vec<bool>,
    idle: Vec<VecDeque<u32>>,
    mine: Vec<usize>,
    opening: Vec<u32>,
    reopen: BinaryHeap<Reverse<(u64, u32)>>,
    pending: VecDeque<Event>,
    buffers: Buffers,
    connect_timeout: u64,
    checked: u64,
}

impl Pool {
    /// The connections that belong to worker `worker` of `workers`; none of them is open yet.
    pub(crate) fn new(
        endpoints: Arc<[Endpoint]>,
        poller: Poller,
        connect_timeout: u64,
        worker: u32,
        workers: u32,
    ) -> Self {
        let (mut connections, mut mine) = (Vec::new(), Vec::new());
        for (target, endpoint) in endpoints.iter().enumerate() {
            let share = share(endpoint.connections, worker, workers);
            mine.push(share as usize);
            connections.extend((0..share).map(|_| Connection::new(target as u32, endpoint)));
        }
        Self {
            poller,
            facts: vec![ConnectionFacts::default(); endpoints.len()],
            spoke: vec![false; endpoints.len()],
            idle: mine
                .iter()
                .map(|&count| VecDeque::with_capacity(count))
                .collect(),
            reopen: (0..connections.len() as u32)
                .map(|connection| Reverse((0, connection)))
                .collect(),
            mine,
            connections,
            endpoints,
            opening: Vec::with_capacity(OPENING_AT_ONCE),
            pending: VecDeque::new(),
            buffers: Buffers::new(),
            connect_timeout,
            checked: 0,
        }
    }

    /// Whether every connection of a target is idle.
    pub(crate) fn all_idle(&self, target: usize) -> bool {
        self.idle[target].len() == self.mine[target]
    }

    #[inline]
    pub(crate) fn has_idle(&self, target: usize) -> bool {
        !self.idle[target].is_empty()
    }

    #[inline]
    pub(crate) fn take_idle(&mut self, target: usize) -> Option<u32> {
        self.idle[target].pop_front()
    }

    #[inline]
    pub(crate) fn give_idle(&mut self, connection: u32) {
        let target = self.connections[connection as usize].target;
        self.idle[target as usize].push_back(connection);
    }

    /// Close a connection and open it again, after a pause when it never worked.
    pub(crate) fn reopen(&mut self, connection: u32) {
        let entry = &mut self.connections[connection as usize];
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
        self.reopen
            .push(Reverse((clock::now() + pause, connection)));
    }

    /// Begin to open what is due, and give up attempts that take too long.
    #[inline]
    pub(crate) fn housekeeping(&mut self, now: u64) {
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
            let entry = &mut self.connections[connection as usize];
            let endpoint = &self.endpoints[entry.target as usize];
            let watched = entry.open(endpoint).and_then(|descriptor| {
                let token = token(connection, entry.generation);
                self.poller.add(descriptor, token).map_err(Failure::from)
            });
            match watched {
                Ok(()) => self.opening.push(connection),
                Err(failure) => self.not_opened(connection, failure),
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
                        _ => Failure::new(Reason::ConnectTimeout, "no answer in time"),
                    };
                    self.not_opened(connection, failure);
                }
            }
        }
    }

    fn not_opened(&mut self, connection: u32, failure: Failure) {
        self.facts[self.connections[connection as usize].target as usize].failed += 1;
        self.reopen(connection);
        self.pending.push_back(Event::NotOpened {
            connection,
            failure,
        });
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
        if let Some(event) = self.pending.pop_front() {
            return Some(event);
        }
        while let Some((token, flags)) = self.poller.event(*position) {
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
            match entry.ready(flags, &mut self.buffers) {
                Step::Nothing => {}
                Step::Reply(reply) => {
                    self.spoke[entry.target as usize] = true;
                    return Some(Event::Reply(connection, reply));
                }
                Step::Opened => self.opened(connection),
                Step::Failed(failure) => match before {
                    State::Connecting | State::Handshaking => {
                        self.not_opened(connection, failure);
                        return self.pending.pop_front();
                    }
                    State::Busy => {
                        return Some(Event::Broken {
                            connection,
                            busy: true,
                            failure,
                        });
                    }
                    State::Idle | State::Closed => {
                        let target = entry.target as usize;
                        self.idle[target].retain(|&other| other != connection);
                        return Some(Event::Broken {
                            connection,
                            busy: false,
                            failure,
                        });
                    }
                },
            }
        }
        None
    }

    fn opened(&mut self, connection: u32) {
        let now = clock::now();
        let entry = &mut self.connections[connection as usize];
        let facts = &mut self.facts[entry.target as usize];
        if entry.opened_before {
            facts.reopened += 1;
        } else {
            facts.opened += 1;
            entry.opened_before = true;
        }
        if let Some(session) = entry.transport().session() {
            facts.note(session, now.saturating_sub(entry.opening_since));
        }
        entry.free_since = now;
        self.opening.retain(|&other| other != connection);
        self.give_idle(connection);
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
