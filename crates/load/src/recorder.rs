//! One worker's account of the phase under way.

use std::sync::Arc;

use crate::dialogue::{Reply, Strays};
use crate::histogram::Histogram;
use crate::live::Live;
use crate::reason::Reason;
use crate::recording::{Counts, Histograms, Series};
use crate::request::Request;
use crate::sends::Sends;
use crate::series::Recorded;

pub(crate) struct Recorder {
    live: Arc<Live>,
    service: Histogram,
    failed: Histogram,
    lead_in: Histogram,
    pacing_error: Histogram,
    client_delay: Histogram,
    late_read: Histogram,
    censored: Histogram,
    series: Recorded,
    sends: Sends,
    /// The counted window [ns].
    begin: u64,
    end: u64,
    counts: Counts,
    lead_in_counts: Counts,
    reasons: [u64; Reason::ALL.len()],
    statuses: Vec<(u16, u64)>,
    grpc_statuses: Vec<(u16, u64)>,
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
    pub(crate) grpc_statuses: Vec<(u16, u64)>,
    pub(crate) strays: Strays,
    pub(crate) series: Series,
    pub(crate) sends: Vec<u32>,
}

impl Recorder {
    /// `interval_ns`: of the series of a phase.
    pub(crate) fn new(live: Arc<Live>, interval_ns: u64) -> Self {
        Self {
            live,
            service: Histogram::new(),
            failed: Histogram::new(),
            lead_in: Histogram::new(),
            pacing_error: Histogram::new(),
            client_delay: Histogram::new(),
            late_read: Histogram::new(),
            censored: Histogram::new(),
            series: Recorded::new(interval_ns),
            sends: Sends::new(),
            begin: 0,
            end: 0,
            counts: Counts::default(),
            lead_in_counts: Counts::default(),
            reasons: Default::default(),
            statuses: Vec::new(),
            grpc_statuses: Vec::new(),
            before: [0; 3],
            closed: false,
        }
    }

    pub(crate) fn begin_run(&mut self) {
        self.take(0);
        self.before = [0; 3];
        self.live.reset();
    }

    /// `begin`, `end`: of the counted window [ns].
    pub(crate) fn begin_phase(&mut self, phase: usize, closed: bool, begin: u64, end: u64) {
        self.closed = closed;
        (self.begin, self.end) = (begin, end);
        self.series.start(begin);
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

    /// A request is being dealt with: it is due, and has a slot or fails for want of one.
    #[inline]
    pub(crate) fn offered(&mut self, request: &Request) {
        self.counts(request.counted).offered += 1;
        if request.counted {
            self.series.offered(self.within(request.due));
        }
    }

    /// The moment in the counted window at which a request counts: what is put off to its very end, or sent in a closed
    /// loop just behind it, belongs to its last interval.
    #[inline]
    fn within(&self, due: u64) -> u64 {
        due.min(self.end.saturating_sub(1).max(self.begin))
    }

    #[inline]
    pub(crate) fn sent(&mut self, request: &Request) {
        self.counts(request.counted).sent += 1;
        if !request.counted {
            return;
        }
        if request.sent < self.end {
            self.sends.record(request.sent.saturating_sub(self.begin));
        }
        if !self.closed {
            self.pacing_error
                .record(request.sent.saturating_sub(request.due));
            let free = request.due.max(request.free_since);
            self.client_delay.record(request.sent.saturating_sub(free));
        }
    }

    /// A reply was received at `received` and read at `read` [ns].
    #[inline]
    pub(crate) fn replied(
        &mut self,
        request: &Request,
        reply: Reply,
        received: u64,
        read: u64,
        bytes_in: u64,
    ) {
        if !reply.ok() {
            return self.refused(request, reply, received, bytes_in);
        }
        let counts = self.counts(request.counted);
        counts.ok += 1;
        counts.bytes_out += request.bytes_out;
        counts.bytes_in += bytes_in;
        let response = received.saturating_sub(request.due);
        if !request.counted {
            self.lead_in.record(response);
            return;
        }
        self.live.response.record(response);
        self.series.ok(self.within(request.due), response);
        if !self.closed {
            self.service.record(received.saturating_sub(request.sent));
        }
        if received < read {
            self.late_read.record(read - received);
        }
    }

    /// A whole reply whose status is an error.
    fn refused(&mut self, request: &Request, reply: Reply, received: u64, bytes_in: u64) {
        self.fail(request, received, bytes_in);
        if !request.counted {
            return;
        }
        match reply.grpc {
            Some(status) if reply.status == 200 => count(&mut self.grpc_statuses, status),
            _ => count(&mut self.statuses, reply.status),
        }
    }

    pub(crate) fn broken(&mut self, request: &Request, now: u64, reason: Reason) {
        self.fail(request, now, 0);
        if request.counted {
            self.reasons[reason as usize] += 1;
        }
    }

    fn fail(&mut self, request: &Request, now: u64, bytes_in: u64) {
        let counts = self.counts(request.counted);
        counts.errors += 1;
        counts.bytes_out += request.bytes_out;
        counts.bytes_in += bytes_in;
        if request.counted {
            self.failed.record(now.saturating_sub(request.due));
            self.series.failed(self.within(request.due));
        }
    }

    /// `limit`: when the time was over [ns].
    pub(crate) fn timeout(&mut self, request: &Request, limit: u64) {
        let counts = self.counts(request.counted);
        counts.timeouts += 1;
        counts.bytes_out += request.bytes_out;
        if request.counted {
            self.failed.record(limit.saturating_sub(request.due));
            self.series.failed(self.within(request.due));
            self.reasons[Reason::Timeout as usize] += 1;
        }
    }

    /// The phase ended at `now`; the request was sent and no reply had come.
    pub(crate) fn unanswered(&mut self, request: &Request, now: u64) {
        let counts = self.counts(request.counted);
        counts.unanswered += 1;
        counts.bytes_out += request.bytes_out;
        if request.counted {
            self.censored.record(now.saturating_sub(request.due));
        }
    }

    /// The phase ended at `now`; a request due at `due` was never sent.
    pub(crate) fn not_sent(&mut self, due: u64, counted: bool, now: u64) {
        let counts = self.counts(counted);
        counts.offered += 1;
        counts.not_sent += 1;
        if counted {
            self.series.offered(self.within(due));
            self.censored.record(now.saturating_sub(due));
        }
    }

    /// Let readers see the counters as they are.
    #[inline]
    pub(crate) fn publish(&self) {
        self.live.publish(self.totals());
    }

    fn totals(&self) -> [u64; 3] {
        let failed = self.counts.errors + self.counts.timeouts;
        [
            self.before[0] + self.counts.sent,
            self.before[1] + self.counts.ok,
            self.before[2] + failed,
        ]
    }

    /// End the phase, whose counted window ended at `end` [ns]: everything recorded in it, leaving the recorder empty.
    pub(crate) fn take(&mut self, end: u64) -> Tally {
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
                late_read: self.late_read.take(),
                censored: self.censored.take(),
            },
            reasons: std::mem::take(&mut self.reasons),
            statuses: std::mem::take(&mut self.statuses),
            grpc_statuses: std::mem::take(&mut self.grpc_statuses),
            strays: Strays::default(),
            series: self.series.take(),
            sends: self.sends.take(end.saturating_sub(self.begin)),
        }
    }
}

fn count(counts: &mut Vec<(u16, u64)>, status: u16) {
    match counts.iter_mut().find(|(known, _)| *known == status) {
        Some((_, count)) => *count += 1,
        None => counts.push((status, 1)),
    }
}

#[cfg(test)]
#[path = "recorder_tests.rs"]
mod tests;
