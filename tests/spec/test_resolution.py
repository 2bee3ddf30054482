"""What is known of a plan before any pilot: lengths of a round that a tail allows."""

from __future__ import annotations

import numpy as np
import pytest

from meshperf.analysis.figures import TAIL_REQUESTS as JUDGED_TAIL
from meshperf.spec.resolution import DURATION_SCALES, TAIL_REQUESTS, allowed_scales, certain_requests


def test_the_rule_of_the_file_is_that_of_the_judgement() -> None:
    assert TAIL_REQUESTS == JUDGED_TAIL


@pytest.mark.parametrize(
    ("requests", "scales"),
    [(2_500.0, ()), (2_700.0, (4.0,)), (10_000.0, (2.0, 4.0)), (21_000.0, DURATION_SCALES), (None, DURATION_SCALES)],
)
def test_a_tail_takes_rounds_that_are_long_enough(requests: float | None, scales: tuple[float, ...]) -> None:
    assert allowed_scales(requests, design="interleaved", tail=True) == scales
    assert allowed_scales(requests, design="interleaved", tail=False) == DURATION_SCALES


def test_one_long_stretch_is_as_long_as_the_file_says() -> None:
    assert allowed_scales(50_000.0, design="continuous", tail=True) == (1.0,)
    assert allowed_scales(9_000.0, design="continuous", tail=True) == ()


def test_so_many_requests_as_are_certain_do_arrive() -> None:
    counts = np.random.default_rng(4).poisson(12_000, size=20_000)
    assert (counts < certain_requests(12_000)).sum() <= 3
