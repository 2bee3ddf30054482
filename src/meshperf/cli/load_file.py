"""`meshperf load FILE`: every client and URL of an SMP test, in turn; results on stdout and in the store.

`meshperf run FILE` does the same and keeps the results in a bundle too.
"""

from __future__ import annotations

import json
import re
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from meshperf import spec
from meshperf.cli.kept_runs import keep_runs
from meshperf.cli.load_options import LoadOptions
from meshperf.cli.load_progress import LoadProgress
from meshperf.cli.load_run import finish, show_run
from meshperf.cli.output import consoles
from meshperf.environments import HostReader
from meshperf.errors import UsageError
from meshperf.experiment.smp_test import run_targets, smp_targets
from meshperf.load.recording import Progress
from meshperf.spec.records import RunResult
from meshperf.spec.redaction import shown_text
from meshperf.spec.smp import result_to_document

__all__ = ["is_test_file", "run_load_file"]

_WITH_A_FILE = ("as_json", "allowed", "no_store")


def is_test_file(target: str) -> bool:
    """Whether an argument is a file and no URL: it has no scheme, and ends like a document or is there."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", target):
        return False
    path = Path(target)
    return path.suffix.lower() in (".yaml", ".yml", ".json") or path.exists()


def run_load_file(file: Path, options: LoadOptions, *, written: Sequence[str], command: str) -> int:
    """Load every URL of an SMP test, print the results in the file's order, and keep them.

    Args:
        command: what a reader types to load again.
        written: names of the options that were given; with a file most have no meaning.

    Returns:
        The exit code: the worst of the runs', 130 broken off.

    Raises:
        UsageError: an option that the file decides; an experiment instead of a test. DocumentError: the file is wrong.
        TargetError: a URL cannot be reached; the results before it are printed.
    """
    unfit = [name for name in written if name not in _WITH_A_FILE]
    if unfit:
        flag = f"--{unfit[0].replace('_', '-')}"
        raise UsageError("MP1002", f"{flag} has no meaning with a file, which says what is done", hint="leave it out")
    experiment = spec.read_experiment(file)
    if not experiment.targets:
        raise UsageError("MP1002", f"{file} is an experiment, not an SMP test", hint=f"write `meshperf run {file}`")
    to_show, to_tell = consoles()
    for note in experiment.notes:
        to_tell.print(f"note: {note}", markup=False)
    targets = smp_targets(experiment, allowed=(*options.allowed, *experiment.allow_targets))
    runs: list[RunResult] = []
    broken: list[RunResult] = []
    try:
        with LoadProgress(to_tell) as progress:

            def show(number: int, stage: str, seen: Progress) -> None:
                progress.show(f"{number + 1} of {len(targets)}: {targets[number].name} · {stage}", seen)

            run_targets(
                experiment,
                targets,
                experiment_id=secrets.token_hex(6),
                host_facts=HostReader().facts(),
                on_progress=show,
                keep=runs.append,
                keep_broken=broken.append,
            )
    finally:  # what was measured is printed, however it ended
        _show([*runs, *broken], single=len(targets) == 1, as_json=options.as_json)
        if not options.no_store:
            keep_runs(
                [*runs, *broken],
                name=experiment.name,
                command=command,
                to_tell=to_tell,
                experiment=experiment,
                text=shown_text(file.read_text(encoding="utf-8", errors="replace")),
            )
    told = to_tell if options.as_json else to_show
    codes = [finish(run, interrupted=False, to_tell=told) for run in runs]
    return max(codes)


def _show(runs: Sequence[RunResult], *, single: bool, as_json: bool) -> None:
    if as_json:
        documents = [result_to_document(run) for run in runs]
        if documents:
            sys.stdout.write(json.dumps(documents[0] if single else documents, indent=2) + "\n")
        return
    to_show, _ = consoles()
    for run in runs:
        to_show.print(run.arm, markup=False, style="bold")
        show_run(run, to_show)
