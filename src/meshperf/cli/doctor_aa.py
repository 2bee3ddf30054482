"""`meshperf doctor --aa`: the noise floor of this machine by metric, and how long an experiment must be to see 5 %."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from meshperf.analysis import NoiseFloor, plain
from meshperf.cli.output import consoles, state_dir
from meshperf.errors import ExitCode, UsageError
from meshperf.experiment.aa_test import Length, Resolution, lengths_to_see, resolution
from meshperf.report.wording import metric_name

__all__ = ["SHARE", "aa_document", "run_aa", "show_aa"]

SHARE = 0.05
"""The difference whose length is told: a margin of 5 % is what most metrics are judged by."""
_ROUNDS = 6
"""As many as usually decide; what three rounds scatter says too little to plan by."""


def run_aa(*, rate: float, as_json: bool) -> int:
    """Measure, plan, print. Returns 4 when no round counts, else 0.

    Raises:
        UsageError: MP1001, the rate is not above 0.
        DeploymentError, PrerequisiteError: the workload could not be started.
    """
    if not 0 < rate < float("inf"):
        raise UsageError("MP1001", f"--rate must be a number greater than 0, found {rate}")
    to_show, to_tell = consoles()
    to_tell.print(f"A/A test: the same workload against itself, {_ROUNDS} fresh deployments, about 40 s")
    seen = resolution(state_dir=state_dir(), rate=rate, rounds=_ROUNDS)
    lengths = lengths_to_see(seen, SHARE)
    if as_json:
        sys.stdout.write(json.dumps(aa_document(seen, lengths, rate=rate), indent=2) + "\n")
    else:
        show_aa(seen, lengths, to_show)
    return ExitCode.OK if seen.floors else ExitCode.NOT_COMPARABLE


def aa_document(seen: Resolution, lengths: Sequence[Length], *, rate: float) -> dict[str, object]:
    """Everything as JSON types: floors, lengths, and why rounds do not count, if any does not. Unknown is null."""
    return {
        "rate_rps": rate,
        "rounds": _ROUNDS,
        "counted_s": seen.counted_s,
        "round_s": seen.round_s,
        "floors": plain(seen.floors),
        "lengths": plain(lengths),
        "validity": list(seen.reasons),
    }


def show_aa(seen: Resolution, lengths: Sequence[Length], console: Console) -> None:
    """A line a metric, then why rounds do not count, if any does not."""
    table = Table(box=None, header_style="bold")
    for column in ("metric", "noise floor", "A/A ratio", "experiment of two arms"):
        table.add_column(column, overflow="fold")
    for floor, length in zip(seen.floors, lengths, strict=True):
        table.add_row(metric_name(floor.metric), *_floor(floor), _to_see(length))
    console.print(table)
    for reason in seen.reasons:
        console.print(f"does not count: {reason}", markup=False, soft_wrap=True)
    if not seen.floors:
        console.print("no round counts, so there is no floor: quieten the machine, or lower --rate", markup=False)


def _floor(floor: NoiseFloor) -> tuple[str, str]:
    ratio = floor.ratio
    if math.isnan(ratio.low):
        return "not judged", f"x{ratio.value:.4f}"
    holds = "" if floor.holds else "  (misses 1: about one in twenty does)"
    return f"{floor.floor:.1%}", rf"x{ratio.value:.4f} \[{ratio.low:.4f}, {ratio.high:.4f}]{holds}"


def _to_see(length: Length) -> str:
    what = f"to see {length.share:.0%} ({length.metric})"
    if length.rounds is None or length.counted_s is None or length.minutes is None:
        return f"{what}: {length.why}"
    return f"{what}: {length.rounds} rounds of {length.counted_s:.3g} s, about {length.minutes:.1f} minutes"
