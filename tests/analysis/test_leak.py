"""Leaks that were injected, memory that only settles, and soaks too short to tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from meshperf.analysis.leak import judge_memory, leak_verdict, restarts, slope_of_cpu, slope_of_quantile
from meshperf.spec.kinds import UsageSample, Window

LIMIT = 2**20 / 3600
MIB = 2**20


def memory(n: int, course: object, *, noise: float = 0.0, seed: int = 1, page: int = 4096) -> list[UsageSample]:
    """One sample a second; `course`: bytes by second, rounded to pages."""
    random = np.random.default_rng(seed)
    times = np.arange(n, dtype=float)
    values = np.broadcast_to(course(times) if callable(course) else course, n) + random.normal(0, noise, n)
    return [
        UsageSample(t_s=t, component="app", private_bytes=int(v // page * page), cpu_cores=0.5 + 0.001 * t)
        for t, v in zip(times, values, strict=True)
    ]


def test_an_injected_leak_is_found_with_its_rate() -> None:
    found = judge_memory(memory(600, lambda t: 50 * MIB + 10_000 * t, noise=100_000), "app", limit=LIMIT)
    assert found.verdict == "leak"
    assert found.slope.low <= 10_000 <= found.slope.high
    assert found.slope.value == pytest.approx(10_000, rel=0.05)


def test_the_leaks_interval_holds_its_rate() -> None:
    held = 0
    for seed in range(200):
        samples = memory(300, lambda t: 50 * MIB + 3_000 * t, noise=200_000, seed=seed)
        slope = judge_memory(samples, "app", limit=LIMIT).slope
        held += slope.low <= 3_000 <= slope.high
    assert held / 200 >= 0.93


def test_steady_memory_is_no_leak_once_the_soak_is_long_enough_to_show_one() -> None:
    assert judge_memory(memory(3600, 50 * MIB, noise=30_000), "app", limit=LIMIT).verdict == "no leak"
    short = judge_memory(memory(60, 50 * MIB), "app", limit=LIMIT)
    assert short.verdict == "inconclusive"
    assert short.detectable > LIMIT


def test_noise_is_seldom_called_a_leak() -> None:
    verdicts = [
        judge_memory(memory(600, 50 * MIB, noise=300_000, seed=seed), "app", limit=LIMIT).verdict for seed in range(200)
    ]
    assert verdicts.count("leak") <= 5


def test_memory_that_settles_is_not_a_leak() -> None:
    def course(t: np.ndarray) -> np.ndarray:
        return 50 * MIB + 20 * MIB * (1 - np.exp(-t / 300))

    found = judge_memory(memory(7200, course, noise=20_000), "app", limit=LIMIT)
    assert found.slope.low > LIMIT
    assert found.verdict == "no leak"


def test_a_step_that_does_not_go_on_is_not_a_leak() -> None:
    def course(t: np.ndarray) -> np.ndarray:
        return 50 * MIB + np.where(t > 600, 5 * MIB, 0.0)

    assert judge_memory(memory(3600, course, noise=20_000), "app", limit=LIMIT).verdict == "no leak"


def test_memory_that_was_not_read_gives_no_verdict() -> None:
    unread = [UsageSample(t_s=float(t), component="app") for t in range(50)]
    assert judge_memory(unread, "app", limit=LIMIT) is None
    assert judge_memory(memory(50, MIB), "other", limit=LIMIT) is None


def test_one_leaking_process_decides_and_one_unknown_leaves_it_open() -> None:
    leak = replace(judge_memory(memory(600, lambda t: 10_000 * t), "app", limit=LIMIT), component="sidecar")
    calm = judge_memory(memory(3600, 50 * MIB), "app", limit=LIMIT)
    assert leak_verdict([leak, calm], ["app", "sidecar"]) == "leak"
    assert leak_verdict([calm], ["app"]) == "no leak"
    assert leak_verdict([calm], ["app", "sidecar"]) == "inconclusive"
    assert leak_verdict([], []) == "unwatched"


def test_cpu_and_response_times_have_slopes_without_a_verdict() -> None:
    cpu = slope_of_cpu(memory(100, MIB), "app")
    assert (cpu.slope.unit, cpu.verdict, cpu.limit) == ("cores/s", "", None)
    assert cpu.slope.value == pytest.approx(0.001)
    course = [
        Window(begin_s=float(t), duration_s=1, offered=1, ok=1, failed=0, p50_s=0.01 + 1e-5 * t) for t in range(99)
    ]
    response = slope_of_quantile(course, "p50")
    assert (response.component, response.quantity) == ("response", "p50_s")
    assert response.slope.value == pytest.approx(1e-5, rel=1e-3)
    assert slope_of_quantile(course, "p99") is None


def test_restarts_are_counted_by_how_often_a_process_was_found_gone() -> None:
    alive = [True, True, False, False, True, False]
    course = [UsageSample(t_s=float(t), component="app", alive=one) for t, one in enumerate(alive)]
    assert restarts(course) == {"app": 2}
