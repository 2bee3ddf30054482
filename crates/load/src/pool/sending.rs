//! Writing requests to connections, and which idle slot comes first.

use crate::plan::Selection;
use crate::pool::{Event, Pool};
use crate::reason::Failure;

impl Pool {
    /// Write the request of a slot; `flush_gathered` or `flush` sends it. Returns its bytes, before TLS.
    #[inline]
    pub(crate) fn begin(&mut self, slot: u32) -> u64 {
        let connection = self.connection_of(slot);
        let entry = &mut self.connections[connection as usize];
        let bytes = entry.begin(slot);
        let target = entry.target as usize;
        let endpoint = &self.endpoints[target];
        if entry.begun >= endpoint.most_requests && !endpoint.on_demand() && !entry.retiring {
            self.facts[target].retired += 1;
            self.retire(connection);
        }
        bytes
    }

    /// Deal the idle slots of a target out anew before a phase: the longest idle go round the connections, one place of
    /// each after the other, so that few requests under way do not all sit on one connection; `seed` draws any of them.
    pub(crate) fn arrange_idle(&mut self, target: usize, seed: u64) {
        let places = self.endpoints[target].places;
        let mut slots: Vec<u32> = std::iter::from_fn(|| self.idle[target].take()).collect();
        slots.sort_unstable();
        if self.endpoints[target].selection == Selection::Fifo && places > 1 {
            slots.sort_by_key(|&slot| {
                slot - self.connections[self.connection_of(slot) as usize].first_slot
            });
        }
        self.idle[target].reseed(seed);
        slots
            .into_iter()
            .for_each(|slot| self.idle[target].push(slot));
    }

    /// The request of a slot goes on, on the connection that was opened for it.
    pub(crate) fn resume(&mut self, slot: u32) {
        let connection = self.connection_of(slot);
        let entry = &mut self.connections[connection as usize];
        entry.busy += 1;
        entry.begun += 1;
    }

    pub(crate) fn has_gathered(&self, connection: u32) -> bool {
        !self.connections[connection as usize].unsent.is_empty()
    }

    /// What was gathered on a connection and not flushed.
    pub(crate) fn take_gathered(&mut self, connection: u32) -> Vec<u32> {
        std::mem::take(&mut self.connections[connection as usize].unsent)
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
}
