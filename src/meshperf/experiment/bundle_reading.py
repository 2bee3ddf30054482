"""A result bundle as its readers see it: a folder, or a `.zip` of one, with a manifest, a journal and documents.

Nothing here writes into a bundle, and nothing here trusts one: names that lead outside, links and absurd sizes in an
archive are refused before a byte is unpacked. Whether the contents are true is the business of `verification`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, cast

from meshperf.errors import DocumentError, Location
from meshperf.passing_folders import passing_folder
from meshperf.spec.experiment import Experiment, read_experiment
from meshperf.spec.graph_reading import read_graph
from meshperf.spec.graph_workload import with_graph
from meshperf.spec.records import Fact, Facts, RunResult
from meshperf.spec.run_plan import RunPlan, plan_from_document
from meshperf.spec.smp import result_from_document

__all__ = [
    "COMPARISON",
    "ENVIRONMENT",
    "EXCLUDED",
    "EXPERIMENT",
    "FORMAT",
    "GRAPH",
    "JOURNAL",
    "MANIFEST",
    "PILOT",
    "PLAN",
    "RESULTS",
    "TEMPLATES",
    "UNDER_WAY",
    "BundleView",
    "ExcludedRun",
    "Manifest",
    "manifest_digest",
    "open_bundle",
    "read_json",
]

FORMAT = 1
"""Version of the bundle's layout; a reader refuses a later one."""

MANIFEST = "MANIFEST.json"
JOURNAL = "rounds.jsonl"
EXPERIMENT = "experiment.yaml"
ENVIRONMENT = "environment.json"
COMPARISON = "comparison.json"
RESULTS = "results"
EXCLUDED = "excluded"
TEMPLATES = "templates"
"""Copies of the configuration templates that arms of the experiment name."""
GRAPH = "graph.yaml"
"""Among the templates: the user's own workload graph."""
PLAN = "plan.json"
"""What the pilot planned, where the experiment asks for a resolution; there before the first round that counts."""
PILOT = "pilot"
"""A bundle inside the bundle: the pilot's rounds, which never count. Its manifest lists its own files."""
UNDER_WAY = "round-under-way.json"
"""There while a round is measured; a crash leaves it, and the next writer makes an excluded record of it."""

