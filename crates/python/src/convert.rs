//! Recordings as Python values: dicts whose keys are the fields of `meshperf.load.recording`, histograms as bytes.

use meshperf_load::recording::{Counts, PhaseRecording, Progress, Series, SessionRecording};
use meshperf_load::{ConnectionFacts, Sparse};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

fn histogram<'py>(py: Python<'py>, sparse: &Sparse) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &sparse.to_bytes())
}

fn counts<'py>(py: Python<'py>, counts: &Counts) -> PyResult<Bound<'py, PyDict>> {
    let fields = [
        ("offered", counts.offered),
        ("sent", counts.sent),
        ("ok", counts.ok),
        ("errors", counts.errors),
        ("timeouts", counts.timeouts),
        ("unanswered", counts.unanswered),
        ("not_sent", counts.not_sent),
        ("bytes_out", counts.bytes_out),
        ("bytes_in", counts.bytes_in),
    ];
    let dict = PyDict::new(py);
    fields
        .iter()
        .try_for_each(|(name, value)| dict.set_item(name, value))?;
    Ok(dict)
}

fn phase<'py>(py: Python<'py>, phase: &PhaseRecording) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("target", phase.target)?;
    dict.set_item("label", &phase.label)?;
    dict.set_item("begin_s", phase.begin_s)?;
    dict.set_item("end_s", phase.end_s)?;
    dict.set_item("drained_s", phase.drained_s)?;
    dict.set_item("drained", phase.drained)?;
    dict.set_item("counts", counts(py, &phase.counts)?)?;
    dict.set_item("lead_in_counts", counts(py, &phase.lead_in_counts)?)?;
    let histograms = &phase.histograms;
    dict.set_item("response", histogram(py, &histograms.response))?;
    dict.set_item("service", histogram(py, &histograms.service))?;
    dict.set_item("failed", histogram(py, &histograms.failed))?;
    dict.set_item("lead_in", histogram(py, &histograms.lead_in))?;
    dict.set_item("pacing_error", histogram(py, &histograms.pacing_error))?;
    dict.set_item("client_delay", histogram(py, &histograms.client_delay))?;
    dict.set_item("late_read", histogram(py, &histograms.late_read))?;
    dict.set_item("censored", histogram(py, &histograms.censored))?;
    let datagrams = PyDict::new(py);
    datagrams.set_item("duplicates", phase.datagrams.duplicates)?;
    datagrams.set_item("reordered", phase.datagrams.reordered)?;
    datagrams.set_item("late", phase.datagrams.late)?;
    dict.set_item("datagrams", datagrams)?;
    dict.set_item("series", series(py, &phase.series)?)?;
    let sends = phase.sends_per_ms.iter();
    let sends: Vec<u8> = sends.flat_map(|count| count.to_le_bytes()).collect();
    dict.set_item("sends_per_ms", PyBytes::new(py, &sends))?;
    let (reasons, statuses) = (PyDict::new(py), PyDict::new(py));
    phase
        .errors_by_reason
        .iter()
        .try_for_each(|(reason, count)| reasons.set_item(reason, count))?;
    phase
        .errors_by_status
        .iter()
        .try_for_each(|(status, count)| statuses.set_item(status.to_string(), count))?;
    dict.set_item("errors_by_reason", reasons)?;
    dict.set_item("errors_by_status", statuses)?;
    let statuses = PyDict::new(py);
    phase
        .errors_by_grpc_status
        .iter()
        .try_for_each(|(status, count)| statuses.set_item(status.to_string(), count))?;
    dict.set_item("errors_by_grpc_status", statuses)?;
    let (begin, drained) = (PyDict::new(py), PyDict::new(py));
    phase
        .cpu_begin_s
        .iter()
        .try_for_each(|(name, seconds)| begin.set_item(name, seconds))?;
    phase
        .cpu_drained_s
        .iter()
        .try_for_each(|(name, seconds)| drained.set_item(name, seconds))?;
    dict.set_item("cpu_begin_s", begin)?;
    dict.set_item("cpu_drained_s", drained)?;
    dict.set_item("busy_s", phase.busy_s)?;
    dict.set_item("spin_s", phase.spin_s)?;
    dict.set_item("interrupted", phase.interrupted)?;
    Ok(dict)
}

fn series<'py>(py: Python<'py>, series: &Series) -> PyResult<Bound<'py, PyDict>> {
    let intervals = PyList::empty(py);
    for interval in &series.intervals {
        let dict = PyDict::new(py);
        dict.set_item("offered", interval.offered)?;
        dict.set_item("ok", interval.ok)?;
        dict.set_item("failed", interval.failed)?;
        dict.set_item("response", histogram(py, &interval.response))?;
        intervals.append(dict)?;
    }
    let dict = PyDict::new(py);
    dict.set_item("interval_s", series.interval_s)?;
    dict.set_item("intervals", intervals)?;
    Ok(dict)
}

fn connections<'py>(py: Python<'py>, facts: &ConnectionFacts) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("opened", facts.opened)?;
    dict.set_item("reopened", facts.reopened)?;
    dict.set_item("failed", facts.failed)?;
    dict.set_item("tls_handshakes", facts.tls_handshakes)?;
    dict.set_item("tls_resumed", facts.tls_resumed)?;
    dict.set_item("handshake", histogram(py, &facts.handshake))?;
    dict.set_item("connect", histogram(py, &facts.connect))?;
    dict.set_item("retired", facts.retired)?;
    dict.set_item("grown", facts.grown)?;
    dict.set_item("max_streams", facts.max_streams)?;
    let agreed = facts.agreed.as_ref();
    dict.set_item("alpn", agreed.and_then(|agreed| agreed.alpn.as_ref()))?;
    dict.set_item("tls_version", agreed.map(|agreed| &agreed.version))?;
    dict.set_item("tls_cipher", agreed.map(|agreed| &agreed.cipher))?;
    dict.set_item("tls_group", agreed.and_then(|agreed| agreed.group.as_ref()))?;
    dict.set_item(
        "server_identity",
        agreed.and_then(|agreed| agreed.server_identity.as_ref()),
    )?;
    Ok(dict)
}

pub(crate) fn recording<'py>(
    py: Python<'py>,
    recording: &SessionRecording,
) -> PyResult<Bound<'py, PyDict>> {
    let (phases, targets) = (PyList::empty(py), PyList::empty(py));
    recording
        .phases
        .iter()
        .try_for_each(|one| phases.append(phase(py, one)?))?;
    recording
        .connections
        .iter()
        .try_for_each(|facts| targets.append(connections(py, facts)?))?;
    let dict = PyDict::new(py);
    dict.set_item("phases", phases)?;
    dict.set_item("connections", targets)?;
    dict.set_item("interrupted", recording.interrupted)?;
    dict.set_item("origin_unix_s", recording.origin_unix_s)?;
    dict.set_item("wait", recording.wait)?;
    dict.set_item("receive_clock", recording.receive_clock)?;
    dict.set_item("workers", recording.workers)?;
    dict.set_item("worker_tids", &recording.worker_tids)?;
    Ok(dict)
}

pub(crate) fn progress<'py>(py: Python<'py>, progress: &Progress) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("phase", progress.phase)?;
    dict.set_item("phases", progress.phases)?;
    dict.set_item("elapsed_s", progress.elapsed_s)?;
    dict.set_item("sent", progress.sent)?;
    dict.set_item("ok", progress.ok)?;
    dict.set_item("failed", progress.failed)?;
    dict.set_item("response", histogram(py, &progress.response))?;
    Ok(dict)
}
