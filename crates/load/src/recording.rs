//! What a run hands back: one recording a phase, and the session's own account.
//!
//! The fields are those of `meshperf.load.recording` in Python, where each is described. Times are monotonic seconds
//! since the session's origin.

use std::collections::BTreeMap;

use crate::endpoint::ConnectionFacts;
use crate::histogram::Sparse;

/// What became of requests: offered = ok + errors + timeouts + unanswered + not_sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub offered: u64,
    pub sent: u64,
    pub ok: u64,
    pub errors: u64,
    pub timeouts: u64,
    pub unanswered: u64,
    pub not_sent: u64,
    pub bytes_out: u64,
    pub bytes_in: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.offered += other.offered;
        self.sent += other.sent;
        self.ok += other.ok;
        self.errors += other.errors;
        self.timeouts += other.timeouts;
        self.unanswered += other.unanswered;
        self.not_sent += other.not_sent;
        self.bytes_out += other.bytes_out;
        self.bytes_in += other.bytes_in;
    }
}

#[derive(Clone, Debug, Default)]
pub struct PhaseRecording {
    pub target: usize,
    pub label: String,
    pub begin_s: f64,
    pub end_s: f64,
    pub drained_s: f64,
    pub drained: bool,
    pub counts: Counts,
    pub lead_in_counts: Counts,
    pub histograms: Histograms,
    pub errors_by_reason: BTreeMap<&'static str, u64>,
    pub errors_by_status: BTreeMap<u16, u64>,
    pub errors_by_grpc_status: BTreeMap<u16, u64>,
    pub datagrams: Datagrams,
    pub series: Series,
    /// Requests sent in each millisecond of the counted window, of its first 65,536 ms at most.
    pub sends_per_ms: Vec<u32>,
    pub cpu_begin_s: BTreeMap<String, f64>,
    pub cpu_drained_s: BTreeMap<String, f64>,
    pub busy_s: f64,
    pub spin_s: f64,
    pub interrupted: bool,
}

/// The distributions of one phase.
#[derive(Clone, Debug, Default)]
pub struct Histograms {
    pub response: Sparse,
    pub service: Sparse,
    pub failed: Sparse,
    pub lead_in: Sparse,
    pub pacing_error: Sparse,
    pub client_delay: Sparse,
    pub late_read: Sparse,
    pub censored: Sparse,
}

/// What was seen of datagrams beside their counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Datagrams {
    pub duplicates: u64,
    pub reordered: u64,
    pub late: u64,
}

/// A phase's counted window in equal intervals.
#[derive(Clone, Debug, Default)]
pub struct Series {
    pub interval_s: f64,
    pub intervals: Vec<Interval>,
}

/// The requests that were due in one interval, whenever they ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interval {
    pub offered: u64,
    pub ok: u64,
    pub failed: u64,
    pub response: Sparse,
}

impl Histograms {
    pub(crate) fn add(&mut self, other: &Self) {
        self.response.add(&other.response);
        self.service.add(&other.service);
        self.failed.add(&other.failed);
        self.lead_in.add(&other.lead_in);
        self.pacing_error.add(&other.pacing_error);
        self.client_delay.add(&other.client_delay);
        self.late_read.add(&other.late_read);
        self.censored.add(&other.censored);
    }
}

/// What one run produced.
#[derive(Clone, Debug, Default)]
pub struct SessionRecording {
    pub phases: Vec<PhaseRecording>,
    /// By target, since the session was opened.
    pub connections: Vec<ConnectionFacts>,
    pub interrupted: bool,
    pub origin_unix_s: f64,
    pub wait: &'static str,
    pub receive_clock: &'static str,
    pub workers: u32,
    pub worker_tids: Vec<i32>,
}

/// A look at a running session: counted requests since the run began.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    pub phase: usize,
    pub phases: usize,
    pub elapsed_s: f64,
    pub sent: u64,
    pub ok: u64,
    pub failed: u64,
    pub response: Sparse,
}
