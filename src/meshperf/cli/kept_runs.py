"""Put runs that are compared with nothing into the user's store: what `load` and `run` with an SMP test measured.

The result was printed, or lies in a bundle: a store that cannot be used must not fail what was measured.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from meshperf.errors import StorageError
from meshperf.spec.experiment import Experiment
from meshperf.spec.records import RunResult
from meshperf.store import Store

__all__ = ["keep_runs"]


def keep_runs(
    runs: Sequence[RunResult],
    *,
    name: str,
    command: str,
    to_tell: Console,
    experiment: Experiment | None = None,
    text: str | None = None,
    bundle: Path | None = None,
) -> None:
    """Keep the runs under their one experiment id; say so where that cannot be.

    Args:
        command: what a reader types to measure again, as it may be shown.
        experiment, text: of the file it was measured by, if there was one; the text as it may be shown.
        bundle: where they lie too; None: nowhere.
    """
    if not runs:
        return
    try:
        with Store.open() as store:
            digest = hashlib.sha256(command.encode()).hexdigest() if experiment is None else experiment.digest
            store.save_runs(runs, name=name, digest=digest, command=command, text=text, bundle=bundle)
    except StorageError as error:
        to_tell.print(f"not put into the store: {error}", markup=False)
