"""Whether a run may be compared, which guards said so, and what a report must say beside its numbers.

Everyone takes these from `records`, whose runs carry them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["GuardReading", "Validity", "ValidityState", "Warning", "WarningKind"]


class ValidityState(StrEnum):
    VALID = "valid"
    CLIENT_LIMITED = "client-limited"
    NOT_SUSTAINED = "not-sustained"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """Whether a run may be compared at all, and why not."""

    state: ValidityState = ValidityState.VALID
    reasons: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return self.state is ValidityState.VALID


class WarningKind(StrEnum):
    """Everything a report must say beside the numbers. The text adapts to the figures; the kind is stable."""

    GENERATOR_LATE = "generator-late"
    GENERATOR_BUSY = "generator-busy"
    NODE_BUSY = "node-busy"
    STEAL = "steal"
    PRESSURE = "cpu-pressure"
    CORES_SHARED = "cores-shared"
    FEW_ROUNDS = "few-rounds"
    POOLED_TAIL = "pooled-tail"
    NOISE_FLOOR = "below-noise-floor"
    AA_DIFFERS = "aa-differs"
    WEATHER = "weather-dependent"
    PILOT = "pilot"
    DEBUG_BUILD = "debug-build"
    FACT_UNKNOWN = "fact-unknown"
    CLOCK_STEP = "clock-step"
    ROUND_EXCLUDED = "round-excluded"
    ERRORS = "errors"
    RESUMED = "resumed"
    SLICED_CONTROL = "sliced-control"
    RATE_MISSED = "rate-missed"
    CLIENT_IN_GENERATOR = "client-in-generator"
    LATE_READ = "late-read"
    WORKERS_WAITED = "workers-waited"
    ARRIVALS_UNEVEN = "arrivals-uneven"
    CENSORED = "censored"
    OTHER_GENERATOR = "other-generator"
    OMISSION = "coordinated-omission"
    COARSE_TIMES = "coarse-times"
    DOWNGRADED = "protocol-downgraded"
    NOT_STEADY = "not-steady"
    VARYING_CLOCK = "varying-clock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Warning:
    """A warning is a value: it travels with the result and every report shows it."""

    kind: WarningKind
    text: str
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardReading:
    """A rule on an environment variable, declared before the run. `outcome`: ok, warn, invalid or unavailable."""

    guard: str
    value: float | None
    unit: str
    warn_above: float | None
    invalid_above: float | None
    outcome: str
    unavailable: str | None = None
