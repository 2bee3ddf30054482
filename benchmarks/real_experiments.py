"""Experiments that a benchmark runs with the product itself, as a user would, and the runs that counted."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.pinned import RunFailed
from meshperf.experiment.bundle_reading import open_bundle
from meshperf.spec.experiment import Experiment
from meshperf.spec.records import RunResult, Validity

__all__ = ["ROOT", "Measured", "measure"]

ROOT = Path(__file__).parents[1]
_RESULTS = (0, 1, 4)
"""Exit codes of a run that has results, whatever was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """An experiment and the runs of its rounds that count."""

    experiment: Experiment
    runs: Sequence[RunResult]
    bundle: Path

    def of(self, load_point: int) -> list[RunResult]:
        return [run for run in self.runs if run.load_point == load_point]


def measure(text: str, out: Path, *, unguarded: bool = False) -> Measured:
    """Run an experiment; the product's own tables go to this terminal.

    Args:
        out: a folder that is made; the experiment's file and its bundle are put there.
        unguarded: rounds and runs that the machine disturbed count too, here though not in the product's tables: to
            try a benchmark, never for a figure.

    Raises:
        RunFailed: there are no results.
    """
    out.mkdir(parents=True, exist_ok=True)
    file, bundle = out / "experiment.yaml", out / "bundle"
    file.write_text(text)
    program = "benchmarks.unguarded" if unguarded else "meshperf"
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    command = [sys.executable, "-m", program, "run", str(file), "--out", str(bundle), "--overwrite", "--no-store"]
    ended = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, cwd=ROOT, check=False)
    if ended.returncode not in _RESULTS:
        raise RunFailed(f"meshperf run ended with {ended.returncode}")
    with open_bundle(bundle) as view:
        runs = [replace(run, validity=Validity(), guards=()) if unguarded else run for run in view.runs()]
        if not runs:
            raise RunFailed("no round counted: the bundle's excluded records say why")
        return Measured(experiment=view.experiment(), runs=runs, bundle=bundle)
