//! One worker's account of the phase under way.

use std::sync::Arc;

use crate::dialogue::{Reply, Strays};
use crate::histogram::Histogram;
use crate::live::Live;
use crate::reason::Reason;
use crate::recording::{Counts, Histograms, Series};
use crate::request::Request;
use crate::series::Recorded;

/// Milliseconds of a phase whose sends are counted one by one.
const MOST_MS: usize = 65_536;

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
    sends: Vec<u32>,
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
            sends: Vec::new(),
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
            self.series.offered(request.due);
        }
    }

    #[inline]
    pub(crate) fn sent(&mut self, request: &Request) {
        self.counts(request.counted).sent += 1;
        if !request.counted {
            return;
        }
        let millisecond = (request.sent.saturating_sub(self.begin) / 1_000_000) as usize;
        if millisecond < MOST_MS && request.sent < self.end {
            if millisecond >= self.sends.len() {
                self.sends.resize(millisecond + 1, 0);
            }
            self.sends[millisecond] += 1;
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
        self.series.ok(request.due, response);
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
            self.series.failed(request.due);
        }
    }

    /// `limit`: when the time was over [ns].
    pub(crate) fn timeout(&mut self, request: &Request, limit: u64) {
        let counts = self.counts(request.counted);
        counts.timeouts += 1;
        counts.bytes_out += request.bytes_out;
        if request.counted {
            self.failed.record(limit.saturating_sub(request.due));
            self.series.failed(request.due);
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
            self.series.offered(due);
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
        let whole = (end.saturating_sub(self.begin) / 1_000_000) as usize;
        self.sends.resize(whole.min(MOST_MS), 0);
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
            sends: std::mem::take(&mut self.sends),
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
mod tests {
    use super::*;

    const REQUEST: Request = Request {
        due: 100,
        sent: 150,
        bytes_out: 1,
        counted: true,
        under_way: true,
        hops: 0,
        connection: 0,
        free_since: 120,
    };

    fn recorder() -> (Arc<Live>, Recorder) {
        let live = Arc::new(Live::new());
        let mut recorder = Recorder::new(live.clone(), 1_000);
        recorder.begin_run();
        (live, recorder)
    }

    #[test]
    fn a_reader_sees_every_reply_once_across_phases() {
        let (live, mut recorder) = recorder();
        let look = |live: &Live| {
            let mut progress = crate::recording::Progress::default();
            live.read_into(&mut progress);
            (progress.sent, progress.ok, progress.response.total())
        };
        for phase in 0..3 {
            recorder.begin_phase(phase, false, 0, 2_000_000);
            recorder.offered(&REQUEST);
            recorder.sent(&REQUEST);
            recorder.replied(&REQUEST, Reply::OK, 1150, 1157, 2);
            recorder.publish();
            let seen = phase as u64 + 1;
            assert_eq!(look(&live), (seen, seen, seen));
            let tally = recorder.take(2_500_000);
            assert_eq!(look(&live), (seen, seen, seen));
            assert_eq!(tally.histograms.response.0, [(1050, 1)]);
            assert_eq!(tally.histograms.service.0, [(1000, 1)]);
            assert_eq!(tally.histograms.pacing_error.0, [(50, 1)]);
            assert_eq!(tally.histograms.client_delay.0, [(30, 1)]);
            assert_eq!(tally.histograms.late_read.0, [(7, 1)]);
            assert_eq!((tally.counts.bytes_out, tally.counts.bytes_in), (1, 2));
            assert_eq!(tally.sends, [1, 0]);
            let first = &tally.series.intervals[0];
            assert_eq!((first.offered, first.ok, first.failed), (1, 1, 0));
        }
        recorder.begin_run();
        assert_eq!(look(&live), (0, 0, 0));
    }

    #[test]
    fn a_grpc_status_is_an_error_of_its_own_kind() {
        let (_, mut recorder) = recorder();
        let reply = |status, grpc| Reply {
            status,
            grpc,
            keep: true,
        };
        for reply in [
            reply(200, Some(14)),
            reply(503, Some(14)),
            reply(404, None),
            reply(200, Some(0)),
        ] {
            recorder.replied(&REQUEST, reply, 200, 200, 0);
        }
        let tally = recorder.take(0);
        assert_eq!(tally.grpc_statuses, [(14, 1)]);
        assert_eq!(tally.statuses, [(503, 1), (404, 1)]);
        assert_eq!((tally.counts.ok, tally.counts.errors), (1, 3));
    }

    #[test]
    fn what_the_end_cuts_off_is_a_lower_bound() {
        let (_, mut recorder) = recorder();
        recorder.unanswered(&REQUEST, 1_100);
        recorder.not_sent(600, true, 1_100);
        recorder.not_sent(600, false, 1_100);
        let tally = recorder.take(0);
        assert_eq!(tally.histograms.censored.0, [(500, 1), (1000, 1)]);
        assert_eq!((tally.counts.unanswered, tally.counts.not_sent), (1, 1));
    }

    #[test]
    fn lead_in_requests_stay_apart() {
        let (_, mut recorder) = recorder();
        let request = Request {
            counted: false,
            ..Request::default()
        };
        recorder.sent(&request);
        recorder.replied(&request, Reply::OK, 7, 9, 0);
        recorder.broken(&request, 7, Reason::Reset);
        let tally = recorder.take(0);
        assert_eq!(tally.histograms.lead_in.0, [(7, 1)]);
        let apart = [
            &tally.histograms.response,
            &tally.histograms.pacing_error,
            &tally.histograms.late_read,
        ];
        assert!(apart.iter().all(|histogram| histogram.total() == 0));
        assert_eq!(
            (
                tally.lead_in_counts.ok,
                tally.lead_in_counts.errors,
                tally.counts
            ),
            (1, 1, Counts::default())
        );
        assert_eq!(tally.reasons, [0; Reason::ALL.len()]);
        assert!(tally.series.intervals.is_empty() && tally.sends.is_empty());
    }
}
