"""The test kinds as data: which load each of them puts on a target, in stages.

What it decides: the shape of each kind and its safe limits. What a kind concludes is the business of `analysis`, how it
is driven that of `experiment.kinds`. A capacity search has no stages beforehand: each step follows from the last.

What it refuses: a rate above `max_rate`, and a test longer than `longest_s`, before anything is sent.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from meshperf.errors import UsageError
from meshperf.load.plan import Arrivals, Phase
from meshperf.spec.kinds import Kind

__all__ = [
    "CapacityShape",
    "Kind",
    "LoadShape",
    "Shape",
    "SoakShape",
    "SpikeShape",
    "Stage",
    "StressShape",
    "SweepShape",
]

FIRST_SHARE = 0.01
"""A ramp begins at this share of its rate: an open loop has no rate 0."""

LEAST_WINDOW_S = 0.05
REQUESTS_A_WINDOW = 20
MOST_WINDOWS = 500
LEAD_IN_S = 0.5
"""Longest lead-in of a step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stretch of load: constant, or changing linearly to `rate_end`."""

    label: str
    rate: float
    """Requests per second."""
    duration_s: float
    rate_end: float | None = None
    counted: bool = True
    """Whether the kind's statistic is made from it."""
    lead_in_s: float = 0.0
    """Load before the stage that is recorded apart: a step begins with the queue that belongs to its rate."""

    @property
    def mean_rate(self) -> float:
        return self.rate if self.rate_end is None else (self.rate + self.rate_end) / 2

    def phase(self, arrivals: Arrivals, *, seed: int, target: int = 0) -> Phase:
        return Phase(
            target=target,
            duration_s=self.duration_s,
            arrivals=arrivals,
            rate=self.rate,
            rate_end=self.rate_end,
            lead_in_s=self.lead_in_s,
            seed=seed,
            label=self.label,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What all kinds share: limits that keep a mistyped number from doing harm, and the throughput objective."""

    kind: ClassVar[Kind]
    max_rate: float = 1e6
    """No stage offers more requests per second than this."""
    longest_s: float = 7 * 86_400.0
    """No new stage is begun after this long; a shape known to take longer is refused."""
    achieved_share: float = 0.99
    """A stage holds only when at least this share of the offered rate came back."""

    def __post_init__(self) -> None:
        for name, value in self.parameters().items():
            if not math.isfinite(value) or value < 0:
                raise UsageError("MP1001", f"{self.kind} test: {name} must be a number, 0 or more, found {value:g}")
        _within(self, "achieved_share", self.achieved_share, 0.0, 1.0)
        stages = self.stages()
        for stage in stages:
            if stage.duration_s <= 0 or stage.rate <= 0:
                raise UsageError("MP1001", f"{self.kind} test: the stage {stage.label!r} needs a rate and a duration")
            if max(stage.rate, stage.rate_end or 0.0) > self.max_rate * (1 + 1e-9):
                raise UsageError(
                    "MP1001",
                    f"{self.kind} test: the stage {stage.label!r} would offer {stage.rate:g}/s, "
                    f"more than the {self.max_rate:g}/s that are allowed",
                    hint="raise the highest allowed rate if that is meant",
                )
        planned_s = math.fsum(stage.duration_s for stage in stages)
        if planned_s > self.longest_s:
            raise UsageError(
                "MP1001",
                f"{self.kind} test: it would take {planned_s:g} s, more than the {self.longest_s:g} s that are allowed",
            )

    def stages(self) -> tuple[Stage, ...]:
        """All stages in order, as far as they are known before the first one is run."""
        return ()

    def phases(self, arrivals: Arrivals, *, seed: int, target: int = 0) -> list[Phase]:
        """One phase a stage, each with a seed of its own."""
        return [stage.phase(arrivals, seed=seed + n, target=target) for n, stage in enumerate(self.stages())]

    def parameters(self) -> dict[str, float]:
        """The shape's numbers by name, for the result."""
        values = {entry.name: getattr(self, entry.name) for entry in dataclasses.fields(self)}
        return {name: float(value) for name, value in values.items() if isinstance(value, int | float)}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadShape(Shape):
    """Ramp up, plateau, ramp down: does it hold the load that is expected?"""

    kind: ClassVar[Kind] = Kind.LOAD
    rate: float
    duration_s: float = 60.0
    """Of the whole; the ramps are shares of it."""
    ramp_up_share: float = 0.1
    ramp_down_share: float = 0.1
    drift_margin: float = 0.05
    """Relative change of a response time over the plateau that counts as none."""

    def stages(self) -> tuple[Stage, ...]:
        up_s, down_s = self.duration_s * self.ramp_up_share, self.duration_s * self.ramp_down_share
        first = self.rate * FIRST_SHARE
        wanted = (
            Stage(label="ramp-up", rate=first, rate_end=self.rate, duration_s=up_s, counted=False),
            Stage(label="plateau", rate=self.rate, duration_s=self.duration_s - up_s - down_s),
            Stage(label="ramp-down", rate=self.rate, rate_end=first, duration_s=down_s, counted=False),
        )
        return tuple(stage for stage in wanted if stage.duration_s > 0 or stage.label == "plateau")


@dataclass(frozen=True, slots=True, kw_only=True)
class StressShape(Shape):
    """Rising steps until something breaks: what breaks first, and where?"""

    kind: ClassVar[Kind] = Kind.STRESS
    start_rate: float
    factor: float = 1.25
    """Each step offers so many times the rate of the one before."""
    add: float = 0.0
    """Requests per second added at each step, after `factor`; use it with `factor` 1 for even steps."""
    step_s: float = 10.0
    steps: int = 40
    """At most."""
    stop_after: int = 2
    """Steps in a row that break an objective before the test stops; 1 trusts a single step."""
    stop_failed_share: float = 0.5
    """A step in which this share of the requests failed ends the test at once."""
    busy_limit: float = 0.9
    """A component busy beyond this share of its cores is at its limit."""

    def __post_init__(self) -> None:
        if not (self.factor >= 1 and (self.factor > 1 or self.add > 0)):
            raise UsageError("MP1001", "stress test: the steps must rise: give a factor above 1, or a rate to add")
        if self.start_rate > self.max_rate:
            raise UsageError("MP1001", f"stress test: the first step is above {self.max_rate:g}/s, the highest allowed")
        _whole(self, "steps", self.steps)
        _whole(self, "stop_after", self.stop_after)
        _within(self, "stop_failed_share", self.stop_failed_share, 0.0, 1.0)
        Shape.__post_init__(self)

    def stages(self) -> tuple[Stage, ...]:
        """All steps that may come, up to the highest allowed rate and the longest time."""
        count = min(self.steps, int(self.longest_s // self.step_s) if self.step_s > 0 else self.steps)
        rates = itertools.takewhile(lambda rate: rate <= self.max_rate * (1 + 1e-9), self._rates())
        return tuple(_step("step", rate, self.step_s) for rate in itertools.islice(rates, count))

    def _rates(self) -> Iterator[float]:
        rate = self.start_rate
        while True:
            yield rate
            rate = rate * self.factor + self.add


@dataclass(frozen=True, slots=True, kw_only=True)
class SoakShape(Shape):
    """A long plateau with periodic peaks: does anything grow?"""

    kind: ClassVar[Kind] = Kind.SOAK
    rate: float
    duration_s: float = 3600.0
    peak_factor: float = 1.5
    """Rate of a peak over that of the plateau; 1: no peaks."""
    peak_period_s: float = 600.0
    """From one peak's begin to the next one's; the last stretch is always plateau."""
    peak_s: float = 30.0
    settle_share: float = 0.1
    """First share of the soak that no slope is made from: caches and heaps fill."""
    leak_bytes_per_s: float = 2**20 / 3600
    """Private memory that grows faster is a leak; 1 MiB an hour."""
    sample_s: float = 1.0
    """How often watched processes are read; it doubles whenever there are more than 1024 samples."""

    def __post_init__(self) -> None:
        _within(self, "settle_share", self.settle_share, 0.0, 0.9)
        if self.peak_factor != 1 and not 0 < self.peak_s < self.peak_period_s:
            raise UsageError("MP1001", "soak test: a peak must be shorter than the period of the peaks")
        if self.sample_s <= 0:
            raise UsageError("MP1001", "soak test: sample_s must be greater than 0")
        Shape.__post_init__(self)

    def stages(self) -> tuple[Stage, ...]:
        plateau = Stage(label="plateau", rate=self.rate, duration_s=self.duration_s)
        if self.peak_factor == 1 or self.peak_period_s >= self.duration_s:
            return (plateau,)
        peak = Stage(label="peak", rate=self.rate * self.peak_factor, duration_s=self.peak_s, counted=False)
        calm_s = self.peak_period_s - self.peak_s
        stages: list[Stage] = []
        left_s = self.duration_s
        while left_s > self.peak_period_s * (1 + 1e-9):
            stages += [dataclasses.replace(plateau, duration_s=calm_s), peak]
            left_s -= self.peak_period_s
        return (*stages, dataclasses.replace(plateau, duration_s=left_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityShape(Shape):
    """A search for the highest rate that holds the objectives: growth, bisection, confirmation."""

    kind: ClassVar[Kind] = Kind.CAPACITY
    longest_s: float = 1800.0
    start_rate: float = 100.0
    growth: float = 2.0
    """Factor from step to step while everything holds."""
    resolution: float = 0.02
    """The search ends when the bounds are this close, relatively."""
    confirmations: int = 5
    """Pairs of steps, one below and one above the boundary."""
    step_s: float = 5.0
    least_rate: float = 1.0
    """Where the first rate fails, the search goes down to here."""

    def __post_init__(self) -> None:
        if self.growth <= 1 or not 0 < self.resolution < 0.5 or not 0 < self.least_rate <= self.start_rate:
            raise UsageError(
                "MP1001",
                "capacity test: it needs a growth above 1, a resolution in (0, 0.5), and a first rate that is not "
                "below the least one",
            )
        if self.start_rate > self.max_rate:
            raise UsageError(
                "MP1001", f"capacity test: the first step is above {self.max_rate:g}/s, the highest allowed"
            )
        if self.step_s <= 0:
            raise UsageError("MP1001", "capacity test: step_s must be greater than 0")
        _whole(self, "confirmations", self.confirmations)
        Shape.__post_init__(self)

    def step(self, rate: float, label: str) -> Stage:
        """One step of the search."""
        return _step(label, rate, self.step_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpikeShape(Shape):
    """Before, peak, after: how is a surge taken, and when is it over?

    It is one phase, so that a backlog of the peak meets the load after it, as it would outside of a test.
    """

    kind: ClassVar[Kind] = Kind.SPIKE
    rate: float
    """Before and after the peak."""
    peak_rate: float
    before_s: float = 20.0
    peak_s: float = 10.0
    after_s: float = 60.0
    quantile: float = 0.9
    """Of each window, compared with the windows before."""
    band: float = 0.25
    """Relative distance from the level before that counts as back to normal."""

    def __post_init__(self) -> None:
        if self.quantile not in (0.5, 0.9, 0.99):
            raise UsageError("MP1001", f"spike test: the quantile must be 0.5, 0.9 or 0.99, found {self.quantile:g}")
        Shape.__post_init__(self)

    def phases(self, arrivals: Arrivals, *, seed: int, target: int = 0) -> list[Phase]:
        """One phase with the arrivals of all three stages."""
        from meshperf.load.surge import surge_phase

        return [surge_phase(self.stages(), arrivals, seed=seed, label="spike", target=target)]

    @property
    def window_s(self) -> float:
        """Length of a window: a part of the peak, 20 requests at least, and 500 windows in all at most."""
        whole_s = self.before_s + self.peak_s + self.after_s
        least_s = max(LEAST_WINDOW_S, whole_s / MOST_WINDOWS, REQUESTS_A_WINDOW / self.rate if self.rate > 0 else 0.0)
        return self.peak_s / max(1, int(self.peak_s / least_s))

    def stages(self) -> tuple[Stage, ...]:
        """The three stages; the first is as much longer as makes it a whole number of windows."""
        before_s = math.ceil(self.before_s / self.window_s - 1e-9) * self.window_s if self.peak_s > 0 else 0.0
        return (
            Stage(label="before", rate=self.rate, duration_s=before_s),
            Stage(label="peak", rate=self.peak_rate, duration_s=self.peak_s),
            Stage(label="after", rate=self.rate, duration_s=self.after_s),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepShape(Shape):
    """A list of rates, each for a while: the curve of response time against rate, and its knee."""

    kind: ClassVar[Kind] = Kind.SWEEP
    rates: tuple[float, ...]
    step_s: float = 10.0
    metric: str = "p90"
    """mean, p50, p90 or p99: the response time whose knee is looked for."""
    shuffle: bool = True
    """Offer the rates in an order drawn by the seed, so that drift of the machine is not taken for the curve."""

    @classmethod
    def evenly(cls, first: float, last: float, points: int, **others: float) -> SweepShape:
        """`points` rates from `first` to `last`, evenly spaced.

        Raises:
            UsageError: MP1001, fewer than two points, or they do not rise.
        """
        if points < 2 or not first < last:
            raise UsageError("MP1001", "sweep test: a range needs two points at least, and its end above its begin")
        rates = tuple(first + (last - first) * n / (points - 1) for n in range(points))
        return cls(rates=rates, **others)  # type: ignore[arg-type]  # the other fields have each their own type

    def __post_init__(self) -> None:
        if not self.rates or len(set(self.rates)) != len(self.rates):
            raise UsageError("MP1001", "sweep test: it needs rates, each once")
        if self.metric not in ("mean", "p50", "p90", "p99"):
            raise UsageError("MP1001", f"sweep test: the metric must be mean, p50, p90 or p99, found {self.metric!r}")
        Shape.__post_init__(self)

    def stages(self) -> tuple[Stage, ...]:
        return tuple(_step("step", rate, self.step_s) for rate in self.rates)


def _step(label: str, rate: float, duration_s: float) -> Stage:
    return Stage(label=label, rate=rate, duration_s=duration_s, lead_in_s=min(LEAD_IN_S, duration_s / 10))


def _within(shape: Shape, name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise UsageError("MP1001", f"{shape.kind} test: {name} must lie in [{low:g}, {high:g}], found {value:g}")


def _whole(shape: Shape, name: str, value: int) -> None:
    if value < 1:
        raise UsageError("MP1001", f"{shape.kind} test: {name} must be 1 or more, found {value}")
