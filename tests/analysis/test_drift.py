"""Drift of windows whose drift is known."""

from __future__ import annotations

import numpy as np
import pytest

from meshperf.analysis.drift import judge_drift
from meshperf.spec.kinds import Window


def windows(drift: float, *, n: int = 120, noise: float = 0.05, seed: int = 1) -> list[Window]:
    """`n` seconds of a response time that ends `drift` above where it began, relatively."""
    random = np.random.default_rng(seed)
    errors = np.convolve(random.normal(0, noise, n + 4), np.ones(5) / np.sqrt(5), mode="valid")
    level = 0.01 * (1 + drift) ** ((np.arange(n) + 0.5) / n) * np.exp(errors)
    return [
        Window(begin_s=float(i), duration_s=1.0, offered=100, ok=100, failed=0, p50_s=q, p90_s=2 * q, p99_s=3 * q)
        for i, q in enumerate(level)
    ]


def test_a_steady_plateau_is_steady_and_a_drifting_one_drifts() -> None:
    assert judge_drift(windows(0.0, noise=0.01), "p50", margin=0.05).verdict == "steady"
    assert judge_drift(windows(0.5), "p50", margin=0.05).verdict == "drifting"
    assert judge_drift(windows(-0.5), "p90", margin=0.05).verdict == "drifting"


def test_noise_leaves_it_open_and_never_says_steady_of_a_drift() -> None:
    noisy = [judge_drift(windows(0.0, n=30, noise=0.3, seed=seed), "p50", margin=0.05) for seed in range(20)]
    assert {one.verdict for one in noisy} == {"inconclusive"}
    hidden = [judge_drift(windows(0.10, seed=seed), "p50", margin=0.05) for seed in range(100)]
    assert sum(one.verdict == "steady" for one in hidden) <= 3


def test_the_interval_holds_the_drift() -> None:
    found = [judge_drift(windows(0.2, seed=seed), "p99", margin=0.05).change for seed in range(200)]
    assert sum(one.low <= 0.2 <= one.high for one in found) / 200 >= 0.93
    assert np.mean([one.value for one in found]) == pytest.approx(0.2, abs=0.02)


def test_few_windows_are_inconclusive_and_one_is_nothing() -> None:
    assert judge_drift(windows(0.5)[:6], "p50", margin=0.05).verdict == "inconclusive"
    assert judge_drift(windows(0.5)[:1], "p50", margin=0.05) is None
