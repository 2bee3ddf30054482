"""The result bundle as its one writer sees it: whole rounds appear at once, and nothing that was finished is lost.

What it decides
    Which runs count. A run counts when the journal names its round; the journal is replaced in one step after every
    run of the round is on disk. A crash at any moment therefore leaves either the whole round or none of it.
Why this way
    A journal beside plain files can be read with an editor and needs no recovery code at reading: files that the
    journal does not name are simply not results yet. The next `resume` moves them to `excluded/` with their reason.
What it assumes
    A local file system with `rename` and `flock`.
What it refuses
    A second writer, a foreign folder, another experiment's bundle, and a finished round that no longer has the bytes
    it was finished with.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from meshperf import __version__
from meshperf.errors import DocumentError, Location, StorageError, UsageError
from meshperf.experiment.bundle_ledger import Ledger
from meshperf.experiment.bundle_lock import LOCK_NAME, BundleLock
from meshperf.experiment.bundle_reading import (
    COMPARISON,
    ENVIRONMENT,
    EXCLUDED,
    EXPERIMENT,
    FORMAT,
    JOURNAL,
    MANIFEST,
    PILOT,
    PLAN,
    RESULTS,
    UNDER_WAY,
    BundleView,
    ExcludedRun,
    Manifest,
    manifest_digest,
    open_bundle,
    read_json,
)
from meshperf.experiment.durable import BESIDE, storage_errors, write_whole
from meshperf.experiment.kept_templates import keep_templates
from meshperf.spec.experiment import Experiment
from meshperf.spec.records import Facts, RunResult
from meshperf.spec.run_plan import RunPlan, plan_to_document
from meshperf.spec.smp import result_to_document

__all__ = ["Bundle", "BundleView", "ExcludedRun", "Manifest", "occupied", "open_bundle"]

BROKEN_ROUND = "broken round"
"""Reason of runs whose round was never finished."""


class Bundle(BundleView):
    """A bundle that this process may write. Made by `create` or `resume`; a context manager that closes itself."""

    def __init__(self, path: Path, lock: BundleLock, manifest: Manifest) -> None:
        super().__init__(path)
        self._lock = lock
        self._manifest = manifest
        self._files = Ledger(path, manifest.files)
        self._state = "running"

    @property
    def experiment_id(self) -> str:
        """The name under which the store and every run of this bundle know the experiment."""
        return self._manifest.experiment_id

    @property
    def command(self) -> str:
        """What to type to measure again."""
        return self._manifest.command

    # Opening -----------------------------------------------------------------------------------------------------

    @classmethod
    def create(cls, out: Path, experiment: Experiment, *, command: str, text: bytes | None = None) -> Self:
        """Begin a bundle in `out`, a folder that is new or empty.

        Args:
            command: the command line that reproduces it, written into the manifest.
            text: the bytes of the experiment file; None: read from `experiment.path`.

        Raises:
            UsageError: MP1002, there is a bundle already.
            StorageError: MP5401 not writable or a foreign folder; MP5402 no space; MP5403 another process writes it.
            DocumentError: MP2304, the experiment file changed since it was read; MP2001, it is gone.
        """
        content = _experiment_bytes(experiment) if text is None else text
        with storage_errors(out):
            out.mkdir(parents=True, exist_ok=True)
        _refuse_occupied(out)
        lock = BundleLock(out)
        try:
            _refuse_occupied(
                out, locked=True
            )  # again: another process may have begun and ended between the look and the lock
            manifest = Manifest(
                experiment=experiment.name,
                experiment_id=secrets.token_hex(6),
                experiment_digest=experiment.digest,
                meshperf=__version__,
                command=command,
                begun=datetime.now(UTC).isoformat(),
                state="running",
                files={},
            )
            bundle = cls(out, lock, manifest)
            bundle._write_manifest()  # first, so that whatever is cut off after this can be resumed
            bundle._begin(content, experiment)
        except BaseException:
            lock.release()
            raise
        return bundle

    @classmethod
    def resume(cls, path: Path, experiment: Experiment, *, command: str = "") -> Self:
        """Go on with a bundle: finished rounds stay, runs of a broken round move to `excluded/`.

        An empty folder is one whose run was cut off before it had begun, so the bundle begins there now.

        Raises:
            DocumentError: MP2303 no bundle there; MP2304 made with another experiment; MP2301 a finished run was
                changed.
            StorageError: MP5403 another process writes it; MP5401, MP5402 as in `create`.
        """
        if path.is_dir() and not occupied(path):
            return cls.create(path, experiment, command=command)
        seen = BundleView(path).manifest()
        if seen.experiment_digest != experiment.digest:
            raise DocumentError(
                "MP2304",
                f"the bundle {path} was made with another version of this experiment "
                f"(sha256 {seen.experiment_digest[:12]}…, this file has {experiment.digest[:12]}…)",
                location=Location(path=experiment.path),
                hint=f"resume with {path / EXPERIMENT}, or begin anew with another --out",
            )
        lock = BundleLock(path)
        try:
            bundle = cls(path, lock, BundleView(path).manifest())
            bundle._check_finished()
            bundle._files.recover()
            if not (path / JOURNAL).is_file():  # the last that beginning writes
                bundle._begin(_experiment_bytes(experiment), experiment)
            bundle._set_broken_apart()
            bundle._write_manifest()
        except BaseException:
            lock.release()
            raise
        return bundle

    # Writing -----------------------------------------------------------------------------------------------------

    def begin_round(self, number: int, attempt: int) -> None:
        """Note that a round is under way, so that a crash before its first result leaves a record too."""
        self._files.write(
            UNDER_WAY, _json({"round": number, "attempt": attempt, "begun": datetime.now(UTC).isoformat()})
        )

    def append(self, runs: Sequence[RunResult]) -> None:
        """Add all runs of one round. They become results together or not at all.

        Raises:
            ValueError: no runs, of several rounds, of a finished round, or two with the same id.
            StorageError: MP5402, MP5401; the round is then not in the bundle and may be appended again.
        """
        rounds = {run.round for run in runs}
        names = [_file_name(run.run_id) for run in runs]
        journal = self.journal()
        if len(rounds) != 1 or len(set(names)) != len(names):
            raise ValueError("a round is appended whole: runs of exactly one round, each with its own id")
        number = rounds.pop()
        taken = {name for files in journal.values() for name in files}
        if number in journal or taken.intersection(names):
            raise ValueError(f"round {number} or one of its runs is finished already")
        written: dict[str, str] = {}
        try:
            for name, run in zip(names, runs, strict=True):
                written[name] = self._files.write(f"{RESULTS}/{name}", _json(result_to_document(run), dense=True))
            journal[number] = written
            self._write_journal(journal)
        except BaseException:
            if number not in self.journal():  # it may be named already: the rename worked and flushing it did not
                self._files.remove([f"{RESULTS}/{name}" for name in written])
            raise
        self._files.remove([UNDER_WAY])
        self._write_manifest()

    def exclude(self, run: RunResult, reason: str) -> None:
        """Keep a run as a record that counts for nothing. A second record of the same id gets a name of its own."""
        record = {"run": run.run_id, "round": run.round, "attempt": run.attempt, "reason": reason}
        self._keep_excluded(run.run_id, {**record, "result": result_to_document(run)})
        self._write_manifest()

    def exclude_round(self, number: int, reason: str) -> None:
        """Keep a record of a round that left no run: its number, its attempt and the reason."""
        attempt = self.attempts(number)
        record = {"run": None, "round": number, "attempt": attempt, "reason": reason, "result": None}
        self._keep_excluded(f"round-{number}-attempt-{attempt}", record)
        self._files.remove([UNDER_WAY])
        self._write_manifest()

    def write_facts(self, facts: Facts) -> None:
        """Write the facts captured at the begin."""
        self._files.write(ENVIRONMENT, _json({"facts": {name: asdict(fact) for name, fact in sorted(facts.items())}}))
        self._write_manifest()

    def write_plan(self, plan: RunPlan) -> None:
        """Fix what the pilot planned. The pilot's bundle is complete by now, and its manifest is listed in ours."""
        self._files.write(PLAN, _json(plan_to_document(plan)))
        self._files.adopt(f"{PILOT}/{MANIFEST}")
        self._write_manifest()

    def write_comparison(self, comparisons: Sequence[Mapping[str, Any]]) -> None:
        """Write the comparison documents, one a load point (`analysis.comparison_to_document`)."""
        self._files.write(COMPARISON, _json(list(comparisons)))
        self._write_manifest()

    def seal(self) -> None:
        """Declare the bundle complete: list every file in it, reports included, with its digest."""
        self._files.adopt_rest()
        self._state = "complete"
        self._write_manifest()

    def close(self) -> None:
        """Give the bundle up: `interrupted` unless it was sealed. Idempotent; the lock is gone in any case."""
        if self._state == "closed":
            return
        try:
            if self._state == "running":
                self._state = "interrupted"
                self._settle_round_under_way()
                self._write_manifest()
        finally:
            self._state = "closed"
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except StorageError:
            if error is None:  # a full disk must not hide what ended the run
                raise

    # Inside ------------------------------------------------------------------------------------------------------

    def _begin(self, content: bytes, experiment: Experiment) -> None:
        self._files.make_folders()
        self._files.write(EXPERIMENT, content)
        keep_templates(self._files, experiment)
        self._files.write(JOURNAL, b"")
        self._write_manifest()

    def _write_journal(self, journal: Mapping[int, Mapping[str, str]]) -> None:
        lines = (json.dumps({"round": number, "runs": runs}) + "\n" for number, runs in journal.items())
        self._files.write(JOURNAL, "".join(lines).encode())

    def _write_manifest(self) -> None:
        manifest = self._manifest
        files = {name: {"sha256": digest, "size": size} for name, (digest, size) in self._files.entries().items()}
        document = {
            "meshperf_bundle": FORMAT,
            "meshperf": manifest.meshperf,
            "experiment": manifest.experiment,
            "experiment_id": manifest.experiment_id,
            "experiment_digest": manifest.experiment_digest,
            "command": manifest.command,
            "begun": manifest.begun,
            "state": self._state,
            "files": files,
        }
        write_whole(self.path / MANIFEST, _json({**document, "digest": manifest_digest(document)}))

    def _keep_excluded(self, stem: str, record: Mapping[str, Any]) -> None:
        name, number = _file_name(stem), 1
        while (self.path / EXCLUDED / name).exists():
            number += 1
            name = _file_name(f"{stem}.{number}")
        self._files.write(f"{EXCLUDED}/{name}", _json(record, dense=True))

    def _settle_round_under_way(self) -> None:
        """Make a record of a round that was begun and neither finished nor excluded."""
        path = self.path / UNDER_WAY
        if not path.is_file():
            return
        noted = read_json(path)
        number, attempt = int(noted["round"]), int(noted["attempt"])
        if number not in self.journal() and self.attempts(number) <= attempt:
            self.exclude_round(number, BROKEN_ROUND)
        self._files.remove([UNDER_WAY])

    def _check_finished(self) -> None:
        for number, files in self.journal().items():
            for name, digest in files.items():
                path = self.path / RESULTS / name
                if not path.is_file():
                    raise DocumentError(
                        "MP2303", f"a run of the finished round {number} is missing", location=Location(path=path)
                    )
                if self._files.adopt(f"{RESULTS}/{name}") != digest:
                    raise DocumentError(
                        "MP2301",
                        f"a run of the finished round {number} was changed after it was written",
                        location=Location(path=path),
                        hint="begin anew with another --out",
                    )

    def _set_broken_apart(self) -> None:
        """Move runs that no finished round names to `excluded/`."""
        named = {name for files in self.journal().values() for name in files}
        for path in sorted((self.path / RESULTS).glob("*.json")):
            if path.name in named:
                continue
            run = self.read_run(path)  # whole, since it got its name by a rename
            record = {"run": run.run_id, "round": run.round, "attempt": run.attempt, "reason": BROKEN_ROUND}
            self._keep_excluded(run.run_id, {**record, "result": read_json(path)})
            self._files.remove([f"{RESULTS}/{path.name}"])
        self._settle_round_under_way()


