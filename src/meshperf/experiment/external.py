"""What a run says of a load generator that is not our own: its facts, its warnings, and how far its times are resolved.

What the plan asks of connections and what our engine does with it are facts of a run by our engine. Another tool has
its own ways, so those facts are replaced by what is known of the tool, and the comparison holds them against each
other: generator, version, origin of the latencies and loop must be equal.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshperf.load.recording import ExternalAccount
from meshperf.spec.imported import Quantile
from meshperf.spec.records import Fact, Facts, FactValue, QuantileBounds, Warning, WarningKind

__all__ = ["external_facts", "external_warnings", "quantile_bounds"]

ORIGINS = {"intended": "intended send", "actual": "actual send"}
_ITS_OWN = ("load.pooling", "load.selection")
"""What no option tells it: alike in two runs of the same tool, and otherwise in runs of another one."""
_COARSE = 0.05
"""Width of a quantile's bounds by its value, from which on a reader must know."""


def external_facts(account: ExternalAccount) -> Facts:
    """The facts in which a run by another generator differs from what the plan says."""
    known: dict[str, FactValue] = {
        "load.generator": account.generator,
        "load.generator_version": account.version,
        "load.generator_sha256": account.sha256,
        "load.latency_origin": ORIGINS.get(account.latency_origin),
        "load.loop": None if account.loop == "unknown" else account.loop,
        "load.histogram": _histogram(account),
        "load.histogram_resolution": _resolution(account),
        "load.connection_model": account.connection_model or None,
    }
    return {
        **{
            name: Fact(value=value, source="generator")
            if value is not None
            else Fact(source="generator", unavailable="the load generator does not say")
            for name, value in known.items()
        },
        **{name: Fact(value=f"{account.generator}'s own", source="generator") for name in _ITS_OWN},
    }


def _resolution(account: ExternalAccount) -> str | None:
    """What the times are resolved by, in words that two runs of the same tool share."""
    if account.resolution.startswith("every"):
        return "every reply"
    if account.resolution.startswith("none") or not account.resolution:
        return None
    return "the tool's buckets" if "bucket" in account.resolution else "the tool's quantiles"


def _histogram(account: ExternalAccount) -> str | None:
    """How the histogram was made, without the number of buckets: that differs from run to run."""
    by = _resolution(account)
    return f"HDR, 3 digits, spread evenly inside {by}" if by is not None and by.startswith("the tool") else by


def external_warnings(account: ExternalAccount | None) -> Iterator[Warning]:
    """What a report must say beside such a run's figures; nothing for our own engine."""
    if account is None:
        return
    who = f"{account.generator} {account.version}" if account.version else account.generator
    said = "; ".join(account.notes)
    yield Warning(
        kind=WarningKind.OTHER_GENERATOR,
        text=f"The load came from {who}, not from meshperf's engine" + (f": {said}." if said else "."),
    )
    if account.latency_origin != "intended" and account.loop == "scheduled-closed":
        yield Warning(
            kind=WarningKind.OMISSION,
            text=f"{account.generator} counts a reply from when its request was sent, not from when it was due: "
            "requests that a stall held back are not in its tail.",
        )
    widest = max(account.quantiles, key=_width, default=None)
    if widest is not None and _width(widest) > _COARSE:
        yield Warning(
            kind=WarningKind.COARSE_TIMES,
            text=f"{account.generator} resolves its times by {account.resolution.partition(',')[0]}: "
            f"p{widest.q * 100:g} lies anywhere from {widest.low_s * 1e3:.3g} to {widest.high_s * 1e3:.3g} ms.",
            figures={"q": widest.q, "low_s": widest.low_s, "high_s": widest.high_s},
        )


def _width(quantile: Quantile) -> float:
    return (quantile.high_s - quantile.low_s) / quantile.value_s if quantile.value_s > 0 else 0.0


def quantile_bounds(account: ExternalAccount) -> tuple[QuantileBounds, ...]:
    """The quantiles of a run with their bounds, as results carry them."""
    return tuple(
        QuantileBounds(q=one.q, value_s=one.value_s, low_s=one.low_s, high_s=one.high_s) for one in account.quantiles
    )
