"""What a machine's kind says of all figures taken on it, though it is the same for every arm.

What it decides: whether the clock rate may move while an arm is measured. A governor other than `performance` follows
the load, so the lighter arm can look slower; a machine of a burstable family runs on credits that one arm may use up
for the next. Neither stands in the way of a comparison, because interleaved arms meet the same; a reader must know.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from meshperf.spec.records import RunResult, Warning, WarningKind

__all__ = ["varying_clock"]

_STEADY = "performance"
_BURSTABLE = re.compile(r"t\d[a-z]*\.|e2-(micro|small|medium)|f1-micro|g1-small|Standard_B\d", re.IGNORECASE)
"""Types that AWS (T2 to T4), Google (shared-core) and Azure (B series) run on credits."""


def varying_clock(runs: Sequence[RunResult]) -> tuple[Warning, ...]:
    """A warning where the clock rate of some run's machine may move; none where nothing is known of it."""
    told: dict[str, None] = {}
    for run in runs:
        governor, machine = (_text(run, path) for path in ("host.governor", "host.machine_type"))
        if governor and {word.strip() for word in governor.split(",")} != {_STEADY}:
            told[f"the frequency governor is {governor}, so the clock rate follows the load"] = None
        if machine and _BURSTABLE.match(machine):
            told[f"a machine of type {machine} runs on credits, and slows down without them"] = None
    if not told:
        return ()
    return (
        Warning(kind=WarningKind.VARYING_CLOCK, text=f"What was measured may depend on the clock: {'; '.join(told)}."),
    )


def _text(run: RunResult, path: str) -> str:
    fact = run.facts.get(path)
    return str(fact.value) if fact is not None and fact.known else ""
