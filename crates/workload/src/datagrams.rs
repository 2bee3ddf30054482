//! The UDP listener of one worker: each datagram goes back to its sender as it came.
//!
//! In batches: one call receives up to 32, one sends their answers. An answer that must wait (service time, or held back
//! to be overtaken) is copied; all others go out of the memory they came into. *What it refuses*: to wait for room in
//! the socket. An answer that the kernel does not take at once is counted as unsent and gone, as on a full line.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, ErrorKind};
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, RawFd};

use crate::datagram_faults::{Fate, Fates, Faults};
use crate::mmsg::{self, BATCH, Batch, Peer};
use crate::service::Service;
use crate::sys::now_ns;

/// Receiving calls in one turn; then the connections get theirs.
const BUDGET: u32 = 4;
/// Answers that may wait at one time; a datagram that finds more waiting is not answered and counted as unsent.
const MOST_WAITING: usize = 65_536;
/// How long an answer is held back for another one to overtake it; then it goes out in its place.
const PATIENCE_NS: u64 = 100_000_000;

struct Waiting {
    due_ns: u64,
    /// Breaks ties: equal times leave in the order of arrival.
    number: u64,
    peer: Peer,
    payload: Vec<u8>,
}

impl Waiting {
    fn key(&self) -> (u64, u64) {
        (self.due_ns, self.number)
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

enum Payload {
    Received(usize),
    Own(Vec<u8>),
}

pub struct Datagrams {
    socket: UdpSocket,
    batch: Batch,
    fates: Fates,
    /// In service.
    waiting: BinaryHeap<Reverse<Waiting>>,
    /// Held back to be overtaken, in the order in which patience with them ends.
    held: Vec<Waiting>,
    outgoing: Vec<(Peer, Payload)>,
    received: u64,
}

impl Datagrams {
    pub fn new(socket: UdpSocket, faults: Faults) -> Self {
        Datagrams {
            socket,
            batch: Batch::new(),
            fates: Fates::new(faults),
            waiting: BinaryHeap::new(),
            held: Vec::new(),
            outgoing: Vec::new(),
            received: 0,
        }
    }

    pub fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// When it has something to send without anything arriving.
    pub fn next_ns(&self) -> Option<u64> {
        let waiting = self.waiting.peek().map(|Reverse(first)| first.due_ns);
        let held = self.held.first().map(|first| first.due_ns);
        waiting.into_iter().chain(held).min()
    }

    /// Takes what has arrived and answers what need not wait.
    pub fn on_readable(&mut self, service: &mut Service) -> io::Result<()> {
        for _ in 0..BUDGET {
            let n = match self.batch.receive(self.fd()) {
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            for index in 0..n {
                self.take(index, service);
            }
            self.send(service);
            if n < BATCH {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Sends what has become due.
    pub fn on_time(&mut self, service: &mut Service) {
        let now = now_ns();
        while self
            .waiting
            .peek()
            .is_some_and(|Reverse(first)| first.due_ns <= now)
        {
            if let Some(Reverse(first)) = self.waiting.pop() {
                self.answer(first.peer, Payload::Own(first.payload), service);
            }
        }
        while self.held.first().is_some_and(|first| first.due_ns <= now) {
            let alone = self.held.remove(0);
            self.outgoing
                .push((alone.peer, Payload::Own(alone.payload)));
        }
        self.send(service);
    }

    fn take(&mut self, index: usize, service: &mut Service) {
        let counters = service.counters.clone();
        counters.udp_in.add(1);
        counters
            .udp_bytes_in
            .add(self.batch.payload(index).len() as u64);
        if self.fates.drops() {
            counters.udp_dropped.add(1);
            return;
        }
        let peer = self.batch.peer(index);
        match service.serve() {
            Some(_) if self.waiting.len() >= MOST_WAITING => counters.udp_unsent.add(1),
            Some(due_ns) => {
                self.received += 1;
                self.waiting.push(Reverse(Waiting {
                    due_ns,
                    number: self.received,
                    peer,
                    payload: self.batch.payload(index).to_vec(),
                }));
            }
            None => {
                self.answer(peer, Payload::Received(index), service);
                if service.is_busy() {
                    // A single server: its answer does not wait for the service of the next.
                    self.send(service);
                }
            }
        }
    }

    /// Puts one answer, and the one that it overtakes, among the outgoing.
    fn answer(&mut self, peer: Peer, payload: Payload, service: &Service) {
        let fate = self.fates.next();
        let overtaken = self.held.iter().position(|held| held.peer == peer);
        if fate == Fate::Overtaken && overtaken.is_none() && self.held.len() < MOST_WAITING {
            self.received += 1;
            self.held.push(Waiting {
                due_ns: now_ns() + PATIENCE_NS,
                number: self.received,
                peer,
                payload: self.bytes(&payload).to_vec(),
            });
            return;
        }
        if fate == Fate::Twice {
            service.counters.udp_duplicated.add(1);
            let again = Payload::Own(self.bytes(&payload).to_vec());
            self.outgoing.push((peer, again));
        }
        self.outgoing.push((peer, payload));
        if let Some(position) = overtaken {
            service.counters.udp_reordered.add(1);
            let late = self.held.remove(position);
            self.outgoing.push((late.peer, Payload::Own(late.payload)));
        }
    }

    fn bytes<'a>(&'a self, payload: &'a Payload) -> &'a [u8] {
        match payload {
            Payload::Received(index) => self.batch.payload(*index),
            Payload::Own(bytes) => bytes,
        }
    }

    fn send(&mut self, service: &Service) {
        let counters = &service.counters;
        // Counted first: a client that has its answer must find it counted.
        counters.udp_out.add(self.outgoing.len() as u64);
        for (_, payload) in &self.outgoing {
            counters.udp_bytes_out.add(self.bytes(payload).len() as u64);
        }
        let mut next = 0;
        while next < self.outgoing.len() {
            let rest = self.outgoing[next..].iter();
            let rest = rest.map(|(peer, payload)| (peer, self.bytes(payload)));
            match mmsg::send(self.fd(), rest) {
                Ok(n) => next += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    // Of a batch the kernel reports an error only for its first datagram.
                    let length = self.bytes(&self.outgoing[next].1).len() as u64;
                    counters.udp_out.take_back(1);
                    counters.udp_bytes_out.take_back(length);
                    counters.udp_unsent.add(1);
                    next += 1;
                }
            }
        }
        self.outgoing.clear();
    }
}
