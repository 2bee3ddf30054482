"""Windows of a series, and the quantile that is smoother than its buckets."""

from __future__ import annotations

import numpy as np
import pytest

from meshperf.experiment.kinds.windows import smooth_quantile, windows_of
from meshperf.histograms import Histogram
from meshperf.load.recording import PhaseRecording, Series, SeriesInterval
from meshperf.spec.records import Counts


def coarse(values: np.ndarray) -> Histogram:
    """In buckets 6 % wide, as a series keeps them."""
    return Histogram.from_values(np.exp(np.round(np.log(values) / 0.06) * 0.06))


def phase(series: Series | None, seconds: float) -> PhaseRecording:
    return PhaseRecording(
        target=0, label="", begin_s=5.0, end_s=5.0 + seconds, drained_s=5.0 + seconds, drained=True, counts=Counts(),
        series=series,
    )  # fmt: skip


def test_a_shift_of_one_per_cent_shows_through_buckets_of_six() -> None:
    random = np.random.default_rng(1)
    values = 0.01 * np.exp(random.normal(0, 0.3, 20_000))
    before, after = smooth_quantile(coarse(values), 0.5), smooth_quantile(coarse(values * 1.01), 0.5)
    assert after / before == pytest.approx(1.01, abs=0.004)
    assert before == pytest.approx(float(np.median(values)), rel=0.01)


def test_a_quantile_needs_a_reply_beyond_it() -> None:
    times = Histogram.from_values([0.01] * 20)
    assert smooth_quantile(times, 0.9) == pytest.approx(0.01, rel=1e-3)
    assert smooth_quantile(times, 0.99) is None
    assert smooth_quantile(Histogram.from_values([]), 0.5) is None


def test_what_was_never_answered_counts_as_failed() -> None:
    interval = SeriesInterval(offered=10, ok=6, failed=1, response=Histogram.from_values([0.01] * 6))
    (window,) = windows_of(phase(Series(interval_s=1.0, intervals=(interval,)), 1.0), since_s=5.0, stage=lambda _: "x")
    assert (window.offered, window.ok, window.failed, window.stage) == (10, 6, 4, "x")


def test_a_stub_at_the_end_is_left_out_and_a_longer_rest_is_kept() -> None:
    interval = SeriesInterval(offered=1, ok=1, failed=0)
    series = Series(interval_s=1.0, intervals=(interval,) * 4)
    assert len(windows_of(phase(series, 3.3), since_s=5.0, stage=lambda _: "")) == 3
    kept = windows_of(phase(series, 3.7), since_s=4.0, stage=lambda moment: f"{moment:.2f}")
    assert [round(window.duration_s, 2) for window in kept] == [1, 1, 1, 0.7]
    assert [window.begin_s for window in kept] == [1, 2, 3, 4]
    assert kept[3].stage == "3.35"


def test_a_phase_without_a_series_has_no_windows() -> None:
    assert windows_of(phase(None, 1.0), since_s=0.0, stage=lambda _: "") == []
