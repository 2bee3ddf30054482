"""Rules on how quiet the machine must be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from meshperf.spec.records import GuardReading, NoiseReading, WarningKind
from meshperf.telemetry.guards import INVALIDATING, noise_guards

QUIET: dict[str, float] = {
    "steal_share": 0.0,
    "foreign_cpu_share": 0.01,
    "clock_step_s": 0.0,
    "cpu_pressure_share": 0.05,
}


def reading(**figures: Any) -> NoiseReading:
    return NoiseReading(begin=datetime(2025, 1, 1, tzinfo=UTC), duration_s=5.0, **{**QUIET, **figures})


def guard(name: str, *readings: NoiseReading, **more: float) -> GuardReading:
    return next(each for each in noise_guards(readings, **more)[0] if each.guard == name)


def test_a_quiet_machine_passes_all_guards_without_a_warning() -> None:
    guards, warnings = noise_guards([reading()])
    assert {each.guard: each.outcome for each in guards} == dict.fromkeys(
        ("steal", "background_cpu", "clock_step", "cpu_pressure"), "ok"
    )
    assert warnings == ()


@pytest.mark.parametrize(
    ("name", "field", "value", "outcome"),
    [
        ("steal", "steal_share", 0.01, "ok"),
        ("steal", "steal_share", 0.011, "warn"),
        ("steal", "steal_share", 0.05, "warn"),
        ("steal", "steal_share", 0.051, "invalid"),
        ("background_cpu", "foreign_cpu_share", 0.05, "ok"),
        ("background_cpu", "foreign_cpu_share", 0.06, "warn"),
        ("background_cpu", "foreign_cpu_share", 0.21, "invalid"),
        ("clock_step", "clock_step_s", 0.010, "ok"),
        ("clock_step", "clock_step_s", -0.011, "warn"),
        ("clock_step", "clock_step_s", -0.101, "invalid"),
        ("clock_step", "clock_step_s", 0.101, "invalid"),
        ("cpu_pressure", "cpu_pressure_share", 0.10, "ok"),
        ("cpu_pressure", "cpu_pressure_share", 0.11, "warn"),
        ("cpu_pressure", "cpu_pressure_share", 1.0, "warn"),
    ],
)
def test_each_threshold_is_where_the_reference_puts_it(name: str, field: str, value: float, outcome: str) -> None:
    found = guard(name, reading(**{field: value}))
    assert found.outcome == outcome
    assert found.value == abs(value)


def test_the_guards_that_can_invalidate_are_named_for_the_experiment() -> None:
    worst = reading(steal_share=1.0, foreign_cpu_share=1.0, clock_step_s=9.0, cpu_pressure_share=1.0)
    assert {each.guard for each in noise_guards([worst])[0] if each.outcome == "invalid"} == INVALIDATING
    assert {"steal", "background_cpu", "clock_step"} == INVALIDATING


def test_pressure_is_judged_above_the_level_the_experiment_has_by_itself() -> None:
    assert guard("cpu_pressure", reading(cpu_pressure_share=0.75), pressure_level=0.7).outcome == "ok"
    assert guard("cpu_pressure", reading(cpu_pressure_share=0.85), pressure_level=0.7).outcome == "warn"
    assert guard("cpu_pressure", reading(cpu_pressure_share=1.0), pressure_level=0.7).invalid_above is None


def test_the_worst_reading_counts_and_not_the_mean() -> None:
    assert guard("steal", *[reading()] * 9, reading(steal_share=0.2)).outcome == "invalid"


def test_a_figure_that_was_not_to_be_had_is_neither_fine_nor_broken() -> None:
    missing = reading(steal_share=None, unavailable={"steal_share": "no /proc/stat"})
    found = guard("steal", missing)
    assert (found.outcome, found.value, found.unavailable) == ("unavailable", None, "no /proc/stat")
    assert guard("steal", missing, reading(steal_share=0.2)).outcome == "invalid"
    assert guard("steal").unavailable == "the machine was not observed"


def test_a_warning_carries_its_figure_and_says_it() -> None:
    _, warnings = noise_guards([reading(steal_share=0.123, cpu_pressure_share=0.9)])
    by_kind = {warning.kind: warning for warning in warnings}
    assert set(by_kind) == {WarningKind.STEAL, WarningKind.PRESSURE}
    assert by_kind[WarningKind.STEAL].figures["value"] == 0.123
    assert "12.3%" in by_kind[WarningKind.STEAL].text and "0.05" in by_kind[WarningKind.STEAL].text
    assert "only ratios" in by_kind[WarningKind.PRESSURE].text
    _, mild = noise_guards([reading(cpu_pressure_share=0.3)])
    assert "only ratios" not in mild[0].text
