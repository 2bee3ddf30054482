//! The connections to one callee, and the calls that wait for one.
//!
//! The one that was used last is used next, so that no more stay open than the load needs.

use std::collections::VecDeque;

use super::http2::FIRST_ROOM;

pub struct Pool {
    /// Calls that a new connection takes before the callee says how many: as many as it said on another one.
    pub room: usize,
    /// How many are open, those that are being opened among them.
    pub open: usize,
    /// Those that can take a call, the one that was used last at the end.
    free: Vec<u64>,
    /// Calls and their attempts, the first first; some may have been given up.
    waiting: VecDeque<(u64, u32)>,
}

impl Default for Pool {
    fn default() -> Self {
        Pool {
            room: FIRST_ROOM,
            open: 0,
            free: Vec::new(),
            waiting: VecDeque::new(),
        }
    }
}

impl Pool {
    /// A connection has room for a call. The caller sees to it that it is not offered twice.
    pub fn offer(&mut self, connection: u64) {
        self.free.push(connection);
    }

    /// The connection to use next; it stays until `take`.
    pub fn first(&self) -> Option<u64> {
        self.free.last().copied()
    }

    /// Takes away what `first` named: it has no room any more.
    pub fn take(&mut self) -> Option<u64> {
        self.free.pop()
    }

    /// A connection was closed.
    pub fn forget(&mut self, connection: u64) {
        self.open -= 1;
        self.free.retain(|free| *free != connection);
    }

    pub fn wait(&mut self, call: u64, attempt: u32) {
        self.waiting.push_back((call, attempt));
    }

    pub fn next_waiting(&mut self) -> Option<(u64, u32)> {
        self.waiting.pop_front()
    }

    pub fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}
