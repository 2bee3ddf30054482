"""What a test kind found out, as frozen records: the stages that were run, and the statistic that the kind is for.

A kind's answer travels on the run that it was made with (`RunResult.kind`). Every answer has its numbers, an interval
where there is one, and in `rule` the sentence it was decided by. Unknown is `None`, never 0; nothing here is ever NaN,
so that a document can hold all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = [
    "Bounded",
    "CapacityOutcome",
    "DriftOutcome",
    "ErrorBurst",
    "Kind",
    "KindOutcome",
    "KneeOutcome",
    "LoadOutcome",
    "ObjectiveBreak",
    "ObjectiveReading",
    "SlopeOutcome",
    "SoakOutcome",
    "SpikeOutcome",
    "StepOutcome",
    "StepState",
    "StressOutcome",
    "UsageSample",
    "Window",
]


class Kind(StrEnum):
    """What a load test asks; docs/concepts/test-kinds.md."""

    LOAD = "load"
    STRESS = "stress"
    SOAK = "soak"
    CAPACITY = "capacity"
    SPIKE = "spike"
    SWEEP = "sweep"


class StepState(StrEnum):
    """How one stage of steady load ended."""

    HELD = "held"
    FAILED = "failed"
    CLIENT_LIMITED = "client-limited"
    """It did not hold, and the generator was not clean: nothing follows about the target."""
    DISTURBED = "disturbed"
    """It did not hold, and others used the watched processes' cores: nothing follows about the target either."""
    BROKEN_OFF = "broken-off"
    UNJUDGED = "unjudged"
    """Warm-ups and changes of rate: nothing is asked of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounded:
    """A number with the bounds it lies in at `confidence`; a bound that could not be given is None."""

    value: float
    low: float | None
    high: float | None
    confidence: float
    """In [0, 1]; 1 where the bounds follow from the resolution and not from chance."""
    n: int
    """How many windows, samples or steps it was made from."""
    unit: str
    method: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveReading:
    """One objective at one stage. `value` is in `unit`; None: not measured, and then the objective did not hold."""

    objective: str
    """As written: `p99 <= 50ms`, or `achieved >= 99%` for the share of the offered rate that came back."""
    value: float | None
    threshold: float
    unit: str
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutcome:
    """One stage of load: what was offered, what came back, and whether the objectives held."""

    label: str
    """warm-up, ramp-up, plateau, peak, ramp-down, step, search, below, above, before, after."""
    state: StepState
    offered_rps: float
    """Mean over the stage, requests per second."""
    achieved_rps: float | None
    """Replies per second, counted against the time it took to get them; None where there were none."""
    begin_s: float
    """Since the session's origin."""
    duration_s: float
    requests: int
    """Due in the stage."""
    failed: int
    """Of them: errors, timeouts, unanswered and never sent."""
    p50_s: float | None = None
    p90_s: float | None = None
    p99_s: float | None = None
    objectives: tuple[ObjectiveReading, ...] = ()
    busy: Mapping[str, float] = field(default_factory=dict)
    """Busy share of each watched component, in [0, 1]: of its cores, or of its busiest thread if that is more."""
    generator_busy: float | None = None
    counted: bool = False
    """Whether the run's own figures contain it."""
    reason: str = ""
    """Why the generator was not clean, or what disturbed the target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The requests that were due in one stretch of a stage, whenever they ended."""

    begin_s: float
    """Since the begin of the first window."""
    duration_s: float
    offered: int
    ok: int
    failed: int
    """Errors, timeouts, and what was never answered."""
    p50_s: float | None = None
    p90_s: float | None = None
    p99_s: float | None = None
    highest_s: float | None = None
    stage: str = ""
    """Label of the stage it belongs to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageSample:
    """What one watched process used at one moment. `cpu_cores`: CPU seconds a second since the sample before."""

    t_s: float
    """Since the begin of the first window."""
    component: str
    private_bytes: int | None = None
    cpu_cores: float | None = None
    alive: bool = True
    """False: the process was gone, or another one had its number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftOutcome:
    """How one quantile of the response time moved from the begin to the end of a steady stretch."""

    metric: str
    """p50, p90 or p99, of windows."""
    level_s: float
    """Its geometric mean over the windows."""
    change: Bounded
    """Relative change over the whole stretch: 0.03 is 3 % slower at the end."""
    margin: float
    """Relative change that counts as none."""
    verdict: str
    """steady, drifting or inconclusive."""
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOutcome:
    """The plateau: does it hold, and does it move?"""

    offered_rps: float
    achieved_rps: float | None
    held: bool
    objectives: tuple[ObjectiveReading, ...] = ()
    drift: tuple[DriftOutcome, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveBreak:
    """Between which two rates one objective broke. None: it never held, or it never broke."""

    objective: str
    held_at_rps: float | None
    """The highest rate below the break at which it held."""
    broke_at_rps: float | None
    """The lowest rate from which on it did not hold again."""
    value: float | None = None
    """Its figure where it broke."""
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StressOutcome:
    """What breaks first when the load keeps rising."""

    breaks: tuple[ObjectiveBreak, ...]
    first_broken: tuple[str, ...]
    """Objectives that broke at the lowest rate; more than one when they broke at the same step."""
    first_component: str | None
    """The first watched component that was busy beyond `busy_limit`, at the lowest rate; None: none was."""
    first_component_at_rps: float | None
    busy_limit: float
    stopped_by: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SlopeOutcome:
    """How fast one quantity rose over a soak."""

    quantity: str
    """private_bytes, cpu_cores, p50_s, p90_s or p99_s."""
    component: str
    """The watched process, or `response` for response times."""
    slope: Bounded
    """In `unit` per second."""
    level: float
    """Mean over the samples."""
    detectable: float | None
    """The smallest slope that this series would show four times out of five, in the unit of `slope`."""
    limit: float | None = None
    """The slope that counts as a leak; None where nothing is judged."""
    verdict: str = ""
    """leak, no leak or inconclusive; empty where nothing is judged."""
    rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoakOutcome:
    """Does it hold for long, peaks included?"""

    slopes: tuple[SlopeOutcome, ...]
    leak: str
    """leak where any component leaks, no leak where all were watched and none does, inconclusive, or unwatched."""
    peaks: int
    restarts: Mapping[str, int] = field(default_factory=dict)
    """How often each watched process was found gone."""
    held: bool = True
    objectives: tuple[ObjectiveReading, ...] = ()
    rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityOutcome:
    """The highest rate that holds the objectives, as an interval."""

    low_rps: float | None
    """The least that came back per second while the boundary held; None: no rate held."""
    high_rps: float | None
    """The lowest rate that was confirmed to fail; None: none failed while the generator was clean."""
    estimate_rps: float | None
    """What came back above the boundary where throughput was the limit, else the middle of the interval on a
    logarithmic scale; None without both ends."""
    answer: str
    """interval, at-least (beyond it the generator or the machine was the limit, or it is the highest allowed rate),
    below (the lowest rate failed) or none."""
    limiting: str
    """The busiest watched component where the boundary failed, `generator`, `machine` (others used the cores of the
    watched processes), or `unknown`."""
    limiting_busy: float | None
    confirmed_below: int
    """Confirming steps at the lower rate that held, of `asked_below`."""
    asked_below: int
    confirmed_above: int
    asked_above: int
    strays: int
    """Steps that failed once and held when they were repeated."""
    broken_objectives: tuple[str, ...]
    """Which objectives failed above the boundary, the most frequent first."""
    confirmed: bool
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBurst:
    """The failed requests of a spike. Times since the begin of the peak."""

    failed: int
    requests: int
    """Due from the begin of the peak on."""
    begin_s: float | None
    duration_s: float | None
    """From the begin of the first window with a failure to the end of the last one; None: nothing failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpikeOutcome:
    """How a surge is taken, and when it is over."""

    before_rps: float
    peak_rps: float
    metric: str
    """Quantile of each window that is watched: p50, p90 or p99."""
    level_s: float | None
    """Its median over the windows before the peak."""
    band_s: float | None
    """A window above this is out of the band."""
    highest_s: float | None
    """The longest response time from the begin of the peak on, the upper bound of its bucket."""
    peak_quantile_s: float | None
    """The highest window's quantile from the begin of the peak on."""
    errors: ErrorBurst
    recovery: Bounded | None
    """Seconds from the end of the peak; None: not recovered while it was watched, or nothing to compare with."""
    verdict: str
    """unaffected, recovered, not recovered or inconclusive."""
    watched_s: float
    """How long it was watched after the peak."""
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KneeOutcome:
    """Where the curve of response time against rate turns up."""

    metric: str
    knee_rps: float | None
    low_rps: float | None
    """The nearest measured rate below that is clearly not yet the knee; None: there is none."""
    high_rps: float | None
    verdict: str
    """found, beyond (the highest rate is still before the knee), below (the lowest is past it) or inconclusive."""
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KindOutcome:
    """The answer of one test kind: what was asked, every stage, and the kind's own statistic."""

    kind: Kind
    parameters: Mapping[str, float] = field(default_factory=dict)
    """The shape's numbers in SI units, by their names in `meshperf.load.kinds`."""
    counted: str = ""
    """Which stages the run's own counts and percentiles are of, in words."""
    complete: bool = True
    ended: str = ""
    """Why it ended before its shape did; empty when it did not."""
    steps: tuple[StepOutcome, ...] = ()
    load: LoadOutcome | None = None
    stress: StressOutcome | None = None
    soak: SoakOutcome | None = None
    capacity: CapacityOutcome | None = None
    spike: SpikeOutcome | None = None
    sweep: KneeOutcome | None = None
    windows: tuple[Window, ...] = ()
    usage: tuple[UsageSample, ...] = ()
