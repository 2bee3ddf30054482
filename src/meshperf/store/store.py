"""The store: save an experiment, list what is there, find one by the beginning of its id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Engine, delete, insert, select

from meshperf import __version__
from meshperf.errors import UsageError
from meshperf.spec.experiment import Experiment
from meshperf.spec.records import Facts, RunResult
from meshperf.store import tables
from meshperf.store.connection import connect, store_errors, writing
from meshperf.store.imported_rows import ImportedRow, imported_from_row, imported_row, unpacked
from meshperf.store.location import default_path
from meshperf.store.rows import ExperimentRow, RunRow, experiment_from_row, result_of, row_of, run_from_row
from meshperf.store.schema import bring_up_to_date

__all__ = ["Store"]


class Store:
    """Results of one user. Several processes may use it at once; a writer waits for another one."""

    def __init__(self, engine: Engine, path: Path) -> None:
        self._engine = engine
        self.path = path

    @classmethod
    def open(cls, path: Path | None = None) -> Self:
        """Open the store, creating or migrating it first where needed.

        Args:
            path: its file; None: `MESHPERF_STORE`, else the user's data folder.

        Raises:
            StorageError: MP5404, not a store, damaged, of a later version, or not accessible; MP5402, no space.
        """
        place = default_path() if path is None else path
        with store_errors(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            engine = connect(place)
            bring_up_to_date(engine, place)
        return cls(engine, place)

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def save(
        self,
        bundle_path: Path,
        experiment: Experiment,
        runs: Sequence[RunResult],
        comparisons: Sequence[Mapping[str, Any]],
        *,
        experiment_id: str | None = None,
        command: str | None = None,
        experiment_text: str | None = None,
        facts: Facts | None = None,
    ) -> str:
        """Keep an experiment, in one transaction. Saving the same id again replaces what was there.

        Args:
            comparisons: documents as in `comparison.json`, one a load point.
            experiment_id: None: that of the runs.

        Returns:
            The id it is kept under.

        Raises:
            ValueError: no id given and none, or several, in the runs.
            StorageError: MP5404 or MP5402; the store is then as it was before.
        """
        identity = _identity(experiment_id, runs)
        row = {
            "experiment_id": identity,
            "name": experiment.name,
            "digest": experiment.digest,
            "bundle": str(bundle_path.resolve()),
            "arms": list(experiment.arms),
            "command": command,
            "experiment_text": experiment_text,
            "facts": None if facts is None else {name: asdict(fact) for name, fact in facts.items()},
        }
        judged = [
            {
                "experiment_id": identity,
                "load_point": int(document.get("load_point", number)),
                "document": dict(document),
            }
            for number, document in enumerate(comparisons)
        ]
        self._replace(identity, row, runs, judged)
        return identity

    def save_runs(
        self,
        runs: Sequence[RunResult],
        *,
        name: str,
        digest: str,
        command: str,
        text: str | None = None,
        bundle: Path | None = None,
    ) -> str:
        """Keep runs that stand by themselves, under their one experiment id; that id again replaces what was there.

        Args:
            digest: SHA-256 of what they were measured by, a file or a command line.
            command: what a reader types to measure again.
            text: the file they were measured by, if there was one.
            bundle: where they lie too; None: nowhere.

        Returns:
            The id they are kept under.

        Raises:
            ValueError: no runs, or of several experiments.
            StorageError: MP5404 or MP5402; the store is then as it was before.
        """
        identity = _identity(None, runs)
        row = {
            "experiment_id": identity,
            "name": name,
            "digest": digest,
            "bundle": "" if bundle is None else str(bundle.resolve()),
            "arms": list(dict.fromkeys(run.arm for run in runs)),
            "command": command,
            "experiment_text": text,
            "facts": {name: asdict(fact) for name, fact in runs[0].facts.items()},
        }
        self._replace(identity, row, runs, [])
        return identity

    def _replace(
        self, identity: str, row: dict[str, Any], runs: Sequence[RunResult], judged: Sequence[dict[str, Any]]
    ) -> None:
        """Write an experiment with all that belongs to it, in one transaction."""
        rows = [row_of(identity, run) for run in runs]
        row |= {
            "saved": datetime.now(UTC).replace(tzinfo=None),
            "start_time": min((one["start_time"] for one in rows), default=None),
            "end_time": max((one["end_time"] for one in rows), default=None),
            "rounds": len({run.round for run in runs}),
            "meshperf": __version__,
        }
        with store_errors(self.path), writing(self._engine) as connection:
            connection.execute(delete(tables.experiments).where(tables.experiments.c.experiment_id == identity))
            connection.execute(insert(tables.experiments), row)
            if rows:
                connection.execute(insert(tables.runs), rows)
            if judged:
                connection.execute(insert(tables.comparisons), judged)

    def save_imported(self, documents: Sequence[Mapping[str, Any]]) -> list[str]:
        """Keep results of other tools, in one transaction. The same part of the same file replaces what was there.

        Args:
            documents: SMP documents as `spec.smp_imported.imported_to_document` writes them.

        Returns:
            The ids they are kept under, in the same order.

        Raises:
            DocumentError: MP2201, one of them is no such document.
            StorageError: MP5404 or MP5402; nothing of it is then kept.
        """
        made = [imported_row(document) for document in documents]
        rows = {str(row["imported_id"]): row for row in made}
        table = tables.imported
        with store_errors(self.path), writing(self._engine) as connection:
            for identity in rows:
                connection.execute(delete(table).where(table.c.imported_id == identity))
            if rows:
                connection.execute(insert(table), list(rows.values()))
        return [str(row["imported_id"]) for row in made]

    def imported(self, *, limit: int | None = None) -> list[ImportedRow]:
        """Results of other tools, last saved first."""
        table = tables.imported
        columns = [table.c[name] for name in ImportedRow.__slots__]
        query = select(*columns).order_by(table.c.saved.desc(), table.c.imported_id).limit(limit)
        with store_errors(self.path), self._engine.connect() as connection:
            return [imported_from_row(row) for row in connection.execute(query).mappings()]

    def imported_documents(self, id_prefix: str) -> dict[str, dict[str, Any]]:
        """The documents of all results of other tools whose id begins with `id_prefix`, by id."""
        table = tables.imported
        query = select(table.c.imported_id, table.c.document).order_by(table.c.imported_id)
        query = query.where(table.c.imported_id.startswith(id_prefix, autoescape=True))
        with store_errors(self.path), self._engine.connect() as connection:
            return {str(identity): unpacked(document) for identity, document in connection.execute(query)}

    def experiments(self, *, limit: int | None = None) -> list[ExperimentRow]:
        """What is kept, last saved first."""
        table = tables.experiments
        query = select(table).order_by(table.c.saved.desc(), table.c.experiment_id).limit(limit)
        with store_errors(self.path), self._engine.connect() as connection:
            return [experiment_from_row(row) for row in connection.execute(query).mappings()]

    def experiment(self, id_prefix: str) -> ExperimentRow:
        """The one experiment whose id is, or begins with, `id_prefix`.

        Raises:
            UsageError: MP1004, none or several do; the hint names the candidates.
        """
        column = tables.experiments.c.experiment_id
        query = select(tables.experiments).where(column.startswith(id_prefix, autoescape=True)).order_by(column)
        with store_errors(self.path), self._engine.connect() as connection:
            found = [experiment_from_row(row) for row in connection.execute(query).mappings()]
        exact = [row for row in found if row.experiment_id == id_prefix]
        if len(found) == 1 or exact:
            return (exact or found)[0]
        if not found:
            raise UsageError(
                "MP1004", f"nothing is stored under the id {id_prefix!r}", hint="`meshperf list` shows what is stored"
            )
        named = ", ".join(f"{row.experiment_id} ({row.name})" for row in found[:5])
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        raise UsageError(
            "MP1004", f"{len(found)} stored ids begin with {id_prefix!r}", hint=f"write more of it: {named}{more}"
        )

    def runs(self, experiment_id: str) -> list[RunRow]:
        """The runs of one experiment in figures, by round."""
        with store_errors(self.path), self._engine.connect() as connection:
            rows = connection.execute(_runs_of(experiment_id, RunRow.__slots__)).mappings()
            return [run_from_row(row) for row in rows]

    def results(self, experiment_id: str) -> list[RunResult]:
        """The runs of one experiment whole, by round."""
        with store_errors(self.path), self._engine.connect() as connection:
            documents = connection.execute(_runs_of(experiment_id, ["document"])).scalars()
            return [result_of(document) for document in documents]

    def comparisons(self, experiment_id: str) -> list[dict[str, Any]]:
        """The comparison documents of one experiment, by load point."""
        table = tables.comparisons
        query = select(table.c.document).where(table.c.experiment_id == experiment_id).order_by(table.c.load_point)
        with store_errors(self.path), self._engine.connect() as connection:
            return [dict(document) for document in connection.execute(query).scalars()]


def _runs_of(experiment_id: str, columns: Sequence[str]) -> Any:
    table = tables.runs
    order = (table.c.load_point, table.c.round, table.c.group, table.c.arm, table.c.twin, table.c.run_id)
    return select(*(table.c[name] for name in columns)).where(table.c.experiment_id == experiment_id).order_by(*order)


def _identity(given: str | None, runs: Sequence[RunResult]) -> str:
    if given is not None:
        return given
    found = {run.experiment_id for run in runs}
    if len(found) != 1:
        raise ValueError(f"runs of exactly one experiment are saved together, found {sorted(found)}")
    return found.pop()
