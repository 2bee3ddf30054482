"""vegeta: reports, single results, the binary form."""

from __future__ import annotations

import pytest

from imported_samples import changed, incoming, kinds, milliseconds, one, records, sample
from meshperf.errors import DocumentError
from meshperf.interchange.vegeta.results import is_binary
from meshperf.spec.imported import LatencyOf, LoopModel, NoteKind

GOB = b"\x0f\xff\x81\x03\x01\x01\x06Result\x01\xff\x80\x00\x01\x0c\x01\x06Attack\x01\x0c\x00\x01\x03Seq\x01\x06\x00"
GOB += b"\x01\x04Code\x01\x06\x00\x01\x09Timestamp\x01\xff\x82\x00\x01\x07Latency\x01\x04\x00"


@pytest.mark.parametrize("name", ["vegeta.json", "vegeta.txt"])
def test_both_reports_say_the_same(name: str) -> None:
    read = one(name)
    assert (read.requests, read.ok, read.errors) == (1000, 980, 20)
    assert read.errors_by_status == {"503": 15} and read.errors_by_reason == {"no reply": 5}
    assert read.duration_s == pytest.approx(10) and read.achieved_rps == pytest.approx(98)
    assert read.loop is LoopModel.OPEN and read.offered_rps == 100.1
    assert read.latency_of is LatencyOf.ALL and NoteKind.FAILURES_IN_LATENCY in kinds(read)
    assert milliseconds(read, 0.5) == (1, 4, 9) and milliseconds(read, 0.99) == (11, 30, 50)


def test_rows_of_the_plot_bound_a_percentile_by_its_neighbours() -> None:
    read = one("vegeta-hdrplot.txt")
    assert milliseconds(read, 0.5) == (2, 3, 4) and read.requests == 100
    assert (read.min_s, read.max_s, read.errors) == (0.001, 0.02, None)


def test_a_ratio_that_does_not_fit_the_codes_is_noted() -> None:
    (read,) = records(changed("vegeta.json", lambda data: data.update(success=1)))
    assert NoteKind.INCONSISTENT in kinds(read)


def test_single_results_are_counted_by_their_codes() -> None:
    read = one("vegeta-results.ndjson")
    assert (read.requests, read.ok, read.errors) == (4, 2, 2)
    assert read.errors_by_status == {"503": 1} and read.errors_by_reason == {"dial tcp: connection refused": 1}
    assert (read.min_s, read.max_s, read.response.total) == (0.001, 0.003, 2)
    assert read.duration_s == pytest.approx(2.0) and read.offered_rps == pytest.approx(2.0)
    assert read.url == "http://127.0.0.1:8080/" and "secret" not in repr(read)


@pytest.mark.parametrize(
    ("found", "instead", "code"),
    [
        ('"latency":3000000', '"latency":-1', "MP2402"),
        ('"latency":3000000', '"latency":1.5', "MP2402"),
        ('"latency":3000000', '"latency":9000000000000', "MP2403"),
        ('"bytes_in":10', '"bytes_in":"10"', "MP2402"),
        ('{"attack":"","seq":1', '{"attack":"",,"seq":1', "MP2402"),
    ],
)
def test_a_result_that_cannot_be_is_refused_with_its_line(found: str, instead: str, code: str) -> None:
    with pytest.raises(DocumentError) as refused:
        records(sample("vegeta-results.ndjson").decode().replace(found, instead, 1))
    assert refused.value.code == code and refused.value.location.line in (1, 2)


def test_the_binary_form_is_known_and_refused_with_the_next_step() -> None:
    assert is_binary(incoming(GOB)) and not is_binary(incoming(sample("vegeta.json")))
    with pytest.raises(DocumentError) as refused:
        records(GOB)
    assert refused.value.code == "MP2401" and "vegeta encode --to json" in str(refused.value.hint)


@pytest.mark.parametrize("line", ["Success", "Status Codes", "Latencies"])
def test_a_text_report_that_breaks_off_is_refused(line: str) -> None:
    text = sample("vegeta.txt").decode()
    with pytest.raises(DocumentError) as refused:
        records(text[: text.index(line)], form="vegeta-text")
    assert refused.value.code == "MP2402"