def _experiment_bytes(experiment: Experiment) -> bytes:
    if experiment.path is None:
        raise ValueError("an experiment that was not read from a file needs `text`")
    location = Location(path=experiment.path)
    try:
        content = experiment.path.read_bytes()
    except OSError as problem:
        raise DocumentError("MP2001", f"cannot read: {problem.strerror}", location=location) from problem
    if hashlib.sha256(content).hexdigest() != experiment.digest:
        raise DocumentError("MP2304", "the experiment file changed while it was being read", location=location)
    return content


def _refuse_occupied(out: Path, *, locked: bool = False) -> None:
    if not occupied(out):
        return
    if not (out / MANIFEST).is_file():
        raise StorageError(
            "MP5401",
            f"{out} is not empty and is not a result bundle",
            hint="choose another folder with --out; nothing in this one was touched",
        )
    if not locked:
        BundleLock(out).release()  # says MP5403, with the pid, when somebody is at work in it
    state = BundleView(out).manifest().state
    raise UsageError(
        "MP1002",
        f"{out} holds a bundle already ({'complete' if state == 'complete' else 'not finished'})",
        hint=f"go on with it by `--resume {out}`, or choose another folder with --out",
    )


def occupied(out: Path) -> bool:
    """Whether a folder holds more than what a run leaves that was cut off before it had begun."""
    with storage_errors(out):
        return any(entry.name not in (LOCK_NAME, f".{MANIFEST}{BESIDE}") for entry in out.iterdir())


def _file_name(run_id: str) -> str:
    """A run's document; the id must be usable as a file name as it is, so that both are easily found."""
    if not run_id or run_id.startswith(".") or any(c in "/\\\0" for c in run_id) or len(run_id.encode()) > 200:
        raise ValueError(f"a run id must be usable as a file name: {run_id!r}")
    return f"{run_id}.json"


def _json(document: object, *, dense: bool = False) -> bytes:
    """`dense`: on one line, for documents that are mostly histograms."""
    indent, separators = (None, (",", ":")) if dense else (1, None)
    text = json.dumps(document, indent=indent, separators=separators, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()
