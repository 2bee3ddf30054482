"""What is read from the recorded output of each tool, figure by figure."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from imported_samples import SHARED, kinds, milliseconds
from meshperf.errors import DocumentError
from meshperf.interchange.reading import read_file
from meshperf.spec.imported import Imported, LatencyOf, LatencyOrigin, LoopModel, NoteKind

pytestmark = pytest.mark.needs_shared


@dataclasses.dataclass(frozen=True, kw_only=True)
class Read:
    """Times in ms; quantiles as (low, value, high)."""

    tool: str
    rate: float | None
    requests: int | None
    errors: int | None
    p50: tuple[float, float, float] | None = None
    p99: tuple[float, float, float] | None = None
    loop: LoopModel = LoopModel.SCHEDULED_CLOSED
    origin: LatencyOrigin = LatencyOrigin.ACTUAL
    offered: float | None = None


_EXPECTED: dict[str, Any] = {
    "generators/fortio/http.json": Read(
        tool="fortio",
        rate=499.7529292732466,
        requests=2000,
        errors=0,
        p50=(1.18579, 1.60206, 2.0),
        p99=(2.0, 2.56818, 3.0),
        offered=500,
    ),
    "generators/fortio/http-r1us.json": Read(
        tool="fortio",
        rate=499.84251124604475,
        requests=2000,
        errors=0,
        p50=(0.16, 0.163973, 0.18),
        p99=(40.0, 41.5946, 49.5676),
        offered=500,
    ),
    "generators/fortio/http-errors.json": Read(
        tool="fortio",
        rate=359 / 3.001793444,
        requests=600,
        errors=241,
        p50=(0.077907, 0.558231, 1.0),
        p99=(2.0, 2.16667, 3.0),
        offered=200,
    ),
    "generators/fortio/grpc.json": Read(
        tool="fortio",
        rate=199.92567702978715,
        requests=600,
        errors=0,
        p50=(0.197365, 0.604815, 1.0),
        p99=(1.0, 1.10413, 1.26032),
        offered=200,
    ),
    "generators/fortio/tcp.json": Read(
        tool="fortio",
        rate=199.97317659795704,
        requests=600,
        errors=0,
        p50=(0.031787, 0.525807, 1.0),
        p99=(2.0, 2.45809, 2.91619),
        offered=200,
    ),
    "generators/wrk/latency.txt": Read(
        tool="wrk",
        rate=79826.45,
        requests=247407,
        errors=0,
        p50=(0.100995, 0.101, 0.102005),
        p99=(38.665, 38.67, 38.676),
        loop=LoopModel.CLOSED,
    ),
    "generators/wrk/plain.txt": Read(tool="wrk", rate=107649.6, requests=226007, errors=0, loop=LoopModel.CLOSED),
    "generators/wrk2/latency.txt": Read(
        tool="wrk2",
        rate=499.58,
        requests=6496,
        errors=0,
        p50=(0.839, 0.839, 0.84),
        p99=(41.6, 41.63, 41.664),
        origin=LatencyOrigin.INTENDED,
    ),
    "generators/h2load/h1.txt": Read(tool="h2load", rate=78614.33, requests=235843, errors=0, loop=LoopModel.CLOSED),
    "generators/nighthawk/getnighthawk.json": Read(
        tool="nighthawk",
        rate=4.9999995930000339,
        requests=25,
        errors=None,
        p50=(26.2666, 26.2676, 26.2676),
        offered=5,
    ),
    "generators/nighthawk/output_formatter.medium.fortio.gold": Read(
        tool="nighthawk",
        rate=56 / 2.000000429,
        requests=56,
        errors=None,
        p50=(65.0752, 65.0772, 65.0772),
        offered=30,
    ),
    "generators/nighthawk/output_formatter.json.gold": Read(
        tool="nighthawk", rate=None, requests=None, errors=None, p50=(0.19, 0.190007, 0.190008), loop=LoopModel.UNKNOWN
    ),
    "generators/nighthawk/output_formatter.yaml.gold": Read(
        tool="nighthawk", rate=None, requests=None, errors=None, p50=(0.19, 0.190007, 0.190008), loop=LoopModel.UNKNOWN
    ),
    "smp/result-g0.yaml": Read(
        tool="smp",
        rate=0.9999971285438009,
        requests=None,
        errors=None,
        p50=(0.0120071, 0.0218991, 0.0330292),
        p99=(0.0330292, 0.055, 0.350472),
        loop=LoopModel.UNKNOWN,
        origin=LatencyOrigin.UNKNOWN,
    ),
}


@pytest.mark.parametrize("name", sorted(_EXPECTED))
def test_a_recorded_file_is_read_with_the_tools_own_figures(name: str) -> None:
    (record,) = read_file(SHARED / name)
    expected = _EXPECTED[name]
    assert (record.source.tool, record.requests, record.errors) == (expected.tool, expected.requests, expected.errors)
    assert record.achieved_rps == (None if expected.rate is None else pytest.approx(expected.rate, rel=1e-9))
    assert (record.loop, record.latency_origin, record.offered_rps) == (
        expected.loop,
        expected.origin,
        expected.offered,
    )
    given = {one.q for one in record.quantiles}
    for q, bounds in ((0.5, expected.p50), (0.99, expected.p99)):
        assert (q in given) == (bounds is not None)
        if bounds is not None:
            assert milliseconds(record, q) == bounds
    assert record.source.file == name.rpartition("/")[2]


def test_failures_stand_by_code_and_are_among_fortios_latencies() -> None:
    (record,) = read_file(SHARED / "generators/fortio/http-errors.json")
    assert record.errors_by_status == {"429": 29, "503": 212}
    assert (record.ok, record.latency_of) == (359, LatencyOf.ALL)
    assert NoteKind.FAILURES_IN_LATENCY in kinds(record)
    assert record.url == "http://127.0.0.1:28080/echo"


def test_the_linkerd_records_that_smp_publishes_are_failures_and_not_fast_runs() -> None:
    first, *linkerd = read_file(SHARED / "smp/meshery-records.json")
    assert (first.errors, first.ok, first.mesh) == (0, 78, None)
    assert milliseconds(first, 0.5) == (350.0, 383.333, 400.0)
    assert NoteKind.LITTLES_LAW in kinds(first)  # one connection: 1 / 2.58 per second is 387 ms
    assert len(linkerd) == 2
    for record in linkerd:
        assert (record.requests, record.errors, record.ok, record.achieved_rps) == (300, 300, 0, 0.0)
        assert record.mesh == "LINKERD"
        assert record.latency_of is LatencyOf.ALL
        assert record.errors_by_reason == {"socket": 300}
        assert {NoteKind.ALL_FAILED, NoteKind.FAILURES_IN_LATENCY} <= kinds(record)


def test_the_oldest_sample_is_said_to_hold_seconds_and_converted_only_on_demand() -> None:
    (told,) = read_file(SHARED / "smp/result-g0.yaml")
    assert NoteKind.UNIT_SUSPECT in kinds(told)
    assert told.latency_unit == "ms"
    (converted,) = read_file(SHARED / "smp/result-g0.yaml", convert_units=True)
    assert NoteKind.UNIT_CONVERTED in kinds(converted)
    assert NoteKind.UNIT_SUSPECT not in kinds(converted)
    assert milliseconds(converted, 0.5) == (12.0071, 21.8991, 33.0292)


def test_wrk2_says_that_its_calibration_is_not_among_the_latencies() -> None:
    (record,) = read_file(SHARED / "generators/wrk2/latency.txt")
    assert (record.latency_count, record.requests) == (1480, 6496)
    assert NoteKind.SAMPLED in kinds(record)
    assert sum(bucket.count for bucket in record.buckets) == 1480


def test_latencies_that_wrk_made_up_for_stalls_are_said() -> None:
    (record,) = read_file(SHARED / "generators/wrk/latency.txt")
    note = next(note for note in record.notes if note.kind is NoteKind.OMISSION)
    assert note.figures["spent_s"] > 10 * note.figures["had_s"]


def test_a_result_of_nighthawk_with_latencies_but_no_success_is_no_success() -> None:
    (record,) = read_file(SHARED / "generators/nighthawk/getnighthawk.json")
    assert (record.ok, record.errors) == (None, None)
    assert {NoteKind.INCONSISTENT, NoteKind.ERRORS_UNKNOWN} <= kinds(record)


def test_a_test_file_of_smp_is_no_result() -> None:
    with pytest.raises(DocumentError) as caught:
        list(read_file(SHARED / "smp/profile-load-test.yaml"))
    assert caught.value.code == "MP2401"
    assert "meshperf run" in (caught.value.hint or "")


def test_several_files_come_in_their_order() -> None:
    from meshperf.interchange.reading import read_files

    names = ["generators/wrk/plain.txt", "generators/fortio/tcp.json"]
    found: list[Imported] = list(read_files(SHARED / name for name in names))
    assert [record.source.tool for record in found] == ["wrk", "fortio"]
