"""Is a bundle what it says it is? Every digest looked at, every published figure derived again.

What it decides
    Whether a third party may believe a bundle: the files are those the manifest lists; each run's figures follow from
    its slices; the comparison follows from the runs and the settings of the experiment.
Why this way
    A digest only shows that a file is as its writer left it. Somebody who changes a figure can renew the digest; nobody
    can change a figure so that it still follows from recordings that say otherwise.
What it assumes
    The slices are the recordings. Who makes up all of them consistently is not found out by arithmetic.
What it refuses
    To stop at the first problem, and to call a bundle good that it could not read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from meshperf.analysis import comparison_to_document
from meshperf.errors import ComparisonError, DocumentError
from meshperf.experiment.bundle_lock import LOCK_NAME
from meshperf.experiment.bundle_reading import (
    COMPARISON,
    ENVIRONMENT,
    EXPERIMENT,
    MANIFEST,
    PILOT,
    PLAN,
    BundleView,
    Manifest,
    manifest_digest,
    open_bundle,
    read_json,
)
from meshperf.experiment.document_differences import differences
from meshperf.experiment.durable import BESIDE
from meshperf.experiment.judgement import judge_runs
from meshperf.experiment.planned.checking import plan_contradictions
from meshperf.experiment.run_rederivation import contradictions
from meshperf.spec.experiment import Experiment
from meshperf.spec.records import RunResult

__all__ = ["Problem", "VerificationReport", "verify"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong. `code`: MP2301 digest, MP2302 figure, MP2303 files, or why a document is unreadable."""

    code: str
    file: str
    """Path inside the bundle."""
    place: str
    """JSON pointer or the name of a figure; empty for the whole file."""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationReport:
    """What was checked, and what was found wrong."""

    path: Path
    experiment: str | None = None
    experiment_id: str | None = None
    state: str | None = None
    """running, complete or interrupted; None when there is no manifest to say so."""
    files: int = 0
    """Files whose digest was computed."""
    runs: int = 0
    """Runs whose figures were derived again."""
    comparisons: int = 0
    """Comparisons, one a load point, that were derived again."""
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    """What could not be checked, and why that is no fault."""

    @property
    def ok(self) -> bool:
        return not self.problems


def verify(path: Path) -> VerificationReport:
    """Check a bundle, a folder or a `.zip`.

    Raises:
        DocumentError: there is nothing to check: no file (MP2001), no bundle (MP2303), no archive (MP2201).
    """
    with open_bundle(path) as view:
        if not (view.path / MANIFEST).is_file():
            view.manifest()  # raises and says so
        return _Verification(view).report(path)


