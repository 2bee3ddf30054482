"""The benchmark of histories counts what it says it counts."""

from __future__ import annotations

import math

from benchmarks.history_power import Tally, findings, tally


def test_noise_has_few_alarms_and_a_large_step_is_found_at_its_place() -> None:
    quiet = tally("normal", 20, 0.0, histories=60, shuffles=99, seed=2)
    step = tally("normal", 20, 5.0, histories=20, shuffles=99, seed=2)
    assert quiet.found == quiet.more <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 60) and math.isnan(quiet.off)
    assert step.found == 1.0 and step.off == 0 and step.inside >= 0.8 and step.size >= 0.8


def test_a_rate_of_alarms_above_its_limit_is_a_miss() -> None:
    shared = {"noise": "normal", "count": 10, "histories": 400, "more": 0.0, "off": 0.0}
    alarmed = Tally(**shared, step=0.0, found=0.12, inside=math.nan, size=math.nan)
    sure = Tally(**shared, step=3.0, found=1.0, inside=0.5, size=0.6)
    assert [each.met for each in findings([alarmed, sure])] == [False, False, False]
    calm = Tally(**shared, step=0.0, found=0.05, inside=math.nan, size=math.nan)
    placed = Tally(**shared, step=3.0, found=1.0, inside=0.95, size=0.94)
    assert [each.met for each in findings([calm, placed])] == [True, True, True]
