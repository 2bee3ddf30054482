//! One worker's account of the phase under way, and the part of it that others may read meanwhile.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::connection::Request;
use crate::histogram::{Histogram, LiveHistogram, Sparse};
use crate::reason::Reason;
use crate::recording::{Counts, Histograms, Progress};

/// What the controlling thread reads at any moment. Counters count since the run began.
pub(crate) struct Live {
    phase: AtomicUsize,
    sent: AtomicU64,
    ok: AtomicU64,
    failed: AtomicU64,
    /// Response times of the phase under way.
    response: LiveHistogram,
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

    fn take_phase(&self) -> Sparse {
        let mut earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        let response = self.response.take();
        earlier.add(&response);
        response
    }
}

pub(crate) struct Recorder {
    live: Arc<Live>,
    service: Histogram,
    failed: Histogram,
    lead_in: Histogram,
    pacing_error: Histogram,
    client_delay: Histogram,
    counts: Counts,
    lead_in_counts: Counts,
    reasons: [u64; Reason::ALL.len()],
    statuses: Vec<(u16, u64)>,
    /// Counted requests of the run's earlier phases: sent, ok, failed.
    before: [u64; 3],
    /// In a closed loop requests have no schedule: response time is service time, and nobody is late.
    closed: bool,
}

/// What one worker recorded in one phase.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    pub(crate) lead_in_counts: Counts,
    pub(crate) histograms: Histograms,
    pub(crate) reasons: [u64; Reason::ALL.len()],
    pub(crate) statuses: Vec<(u16, u64)>,
}

impl Recorder {
    pub(crate) fn new(live: Arc<Live>) -> Self {
        Self {
            live,
            service: Histogram::new(),
            failed: Histogram::new(),
            lead_in: Histogram::new(),
            pacing_error: Histogram::new(),
            client_delay: Histogram::new(),
            counts: Counts::default(),
            lead_in_counts: Counts::default(),
            reasons: Default::default(),
            statuses: Vec::new(),
            before: [0; 3],
            closed: false,
        }
    }

    pub(crate) fn begin_run(&mut self) {
        self.take();
        self.before = [0; 3];
        self.live.reset();
    }

    pub(crate) fn begin_phase(&mut self, phase: usize, closed: bool) {
        self.closed = closed;
        self.live.begin_phase(phase);
    }

    #[inline]
    fn counts(&mut self, counted: bool) -> &mut Counts {
        if counted {
            &mut self.counts
        } else {
            &mut self.lead_in_counts
        }
    }

    #[inline]
    pub(crate) fn offered(&mut self, counted: bool) {
        self.counts(counted).offered += 1;
    }

    /// `free_since`: when the connection it went out on came free [ns].
    #[inline]
    pub(crate) fn sent(&mut self, request: &Request, free_since: u64) {
        self.counts(request.counted).sent += 1;
        if request.counted && !self.closed {
            self.pacing_error
                .record(request.sent.saturating_sub(request.due));
            self.client_delay
                .record(request.sent.saturating_sub(request.due.max(free_since)));
        }
    }

    #[inline]
    pub(crate) fn ok(&mut self, request: &Request, now: u64) {
        let counts = self.counts(request.counted);
        counts.ok += 1;
        counts.bytes_out += request.bytes_out;
        counts.bytes_in += request.bytes_in;
        if !request.counted {
            self.lead_in.record(now.saturating_sub(request.due));
            return;
        }
        self.live.response.record(now.saturating_sub(request.due));
        if !self.closed {
            self.service.record(now.saturating_sub(request.sent));
        }
    }

    pub(crate) fn status(&mut self, request: &Request, now: u64, status: u16) {
        self.fail(request, now);
        if request.counted {
            match self.statuses.iter_mut().find(|(known, _)| *known == status) {
                Some((_, count)) => *count += 1,
                None => self.statuses.push((status, 1)),
            }
        }
    }

    pub(crate) fn broken(&mut self, request: &Request, now: u64, reason: Reason) {
        self.fail(request, now);
        if request.counted {
            self.reasons[reason as usize] += 1;
        }
    }

    fn fail(&mut self, request: &Request, now: u64) {
        let counts = self.counts(request.counted);
        counts.errors += 1;
        counts.bytes_out += request.bytes_out;
        counts.bytes_in += request.bytes_in;
        if request.counted {
            self.failed.record(now.saturating_sub(request.due));
        }
    }

