"""The store: one file, several processes, older and newer versions, and nothing unknown written as zero."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import kept_sample as sample
from meshperf.errors import StorageError, UsageError
from meshperf.histograms import EMPTY
from meshperf.spec.records import Counts, RunResult, Validity, ValidityState
from meshperf.store import Store, default_path, tables
from meshperf.store.connection import connect

ID = "0123456789ab"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "meshperf.sqlite"


def keep(store: Store, folder: Path, runs: list[RunResult], *, identity: str = ID) -> str:
    return store.save(
        folder / "bundle",
        sample.experiment(folder),
        [replace(run, experiment_id=identity) for run in runs],
        [{"load_point": 0, "experiment": "sample"}],
        command="meshperf run sample.yaml",
        experiment_text=sample.TEXT,
        facts=sample.facts(),
    )


def test_what_is_saved_comes_back(tmp_path: Path, path: Path) -> None:
    runs = [*sample.round_of(0), *sample.round_of(1)]
    with Store.open(path) as store:
        assert keep(store, tmp_path, runs) == ID
    with Store.open(path) as store:
        (row,) = store.experiments()
        assert (row.experiment_id, row.name, row.rounds, row.arms) == (ID, "sample", 2, ("baseline", "envoy"))
        assert row.bundle == tmp_path / "bundle" and row.facts == sample.facts()
        assert row.experiment_text == sample.TEXT and row.command == "meshperf run sample.yaml"
        assert row.start_time == runs[0].start_time and row.end_time == runs[-1].end_time
        assert {run.run_id: run for run in store.results(ID)} == {run.run_id: run for run in runs}
        assert store.comparisons(ID) == [{"load_point": 0, "experiment": "sample"}]


def test_the_figures_of_a_run_are_those_of_its_histogram(tmp_path: Path, path: Path) -> None:
    run = sample.round_of(0)[1]
    with Store.open(path) as store:
        keep(store, tmp_path, [run])
        (row,) = store.runs(ID)
    for name, q in (("p50_s", 0.5), ("p90_s", 0.9), ("p99_s", 0.99)):
        assert getattr(row, name) == float(run.response.quantile(q))
    assert row.mean_s == run.response.mean()
    assert row.achieved_rps == run.counts.ok / run.measured_s
    assert (row.offered, row.ok, row.timeouts) == (run.counts.offered, run.counts.ok, run.counts.timeouts)
    assert (row.arm, row.twin, row.round, row.validity) == ("envoy", 0, 0, "valid")


def test_what_is_unknown_is_null_and_never_zero(tmp_path: Path, path: Path) -> None:
    nothing = replace(
        sample.round_of(0)[0],
        response=EMPTY,
        counts=Counts(),
        measured_s=0.0,
        offered_rps=None,
        slices=(),
        validity=Validity(state=ValidityState.INVALID, reasons=("no reply",)),
    )
    with Store.open(path) as store:
        keep(store, tmp_path, [nothing])
        (row,) = store.runs(ID)
    assert row.validity_reasons == ("no reply",)
    connection = sqlite3.connect(path)
    try:
        (values,) = connection.execute(
            "SELECT p50_s, p90_s, p99_s, mean_s, offered_rps, achieved_rps FROM runs"
        ).fetchall()
    finally:
        connection.close()
    assert values == (None,) * 6


def test_saving_again_replaces_what_was_there(tmp_path: Path, path: Path) -> None:
    with Store.open(path) as store:
        keep(store, tmp_path, sample.round_of(0))
        keep(store, tmp_path, [*sample.round_of(0), *sample.round_of(1)])
        assert len(store.experiments()) == 1 and len(store.runs(ID)) == 6 and len(store.comparisons(ID)) == 1


def test_a_save_that_fails_leaves_the_store_as_it_was(tmp_path: Path, path: Path) -> None:
    with Store.open(path) as store:
        keep(store, tmp_path, sample.round_of(0))
        twice = sample.round_of(0)[0]
        with pytest.raises(StorageError) as caught:
            keep(store, tmp_path, [twice, twice])
        assert caught.value.code == "MP5404"
        assert len(store.runs(ID)) == 3


def test_runs_of_two_experiments_are_not_saved_together(tmp_path: Path, path: Path) -> None:
    runs = sample.round_of(0)
    with Store.open(path) as store, pytest.raises(ValueError, match="exactly one experiment"):
        store.save(tmp_path, sample.experiment(tmp_path), [runs[0], replace(runs[1], experiment_id="other")], [])


def test_experiments_come_last_saved_first(tmp_path: Path, path: Path) -> None:
    with Store.open(path) as store:
        for identity in ("aa", "bb", "cc"):
            keep(store, tmp_path, sample.round_of(0), identity=identity)
        keep(store, tmp_path, sample.round_of(0), identity="aa")
        assert [row.experiment_id for row in store.experiments()] == ["aa", "cc", "bb"]
        assert [row.experiment_id for row in store.experiments(limit=1)] == ["aa"]


def test_an_id_may_be_shortened_as_long_as_it_is_unique(tmp_path: Path, path: Path) -> None:
    with Store.open(path) as store:
        for identity in ("abc1", "abc2", "abd", "ab"):
            keep(store, tmp_path, sample.round_of(0), identity=identity)
        assert store.experiment("abd").experiment_id == "abd"
        assert store.experiment("ab").experiment_id == "ab"
        with pytest.raises(UsageError) as several:
            store.experiment("abc")
        assert several.value.code == "MP1004"
        assert "abc1 (sample)" in str(several.value) and "abc2" in str(several.value)
        for unknown in ("x", "%", "_bc1"):
            with pytest.raises(UsageError) as none:
                store.experiment(unknown)
            assert none.value.code == "MP1004" and "meshperf list" in str(none.value)


# Versions and damage ---------------------------------------------------------------------------------------------


def schema_of(path: Path) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")]
        names.remove("alembic_version") if "alembic_version" in names else None
        columns = [(n, *row[1:]) for n in names for row in connection.execute(f'PRAGMA table_info("{n}")')]
        keys = [(n, *row[2:]) for n in names for row in connection.execute(f'PRAGMA foreign_key_list("{n}")')]
        indexes = [(n, *row[2:]) for n in names for row in sorted(connection.execute(f'PRAGMA index_list("{n}")'))]
        return [*columns, *keys, *indexes]
    finally:
        connection.close()


def test_migrating_leads_to_the_tables_that_are_declared(tmp_path: Path, path: Path) -> None:
    Store.open(path).close()
    direct = tmp_path / "direct.sqlite"
    engine = connect(direct)
    tables.METADATA.create_all(engine)
    engine.dispose()
    assert schema_of(path) == schema_of(direct)


def test_the_known_versions_are_those_of_the_migrations() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    from meshperf.store import schema

    config = Config()
    config.set_main_option("script_location", str(schema._MIGRATIONS))
    config.set_main_option("path_separator", "os")
    steps = [step.revision for step in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(steps)) == tables.KNOWN


def test_opening_a_current_store_needs_no_alembic(path: Path) -> None:
    Store.open(path).close()
    code = (
        "import sys; from pathlib import Path; from meshperf.store import Store; "
        f"Store.open(Path({str(path)!r})).close(); print('alembic' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"


def execute(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    try:
        connection.execute(statement)
        connection.commit()
    finally:
        connection.close()


def test_a_store_of_a_later_version_is_left_alone(path: Path) -> None:
    Store.open(path).close()
    execute(path, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StorageError) as caught:
        Store.open(path)
    assert caught.value.code == "MP5404" and "9999" in str(caught.value) and "upgrade meshperf" in str(caught.value)


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    execute(path, "CREATE TABLE recipes (id INTEGER)")
    with pytest.raises(StorageError) as caught:
        Store.open(path)
    assert caught.value.code == "MP5404" and "not a store of meshperf" in caught.value.message


def test_a_damaged_store_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "damaged.sqlite"
    path.write_bytes(b"this is not a database at all, not even nearly" * 100)
    with pytest.raises(StorageError) as caught:
        Store.open(path)
    assert caught.value.code == "MP5404" and "MESHPERF_STORE" in str(caught.value)


def test_a_store_damaged_in_the_middle_is_one_clear_error(tmp_path: Path, path: Path) -> None:
    with Store.open(path) as store:
        keep(store, tmp_path, sample.round_of(0))
    execute(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(bytes(data))
    with pytest.raises(StorageError) as caught, Store.open(path) as store:
        store.experiments()
    assert caught.value.code == "MP5404"


def test_a_place_that_cannot_be_used_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for place in (tmp_path / "file" / "store.sqlite", tmp_path):
        with pytest.raises(StorageError) as caught:
            Store.open(place)
        assert caught.value.code == "MP5404"


def test_foreign_keys_are_enforced_and_readers_do_not_block(tmp_path: Path, path: Path) -> None:
    with Store.open(path) as store:
        keep(store, tmp_path, sample.round_of(0))
        with store._engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            connection.exec_driver_sql("SELECT count(*) FROM runs").scalar()
            keep(store, tmp_path, sample.round_of(0), identity="other")  # while the reader above is at it
        assert len(store.experiments()) == 2


SAVER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
import kept_sample as sample
from meshperf.spec.experiment import read_experiment
from meshperf.store import Store
folder, identity = Path(sys.argv[1]), sys.argv[2]
experiment = read_experiment(folder / "sample.yaml")
print("ready", flush=True)
sys.stdin.readline()
for number in range(5):
    with Store.open(folder / "store.sqlite") as store:
        store.save(folder, experiment, sample.round_of(0, experiment_id=f"{identity}{number}"), [])
"""


