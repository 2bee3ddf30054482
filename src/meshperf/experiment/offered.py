"""From a load point to phases: the load that counts, and the steady load of warm-ups, pilots and controls.

Everything that a load point says of arrivals goes through here, so that a round's slices, a pilot and a single run
offer the same thing. Only the counted load has a ramp or a trace; what goes before or beside it is steady.
"""

from __future__ import annotations

from collections.abc import Sequence

from meshperf.load.plan import Arrivals, Phase
from meshperf.spec.experiment import LoadPoint

__all__ = ["counted_phase", "mean_rate", "steady_phase"]

Mix = Sequence[tuple[int, float]]


def mean_rate(point: LoadPoint) -> float | None:
    """Requests per second over the counted time; None in a closed loop."""
    if point.arrivals == "closed":
        return None
    if point.arrivals == "trace":
        return len(point.trace_s) / point.duration_s
    if point.stages:
        requests = sum((stage.rate + (stage.rate_end or stage.rate)) / 2 * stage.duration_s for stage in point.stages)
        return requests / sum(stage.duration_s for stage in point.stages)
    if point.rate is None or point.rate_end is None:
        return point.rate
    return (point.rate + point.rate_end) / 2


def counted_phase(
    point: LoadPoint,
    target: int,
    duration_s: float,
    *,
    seed: int,
    label: str,
    mix: Mix = (),
    lead_in_s: float = 0.0,
    guard_s: float = 0.0,
    drain_s: float = 2.0,
) -> Phase:
    """Load that is counted, as the load point asks for it. `mix`: targets and weights, instead of the one target."""
    return Phase(
        target=target,
        duration_s=duration_s,
        arrivals=Arrivals(point.arrivals),
        rate=None if point.arrivals in ("closed", "trace") else point.rate,
        rate_end=point.rate_end,
        trace_s=point.trace_s,
        quantum_s=point.quantum_s,
        in_flight=point.in_flight,
        think_s=point.think_s,
        mix=tuple(mix),
        lead_in_s=lead_in_s,
        guard_s=guard_s,
        drain_s=drain_s,
        seed=seed,
        label=label,
    )


def steady_phase(
    point: LoadPoint, target: int, duration_s: float, *, seed: int, label: str, mix: Mix = (), drain_s: float = 2.0
) -> Phase:
    """Load of the same kind at one rate: the first of a ramp, the mean of a trace."""
    traced = point.arrivals == "trace"
    return Phase(
        target=target,
        duration_s=duration_s,
        arrivals=Arrivals.CONSTANT if traced else Arrivals(point.arrivals),
        rate=mean_rate(point) if traced else point.rate,
        quantum_s=point.quantum_s,
        in_flight=point.in_flight,
        think_s=point.think_s,
        mix=tuple(mix),
        drain_s=drain_s,
        seed=seed,
        label=label,
    )
