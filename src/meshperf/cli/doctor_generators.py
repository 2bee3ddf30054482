"""`meshperf doctor --generators`: every load generator on this machine, tried on known truth, and what to believe."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from meshperf.cli.output import consoles, state_dir
from meshperf.errors import ExitCode
from meshperf.experiment.generator_trial import Trial, believed, present, try_generators
from meshperf.load.adapters.registry import adapter
from meshperf.spec.generators import OWN

__all__ = ["run_generators", "show_trials", "trials_document"]


def run_generators(*, as_json: bool, measure: bool) -> int:
    """Look for generators, try them, print. Without `measure` they are only looked for.

    Raises:
        PrerequisiteError: a part that is needed is missing, or a variable names no program.
    """
    to_show, to_tell = consoles()
    found, missing = present()
    names = [OWN, *(adapter.name for adapter in found)]
    trials: tuple[Trial, ...] = tuple(Trial(generator=name) for name in names)
    if measure:
        to_tell.print(f"trying {len(names)} load generators on known truth, about ten seconds each")
        trials = try_generators(names, state_dir=state_dir(), note=lambda text: to_tell.print(text, markup=False))
    if as_json:
        sys.stdout.write(json.dumps(trials_document(trials, missing), indent=2) + "\n")
    else:
        show_trials(trials, missing, to_show)
    return ExitCode.OK


def trials_document(trials: Sequence[Trial], missing: Mapping[str, str]) -> dict[str, object]:
    """Everything as plain data; times in seconds."""
    return {
        "generators": [{**dataclasses.asdict(trial), **dataclasses.asdict(believed(trial))} for trial in trials],
        "missing": dict(missing),
    }


def show_trials(trials: Sequence[Trial], missing: Mapping[str, str], console: Console) -> None:
    """A table of the readings, then a sentence for each generator."""
    table = Table(box=None, header_style="bold")
    for column in ("generator", "version"):
        table.add_column(column, overflow="fold")
    for column in ("rate kept", "p50 off", "p99 of a stall", "theory", "omits"):
        table.add_column(column, justify="right", no_wrap=True)
    for trial in trials:
        omits = believed(trial).omits
        table.add_row(
            _name(trial.generator),
            trial.version or "not told",
            _share(trial),
            _ms(trial.p50_error_s, sign=True),
            _ms(trial.stall_p99_s),
            _ms(trial.stall_theory_s),
            "not known" if omits is None else "yes" if omits else "no",
        )
    console.print(table)
    for trial in trials:
        console.print(f"{_name(trial.generator)}: {_sentence(trial)}", markup=False, soft_wrap=True)
    for name, how in missing.items():
        console.print(f"{_name(name)}: not installed: {how}", markup=False, soft_wrap=True)


def _name(generator: str) -> str:
    """The name, marked where the adapter was never run against the real tool."""
    proven = generator == OWN or adapter(generator).proven
    return generator if proven else f"{generator} (unproven)"


def _sentence(trial: Trial) -> str:
    words = believed(trial)
    parts = []
    if words.believe:
        parts.append(f"believe it for {', '.join(words.believe)}")
    if words.doubt:
        parts.append(f"not for {', '.join(words.doubt)}")
    if trial.failure:
        parts.append(f"it could not be tried to the end: {trial.failure}")
    return "; ".join(parts) or "found, not tried"


def _share(trial: Trial) -> str:
    if not trial.paced:
        return "closed loop"
    return "-" if trial.kept is None else f"{trial.kept:.1%}"


def _ms(seconds: float | None, *, sign: bool = False) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1e3:+.2f} ms" if sign else f"{seconds * 1e3:.1f} ms"
