"""Shapes from what people write: every parameter by name, and a wrong one told with what there is."""

from __future__ import annotations

import pytest

from meshperf.errors import UsageError
from meshperf.load.kinds import CapacityShape, LoadShape, SpikeShape, StressShape, SweepShape
from meshperf.load.shapes import shape_of


def test_a_rate_and_a_duration_are_where_the_kind_has_them() -> None:
    assert shape_of("load", rate=100.0, duration_s=20.0) == LoadShape(rate=100.0, duration_s=20.0)
    assert shape_of("stress", rate=10.0, duration_s=60.0) == StressShape(start_rate=10.0, longest_s=60.0)
    assert shape_of("capacity") == CapacityShape()


def test_parameters_are_numbers_times_shares_or_lists() -> None:
    options = {"peak_rate": "500", "before": "5s", "peak_s": 2, "after_s": "8", "band": "50%", "quantile": 0.99}
    assert shape_of("spike", rate=50.0, options=options) == SpikeShape(
        rate=50.0, peak_rate=500.0, before_s=5.0, peak_s=2.0, after_s=8.0, band=0.5, quantile=0.99
    )
    assert shape_of("sweep", options={"rates": "10,20", "metric": "p99", "shuffle": "false"}) == SweepShape(
        rates=(10.0, 20.0), metric="p99", shuffle=False
    )
    assert shape_of("sweep", options={"rates": [10, 20]}) == SweepShape(rates=(10.0, 20.0))
    assert shape_of("stress", rate=1.0, options={"steps": "7"}) == StressShape(start_rate=1.0, steps=7)


@pytest.mark.parametrize(
    ("kind", "given", "code", "words"),
    [
        ("spike", {"rate": 5.0}, "MP1002", "needs peak_rate"),
        ("load", {}, "MP1002", "needs a rate"),
        ("load", {"rate": 5.0, "options": {"ramp_up_shar": 0.5}}, "MP1001", "did you mean `ramp_up_share`"),
        ("load", {"rate": 5.0, "options": {"rate": 6}}, "MP1002", "rates of its own"),
        ("load", {"rate": 5.0, "duration_s": 5.0, "options": {"duration": "6s"}}, "MP1002", "given twice"),
        ("sweep", {"rate": 5.0, "options": {"rates": "1,2"}}, "MP1002", "rates of its own"),
        ("stress", {"rate": 5.0, "options": {"steps": "2.5"}}, "MP1001", "whole number"),
        ("stress", {"rate": 5.0, "options": {"factor": "nan"}}, "MP1001", "finite"),
        ("stress", {"rate": 5.0, "options": {"step": "soon"}}, "MP1001", "not a duration"),
        ("sweep", {"options": {"rates": "1,x"}}, "MP1001", "not a share"),
        ("sweep", {"options": {"rates": "1,2", "shuffle": "perhaps"}}, "MP1001", "true or false"),
        ("soak", {"rate": 5.0, "options": {"settle_share": 2}}, "MP1001", "settle_share must lie in"),
    ],
)
def test_what_makes_no_shape_is_refused(kind: str, given: dict[str, object], code: str, words: str) -> None:
    with pytest.raises(UsageError) as refused:
        shape_of(kind, **given)  # type: ignore[arg-type]
    assert refused.value.code == code
    assert words in f"{refused.value.message} {refused.value.hint}"
