"""What is checked and noted of every record, whichever tool it is of."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from imported_samples import kinds
from meshperf.errors import DocumentError, Location
from meshperf.interchange.checks import checked
from meshperf.spec.imported import (
    Bucket,
    Imported,
    LatencyOf,
    LatencyOrigin,
    LoopModel,
    NoteKind,
    Quantile,
    Source,
)

PLAIN = Imported(
    source=Source(tool="a", form="b", tool_version="1"),
    duration_s=10.0,
    connections=10,
    loop=LoopModel.CLOSED,
    achieved_rps=100.0,
    requests=1000,
    ok=1000,
    errors=0,
    latency_origin=LatencyOrigin.ACTUAL,
    latency_of=LatencyOf.ALL,
    latency_count=1000,
    quantiles=(Quantile(q=0.5, value_s=0.02, low_s=0.02, high_s=0.021),),
)
HERE = Location()


def noted(**changes: Any) -> set[NoteKind]:
    return kinds(checked(dataclasses.replace(PLAIN, **changes), HERE))


def test_a_record_with_nothing_to_say_stays_as_it_is() -> None:
    assert checked(PLAIN, HERE) is PLAIN


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"errors": None}, NoteKind.ERRORS_UNKNOWN),
        ({"ok": 0, "errors": 1000}, NoteKind.ALL_FAILED),
        ({"ok": 900, "errors": 100}, NoteKind.FAILURES_IN_LATENCY),
        ({"ok": 900}, NoteKind.INCONSISTENT),
        ({"connections": 2}, NoteKind.LITTLES_LAW),
        ({"loop": LoopModel.OPEN}, NoteKind.OMISSION),
        ({"source": Source(tool="a", form="b")}, NoteKind.VERSION_UNKNOWN),
        ({"max_s": 0.01}, NoteKind.INCONSISTENT),
        ({"min_s": 0.5}, NoteKind.INCONSISTENT),
        ({"buckets": (Bucket(low_s=0.0, high_s=1.0, count=3),)}, NoteKind.INCONSISTENT),
        ({"quantiles": (Quantile(q=0.5, value_s=0.02, low_s=0.0, high_s=0.05),)}, NoteKind.COARSE),
    ],
)
def test_what_a_reader_must_know_is_noted(changes: dict[str, Any], kind: NoteKind) -> None:
    assert kind in noted(**changes)


@pytest.mark.parametrize("connections", [1, 10])
def test_a_median_away_from_littles_law_is_not_noted(connections: int) -> None:
    assert NoteKind.LITTLES_LAW not in noted(connections=connections)


@pytest.mark.parametrize(
    "changes",
    [
        {"requests": -1},
        {"achieved_rps": math.nan},
        {"duration_s": math.inf},
        {"mean_s": -0.1},
        {"errors_by_status": {"503": -1}},
        {"quantiles": (Quantile(q=1.5, value_s=1.0, low_s=1.0, high_s=1.0),)},
        {"quantiles": (Quantile(q=0.5, value_s=1.0, low_s=2.0, high_s=3.0),)},
        {"quantiles": (PLAIN.quantiles[0], PLAIN.quantiles[0])},
        {"quantiles": (PLAIN.quantiles[0], Quantile(q=0.9, value_s=0.01, low_s=0.01, high_s=0.01))},
        {"buckets": (Bucket(low_s=0.0, high_s=2.0, count=1), Bucket(low_s=1.0, high_s=3.0, count=1))},
        {"buckets": (Bucket(low_s=0.0, high_s=2.0, count=-1),)},
    ],
)
def test_figures_that_cannot_be_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(DocumentError) as caught:
        checked(dataclasses.replace(PLAIN, **changes), HERE)
    assert caught.value.code == "MP2403"
