"""The phases of `meshperf run` with an SMP test file: look at every URL, open the bundle, load one after the other."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from meshperf.cli.experiment_run import command_line, default_folder
from meshperf.cli.kept_runs import keep_runs
from meshperf.cli.load_run import show_run, tell_objectives
from meshperf.cli.output import consoles
from meshperf.cli.progress import ExperimentProgress
from meshperf.environments import HostReader
from meshperf.errors import ExitCode, MeshperfError, UsageError
from meshperf.experiment.bundle import Bundle
from meshperf.experiment.events import Event, figures
from meshperf.experiment.smp_test import run_targets, smp_targets
from meshperf.load.recording import Progress
from meshperf.spec.experiment import Experiment
from meshperf.spec.redaction import shown_text
from meshperf.spec.smp import result_to_document

__all__ = ["run_smp_test"]


def run_smp_test(
    experiment: Experiment, file: Path, *, allowed: Sequence[str], out: Path | None, store: bool, as_json: bool
) -> int:
    """Run an SMP test file: every URL of every client.

    Each result is in the bundle, whole, before the next URL is loaded; all are put into the store at the end.

    Returns:
        The exit code: 0 all valid, 1 an objective was broken, 4 not all valid.

    Raises:
        UsageError: MP1003, a target was not allowed; MP1002, there are results in the folder already.
        StorageError: MP5401, MP5402, MP5403, before anything is loaded or when the disk fills up.
        TargetError: a URL cannot be reached; finished runs are kept.
    """
    to_show, to_tell = consoles()
    for note in experiment.notes:
        to_tell.print(f"note: {note}", markup=False)
    targets = smp_targets(experiment, allowed=(*allowed, *experiment.allow_targets))
    host_facts = HostReader().facts()
    with _bundle(experiment, file, out or default_folder(experiment), allowed) as bundle:
        to_tell.print(f"results go to {bundle.path}", markup=False)
        bundle.write_facts(host_facts)
        try:
            with ExperimentProgress(to_tell) as progress:
                began = time.monotonic()

                def show(number: int, stage: str, seen: Progress) -> None:
                    progress.show(
                        Event(
                            stage=stage,
                            round=number + 1,
                            rounds=len(targets),
                            elapsed_s=time.monotonic() - began,
                            left_s=None,
                            **figures(seen, seen.elapsed_s),
                        )
                    )

                runs = run_targets(
                    experiment,
                    targets,
                    experiment_id=bundle.experiment_id,
                    host_facts=host_facts,
                    on_progress=show,
                    keep=lambda run: bundle.append([run]),
                    keep_broken=lambda run: bundle.exclude(run, "broken off"),
                )
        except (KeyboardInterrupt, MeshperfError):
            kept = len(bundle.finished_rounds())
            to_tell.print(f"broken off; {kept} of {len(targets)} runs are kept in {bundle.path}/results", markup=False)
            raise
        bundle.seal()
    if store:
        keep_runs(
            runs,
            name=experiment.name,
            command=command_line(file, allowed=allowed),
            to_tell=to_tell,
            experiment=experiment,
            text=shown_text(bundle.experiment_text()),
            bundle=bundle.path,
        )
    if as_json:
        sys.stdout.write(json.dumps([result_to_document(run) for run in runs], indent=2) + "\n")
    else:
        for run in runs:
            to_show.print(run.arm, markup=False, style="bold")
            show_run(run, to_show)
    told = to_tell if as_json else to_show
    held = [tell_objectives(run, told) for run in runs]
    if not all(run.validity.ok for run in runs):
        return ExitCode.NOT_COMPARABLE
    return ExitCode.OK if all(held) else ExitCode.GATE_FAILED


def _bundle(experiment: Experiment, file: Path, folder: Path, allowed: Sequence[str]) -> Bundle:
    try:
        return Bundle.create(folder, experiment, command=command_line(file, allowed=allowed))
    except UsageError as occupied:  # its hint speaks of --resume, which an SMP test has not
        raise UsageError(occupied.code, occupied.message, hint="choose another folder with --out") from occupied