def test_processes_that_create_and_fill_one_store_at_once_all_succeed(tmp_path: Path) -> None:
    sample.experiment(tmp_path)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    savers = [
        subprocess.Popen(
            [sys.executable, "-c", SAVER, str(tmp_path), identity, str(Path(__file__).parents[1])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for identity in "abc"
    ]
    for saver in savers:
        assert saver.stdout is not None and saver.stdout.readline() == "ready\n"
    ends = [saver.communicate("go\n", timeout=25) for saver in savers]
    assert [saver.returncode for saver in savers] == [0, 0, 0], ends
    with Store.open(tmp_path / "store.sqlite") as store:
        assert {row.experiment_id for row in store.experiments()} == {f"{i}{n}" for i in "abc" for n in range(5)}


# Place -----------------------------------------------------------------------------------------------------------


def test_the_variable_names_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHPERF_STORE", str(tmp_path / "mine.sqlite"))
    assert default_path() == tmp_path / "mine.sqlite"
    with Store.open() as store:
        assert store.path == tmp_path / "mine.sqlite" and store.experiments() == []


def test_without_the_variable_it_lies_in_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MESHPERF_STORE", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_path() == tmp_path / "meshperf" / "meshperf.sqlite"


def test_an_address_is_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHPERF_STORE", "postgresql://user:secret@db/meshperf")
    with pytest.raises(StorageError) as caught:
        default_path()
    assert caught.value.code == "MP5404" and "secret" not in str(caught.value)
