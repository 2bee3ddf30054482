//! Where the workers of a run meet between phases.
//!
//! Not `std::sync::Barrier`: that one waits for ever when a worker has failed or the run was stopped. Here a waiting
//! worker looks every few milliseconds whether the others will still come.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::clock;

const LOOK: Duration = Duration::from_millis(20);

#[derive(Default)]
struct Meeting {
    arrived: u32,
    number: u64,
    moment: u64,
}

pub(crate) struct Border {
    parties: u32,
    meeting: Mutex<Meeting>,
    changed: Condvar,
}

impl Border {
    pub(crate) fn new(parties: u32) -> Self {
        Self {
            parties,
            meeting: Mutex::new(Meeting::default()),
            changed: Condvar::new(),
        }
    }

    /// Wait until all workers are here. Returns the moment the last one came [ns], the same for all, or None when
    /// `given_up` says that not all will come.
    pub(crate) fn meet(&self, given_up: impl Fn() -> bool) -> Option<u64> {
        let mut meeting = self.meeting.lock().unwrap_or_else(PoisonError::into_inner);
        meeting.arrived += 1;
        if meeting.arrived == self.parties {
            meeting.arrived = 0;
            meeting.number += 1;
            meeting.moment = clock::now();
            self.changed.notify_all();
            return Some(meeting.moment);
        }
        let number = meeting.number;
        while meeting.number == number {
            if given_up() {
                // Nobody who comes later may be let through on account of one who has left.
                meeting.arrived -= 1;
                return None;
            }
            meeting = self
                .changed
                .wait_timeout(meeting, LOOK)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        Some(meeting.moment)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn all_leave_with_the_same_moment_again_and_again() {
        let border = Border::new(3);
        std::thread::scope(|scope| {
            let walk = || {
                (0..50)
                    .map(|_| border.meet(|| false).unwrap())
                    .collect::<Vec<_>>()
            };
            let others = [scope.spawn(walk), scope.spawn(walk)];
            let moments = walk();
            assert!(moments.is_sorted());
            for other in others {
                assert_eq!(other.join().unwrap(), moments);
            }
        });
    }

    #[test]
    fn nobody_waits_for_a_worker_that_gave_up() {
        let (border, stopped) = (Border::new(2), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| border.meet(|| stopped.load(Ordering::Relaxed)));
            stopped.store(true, Ordering::Relaxed);
            assert_eq!(waiting.join().unwrap(), None);
        });
        assert_eq!(border.meet(|| true), None);
    }
}
