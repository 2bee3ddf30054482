"""Hypothesis strategies for runs, field by field from the records' own types, so that a new field is tried at once."""

from __future__ import annotations

import dataclasses
import types
import typing
from datetime import UTC, datetime
from enum import Enum

import numpy as np
from hypothesis import strategies as st

from meshperf.histograms import Histogram
from meshperf.spec.record_codec import field_types
from meshperf.spec.records import ComponentUsage, Counts, DesignLabels, Fact, RunResult, SliceRecord

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=12).filter(
    lambda t: "-----BEGIN" not in t
)
WHOLE = st.integers(-(2**62), 2**62)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def histograms(draw: st.DrawFn) -> Histogram:
    index = sorted(draw(st.sets(st.integers(0, 33_000), max_size=6)))
    count = draw(st.lists(st.integers(1, 10**6), min_size=len(index), max_size=len(index)))
    return Histogram(np.array(index, dtype=np.int64), np.array(count, dtype=np.int64))


def of_type(hint: object) -> st.SearchStrategy[object]:
    """Values of a type hint, as the records use them."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([of_type(one) for one in typing.get_args(hint)])
    if origin is tuple:
        return st.lists(of_type(typing.get_args(hint)[0]), max_size=2).map(tuple)
    if origin is not None:
        return st.dictionaries(TEXT, of_type(typing.get_args(hint)[1]), max_size=2)
    if hint is Histogram:
        return histograms()
    if hint is Counts:
        names = [field.name for field in dataclasses.fields(Counts)]
        return st.builds(Counts, **{name: st.integers(0, 2**62) for name in names})
    if dataclasses.is_dataclass(hint):
        return st.builds(hint, **{name: of_type(one) for name, one in field_types(hint).items()})
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    simple = {
        str: TEXT,
        int: WHOLE,
        float: NUMBER,
        bool: st.booleans(),
        type(None): st.none(),
        datetime: st.datetimes(timezones=st.just(UTC)),
    }
    return simple[hint]


def runs() -> st.SearchStrategy[RunResult]:
    fields = {name: of_type(hint) for name, hint in field_types(RunResult).items()}
    return st.builds(RunResult, **fields)


def sample_run(**changes: object) -> RunResult:
    """A plausible run of two slices with known figures."""
    response = Histogram.from_values([0.001] * 90 + [0.004] * 10)
    counts = Counts(offered=101, sent=101, ok=100, errors=1, bytes_out=5000, bytes_in=100_000)
    half = Counts(offered=50, sent=50, ok=50)
    part = SliceRecord(
        position=0, block=0, begin_s=0.1, end_s=0.2, drained_s=0.21, counts=half, response=response, cpu_s={"app": 0.01}
    )
    run = RunResult(
        run_id="r1-envoy-0",
        experiment_id="e1",
        experiment="sample",
        arm="envoy",
        start_time=datetime(2026, 1, 31, 12, 0, tzinfo=UTC),
        end_time=datetime(2026, 1, 31, 12, 0, 5, tzinfo=UTC),
        measured_s=0.2,
        offered_rps=500.0,
        counts=counts,
        response=response,
        slices=(part, dataclasses.replace(part, position=1)),
        resources=(ComponentUsage(component="client-sidecar", role="sidecar", cpu_s=0.05, requests=101),),
        facts={
            "mesh.type": Fact(value="envoy", source="declared"),
            "security.mtls": Fact(value="strict", source="tried out"),
            "load.protocol": Fact(value="http1", source="experiment"),
            "load.connections": Fact(value=16, source="experiment"),
            "load.duration_s": Fact(value=5.0, source="experiment"),
            "host.cores": Fact(value=2, source="kernel"),
            "host.memory_bytes": Fact(value=8_000_000_000, source="kernel"),
            "host.governor": Fact(source="sysfs", unavailable="a virtual machine"),
        },
        design=DesignLabels(design="interleaved", slice_s=0.1, seed=1),
    )
    return dataclasses.replace(run, **changes)
