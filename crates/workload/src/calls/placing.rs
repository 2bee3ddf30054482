//! Which connection a call goes out on, and the turns that connections get.

use std::io;

use super::connection::{Connection, Turn};
use super::plan::Protocol;
use super::{Calls, OUTGOING};
use crate::sys;

impl Calls {
    /// Does all that can be done now: calls on connections, bytes on sockets, ends of calls.
    pub(super) fn settle(&mut self) {
        loop {
            if let Some(call) = self.agenda.pop_front() {
                self.place(call);
            } else if let Some(connection) = self.turns.pop() {
                self.go_on(connection);
            } else {
                return;
            }
        }
    }

    /// Puts a connection among those whose turn it is.
    pub(super) fn give_turn(&mut self, number: u64) {
        if let Some(connection) = self.connections.get(number)
            && !std::mem::replace(&mut connection.awaits_turn, true)
        {
            self.turns.push(number);
        }
    }

    /// Nobody waits for this call's attempt any more.
    pub(super) fn leave(&mut self, number: u64) {
        let Some(connection) = self.calls.get(number).and_then(|call| call.on.take()) else {
            return;
        };
        if let Some(known) = self.connections.get(connection) {
            known.speech.give_up(number);
            self.give_turn(connection);
        }
    }

    /// Sends a call out on a connection of its callee, or lets it wait for one.
    fn place(&mut self, number: u64) {
        let Some(call) = self.calls.get(number) else {
            return;
        };
        let (wanted, attempt, resent) = (call.wanted, call.attempt, call.resent);
        let callee = self.plan.wanted[wanted].callee;
        // What a kept-alive connection did not carry goes out on a new one: others may have ended like it.
        let fresh = resent && self.plan.callees[callee].protocol == Protocol::Http1;
        let connection = match self.free(callee).filter(|_| !fresh) {
            Some(connection) => connection,
            None => {
                if fresh
                    && self.pools[callee].open >= self.plan.connections
                    && let Some(idle) = self.free(callee)
                {
                    self.close(idle);
                }
                if self.pools[callee].open >= self.plan.connections {
                    return self.pools[callee].wait(number, attempt);
                }
                match self.open(callee) {
                    Ok(connection) => connection,
                    Err(_) => {
                        self.fail_attempt(number);
                        return self.wake(callee);
                    }
                }
            }
        };
        let (Some(call), Some(known)) = (self.calls.get(number), self.connections.get(connection))
        else {
            return;
        };
        call.on = Some(connection);
        if let Some(errand) = self.errands.get(call.errand) {
            let request = &self.prepared[wanted];
            known
                .speech
                .begin(number, request, &errand.passed, &self.filler);
        }
        self.give_turn(connection);
    }

    /// A connection of this callee that can take a call now; those that cannot any more are forgotten.
    fn free(&mut self, callee: usize) -> Option<u64> {
        while let Some(number) = self.pools[callee].first() {
            match self.connections.get(number) {
                Some(connection) if connection.speech.room() > 0 => return Some(number),
                Some(connection) => connection.offered = false,
                None => {}
            }
            self.pools[callee].take();
        }
        None
    }

    fn open(&mut self, callee: usize) -> io::Result<u64> {
        let connection = Connection::open(
            callee,
            &self.plan.callees[callee],
            self.tls.get(callee),
            self.pools[callee].room,
        )?;
        let fd = connection.fd();
        let number = self.connections.insert(connection);
        let flags = sys::READABLE | sys::WRITABLE | sys::PEER_CLOSED | sys::EDGE;
        if let Err(error) = self.epoll.add(fd, flags, number | OUTGOING) {
            self.connections.remove(number);
            return Err(error);
        }
        self.pools[callee].open += 1;
        self.offer(number);
        Ok(number)
    }

    /// Tells the pool that a connection has room, if it has.
    fn offer(&mut self, number: u64) {
        if let Some(connection) = self.connections.get(number)
            && connection.speech.room() > 0
            && !std::mem::replace(&mut connection.offered, true)
        {
            self.pools[connection.callee].offer(number);
        }
    }

    /// A connection's turn.
    fn go_on(&mut self, number: u64) {
        let Some(connection) = self.connections.get(number) else {
            return;
        };
        connection.awaits_turn = false;
        let callee = connection.callee;
        let tally = &self.counters.calls;
        let turn = connection.go_on(&mut self.scratch, &self.filler, &mut self.ended, tally);
        if let Some(room) = connection.speech.announced() {
            // A connection with room for nothing could never tell that it has some.
            self.pools[callee].room = room.max(1);
        }
        match turn {
            Turn::Over => self.close(number),
            Turn::Goes => self.later.push(number),
            Turn::Waits => {}
        }
        self.offer(number);
        self.report();
        self.wake(callee);
    }

    fn close(&mut self, number: u64) {
        if let Some(mut connection) = self.connections.remove(number) {
            self.pools[connection.callee].forget(number);
            connection.speech.end(&mut self.ended);
        }
    }

    /// Ends the attempts that have ended.
    fn report(&mut self) {
        let mut ended = std::mem::take(&mut self.ended);
        for (call, ending) in ended.drain(..) {
            self.end_attempt(call, ending);
        }
        self.ended = ended;
    }

    /// Lets calls that wait for a connection go on, as many as there is room for.
    fn wake(&mut self, callee: usize) {
        if !self.pools[callee].has_waiting() {
            return;
        }
        let unopened = self
            .plan
            .connections
            .saturating_sub(self.pools[callee].open);
        let free = self.free(callee);
        let room = free.and_then(|number| self.connections.get(number));
        let mut room = room.map_or(0, |connection| connection.speech.room()) + unopened;
        while room > 0
            && let Some((call, attempt)) = self.pools[callee].next_waiting()
        {
            let waits = self
                .calls
                .get(call)
                .is_some_and(|known| known.attempt == attempt && known.on.is_none());
            if waits {
                self.agenda.push_back(call);
                room -= 1;
            }
        }
    }
}
