"""Find what `ID|BUNDLE|RESULT` means on the command line: a bundle, a result file, or an experiment of the store.

A file that begins as JSON does is a result; any other path that exists is a bundle; anything else is the beginning of a
stored id. All yield the same record, so the verbs that show results do not know where they came from. Importing this
module is heavy; verbs do it inside their function.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshperf.errors import DocumentError, Location
from meshperf.experiment.bundle_reading import BundleView, open_bundle
from meshperf.spec.records import Facts, RunResult
from meshperf.spec.redaction import shown_text
from meshperf.spec.smp import read_results
from meshperf.store import Store

__all__ = ["KeptExperiment", "find"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptExperiment:
    """An experiment as it was kept. `comparisons`: documents, one a load point; empty before it was judged."""

    experiment_id: str
    name: str
    source: str
    """For people: the bundle's path, or the store."""
    state: str
    """running, complete or interrupted; `stored` when it comes from the store, `result` from a result file."""
    bundle: Path | None
    """None: there is none, as after `meshperf load`."""
    runs: tuple[RunResult, ...]
    excluded: tuple[RunResult, ...] = ()
    comparisons: tuple[Mapping[str, Any], ...]
    experiment_text: str
    """As it may be shown: without the secrets of its requests."""
    command: str
    facts: Facts

    @property
    def single(self) -> bool:
        """Whether it holds runs that stand by themselves: there is nothing in it to be compared."""
        return bool(self.runs) and not self.comparisons and all(run.design.design == "single" for run in self.runs)


def find(reference: str) -> KeptExperiment:
    """What `ID|BUNDLE|RESULT` names.

    Raises:
        DocumentError: a path that holds no readable bundle or result (MP2001, MP2201, MP2303).
        UsageError: MP1004, no stored id or several begin so.
        StorageError: MP5404, the store cannot be opened.
    """
    path = Path(reference)
    if path.is_file() and _is_json(path):
        return _from_results(path)
    if path.exists():
        with open_bundle(path) as view:
            return _from_bundle(path, view)
    if "/" in reference or path.suffix == ".zip":
        raise DocumentError(
            "MP2001",
            "there is no bundle here",
            location=Location(path=path),
            hint="`meshperf list` shows what is stored",
        )
    with Store.open() as store:
        return _from_store(store, reference)


def _from_bundle(path: Path, view: BundleView) -> KeptExperiment:
    manifest = view.manifest()
    return KeptExperiment(
        experiment_id=manifest.experiment_id,
        name=manifest.experiment,
        source=str(path),
        state=manifest.state,
        bundle=path,
        runs=tuple(view.runs()),
        excluded=tuple(record.run for record in view.excluded() if record.run is not None),
        comparisons=tuple(view.comparisons() or ()),
        experiment_text=shown_text(view.experiment_text()),
        command=manifest.command,
        facts=view.facts() or {},
    )


def _is_json(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(64).lstrip()[:1] in (b"{", b"[")
    except OSError as problem:
        raise DocumentError("MP2001", f"cannot read: {problem.strerror}", location=Location(path=path)) from problem


def _from_results(path: Path) -> KeptExperiment:
    runs = read_results(path)
    return KeptExperiment(
        experiment_id=runs[0].experiment_id,
        name=runs[0].experiment,
        source=str(path),
        state="result",
        bundle=path,
        runs=runs,
        comparisons=(),
        experiment_text="",
        command="",
        facts=runs[0].facts,
    )


def _from_store(store: Store, reference: str) -> KeptExperiment:
    row = store.experiment(reference)
    return KeptExperiment(
        experiment_id=row.experiment_id,
        name=row.name,
        source=f"the store {store.path}",
        state="stored",
        bundle=row.bundle,
        runs=tuple(store.results(row.experiment_id)),
        comparisons=tuple(store.comparisons(row.experiment_id)),
        experiment_text=shown_text(row.experiment_text or ""),
        command=row.command or "",
        facts=row.facts or {},
    )
