"""How an experiment ended whose rounds a pilot planned: sentences, and rows for the table of settings."""

from __future__ import annotations

from meshperf.analysis.records import Comparison
from meshperf.report import wording

__all__ = ["planned_rows", "planned_sentences"]


def planned_sentences(comparison: Comparison) -> tuple[str, ...]:
    """What was asked and planned, what was made and why it ended, and the level of its intervals; empty: no plan."""
    end = comparison.planned
    if end is None:
        return ()
    asked = wording.listing(
        [f"{wording.metric_name(name)} ±{wording.share(share)}" for name, share in _asked(comparison)]
    )
    met = "reached" if end.reached else "not reached"
    short = ""
    if end.needed is None or end.needed > end.planned:
        takes = "more than 200" if end.needed is None else str(end.needed)
        short = f" It was planned to take {takes} rounds, more than the experiment allows."
    return (
        f"Resolution asked for: {asked}; {met}. {end.planned} rounds were planned from a pilot of {end.pilot_rounds} "
        f"that does not count, {end.made} were made: {wording.clean(end.why)}.{short}",
        f"Looks were fixed beforehand, after round {wording.listing(list(map(str, end.looks)))}; intervals and "
        f"verdicts are at the level of the look that ended it, alpha {comparison.alpha:g} "
        f"({wording.share(1 - comparison.alpha)} intervals).",
    )


def planned_rows(comparison: Comparison) -> list[tuple[str, str]]:
    """Settings of the plan; empty where there is none."""
    end = comparison.planned
    if end is None:
        return []
    asked = ", ".join(f"{wording.metric_name(name)} ±{wording.share(share)}" for name, share in _asked(comparison))
    return [
        ("resolution asked for", asked),
        ("pilot rounds, never counted", str(end.pilot_rounds)),
        ("rounds planned, made", f"{end.planned}, {end.made}"),
        ("looks planned after rounds", ", ".join(map(str, end.looks))),
        ("counted time, times the file's duration", f"{end.scale:g}"),
        ("why it ended", wording.clean(end.why)),
    ]


def _asked(comparison: Comparison) -> list[tuple[str, float]]:
    return [] if comparison.planned is None else list(comparison.planned.resolution.items())
