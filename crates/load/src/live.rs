//! The part of a worker's account that others may read while it runs.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::histogram::{LiveHistogram, Sparse};
use crate::recording::Progress;

/// What the controlling thread reads at any moment. Counters count since the run began.
pub(crate) struct Live {
    phase: AtomicUsize,
    sent: AtomicU64,
    ok: AtomicU64,
    failed: AtomicU64,
    /// Response times of the phase under way.
    pub(crate) response: LiveHistogram,
    /// Those of the phases before. Locked while a phase's are moved here, so that a reader sees each reply once.
    earlier: Mutex<Sparse>,
}

impl Live {
    pub(crate) fn new() -> Self {
        Self {
            phase: AtomicUsize::new(0),
            sent: AtomicU64::new(0),
            ok: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            response: LiveHistogram::new(),
            earlier: Mutex::new(Sparse::default()),
        }
    }

    /// Let readers see these totals of counted requests.
    #[inline]
    pub(crate) fn publish(&self, [sent, ok, failed]: [u64; 3]) {
        self.sent.store(sent, Ordering::Relaxed);
        self.ok.store(ok, Ordering::Relaxed);
        self.failed.store(failed, Ordering::Relaxed);
    }

    /// Begin a run: everything counts from zero.
    pub(crate) fn reset(&self) {
        for counter in [&self.sent, &self.ok, &self.failed] {
            counter.store(0, Ordering::Relaxed);
        }
        self.phase.store(0, Ordering::Relaxed);
        let mut earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        self.response.take();
        earlier.0.clear();
    }

    pub(crate) fn begin_phase(&self, phase: usize) {
        self.phase.store(phase, Ordering::Relaxed);
    }

    /// Add what this worker has done to `progress`.
    pub(crate) fn read_into(&self, progress: &mut Progress) {
        progress.phase = progress.phase.max(self.phase.load(Ordering::Relaxed));
        progress.sent += self.sent.load(Ordering::Relaxed);
        progress.ok += self.ok.load(Ordering::Relaxed);
        progress.failed += self.failed.load(Ordering::Relaxed);
        let earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        progress.response.add(&earlier);
        progress.response.add(&self.response.read());
    }

    /// The response times of the phase, which is over.
    pub(crate) fn take_phase(&self) -> Sparse {
        let mut earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        let response = self.response.take();
        earlier.add(&response);
        response
    }
}
