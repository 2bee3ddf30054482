"""Bring a store's file to the current version: nothing to do in the common case, Alembic only when there is.

Two processes may open a new store at once. Whoever gets SQLite's write lock first builds it, the other waits for the
lock and then finds it current; so the version is read again under the lock.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from meshperf.errors import StorageError
from meshperf.store.connection import writing
from meshperf.store.tables import HEAD, KNOWN

__all__ = ["bring_up_to_date"]

_MIGRATIONS = Path(__file__).parent / "migrations"


def bring_up_to_date(engine: Engine, path: Path) -> None:
    """Create or migrate the store.

    Raises:
        StorageError: MP5404, a later meshperf made it, or it is a database of something else.
    """
    with engine.connect() as connection:
        if _version(connection, path) == HEAD:
            return
    with writing(engine) as connection:
        if _version(connection, path) != HEAD:
            _upgrade(connection)


def _version(connection: Connection, path: Path) -> str | None:
    """The store's version; None for a file that is empty so far."""
    found = inspect(connection)
    if not found.has_table("alembic_version"):
        if found.get_table_names():
            raise StorageError(
                "MP5404",
                f"{path} is a database, but not a store of meshperf",
                hint="name another file in MESHPERF_STORE",
            )
        return None
    version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    if version is not None and version not in KNOWN:
        raise StorageError(
            "MP5404",
            f"the store {path} has version {version}; this meshperf knows versions up to {HEAD}",
            hint="upgrade meshperf, or name another file in MESHPERF_STORE",
        )
    return None if version is None else str(version)


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
