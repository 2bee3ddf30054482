"""Results of other tools in the store."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from imported_samples import one
from meshperf.errors import DocumentError
from meshperf.spec.smp_imported import imported_to_document
from meshperf.store import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


def test_a_row_has_the_figures_and_the_document_is_whole(path: Path) -> None:
    document = imported_to_document(one("ab.txt"))
    with Store.open(path) as store:
        (identity,) = store.save_imported([document])
        (row,) = store.imported()
        assert store.imported_documents(identity[:5]) == {identity: document}
    assert (row.imported_id, row.tool, row.tool_version, row.completeness) == (identity, "ab", "2.3", "adequate")
    assert (row.requests, row.ok, row.errors, row.p50_s) == (1000, 970, 30, 0.007)
    assert "littles-law" in row.notes and row.saved.tzinfo is not None


def test_what_is_unknown_is_null_and_never_0(path: Path) -> None:
    with Store.open(path) as store:
        store.save_imported([imported_to_document(one("ab-percent.csv"))])
        (row,) = store.imported()
    assert (row.errors, row.requests, row.achieved_rps, row.start_time) == (None, None, None, None)
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("SELECT count(*) FROM imported WHERE errors IS NULL").fetchone() == (1,)
    finally:
        connection.close()


def test_a_document_of_something_else_is_refused_and_nothing_kept(path: Path) -> None:
    with Store.open(path) as store:
        with pytest.raises(DocumentError):
            store.save_imported([imported_to_document(one("ab.txt")), {"id": "x"}])
        assert store.imported() == []


def test_an_older_store_is_migrated_and_keeps_what_it_had(path: Path) -> None:
    Store.open(path).close()
    connection = sqlite3.connect(path)
    try:
        connection.execute("DROP TABLE imported")
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
        connection.commit()
    finally:
        connection.close()
    with Store.open(path) as store:
        store.save_imported([imported_to_document(one("hey.txt"))])
        assert len(store.imported(limit=1)) == 1 and store.experiments() == []
