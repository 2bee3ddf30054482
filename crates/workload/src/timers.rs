//! Replies and closings that are due later, earliest first.
//!
//! A binary heap and not a wheel: a wheel has a tick, and the point of this server is that 300 us are not rounded to
//! one. A connection that closes leaves its timer behind; the token holds a generation, so a stale one finds nobody.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// The service time, or the patience with a closing client, is over.
    Phase,
    /// A connection that was held back by a stall may go on.
    Release,
    /// Requests whose calls have ended may be answered after a stall.
    Called,
}

#[derive(Debug, Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<(u64, u64, Purpose)>>,
}

impl Timers {
    pub fn add(&mut self, due_ns: u64, token: u64, purpose: Purpose) {
        self.heap.push(Reverse((due_ns, token, purpose)));
    }

    /// When the earliest is due.
    pub fn next_ns(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((due, _, _))| *due)
    }

    /// Takes the earliest timer that is due at `now_ns`.
    pub fn pop_due(&mut self, now_ns: u64) -> Option<(u64, Purpose)> {
        if self.next_ns()? > now_ns {
            return None;
        }
        self.heap
            .pop()
            .map(|Reverse((_, token, purpose))| (token, purpose))
    }
}

#[cfg(test)]
mod tests {
    use super::{Purpose, Timers};

    #[test]
    fn timers_come_in_the_order_they_are_due() {
        let mut timers = Timers::default();
        for (due, token) in [(30, 3), (10, 1), (20, 2)] {
            timers.add(due, token, Purpose::Phase);
        }
        assert_eq!(timers.next_ns(), Some(10));
        assert_eq!(timers.pop_due(9), None);
        assert_eq!(timers.pop_due(20), Some((1, Purpose::Phase)));
        assert_eq!(timers.pop_due(20), Some((2, Purpose::Phase)));
        assert_eq!(timers.pop_due(20), None);
        assert_eq!(timers.next_ns(), Some(30));
    }
}
