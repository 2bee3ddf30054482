"""The curve over rates says each rate as it was offered."""

import re

import pytest

from ladder_sample import TRUTHS, ladder
from meshperf.analysis import compare
from meshperf.report.efficiency import drawings, studies_of


@pytest.mark.parametrize("rates", [(250.0, 500.0, 750.0, 1000.0), (20.0, 125.0, 1550.0, 12500.0)])
def test_every_rate_stands_at_the_axis_as_it_was_offered(rates: tuple[float, ...]) -> None:
    runs = ladder(TRUTHS, rates=rates, noise=0.02)
    comparisons = compare(runs, baseline="baseline", subject=("mesh",), margins={})
    (study,) = studies_of(comparisons, runs)
    (drawing,) = drawings(study, runs)
    texts = set(re.findall(r"<text[^>]*>([^<]*)</text>", drawing.svg))
    assert {f"{rate:.0f}" for rate in rates} <= texts
    assert not [text for text in texts if "e+" in text]
