"""Parquet: the columns of the CSV with their types, written by pyarrow where that is installed."""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from meshperf.errors import PrerequisiteError
from meshperf.interchange.export.columns import COLUMNS, Content, row_of
from meshperf.interchange.export.csv_table import IN_A_TABLE
from meshperf.interchange.export.form import ExportForm, PartialWriter, Writer
from meshperf.interchange.export.outgoing import Outgoing

__all__ = ["WRITERS"]


class _Parquet(PartialWriter):
    form = ExportForm(
        name="parquet",
        title="Parquet, the columns of the CSV with their types (needs pyarrow)",
        suffix=".parquet",
        carries=IN_A_TABLE,
        binary=True,
    )

    def write(self, results: Sequence[Outgoing], *, lossy: bool = False) -> bytes:
        arrow, parquet = _libraries()
        types = {
            Content.TEXT: arrow.string(),
            Content.WHOLE: arrow.int64(),
            Content.NUMBER: arrow.float64(),
            Content.TIME: arrow.timestamp("us", tz="UTC"),
        }
        schema = arrow.schema([(column.name, types[column.content]) for column in COLUMNS])
        table = arrow.Table.from_pylist([row_of(result) for result in results], schema=schema)
        out = io.BytesIO()
        parquet.write_table(table, out)
        return out.getvalue()


def _libraries() -> tuple[Any, Any]:
    """pyarrow and its writer.

    Raises:
        PrerequisiteError: MP3004, pyarrow is not installed.
    """
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ModuleNotFoundError as missing:
        raise PrerequisiteError(
            "MP3004", f"Parquet is written by the package `{missing.name}`", hint="pip install 'meshperf[export]'"
        ) from None


WRITERS: tuple[Writer, ...] = (_Parquet(),)
