"""What the driver of one kind hands back: its statistic, and which stages the run's own figures are of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from meshperf.experiment.kinds.steps import Ran
from meshperf.spec.kinds import (
    CapacityOutcome,
    KneeOutcome,
    LoadOutcome,
    SoakOutcome,
    SpikeOutcome,
    StressOutcome,
    UsageSample,
    Window,
)

__all__ = ["Answer", "Statistic"]

Statistic = LoadOutcome | StressOutcome | SoakOutcome | CapacityOutcome | SpikeOutcome | KneeOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`counted` is in words for people, `stages` are those stages; `statistic` is None when nothing was reached."""

    statistic: Statistic | None
    stages: Sequence[Ran]
    counted: str
    windows: Sequence[Window] = field(default_factory=tuple)
    usage: Sequence[UsageSample] = field(default_factory=tuple)
