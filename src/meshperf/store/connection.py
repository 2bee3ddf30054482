"""Connections to SQLite as a store needs them, and its errors in our words.

SQLite's own defaults are those of 2004: foreign keys are not enforced, a writer blocks every reader, and Python's
driver begins transactions behind one's back. Each is set right here, once.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from meshperf.errors import StorageError

__all__ = ["connect", "store_errors", "writing"]

_WAIT_S = 20.0
"""How long a writer waits for another one. Saving an experiment takes well under a second."""
_WRITES = "meshperf_writes"


def connect(path: Path) -> Engine:
    """An engine for the file, which is created when it is first used."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)), poolclass=NullPool, connect_args={"timeout": _WAIT_S}
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where we say, not at the driver's first write
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")
        _use_wal(connection)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer takes the lock at the beginning: a transaction that reads first and then writes cannot wait for
        # another writer, SQLite fails it at once.
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _use_wal(connection: sqlite3.Connection) -> None:
    """Let readers read while one writes. The change itself needs a moment alone, which SQLite does not wait for."""
    deadline = time.monotonic() + _WAIT_S
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return  # a file system without shared memory keeps its old mode, which works too
        except sqlite3.OperationalError as problem:
            if "locked" not in str(problem) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that writes, from the beginning on."""
    with engine.execution_options(**{_WRITES: True}).begin() as connection:
        yield connection


@contextmanager
def store_errors(path: Path) -> Iterator[None]:
    """Turn what the database or the system refuses into a StorageError.

    Raises:
        StorageError: MP5402 when the disk is full, MP5404 otherwise.
    """
    try:
        yield
    except DBAPIError as problem:
        said = str(problem.orig)
        if "disk is full" in said:
            raise StorageError(
                "MP5402",
                f"no space left while writing the store {path}",
                hint="free some space; the bundle is not affected",
            ) from problem
        raise StorageError(
            "MP5404",
            f"the store {path} cannot be used: {said}",
            hint="move the file away, or name another one in MESHPERF_STORE; bundles are not affected",
        ) from problem
    except OSError as problem:
        raise StorageError(
            "MP5404",
            f"the store {path} cannot be used: {problem.strerror}",
            hint="name another file in MESHPERF_STORE; bundles are not affected",
        ) from problem
