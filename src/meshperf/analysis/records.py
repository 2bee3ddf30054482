"""What judgement produces: frozen records that `comparison.json`, the store and every report are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from meshperf.spec.records import FactValue, Warning
from meshperf.units import Unit

__all__ = [
    "ArmSummary",
    "Comparability",
    "Comparison",
    "ComponentCost",
    "Estimate",
    "MetricComparison",
    "NoiseFloor",
    "ObjectiveOutcome",
    "PlannedEnd",
    "RoundFigure",
    "SecondVerdict",
    "Verdict",
    "Violation",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its uncertainty. `low` and `high` bound `value` at `confidence`; NaN: no bound can be given."""

    value: float
    low: float
    high: float
    confidence: float
    n: int
    unit: Unit
    method: str = ""


class Verdict(StrEnum):
    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"
    NOT_COMPARABLE = "not comparable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One fact that differs or is unknown, and what would mend it.

    `severity`: EQ, CLOSE, unknown-block or unknown-flag.
    """

    path: str
    a: FactValue
    b: FactValue
    severity: str
    why: str
    fix: str
    arm: str = ""
    against: str = ""
    """The pair it was found in; the same arm twice for a fact that changed between its rounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparability:
    """Whether the arms may be compared. `grade`: A, B, C, D or X; `subject_differences` is what is under test."""

    grade: str
    subject: tuple[str, ...]
    violations: tuple[Violation, ...] = ()
    unknowns: tuple[Violation, ...] = ()
    subject_differences: tuple[Violation, ...] = ()
    equal: tuple[str, ...] = ()
    rules: str = ""
    """Name, version and digest of the rule file."""
    arm: str = ""
    against: str = ""
    """The pair it speaks of; both empty for the whole of an experiment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundFigure:
    """One round's figures of one metric: candidate and baseline values, and their ratio."""

    round: int
    baseline: float
    candidate: float
    ratio: float
    within_low: float = float("nan")
    within_high: float = float("nan")
    excluded: str | None = None
    uncentred_ratio: float = float("nan")
    """Candidate over baseline as they stand; `ratio` of p50 and p90 is centred where the arms were interleaved."""
    unsteady: str | None = None
    """What was not steady while it was measured (p50 only); a flag: the round counts all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondVerdict:
    """The verdict on the same metric with the rounds that a guard excluded counted in. Shown beside, never instead."""

    verdict: Verdict
    ratio: Estimate
    rounds: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricComparison:
    """One metric of one candidate against the baseline of its group (or one arm against its twin)."""

    arm: str
    against: str
    metric: str
    """p50, p90, p99, mean, cpu_per_request, memory."""
    unit: Unit
    ratio: Estimate
    """Over rounds: the published interval."""
    added: Estimate
    """Candidate minus baseline over rounds, in `unit`."""
    companion: Estimate | None = None
    """Hodges-Lehmann ratio over rounds."""
    within: Estimate | None = None
    """Rounds' within-deployment interval (typical); label it `this deployment only`."""
    margin: float | None = None
    verdict: Verdict = Verdict.INCONCLUSIVE
    primary: bool = False
    pooled: bool = False
    """Merged over rounds, shown, never judged."""
    reason: str = ""
    p_adjusted: float | None = None
    rounds_needed: int | None = None
    """Rounds in all, those at hand included, that would probably decide; None when decided or beyond 1000."""
    rounds: tuple[RoundFigure, ...] = ()
    between_sd: float | None = None
    """Standard deviation of the rounds' log ratios, as observed."""
    within_sd: float | None = None
    """Typical standard error of one round's log ratio: what a deployment's own noise explains of it."""
    uncentred: Estimate | None = None
    """The ratio over rounds without centring, beside a centred one."""
    paired: bool = True
    """False: two sets of runs that shared no rounds; `ratio` is then Welch's."""
    narrow: Estimate | None = None
    """The interval that equality and non-inferiority are read from: each bound holds by itself at 95 %. None where the
    figures may not be judged."""
    narrow_companion: Estimate | None = None
    """The same by Hodges-Lehmann."""
    absolute_floor: float | None = None
    """Added amount, in `unit`, that counts as none whatever its share."""
    narrow_added: Estimate | None = None
    """The added amount at the confidence of `narrow`; only where there is an `absolute_floor` to hold it against."""
    narrow_added_companion: Estimate | None = None
    """The same by Hodges-Lehmann."""
    detectable: float | None = None
    """Smallest true difference, as a share, whose t interval would exclude 1 four times in five with this scatter."""
    deployment_sd: float | None = None
    """What is left of `between_sd` without `within_sd`: the luck of a deployment, which only rounds average."""
    with_excluded: SecondVerdict | None = None
    """None where no guard excluded a round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseFloor:
    """An arm against its freshly deployed twin: the smallest difference this machine can tell from none."""

    arm: str
    metric: str
    ratio: Estimate
    floor: float
    """Half-width of the A/A interval as a share, at least the observed difference: 0.03 means 3 %."""
    holds: bool
    """The interval contains 1."""
    rounds: tuple[RoundFigure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentCost:
    """What one component of an arm used: CPU seconds per counted request, memory at the end of a round (means)."""

    component: str
    role: str
    cpu_s_per_request: Estimate
    private_bytes: Estimate
    pss_bytes: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSummary:
    """One arm in absolute figures over its comparable rounds (twins apart); `error_share` counts those it failed in."""

    arm: str
    resident: str
    rounds: int
    requests: int
    offered_rps: float | None
    achieved_rps: float
    error_share: float
    figures: Mapping[str, Estimate]
    """By metric: geometric mean over rounds with its t interval. p99 is `pooled` where rounds hold too few requests."""
    pooled_quantiles_s: Mapping[str, float] = field(default_factory=dict)
    brings: Mapping[str, FactValue] = field(default_factory=dict)
    """What the arm has that the baseline has not: security, features, proxy."""
    components: tuple[ComponentCost, ...] = ()
    invalid: tuple[str, ...] = ()
    """Runs of this arm that were not valid, with the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveOutcome:
    """An objective tried on one arm. `outcome`: held, broken or unknown."""

    arm: str
    objective: str
    value: float | None
    threshold: float
    unit: Unit
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedEnd:
    """How an experiment ended whose rounds a pilot planned for a resolution."""

    resolution: Mapping[str, float]
    """By metric, the half-width asked for, as a share."""
    planned: int
    """Rounds that were planned, the most that could be made."""
    made: int
    needed: int | None
    """Rounds that all resolutions were planned to take; None: more than 200. More than `planned`: the file allowed
    fewer."""
    pilot_rounds: int
    """That the plan rests on; none of them counts."""
    scale: float
    """Times the file's `duration` that a round counted."""
    looks: tuple[int, ...]
    """After how many rounds the results were to be judged."""
    early: bool
    """It ended at a look before the last."""
    reached: bool
    """Every interval is as narrow as asked for."""
    why: str
    """Why it ended, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All rounds judged together, for one load point of one cell."""

    experiment: str
    experiment_id: str
    load_point: int
    cell: str = ""
    """Of a matrix over all arms: `clusters-2`. Empty where there is none."""
    baseline: str
    subject: tuple[str, ...]
    comparability: Comparability
    arms: tuple[ArmSummary, ...]
    metrics: tuple[MetricComparison, ...]
    noise_floors: tuple[NoiseFloor, ...] = ()
    objectives: tuple[ObjectiveOutcome, ...] = ()
    warnings: tuple[Warning, ...] = ()
    rounds: int = 0
    rounds_excluded: tuple[str, ...] = ()
    primary_family: tuple[str, ...] = ("p50", "p90", "cpu_per_request")
    alpha: float = 0.05
    pilot: bool = False
    planned: PlannedEnd | None = None
    """Where a resolution was asked for; `alpha` is then the level of the look that ended it. None: nobody asked."""
    pairs: tuple[Comparability, ...] = ()
    """Comparability of every judged pair, candidate against candidate included; `comparability` is that of the
    candidates against the baseline taken together."""
