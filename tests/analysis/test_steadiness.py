"""Runs that had not settled, and levels that jumped."""

import math
from dataclasses import replace

import numpy as np
import pytest
from simulated import BASELINE, MARGINS, SimulatedArm, Simulation, constant_run

from meshperf.analysis import compare
from meshperf.analysis.pairing import Pair
from meshperf.analysis.steadiness import level_shift, mser5, steadiness_flags, steadiness_warnings
from meshperf.histograms import Histogram, merge
from meshperf.spec.records import RunSeries, WarningKind


def _noise(seed, n=120, memory=0.0):
    rng, out, state = np.random.default_rng(seed), np.zeros(n), 0.0
    for i in range(n):
        state = memory * state + math.sqrt(1 - memory**2) * rng.normal()
        out[i] = 0.1 * state
    return out


def test_a_warm_up_that_lasts_is_seen_and_cut_where_it_ends():
    found = 0
    for seed in range(40):
        x = _noise(seed)
        x[:40] += np.linspace(0.6, 0.2, 40)
        settling = mser5(x)
        found += settling.unsettled
        assert 1 / 3 - 0.05 <= settling.cut_share <= 0.5
    assert found >= 38


@pytest.mark.parametrize("memory", [0.0, 0.3, 0.6])
def test_noise_that_forgets_is_rarely_flagged(memory):
    flagged = sum(mser5(_noise(seed, memory=memory)).unsettled for seed in range(150))
    shifted = sum(level_shift(_noise(seed, memory=memory)).shifted for seed in range(150))
    assert flagged <= 9
    assert shifted <= 9


def test_a_step_is_found_where_it_is_and_how_large():
    for seed in range(30):
        x = _noise(seed)
        x[70:] += math.log(1.2)
        found = level_shift(x)
        assert found.shifted
        assert found.at == pytest.approx(70 / 120, abs=0.12)
        assert found.size == pytest.approx(math.log(1.2), abs=0.09)


def test_a_step_that_is_surely_there_and_too_small_to_matter_is_no_flag():
    x = _noise(1) * 0.01
    x[60:] += 0.02
    found = level_shift(x)
    assert found.significant
    assert not found.shifted


def test_a_step_without_noise_is_found_and_a_flat_line_is_none():
    assert level_shift([0.0] * 40 + [1.0] * 40).shifted
    assert not level_shift([0.0] * 80).shifted
    assert not mser5([0.0] * 80).unsettled


def test_short_series_say_nothing():
    assert mser5(_noise(1, n=29)) is None
    assert level_shift(_noise(1, n=29)) is None


def test_unknown_samples_are_left_out():
    x = _noise(2)
    x[3] = math.nan
    assert mser5(x) is not None
    assert math.isfinite(level_shift(x).size)


def test_a_lone_run_is_looked_at_second_by_second():
    values = tuple(1e-3 * math.exp(v) for v in [*_noise(1, 40), *(_noise(2, 40) + 0.5)])
    series = RunSeries(metric="p50", unit="s", step_s=1.0, values=(*values, None))
    jumped = constant_run(1e-3, arm="envoy", series=(series,))
    pair = Pair(round=4, baseline=constant_run(1e-3, arm="baseline"), candidate=jumped)
    flags, looked = steadiness_flags([pair], [None])
    assert [(flag.round, flag.name) for flag in flags] == [(4, "envoy")]
    (warning,) = steadiness_warnings("envoy against baseline", flags, looked)
    assert warning.kind is WarningKind.NOT_STEADY
    assert "round 4, envoy" in warning.text
    assert warning.figures == {"unsteady": 1.0, "series": 1.0}


def test_weather_that_both_arms_share_is_no_flag_and_no_run_is_left_out():
    arms = {"baseline": BASELINE, "envoy": SimulatedArm(ratio=1.2)}
    runs = Simulation(arms=arms, rounds=6, slices=60, requests=3000, storm_sd=0.5).run(4)
    (comparison,) = compare(runs, baseline="baseline", subject=("mesh",), margins=MARGINS)
    assert comparison.rounds == 6
    flagged = [w.figures["unsteady"] for w in comparison.warnings if w.kind is WarningKind.NOT_STEADY]
    assert sum(flagged) <= 1


def test_a_jump_is_a_flag_on_its_round_and_the_round_counts():
    arms = {"baseline": BASELINE, "envoy": SimulatedArm(ratio=1.2)}
    runs = Simulation(arms=arms, rounds=6, slices=60, requests=3000).run(4)
    jumped = [_jump(run) if (run.arm, run.round) == ("envoy", 3) else run for run in runs]
    (comparison,) = compare(jumped, baseline="baseline", subject=("mesh",), margins=MARGINS)
    p50 = comparison.metrics[0]
    flags = {entry.round: entry.unsteady for entry in p50.rounds}
    assert flags[3].startswith("ratio of slices: x") and sum(text is not None for text in flags.values()) == 1
    assert p50.ratio.n == 6 and all(entry.excluded is None for entry in p50.rounds)
    assert all(entry.unsteady is None for metric in comparison.metrics[1:] for entry in metric.rounds)


def _jump(run):
    """The same run, half as fast in the second half of its slices."""
    half = len(run.slices) // 2
    slower = [replace(part, response=_slower(part.response)) for part in run.slices[half:]]
    slices = (*run.slices[:half], *slower)
    return replace(run, slices=slices, response=merge(part.response for part in slices))


def _slower(histogram):
    quantiles = (np.arange(histogram.total) + 0.5) / histogram.total
    return Histogram.from_values([2 * float(histogram.quantile(q)) for q in quantiles])