class _Verification:
    """One bundle under examination; problems are collected in the order they are found."""

    def __init__(self, view: BundleView) -> None:
        self._view = view
        self._problems: list[Problem] = []
        self._notes: list[str] = []

    def report(self, path: Path) -> VerificationReport:
        try:
            manifest = self._view.manifest()
        except DocumentError as error:
            self._add(error.code, MANIFEST, error.message)
            return VerificationReport(path=path, problems=tuple(self._problems))
        files = self._check_files(manifest)
        experiment = self._check_experiment(manifest)
        runs, whole = self._check_runs(manifest)
        self._check_facts(manifest)
        self._check_excluded()
        self._check_plan(manifest, experiment, runs if whole else None)
        comparisons = self._check_comparison(manifest, experiment, runs if whole else None)
        return VerificationReport(
            path=path,
            experiment=manifest.experiment,
            experiment_id=manifest.experiment_id,
            state=manifest.state,
            files=files,
            runs=len(runs),
            comparisons=comparisons,
            problems=tuple(self._problems),
            notes=tuple(self._notes),
        )

    def _add(self, code: str, file: str, message: str, place: str = "") -> None:
        self._problems.append(Problem(code=code, file=file, place=place, message=message))

    # Files -------------------------------------------------------------------------------------------------------

    def _check_files(self, manifest: Manifest) -> int:
        document = read_json(self._view.path / MANIFEST)
        if document.get("digest") != manifest_digest(document):
            self._add("MP2301", MANIFEST, "the manifest does not match its own digest", "/digest")
        present = {name: path for name, path in self._files(manifest) if name != MANIFEST}
        for name in sorted(manifest.files.keys() - present.keys()):
            self._add("MP2303", name, "listed in the manifest, but missing")
        for name in sorted(present.keys() - manifest.files.keys()):
            self._add("MP2303", name, "not listed in the manifest")
        checked = 0
        for name in sorted(present.keys() & manifest.files.keys()):
            digest, size = manifest.files[name]
            data = present[name].read_bytes()
            found = hashlib.sha256(data).hexdigest()
            checked += 1
            if (found, len(data)) != (digest, size):
                self._add("MP2301", name, f"has sha256 {found[:12]}…, the manifest says {digest[:12]}…")
        return checked

    def _files(self, manifest: Manifest) -> Iterator[tuple[str, Path]]:
        pilot = self._view.pilot()  # a bundle of its own, whose manifest lists its files
        for path in self._view.path.rglob("*"):
            name = path.relative_to(self._view.path).as_posix()
            if pilot is not None and name.startswith(f"{PILOT}/"):
                listed = f"{PILOT}/{MANIFEST}" in manifest.files or manifest.complete
                if not path.is_symlink() and not (listed and name == f"{PILOT}/{MANIFEST}"):
                    continue
            half_written = path.name.startswith(".") and path.name.endswith(BESIDE)
            if path.is_symlink():
                self._add("MP2303", name, "a link, which a bundle never holds")
            elif path.is_file() and name != LOCK_NAME and not half_written:
                yield name, path

    # Documents ---------------------------------------------------------------------------------------------------

    def _check_experiment(self, manifest: Manifest) -> Experiment | None:
        try:
            experiment = self._view.experiment()
        except DocumentError as error:
            self._add(error.code, EXPERIMENT, error.message)
            return None
        for place, said, read in (
            ("/experiment_digest", manifest.experiment_digest, experiment.digest),
            ("/experiment", manifest.experiment, experiment.name),
        ):
            if said != read:
                self._add("MP2301", MANIFEST, f"says {said!r}, the experiment file has {read!r}", place)
        return experiment

    def _check_runs(self, manifest: Manifest) -> tuple[list[RunResult], bool]:
        """The runs that could be read, and whether these are all."""
        runs, whole = [], True
        try:
            journal = self._view.journal()
        except DocumentError as error:
            self._add(error.code, "rounds.jsonl", error.message)
            return [], False
        named = {path.name for path in self._view.run_paths()}
        for path in sorted((self._view.path / "results").glob("*.json")):
            if path.name not in named and not path.name.startswith("."):
                self._add("MP2303", f"results/{path.name}", "belongs to no finished round")
        for number, files in journal.items():
            for name in files:
                run = self._check_run(number, name, manifest)
                whole = whole and run is not None
                runs += [run] if run is not None else []
        return runs, whole

    def _check_run(self, number: int, name: str, manifest: Manifest) -> RunResult | None:
        path = self._view.path / "results" / name
        file = f"results/{name}"
        try:
            document = read_json(path)
            run = self._view.read_run(path)
        except DocumentError as error:
            self._add(error.code, file, error.message)
            return None
        for place, said, expected in (
            ("run_id", run.run_id, path.stem),
            ("round", run.round, number),
            ("experiment_id", run.experiment_id, manifest.experiment_id),
        ):
            if said != expected:
                self._add("MP2302", file, f"says {said!r}, the bundle says {expected!r}", place)
        for place, sentence in contradictions(run, document):
            self._add("MP2302", file, sentence, place)
        return run

    def _check_facts(self, manifest: Manifest) -> None:
        try:
            facts = self._view.facts()
        except DocumentError as error:
            self._add(error.code, ENVIRONMENT, error.message)
            return
        if facts is None and manifest.complete:
            self._add("MP2303", ENVIRONMENT, "the bundle is complete, but holds no facts")

    def _check_excluded(self) -> None:
        try:
            self._view.excluded()
        except DocumentError as error:
            name = error.location.path.name if error.location.path else ""
            self._add(error.code, f"excluded/{name}", error.message)

    def _check_plan(self, manifest: Manifest, experiment: Experiment | None, runs: Sequence[RunResult] | None) -> None:
        """The pilot as a bundle of its own; then that the plan follows from it, and was kept to."""
        pilot = self._view.pilot()
        if pilot is not None:
            found = _Verification(pilot).report(pilot.path)
            self._problems += [replace(problem, file=f"{PILOT}/{problem.file}") for problem in found.problems]
            self._notes += [f"of the pilot: {note}" for note in found.notes]
        if experiment is None or runs is None:
            return
        try:
            for file, place, sentence in plan_contradictions(self._view, experiment, runs, complete=manifest.complete):
                self._add("MP2302", file, sentence, place)
        except DocumentError as error:
            self._add(error.code, PLAN, error.message)

    def _check_comparison(
        self, manifest: Manifest, experiment: Experiment | None, runs: Sequence[RunResult] | None
    ) -> int:
        try:
            published = self._view.comparisons()
        except DocumentError as error:
            self._add(error.code, COMPARISON, error.message)
            return 0
        if experiment is not None and experiment.is_smp_test:
            self._notes.append("an SMP test of given URLs compares no arms")
            return 0
        if published is None:
            if manifest.complete:
                self._add("MP2303", COMPARISON, "the bundle is complete, but holds no comparison")
            else:
                self._notes.append(f"the bundle is {manifest.state}: there is no comparison to check yet")
            return 0
        if experiment is None or runs is None:
            self._notes.append("the comparison was not derived again: what it follows from cannot be read")
            return 0
        try:
            compared = judge_runs(experiment, runs, self._view.excluded(), plan=self._view.plan())
        except (ComparisonError, DocumentError) as error:
            self._add("MP2302", COMPARISON, f"there is one, but the runs allow none: {error.message}")
            return 0
        derived = [comparison_to_document(comparison) for comparison in compared]
        for pointer, sentence in differences(published, derived):
            self._add("MP2302", COMPARISON, sentence, pointer)
        return len(derived)