_MOST_UNPACKED_BYTES = 4 * 2**30
_MOST_ENTRIES = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a bundle says of itself. `state`: running, complete or interrupted."""

    experiment: str
    experiment_id: str
    experiment_digest: str
    meshperf: str
    command: str
    begun: str
    """Time the bundle was created, ISO 8601 with zone."""
    state: str
    files: Mapping[str, tuple[str, int]]
    """Path inside the bundle to SHA-256 (hexadecimal) and size [bytes]; everything but the manifest itself."""

    @property
    def complete(self) -> bool:
        return self.state == "complete"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcludedRun:
    """A run, or a round that left no run, kept as a record that counts for nothing.

    `run`: None for a round without runs, and when the run's document cannot be read.
    """

    record: str
    """Name of its file without the suffix."""
    round: int
    attempt: int
    reason: str
    run: RunResult | None


class BundleView:
    """Reads one bundle that is a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def manifest(self) -> Manifest:
        """The manifest.

        Raises:
            DocumentError: no manifest (MP2303), not JSON (MP2002), of a later layout or without its keys (MP2201).
        """
        path = self.path / MANIFEST
        if not path.is_file():
            raise DocumentError(
                "MP2303", "this is not a result bundle: it has no MANIFEST.json", location=Location(path=self.path)
            )
        document = read_json(path)
        try:
            if document["meshperf_bundle"] != FORMAT:
                raise DocumentError(
                    "MP2201",
                    f"the bundle has layout {document['meshperf_bundle']}, this meshperf reads layout {FORMAT}",
                    location=Location(path=path, pointer="/meshperf_bundle"),
                    hint="use the version of meshperf that wrote it, or a later one",
                )
            files = {str(name): (str(entry["sha256"]), int(entry["size"])) for name, entry in document["files"].items()}
            texts = {
                name: str(document[name])
                for name in (
                    "experiment",
                    "experiment_id",
                    "experiment_digest",
                    "meshperf",
                    "command",
                    "begun",
                    "state",
                )
            }
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            raise DocumentError(
                "MP2201", f"the manifest cannot be understood: {problem!r}", location=Location(path=path)
            ) from problem
        return Manifest(files=files, **texts)

    def journal(self) -> dict[int, dict[str, str]]:
        """Finished rounds: for each, its run documents (file names inside `results/`) and their SHA-256.

        Raises:
            DocumentError: MP2201, a line that cannot be understood.
        """
        path = self.path / JOURNAL
        rounds: dict[int, dict[str, str]] = {}
        lines = path.read_bytes().splitlines() if path.is_file() else []
        for number, line in enumerate(lines, start=1):
            try:
                entry = json.loads(line)
                files = {str(name): str(digest) for name, digest in entry["runs"].items()}
                if any(PurePosixPath(name).name != name for name in files):
                    raise ValueError("a run's file name holds a folder")
                rounds[int(entry["round"])] = files
            except (ValueError, KeyError, TypeError, AttributeError) as problem:
                raise DocumentError(
                    "MP2201",
                    f"the journal of finished rounds cannot be understood: {problem!r}",
                    location=Location(path=path, line=number),
                ) from problem
        return rounds

    def finished_rounds(self) -> frozenset[int]:
        """Numbers of the rounds that are whole."""
        return frozenset(self.journal())

    def run_paths(self) -> list[Path]:
        """Documents of the runs of finished rounds, in the order of the journal."""
        return [self.path / RESULTS / name for files in self.journal().values() for name in files]

    def runs(self) -> list[RunResult]:
        """The runs of finished rounds. Read from disk at each call, so that they live no longer than needed."""
        return [self.read_run(path) for path in self.run_paths()]

    def read_run(self, path: Path) -> RunResult:
        """One run's document.

        Raises:
            DocumentError: missing (MP2303), not JSON (MP2002), or not a result (as `spec.smp` says).
        """
        return result_from_document(read_json(path))

    def excluded(self) -> list[ExcludedRun]:
        """Runs that were excluded, with the reason, by file name."""
        folder = self.path / EXCLUDED
        return [self._excluded(path) for path in sorted(folder.glob("*.json"))] if folder.is_dir() else []

    def _excluded(self, path: Path) -> ExcludedRun:
        document = read_json(path)
        result = document.get("result")
        try:
            run = None if result is None else result_from_document(result)
        except DocumentError:  # a record of something broken may itself be broken; the reason and the file stay
            run = None
        try:
            return ExcludedRun(
                record=path.stem,
                round=int(document["round"]),
                attempt=int(document["attempt"]),
                reason=str(document["reason"]),
                run=run,
            )
        except (KeyError, TypeError, ValueError) as problem:
            raise DocumentError(
                "MP2201", f"the excluded record cannot be understood: {problem!r}", location=Location(path=path)
            ) from problem

    def attempts(self, number: int) -> int:
        """How often a round was tried and excluded so far: the number of its next attempt, from 0."""
        return max((record.attempt + 1 for record in self.excluded() if record.round == number), default=0)

    def facts(self) -> Facts | None:
        """Facts captured at the begin of the experiment; None when none were written."""
        path = self.path / ENVIRONMENT
        if not path.is_file():
            return None
        document = read_json(path)
        try:
            return {str(name): Fact(**fact) for name, fact in document["facts"].items()}
        except (KeyError, TypeError, AttributeError) as problem:
            raise DocumentError(
                "MP2201", f"the facts cannot be understood: {problem!r}", location=Location(path=path)
            ) from problem

    def plan(self) -> RunPlan | None:
        """What the pilot planned; None where nothing was planned yet, or no resolution was asked for.

        Raises:
            DocumentError: it cannot be read.
        """
        path = self.path / PLAN
        return plan_from_document(read_json(path), path=path) if path.is_file() else None

    def pilot(self) -> BundleView | None:
        """The bundle of the pilot's rounds; None where there is none."""
        folder = self.path / PILOT
        return BundleView(folder) if (folder / MANIFEST).is_file() else None

    def comparisons(self) -> list[dict[str, Any]] | None:
        """Comparison documents, one a load point; None when nothing was judged yet."""
        path = self.path / COMPARISON
        return cast("list[dict[str, Any]]", read_json(path, expected=list)) if path.is_file() else None

    def experiment(self) -> Experiment:
        """The experiment that the bundle was made with, and its own copy of a graph that stood in a file.

        Raises:
            DocumentError: the experiment, or the graph, cannot be read.
        """
        experiment = read_experiment(self.path / EXPERIMENT, files_beside=False)
        if experiment.workload.graph_file is None:
            return experiment
        copy = self.path / TEMPLATES / GRAPH
        workload = replace(experiment.workload, graph_file=copy)
        return replace(experiment, workload=with_graph(workload, read_graph(copy)))

    def experiment_text(self) -> str:
        """The experiment as the person wrote it."""
        return (self.path / EXPERIMENT).read_text(encoding="utf-8")


