//! How requests end: with a reply, with their connection, with their time.

use crate::LoadError;
use crate::clock;
use crate::dialogue::{Answer, Ending};
use crate::phase::{FAILED_PAUSE_NS, PhaseLoop};
use crate::reason::{Failure, Reason};
use crate::request::Request;

impl PhaseLoop<'_> {
    #[inline]
    pub(super) fn answer(&mut self, slot: u32, answer: Answer) -> Result<(), LoadError> {
        let now = clock::now();
        let target = self.target_of(slot);
        if !self.outstanding[target].holds(slot) {
            return Ok(());
        }
        if let Ending::Redirect(reply, redirect) = answer.ending {
            return self.redirected(slot, target, reply, redirect, answer.received, now);
        }
        self.outstanding[target].remove(slot);
        match answer.ending {
            Ending::Reply(reply) => {
                let request = &self.pool.requests[slot as usize];
                let received = answer.received.max(request.sent);
                // How late it was read, only the kernel knows.
                let read = if answer.stamped { now } else { received };
                self.recorder
                    .replied(request, reply, received, read, answer.bytes_in);
                self.free(slot, reply.keep, received, now)
            }
            ending => {
                let reason = match ending {
                    Ending::Reset => Reason::Reset,
                    _ => Reason::Malformed,
                };
                self.recorder
                    .broken(&self.pool.requests[slot as usize], now, reason);
                self.free(slot, true, now, now)
            }
        }
    }

    /// The request in a slot has ended: let its slot take the next one.
    #[inline]
    pub(super) fn free(
        &mut self,
        slot: u32,
        keep: bool,
        received: u64,
        now: u64,
    ) -> Result<(), LoadError> {
        self.last_done = self.last_done.max(now);
        let target = self.target_of(slot);
        let request = &mut self.pool.requests[slot as usize];
        request.under_way = false;
        request.free_since = received;
        let position = self.flow_of[target];
        if self.closed {
            let next = self.next_flow(position);
            self.flows[next].follow(Some(slot), now + self.think);
        }
        if !keep {
            let connection = self.pool.connection_of(slot);
            let entry = &mut self.pool.connections[connection as usize];
            entry.busy = entry.busy.saturating_sub(1);
            self.pool.retire(connection);
            return Ok(());
        }
        // A backlog is served at once on the slot that came free; otherwise the slot queues up as idle.
        if self.pool.reusable(slot)
            && let Some(due) = self.flows[position].take_for(self.pool, now)
        {
            self.pool.reuse(slot);
            return self.send(slot, due);
        }
        self.pool.give_back(slot);
        Ok(())
    }

    #[inline]
    fn next_flow(&mut self, position: usize) -> usize {
        if self.flows.len() == 1 {
            position
        } else {
            self.drawn_flow()
        }
    }

    /// A request that could not be written.
    pub(super) fn lost(&mut self, slot: u32, reason: Reason) {
        let now = clock::now();
        let target = self.target_of(slot);
        self.outstanding[target].remove(slot);
        let request = &mut self.pool.requests[slot as usize];
        request.under_way = false;
        self.recorder.broken(request, now, reason);
        self.last_done = self.last_done.max(now);
        self.replace(slot, now);
    }

    /// The connection that a request has for itself could not be opened.
    pub(super) fn not_carried(&mut self, slot: u32, reason: Reason) {
        let think = self.think;
        // A target that is gone is not stormed.
        self.think = think.max(FAILED_PAUSE_NS);
        self.lost(slot, reason);
        self.think = think;
        self.pool.give_up_opening(slot);
    }

    /// In a closed loop: another request takes the place of one that failed.
    fn replace(&mut self, slot: u32, now: u64) {
        if self.closed {
            let position = self.flow_of[self.target_of(slot)];
            let next = self.next_flow(position);
            self.flows[next].follow(Some(slot), now + self.think);
        }
    }

    /// A connection broke: everything that was under way on it has failed.
    pub(super) fn broken(&mut self, connection: u32, failure: Failure) -> Result<(), LoadError> {
        let target = self.pool.connections[connection as usize].target as usize;
        if !self.pool.spoke[target] && self.hopeless(target, &failure) {
            return Err(self.pool.endpoints[target].unusable(as_handshake(failure)));
        }
        for slot in self.pool.slots_of(connection) {
            if self.outstanding[target].holds(slot) {
                self.lost(slot, failure.reason);
            }
        }
        for slot in self.pool.take_gathered(connection) {
            self.recorder.offered(&self.pool.requests[slot as usize]);
            self.lost(slot, failure.reason);
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
    pub(super) fn not_opened(&mut self, connection: u32, failure: &Failure) {
        let now = clock::now();
        let entry = &mut self.pool.connections[connection as usize];
        let target = entry.target as usize;
        if let Some(slot) = entry.carries.take() {
            self.not_carried(slot, failure.reason);
            return;
        }
        let position = self.flow_of[target];
        if position == usize::MAX || self.pool.has_idle(target) {
            return;
        }
        let slots = self.pool.slots_of(connection);
        let first = slots.start;
        let Some(due) = self.flows[position].take_waiting(self.pool, slots, now) else {
            return;
        };
        let request = Request {
            due,
            sent: now,
            counted: due >= self.window.begin,
            ..Request::default()
        };
        self.recorder.offered(&request);
        self.recorder.broken(&request, now, failure.reason);
        self.last_done = self.last_done.max(now);
        self.replace(first, now);
    }

    /// Give up requests whose time is over. A connection that may still bring the late reply is closed, unless its
    /// protocol can tell that reply from others.
    #[inline]
    pub(super) fn expire(&mut self, now: u64) {
        for position in 0..self.flows.len() {
            let target = self.flows[position].target;
            let timeout = self.pool.endpoints[target].timeout;
            while let Some(slot) = self.outstanding[target].first() {
                let request = self.pool.requests[slot as usize];
                let limit = request.sent + timeout;
                if limit > now {
                    break;
                }
                self.outstanding[target].remove(slot);
                self.pool.requests[slot as usize].under_way = false;
                self.recorder.timeout(&request, limit);
                self.last_done = self.last_done.max(now);
                self.replace(slot, now);
                self.give_up(slot, target, now);
            }
        }
    }

    /// Nobody waits for the reply to a slot's request any more.
    pub(super) fn give_up(&mut self, slot: u32, target: usize, now: u64) {
        let connection = self.pool.connection_of(slot);
        if self.pool.connections[connection as usize].give_up(slot) {
            self.pool.requests[slot as usize].free_since = now;
            let generation = self.pool.connections[connection as usize].generation;
            self.pool.give_back(slot);
            // The peer is told at once, also when nothing else goes out on this connection.
            if self.pool.connections[connection as usize].generation == generation
                && self.pool.flush(connection).is_err()
            {
                self.drop_connection(connection, target, Reason::Closed);
            }
            return;
        }
        self.drop_connection(connection, target, Reason::Timeout);
    }

    /// Close a connection with everything that is under way on it.
    fn drop_connection(&mut self, connection: u32, target: usize, reason: Reason) {
        for other in self.pool.slots_of(connection) {
            if self.outstanding[target].holds(other) {
                self.lost(other, reason);
            }
        }
        self.pool.reopen(connection);
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
