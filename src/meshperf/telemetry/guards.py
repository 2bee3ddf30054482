"""Rules on how quiet the machine must be, declared before a run, and what each says about the readings of one.

Thresholds and why they are where they are:

| guard | source | warn above | invalid above | why |
|---|---|---|---|---|
| steal | /proc/stat | 1 % | 5 % | the host took the core away: time that no arm spent is in its latencies |
| background_cpu | node CPU minus ours | 5 % | 20 % | strangers queue in front of measured processes |
| clock_step | realtime minus monotonic | 10 ms | 100 ms | durations stay right, times of day do not |
| cpu_pressure | PSI `some` | 10 % above level, again above 50 % | never | see below |

Why pressure never invalidates: `some` is the share of time in which any task waited for a core. On a small machine an
experiment that puts application, sidecars and generator on two cores makes its own tasks wait, on purpose, and reads 50
to 96 % with nobody else there. It cannot tell strangers from ourselves; background CPU can, and that one invalidates.

What is judged: the worst of the readings, since a mean would let a quiet second hide a bad one. A guard whose figure
was not to be had has the outcome `unavailable`: neither fine nor broken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meshperf.spec.records import GuardReading, NoiseReading, Warning, WarningKind

__all__ = ["INVALIDATING", "noise_guards", "shown"]

PRESSURE_ABOVE_LEVEL = 0.10
PRESSURE_HIGH = 0.50


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    guard: str
    field: str
    unit: str
    warn_above: float
    invalid_above: float | None
    kind: WarningKind
    says: str
    """Sentence with {value}, shown when the guard is not ok."""


_RULES = (
    _Rule(
        guard="steal",
        field="steal_share",
        unit="1",
        warn_above=0.01,
        invalid_above=0.05,
        kind=WarningKind.STEAL,
        says="the hypervisor took away {value:.1%} of the CPU time; other guests of the host disturb the measurement",
    ),
    _Rule(
        guard="background_cpu",
        field="foreign_cpu_share",
        unit="1",
        warn_above=0.05,
        invalid_above=0.20,
        kind=WarningKind.NODE_BUSY,
        says="processes outside the experiment used {value:.1%} of the CPU time; stop them or measure when it is quiet",
    ),
    _Rule(
        guard="clock_step",
        field="clock_step_s",
        unit="s",
        warn_above=0.010,
        invalid_above=0.100,
        kind=WarningKind.CLOCK_STEP,
        says="the wall clock was set by {value:.3f} s during the measurement; times of day in the result are off",
    ),
)

INVALIDATING = frozenset(rule.guard for rule in _RULES if rule.invalid_above is not None)
"""Names of the guards that can make a run invalid; the experiment redoes such a round."""


def noise_guards(
    readings: Sequence[NoiseReading], *, pressure_level: float = 0.0
) -> tuple[tuple[GuardReading, ...], tuple[Warning, ...]]:
    """Judge how quiet the machine was.

    Args:
        readings: what the machine did, one or several intervals of one run.
        pressure_level: share of CPU pressure in [0, 1] that this experiment has by itself, as seen in its A/A runs.

    Returns:
        One reading for every guard, and a warning for each that is not ok.
    """
    pressure = _Rule(
        guard="cpu_pressure",
        field="cpu_pressure_share",
        unit="1",
        warn_above=min(pressure_level + PRESSURE_ABOVE_LEVEL, 1.0),
        invalid_above=None,
        kind=WarningKind.PRESSURE,
        says="some task waited for a core {value:.0%} of the time; the experiment's own processes count too",
    )
    guards: list[GuardReading] = []
    warnings: list[Warning] = []
    for rule in (*_RULES, pressure):
        reading = _judge(rule, readings)
        guards.append(reading)
        if reading.outcome in ("warn", "invalid") and reading.value is not None:
            warnings.append(_warning(rule, reading.value, reading.outcome))
    return tuple(guards), tuple(warnings)


def _judge(rule: _Rule, readings: Sequence[NoiseReading]) -> GuardReading:
    # A clock can be set back as well as forward.
    values = [abs(value) for reading in readings if (value := getattr(reading, rule.field)) is not None]
    worst = max(values, default=None)
    unavailable = None
    if worst is None:
        outcome = "unavailable"
        reasons = (reading.unavailable.get(rule.field) for reading in readings)
        unavailable = next((why for why in reasons if why), "the machine was not observed")
    elif rule.invalid_above is not None and worst > rule.invalid_above:
        outcome = "invalid"
    else:
        outcome = "warn" if worst > rule.warn_above else "ok"
    return GuardReading(
        guard=rule.guard,
        value=worst,
        unit=rule.unit,
        warn_above=rule.warn_above,
        invalid_above=rule.invalid_above,
        outcome=outcome,
        unavailable=unavailable,
    )


def _warning(rule: _Rule, value: float, outcome: str) -> Warning:
    text = rule.says.format(value=value)
    if outcome == "invalid":
        text += f" (more than the {rule.invalid_above:g} that a valid run may have)"
    elif rule.kind is WarningKind.PRESSURE and value > PRESSURE_HIGH:
        text += "; only ratios between arms of the same round mean something here"
    return Warning(kind=rule.kind, text=text, figures={"value": value, "warn_above": rule.warn_above})


def shown(value: float | None, unit: str) -> str:
    """A guard's figure for people: a share as per cent, anything else with its unit."""
    if value is None:
        return "unknown"
    return f"{value:.1%}" if unit == "1" else f"{value:.3g} {unit}"