def manifest_digest(document: Mapping[str, Any]) -> str:
    """SHA-256 of a manifest without its own `digest`, in the one JSON form that has sorted keys and no blanks."""
    rest = {key: value for key, value in document.items() if key != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read_json(path: Path, *, expected: type = dict) -> Any:
    """Read one JSON document of a bundle.

    Raises:
        DocumentError: MP2303 missing, MP2001 unreadable, MP2002 not JSON, MP2201 neither object nor list as expected.
    """
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError as problem:
        raise DocumentError("MP2303", f"{path.name} is missing", location=Location(path=path)) from problem
    except OSError as problem:
        raise DocumentError("MP2001", f"cannot read: {problem.strerror}", location=Location(path=path)) from problem
    except json.JSONDecodeError as problem:
        place = Location(path=path, line=problem.lineno, column=problem.colno)
        raise DocumentError("MP2002", f"not JSON: {problem.msg}", location=place) from problem
    except (UnicodeDecodeError, RecursionError) as problem:
        raise DocumentError("MP2002", f"not JSON: {problem}", location=Location(path=path)) from problem
    if not isinstance(document, expected):
        kind = "a list" if expected is list else "an object"
        raise DocumentError("MP2201", f"expected {kind}", location=Location(path=path))
    return document


@contextmanager
def open_bundle(path: Path) -> Iterator[BundleView]:
    """Open a bundle for reading: a folder, or an archive, which is unpacked into a scratch folder meanwhile.

    Raises:
        DocumentError: nothing there or not readable (MP2001), not an archive (MP2201), an unsafe archive (MP2303).
    """
    if path.is_dir():
        yield BundleView(path)
    elif path.is_file():
        with passing_folder("bundle") as scratch:
            yield BundleView(_unpack(path, scratch))
    else:
        raise DocumentError("MP2001", "there is no bundle here", location=Location(path=path))


def _unpack(archive: Path, scratch: Path) -> Path:
    place = Location(path=archive)
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            total = sum(entry.file_size for entry in entries)
            if len(entries) > _MOST_ENTRIES or total > _MOST_UNPACKED_BYTES:
                raise DocumentError("MP2303", f"the archive would unpack to {total} bytes; refused", location=place)
            for entry in entries:
                _refuse_unsafe(entry, archive)
            for entry in entries:
                target = scratch / entry.filename
                if entry.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(entry) as source, target.open("xb") as sink:
                    shutil.copyfileobj(source, sink)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as problem:
        raise DocumentError(
            "MP2201", f"neither a folder nor a readable archive: {problem}", location=place
        ) from problem
    except (FileExistsError, NotADirectoryError) as problem:
        raise DocumentError("MP2303", "the archive holds a name twice", location=place) from problem
    except OSError as problem:
        raise DocumentError("MP2001", f"cannot read: {problem.strerror}", location=place) from problem
    return _bundle_root(scratch)


def _refuse_unsafe(entry: zipfile.ZipInfo, archive: Path) -> None:
    name = PurePosixPath(entry.filename)
    linked = stat.S_ISLNK(entry.external_attr >> 16)
    if name.is_absolute() or ".." in name.parts or "\\" in entry.filename or "\0" in entry.filename or linked:
        raise DocumentError(
            "MP2303", f"the archive holds {entry.filename!r}, which leads outside it", location=Location(path=archive)
        )


def _bundle_root(scratch: Path) -> Path:
    """The folder with the manifest: the archive's own top, or its only folder (as `zip -r x.zip x/` makes it)."""
    inside = list(scratch.iterdir())
    if not (scratch / MANIFEST).exists() and len(inside) == 1 and inside[0].is_dir():
        return inside[0]
    return scratch
