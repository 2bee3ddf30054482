//! Changing the offered rate of a phase that is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock;
use crate::wake::Wake;

/// A change is agreed on for a moment a little ahead, so that all workers make it at the same one.
const AHEAD_NS: u64 = 2_000_000;

#[derive(Default)]
struct Wheel {
    version: AtomicU64,
    moment: AtomicU64,
    rate: AtomicU64,
    /// Of the workers: one that sleeps until its next request is due would hear of the change too late.
    wakes: Vec<Arc<Wake>>,
}

/// Changes the rate of the open loop under way, from any thread.
#[derive(Clone, Default)]
pub(crate) struct Steering(Arc<Wheel>);

impl Steering {
    pub(crate) fn new(wakes: Vec<Arc<Wake>>) -> Self {
        Self(Arc::new(Wheel {
            wakes,
            ..Wheel::default()
        }))
    }

    /// From now on `rate` requests per second are due, over all workers. It lasts until the phase ends.
    pub fn set_rate(&self, rate: f64) {
        let wheel = &*self.0;
        wheel
            .moment
            .store(clock::now() + AHEAD_NS, Ordering::Relaxed);
        wheel.rate.store(rate.to_bits(), Ordering::Relaxed);
        wheel.version.fetch_add(1, Ordering::Release);
        wheel.wakes.iter().for_each(|wake| wake.nudge());
    }

    pub(crate) fn version(&self) -> u64 {
        self.0.version.load(Ordering::Relaxed)
    }

    /// The latest change after version `seen`: its version, its moment [ns] and the rate [1/s].
    #[inline]
    pub(crate) fn after(&self, seen: u64) -> Option<(u64, u64, f64)> {
        if self.version() == seen {
            return None;
        }
        let version = self.0.version.load(Ordering::Acquire);
        let moment = self.0.moment.load(Ordering::Relaxed);
        let rate = f64::from_bits(self.0.rate.load(Ordering::Relaxed));
        Some((version, moment, rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_once() {
        let steering = Steering::default();
        let seen = steering.version();
        assert_eq!(steering.after(seen), None);
        steering.set_rate(10.0);
        steering.set_rate(20.0);
        let (version, moment, rate) = steering.after(seen).unwrap_or_default();
        assert_eq!(rate, 20.0);
        assert!(moment > clock::now());
        assert_eq!(steering.after(version), None);
    }
}
