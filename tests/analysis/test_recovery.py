"""Spikes whose recovery was injected."""

from __future__ import annotations

import numpy as np
import pytest

from meshperf.analysis.recovery import judge_spike
from meshperf.spec.kinds import SpikeOutcome, Window

STEP_S = 0.5


def spike(
    recovery_s: float | None,
    *,
    errors: dict[int, int] | None = None,
    noise: float = 0.05,
    before: int = 40,
    after: int = 60,
    seed: int = 1,
) -> list[Window]:
    """40 windows before, 10 of peak, 60 after; slow until `recovery_s` after the peak, None: to the end."""
    random = np.random.default_rng(seed)
    found = []
    for number in range(before + 10 + after):
        begin_s = number * STEP_S
        since_s = begin_s - (before + 10) * STEP_S
        slow = number >= before and (recovery_s is None or since_s < recovery_s)
        q = 0.01 * (8 if slow else 1) * float(np.exp(random.normal(0, noise)))
        stage = "before" if number < before else "peak" if number < before + 10 else "after"
        failed = (errors or {}).get(number, 0)
        found.append(
            Window(
                begin_s=begin_s, duration_s=STEP_S, offered=100, ok=100 - failed, failed=failed, p50_s=q / 2, p90_s=q,
                p99_s=2 * q, highest_s=3 * q, stage=stage,
            )
        )  # fmt: skip
    return found


def judged(windows: list[Window], **others: float) -> SpikeOutcome:
    return judge_spike(windows, before_rps=200, peak_rps=600, metric="p90", **{"band": 0.25, **others})


@pytest.mark.parametrize("injected", [0.7, 2.0, 5.3, 12.0])
def test_the_injected_recovery_lies_within_the_stated_resolution(injected: float) -> None:
    for seed in range(30):
        found = judged(spike(injected, seed=seed))
        assert found.verdict == "recovered"
        assert found.recovery.low <= injected <= found.recovery.high
        assert found.recovery.high - found.recovery.low == pytest.approx(STEP_S)


def test_a_target_that_stays_slow_is_not_recovered() -> None:
    found = judged(spike(None))
    assert (found.verdict, found.recovery) == ("not recovered", None)
    assert found.watched_s == 30.0


def test_recovering_in_the_last_windows_is_not_yet_recovered() -> None:
    assert judged(spike(29.0)).verdict == "not recovered"


def test_a_peak_that_does_nothing_leaves_it_unaffected() -> None:
    calm = spike(-100.0)
    found = judged(calm)
    assert found.verdict == "unaffected"
    assert found.recovery.value == 0.0


def test_one_noisy_window_does_not_put_the_recovery_off_and_a_relapse_does() -> None:
    windows = spike(2.0)
    noisy = [*windows]
    noisy[90] = _slow(noisy[90])
    assert judged(noisy).recovery.high == pytest.approx(2.0)
    relapse = [*noisy]
    relapse[91] = _slow(relapse[91])
    assert judged(relapse).recovery.high == pytest.approx((92 - 50) * STEP_S)


def test_a_band_narrower_than_the_noise_before_is_widened_to_it() -> None:
    found = judged(spike(2.0, noise=0.3, seed=4), band=0.01)
    assert found.verdict == "recovered"
    assert found.band_s > found.level_s * 1.2


def test_errors_keep_a_fast_window_out_of_the_band() -> None:
    found = judged(spike(0.0, errors=dict.fromkeys(range(41, 58), 40)))
    assert found.recovery.high == pytest.approx((58 - 50) * STEP_S)
    assert found.errors.failed == 17 * 40
    assert found.errors.requests == 7000
    assert found.errors.begin_s == pytest.approx(STEP_S)
    assert found.errors.duration_s == pytest.approx(17 * STEP_S)


def test_without_a_level_before_there_is_no_answer() -> None:
    found = judged(spike(2.0, before=3))
    assert (found.verdict, found.recovery, found.level_s) == ("inconclusive", None, None)
    assert judged(spike(1.0, after=0)).verdict == "inconclusive"
    assert judged([]).verdict == "inconclusive"


def test_the_peak_is_told_with_its_highest_response_time() -> None:
    found = judged(spike(2.0, noise=0.0))
    assert found.peak_quantile_s == pytest.approx(0.08)
    assert found.highest_s == pytest.approx(0.24)
    assert found.level_s == pytest.approx(0.01)


def _slow(window: Window) -> Window:
    return Window(
        begin_s=window.begin_s, duration_s=window.duration_s, offered=100, ok=100, failed=0, p50_s=0.1, p90_s=0.2,
        p99_s=0.3, highest_s=0.4, stage=window.stage,
    )  # fmt: skip
