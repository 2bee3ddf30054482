"""Histograms in Prometheus' text."""

from __future__ import annotations

import pytest

from imported_samples import kinds, milliseconds, records, sample
from meshperf.errors import DocumentError
from meshperf.spec.imported import NoteKind

TEXT = sample("prometheus.txt").decode()


def test_outcomes_are_summed_and_other_labels_kept_apart() -> None:
    source, destination = records(TEXT)
    assert (source.requests, source.ok, source.errors_by_status) == (110, 100, {"503": 10})
    assert source.source.place == 'istio_request_duration_milliseconds{reporter="source"}'
    assert (destination.requests, destination.errors) == (100, 0)
    assert [bucket.count for bucket in source.buckets] == [40, 50, 19, 1]
    assert source.mean_s == pytest.approx(330e-3 / 110) and source.latency_unit == "ms"


def test_it_is_said_that_the_counters_are_of_no_run() -> None:
    for read in records(TEXT):
        assert NoteKind.SINCE_START in kinds(read) and read.achieved_rps is None and read.duration_s is None
        assert any("go_sched_latencies_seconds" in note.text for note in read.notes)


def test_a_percentile_lies_in_its_bucket() -> None:
    source, _ = records(TEXT)
    low, value, high = milliseconds(source, 0.5)
    assert (low, high) == (1, 5) and low < value < high


def test_seconds_by_name_and_a_timestamp_read_too() -> None:
    text = 'app_http_seconds_bucket{le="0.1"} 3 1700000000000\napp_http_seconds_bucket{le="+Inf"} 4\n# EOF\n'
    (read,) = records(text)
    assert read.requests == 4 and read.errors is None and read.buckets[0].high_s == 0.1
    assert any(note.kind is NoteKind.COARSE and "beyond the last bound" in note.text for note in read.notes)


@pytest.mark.parametrize(
    ("found", "instead", "code"),
    [
        ('response_code="200",le="5"} 90', 'response_code="200",le="5"} 30', "MP2403"),
        ('response_code="200",le="5"} 90', 'response_code="200",le="5"} -1', "MP2403"),
        ('response_code="200",le="5"} 90', 'response_code="200",le="5"} many', "MP2402"),
        ('response_code="200",le="5"} 90', 'response_code="200",le="1"} 90', "MP2403"),
        ('response_code="200",le="5"} 90', 'response_code=200,le="5"} 90', "MP2402"),
        ('response_code="503",le="5"} 0', 'response_code="503",le="6"} 0', "MP2403"),
        ("go_sched_latencies_seconds_sum 0.5", "what is this", "MP2402"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(found: str, instead: str, code: str) -> None:
    assert found in TEXT
    with pytest.raises(DocumentError) as refused:
        records(TEXT.replace(found, instead, 1))
    assert refused.value.code == code and refused.value.location.line is not None


def test_buckets_without_the_last_one_are_refused() -> None:
    lines = [line for line in TEXT.splitlines() if not ('le="+Inf"' in line and "destination" in line)]
    with pytest.raises(DocumentError) as refused:
        records("\n".join(lines))
    assert refused.value.code == "MP2402"


def test_a_text_without_a_histogram_of_a_time_is_refused() -> None:
    with pytest.raises(DocumentError) as refused:
        records("# TYPE up gauge\nup 1\n")
    assert refused.value.code == "MP2402"
