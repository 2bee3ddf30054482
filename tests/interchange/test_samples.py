"""Single latencies in a histogram, held against the sorted values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshperf.interchange.samples import MOST_REASONS, Samples, Tally


@given(st.lists(st.floats(1e-6, 100.0), min_size=2, max_size=200))
def test_the_bounds_hold_every_definition_of_a_quantile(values: list[float]) -> None:
    samples = Samples()
    for value in values:
        samples.add(value)
    for found in samples.quantiles():
        lower, higher = (float(np.quantile(values, found.q, method=way)) for way in ("lower", "higher"))
        assert found.low_s <= lower * (1 + 1e-9) + 1e-9 and higher <= found.high_s * (1 + 1e-9) + 1e-9
        assert found.low_s <= found.value_s <= found.high_s
    assert samples.mean_s == pytest.approx(np.mean(values)) and samples.max_s == max(values)
    assert samples.stddev_s == pytest.approx(np.std(values), abs=1e-6)


def test_many_latencies_are_counted_batch_by_batch() -> None:
    samples = Samples()
    for number in range(20_000):
        samples.add(number * 1e-6)
    assert samples.histogram().total == samples.count == 20_000
    assert len(samples.waiting) == 0 and samples.quantiles()[0].value_s == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("value", [-1e-9, float("nan"), float("inf"), 3601.0])
def test_a_latency_that_cannot_be_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        Samples().add(value)


def test_reasons_without_end_are_counted_together() -> None:
    tally = Tally()
    for number in range(MOST_REASONS + 50):
        tally.failed(tally.by_reason, f"error {number}")
    assert len(tally.by_reason) == MOST_REASONS + 1 and tally.by_reason["other"] == 50
    assert tally.errors == MOST_REASONS + 50
