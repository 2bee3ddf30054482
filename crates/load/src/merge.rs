//! The workers' parts of a run put together: counts and histograms add exactly.

use crate::plan::Phase;
use crate::reason::Reason;
use crate::recording::PhaseRecording;
use crate::worker::WorkerPhase;

/// One recording a phase, as far as all workers got. `parts`: by worker, worker 0 first.
pub(crate) fn merge(
    phases: &[Phase],
    parts: Vec<Vec<WorkerPhase>>,
    origin: u64,
) -> Vec<PhaseRecording> {
    // A worker that had not begun a phase when the run was stopped has nothing to add to it.
    let reached = parts.iter().map(Vec::len).max().unwrap_or(0);
    let mut recordings: Vec<PhaseRecording> = phases
        .iter()
        .take(reached)
        .map(|phase| PhaseRecording {
            target: phase.target,
            label: phase.label.clone(),
            begin_s: f64::INFINITY,
            drained: true,
            ..PhaseRecording::default()
        })
        .collect();
    for worker in parts {
        for (recording, part) in recordings.iter_mut().zip(worker) {
            add(recording, part, origin);
        }
    }
    recordings
}

fn add(recording: &mut PhaseRecording, part: WorkerPhase, origin: u64) {
    let seconds = |moment: u64| (moment.saturating_sub(origin)) as f64 * 1e-9;
    let outcome = part.outcome;
    recording.begin_s = recording.begin_s.min(seconds(outcome.begin));
    recording.end_s = recording.end_s.max(seconds(outcome.end));
    recording.drained_s = recording.drained_s.max(seconds(outcome.drained_at));
    recording.drained &= outcome.drained;
    recording.interrupted |= outcome.interrupted;
    recording.counts.add(&outcome.tally.counts);
    recording.lead_in_counts.add(&outcome.tally.lead_in_counts);
    recording.histograms.add(&outcome.tally.histograms);
    for reason in Reason::ALL {
        let count = outcome.tally.reasons[reason as usize];
        if count > 0 {
            *recording.errors_by_reason.entry(reason.word()).or_default() += count;
        }
    }
    for (status, count) in outcome.tally.statuses {
        *recording.errors_by_status.entry(status).or_default() += count;
    }
    for (status, count) in outcome.tally.grpc_statuses {
        *recording.errors_by_grpc_status.entry(status).or_default() += count;
    }
    recording.datagrams.duplicates += outcome.tally.strays.duplicates;
    recording.datagrams.reordered += outcome.tally.strays.reordered;
    recording.datagrams.late += outcome.tally.strays.late;
    recording.series.add(outcome.tally.series);
    let sends = &mut recording.sends_per_ms;
    sends.resize(sends.len().max(outcome.tally.sends.len()), 0);
    for (sum, count) in sends.iter_mut().zip(outcome.tally.sends) {
        *sum += count;
    }
    // Spinning is burned on purpose and says nothing about how busy the worker was.
    recording.busy_s += outcome.cpu.saturating_sub(outcome.spun) as f64 * 1e-9;
    recording.spin_s += outcome.spun as f64 * 1e-9;
    let read = |clocks: std::collections::BTreeMap<String, u64>| {
        clocks
            .into_iter()
            .map(|(name, time)| (name, time as f64 * 1e-9))
            .collect::<Vec<_>>()
    };
    recording.cpu_begin_s.extend(read(part.cpu_begin));
    recording.cpu_drained_s.extend(read(part.cpu_drained));
}
