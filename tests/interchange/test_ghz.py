"""ghz: JSON and text."""

from __future__ import annotations

from typing import Any

import pytest

from imported_samples import changed, kinds, milliseconds, one, records, sample
from meshperf.errors import DocumentError
from meshperf.spec.imported import LatencyOf, LoopModel, NoteKind


def test_single_calls_are_read_and_failures_kept_apart() -> None:
    read = one("ghz.json")
    assert (read.requests, read.ok, read.errors, read.errors_by_grpc_status) == (4, 3, 1, {"Unavailable": 1})
    assert (read.min_s, read.max_s, read.mean_s, read.response.total) == (0.001, 0.003, pytest.approx(0.002), 3)
    assert read.loop is LoopModel.SCHEDULED_CLOSED and (read.offered_rps, read.achieved_rps) == (2, 1.5)
    assert (read.connections, read.streams, read.name) == (2, 2, "greeter")
    assert read.url == "grpc://127.0.0.1:50051/helloworld.Greeter/SayHello"
    assert "secret" not in repr(read)


@pytest.mark.parametrize(
    ("options", "loop"), [({"rps": 0}, LoopModel.CLOSED), ({"async": True, "rps": 5}, LoopModel.OPEN)]
)
def test_the_options_tell_the_loop(options: dict[str, Any], loop: LoopModel) -> None:
    (read,) = records(changed("ghz.json", lambda data: data["options"].update(options)))
    assert read.loop is loop


@pytest.mark.parametrize("connections", [5e-324, 0.5, -1, 1e300])
def test_connections_that_are_no_count_are_refused(connections: float) -> None:
    with pytest.raises(DocumentError) as refused:
        records(changed("ghz.json", lambda data: data["options"].update(connections=connections)))
    assert refused.value.code in {"MP2402", "MP2403"}


def test_without_single_calls_its_own_percentiles_stand() -> None:
    (read,) = records(changed("ghz.json", lambda data: data.pop("details")))
    assert milliseconds(read, 0.99) == (3, 3, 3) and read.buckets[1].count == 2


def test_fewer_single_calls_than_were_made_are_a_sample() -> None:
    (read,) = records(changed("ghz.json", lambda data: data.update(count=2_000_000)))
    assert NoteKind.SAMPLED in kinds(read) and NoteKind.INCONSISTENT in kinds(read)


def test_the_text_has_figures_with_their_units() -> None:
    read = one("ghz.txt")
    assert (read.requests, read.ok, read.errors) == (200, 195, 5)
    assert read.achieved_rps == pytest.approx(97.5) and read.latency_of is LatencyOf.UNKNOWN
    assert milliseconds(read, 0.5) == (44.275, 44.28, 44.285)
    assert read.buckets[0].high_s == pytest.approx(0.04011)
    (micro,) = records(sample("ghz.txt").decode().replace("44.28 ms", "44280 µs").replace("50.90 ms", "0.0509 s"))
    assert milliseconds(micro, 0.5)[1] == pytest.approx(44.28)