    /// `limit`: when the time was over [ns].
    pub(crate) fn timeout(&mut self, request: &Request, limit: u64) {
        let counts = self.counts(request.counted);
        counts.timeouts += 1;
        counts.bytes_out += request.bytes_out;
        counts.bytes_in += request.bytes_in;
        if request.counted {
            self.failed.record(limit.saturating_sub(request.due));
            self.reasons[Reason::Timeout as usize] += 1;
        }
    }

    pub(crate) fn unanswered(&mut self, request: &Request) {
        let counts = self.counts(request.counted);
        counts.unanswered += 1;
        counts.bytes_out += request.bytes_out;
        counts.bytes_in += request.bytes_in;
    }

    pub(crate) fn not_sent(&mut self, lead_in: u64, counted: u64) {
        self.lead_in_counts.offered += lead_in;
        self.lead_in_counts.not_sent += lead_in;
        self.counts.offered += counted;
        self.counts.not_sent += counted;
    }

    /// Let readers see the counters as they are.
    #[inline]
    pub(crate) fn publish(&self) {
        let [sent, ok, failed] = self.totals();
        self.live.sent.store(sent, Ordering::Relaxed);
        self.live.ok.store(ok, Ordering::Relaxed);
        self.live.failed.store(failed, Ordering::Relaxed);
    }

    fn totals(&self) -> [u64; 3] {
        let failed = self.counts.errors + self.counts.timeouts;
        [
            self.before[0] + self.counts.sent,
            self.before[1] + self.counts.ok,
            self.before[2] + failed,
        ]
    }

    /// End the phase: everything recorded in it, leaving the recorder empty.
    pub(crate) fn take(&mut self) -> Tally {
        self.publish();
        self.before = self.totals();
        let response = self.live.take_phase();
        let service = if self.closed {
            response.clone()
        } else {
            self.service.take()
        };
        Tally {
            counts: std::mem::take(&mut self.counts),
            lead_in_counts: std::mem::take(&mut self.lead_in_counts),
            histograms: Histograms {
                response,
                service,
                failed: self.failed.take(),
                lead_in: self.lead_in.take(),
                pacing_error: self.pacing_error.take(),
                client_delay: self.client_delay.take(),
            },
            reasons: std::mem::take(&mut self.reasons),
            statuses: std::mem::take(&mut self.statuses),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_sees_every_reply_once_across_phases() {
        let live = Arc::new(Live::new());
        let mut recorder = Recorder::new(live.clone());
        recorder.begin_run();
        let request = Request {
            due: 100,
            sent: 150,
            counted: true,
            bytes_out: 1,
            bytes_in: 2,
        };
        let look = |live: &Live| {
            let mut progress = Progress::default();
            live.read_into(&mut progress);
            (progress.sent, progress.ok, progress.response.total())
        };
        for phase in 0..3 {
            recorder.begin_phase(phase, false);
            recorder.offered(true);
            recorder.sent(&request, 120);
            recorder.ok(&request, 1150);
            recorder.publish();
            let seen = phase as u64 + 1;
            assert_eq!(look(&live), (seen, seen, seen));
            let tally = recorder.take();
            assert_eq!(look(&live), (seen, seen, seen));
            assert_eq!(tally.histograms.response.0, [(1050, 1)]);
            assert_eq!(tally.histograms.service.0, [(1000, 1)]);
            assert_eq!(tally.histograms.pacing_error.0, [(50, 1)]);
            assert_eq!(tally.histograms.client_delay.0, [(30, 1)]);
            assert_eq!((tally.counts.bytes_out, tally.counts.bytes_in), (1, 2));
        }
        recorder.begin_run();
        assert_eq!(look(&live), (0, 0, 0));
    }

    #[test]
    fn lead_in_requests_stay_apart() {
        let mut recorder = Recorder::new(Arc::new(Live::new()));
        recorder.begin_run();
        let request = Request {
            due: 0,
            sent: 0,
            counted: false,
            bytes_out: 0,
            bytes_in: 0,
        };
        recorder.sent(&request, 0);
        recorder.ok(&request, 7);
        recorder.broken(&request, 7, Reason::Reset);
        let tally = recorder.take();
        assert_eq!(tally.histograms.lead_in.0, [(7, 1)]);
        assert_eq!(
            tally.histograms.response.total() + tally.histograms.pacing_error.total(),
            0
        );
        assert_eq!(
            (
                tally.lead_in_counts.ok,
                tally.lead_in_counts.errors,
                tally.counts
            ),
            (1, 1, Counts::default())
        );
        assert_eq!(tally.reasons, [0; Reason::ALL.len()]);
    }
}
