//! How requests go out: on an idle slot, on a connection of their own, gathered with others.

use crate::LoadError;
use crate::clock;
use crate::phase::PhaseLoop;

/// Waiting requests that are counted at most to see how many connections they need.
const MOST_WAITING: usize = 64;

impl PhaseLoop<'_> {
    /// Send every request that is due and has an idle slot.
    #[inline]
    pub(super) fn send_due(&mut self) -> Result<(), LoadError> {
        for position in 0..self.flows.len() {
            let now = clock::now();
            self.flows[position].collect(self.pool, now);
            loop {
                // What follows a request that fails at once waits for the next turn: that looks whether to stop.
                let by = if self.closed { now } else { clock::now() };
                let Some((slot, due)) = self.flows[position].take(self.pool, by) else {
                    break;
                };
                self.send(slot, due)?;
            }
            let target = self.flows[position].target;
            if self.pool.may_grow(target) {
                let waiting = self.flows[position].waiting(self.pool, now, MOST_WAITING);
                self.pool.grow(target, waiting);
            }
        }
        self.flush_gathered()
    }

    /// Send the request that is due at `due` [ns]; in a closed loop the intended start is the send itself.
    #[inline]
    pub(super) fn send(&mut self, slot: u32, due: u64) -> Result<(), LoadError> {
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
        self.moving.remove(&slot);
        if let Err(failure) = self.pool.open_for(slot) {
            self.not_carried(slot, failure.reason);
        }
        Ok(())
    }

    /// The connection that a request has for itself is open: the request goes out.
    pub(super) fn carried(&mut self, slot: u32) -> Result<(), LoadError> {
        let redirect = self.moving.remove(&slot);
        if !self.pool.requests[slot as usize].under_way {
            // Given up meanwhile; the connection is good for another one.
            self.pool.give_back(slot);
            return Ok(());
        }
        if let Some(redirect) = redirect {
            self.pool.resume(slot);
            return self.follow(slot, &redirect);
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
    pub(super) fn flush_gathered(&mut self) -> Result<(), LoadError> {
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
}
