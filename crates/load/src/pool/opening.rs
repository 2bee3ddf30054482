//! Opening connections: at the beginning, again after they broke, further ones, and those that a request has for itself.

use std::cmp::Reverse;

use crate::clock;
use crate::connection::State;
use crate::pool::{Event, Pool, token};
use crate::reason::{Failure, Reason};

/// Connections that one worker opens at the same time.
pub(super) const OPENING_AT_ONCE: usize = 32;
const FIRST_PAUSE_NS: u64 = 5_000_000;
const LONGEST_PAUSE_NS: u64 = 1_000_000_000;
/// How often attempts to connect are checked against their time limit.
const CHECK_NS: u64 = 20_000_000;

impl Pool {
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

    /// Whether a target may have more connections than it has.
    #[inline]
    pub(crate) fn may_grow(&self, target: usize) -> bool {
        !self.spare[target].is_empty()
    }

    /// Open further connections to a target, so that together with those on their way there is a place for each of
    /// `waiting` requests. Only a few are opened at a time.
    pub(crate) fn grow(&mut self, target: usize, waiting: usize) {
        let coming =
            |connection: u32| self.connections[connection as usize].target as usize == target;
        let to_open = self
            .reopen
            .iter()
            .map(|Reverse((_, connection))| *connection);
        let coming = to_open
            .chain(self.opening.iter().copied())
            .filter(|&connection| coming(connection))
            .count();
        let wanted = waiting.div_ceil(self.endpoints[target].places as usize);
        for _ in coming..wanted.min(OPENING_AT_ONCE) {
            if let Some(connection) = self.spare[target].pop() {
                self.facts[target].grown += 1;
                self.reopen.push(Reverse((0, connection)));
            }
        }
    }

    /// Open the connection of a slot whose request is waiting for it. True when it is under way.
    pub(crate) fn open_for(&mut self, slot: u32) -> Result<(), Failure> {
        let connection = self.connection_of(slot);
        self.begin_opening(connection)?;
        self.connections[connection as usize].carries = Some(slot);
        Ok(())
    }

    /// Open the connection of a slot anew, for the request that is under way in it.
    pub(crate) fn open_again_for(&mut self, slot: u32) -> Result<(), Failure> {
        let connection = self.connection_of(slot);
        let entry = &mut self.connections[connection as usize];
        if entry.state == State::Open {
            self.open[entry.target as usize] -= 1;
        }
        entry.failures = 0;
        entry.close();
        self.open_for(slot)
    }

    /// The connection of a slot could not be opened for its request, which has failed.
    pub(crate) fn give_up_opening(&mut self, slot: u32) {
        let connection = self.connection_of(slot);
        let target = self.connections[connection as usize].target as usize;
        if self.endpoints[target].on_demand() {
            self.give_back(slot);
        } else {
            self.reopen(connection);
        }
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

    pub(super) fn not_opened(&mut self, connection: u32, failure: Failure) {
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

    pub(super) fn opened(&mut self, connection: u32) {
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
        if let Some(allowed) = entry.dialogue().allowed() {
            facts.note_streams(allowed);
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
        entry.room = room;
        for slot in first..first + places.min(room) {
            self.requests[slot as usize].free_since = now;
            self.idle[target].push(slot);
        }
    }

    /// The peer may say at any time that it takes more requests at once, or fewer.
    #[inline]
    pub(super) fn watch_room(&mut self, connection: u32) {
        let entry = &mut self.connections[connection as usize];
        let target = entry.target as usize;
        let places = self.endpoints[target].places;
        if entry.state != State::Open || !entry.has_room() {
            return;
        }
        let (before, room) = (entry.room, entry.dialogue().room().unwrap_or(0));
        if room == before {
            return;
        }
        entry.room = room;
        let (first, retiring) = (entry.first_slot, entry.retiring);
        if let Some(allowed) = entry.dialogue().allowed() {
            self.facts[target].note_streams(allowed);
        }
        let now = clock::now();
        for place in 0..places {
            let slot = first + place;
            if place >= room {
                self.idle[target].remove(slot);
            } else if place >= before && !retiring && !self.requests[slot as usize].under_way {
                self.requests[slot as usize].free_since = now;
                self.idle[target].push(slot);
            }
        }
    }
}
