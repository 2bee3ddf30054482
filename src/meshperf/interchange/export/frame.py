"""Results as a table in Python: plain dictionaries, pandas or polars, whichever the reader has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from meshperf.errors import PrerequisiteError
from meshperf.interchange.export.columns import COLUMNS, Cell, Content, row_of
from meshperf.interchange.export.outgoing import Outgoing

__all__ = ["ResultFrame"]

_PANDAS = {
    Content.TEXT: "string",
    Content.WHOLE: "Int64",
    Content.NUMBER: "float64",
    Content.TIME: "datetime64[us, UTC]",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFrame:
    """Results in their order, one a row. The names of the columns carry the units; None is unknown, never 0."""

    results: tuple[Outgoing, ...]
    passed_over: tuple[tuple[Path, str], ...] = ()
    """Files of a folder that hold no result, and why; a file that was named itself is never passed over."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, always the same ones in the same order."""
        return tuple(column.name for column in COLUMNS)

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[dict[str, Cell]]:
        return (row_of(result) for result in self.results)

    def to_dicts(self) -> list[dict[str, Cell]]:
        """A dictionary a result: text, int, float, datetime with its zone, or None."""
        return list(self)

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame`; text and whole numbers in pandas' types that know a missing value.

        Raises:
            PrerequisiteError: MP3004, pandas is not installed.
        """
        pandas = _library("pandas")
        cells = _by_column(self)
        return pandas.DataFrame(
            {one.name: pandas.Series(cells[one.name], dtype=_PANDAS[one.content]) for one in COLUMNS}
        )

    def to_polars(self) -> Any:
        """A `polars.DataFrame`.

        Raises:
            PrerequisiteError: MP3004, polars is not installed.
        """
        polars = _library("polars")
        types = {
            Content.TEXT: polars.String,
            Content.WHOLE: polars.Int64,
            Content.NUMBER: polars.Float64,
            Content.TIME: polars.Datetime("us", "UTC"),
        }
        return polars.DataFrame(_by_column(self), schema={one.name: types[one.content] for one in COLUMNS})


def _by_column(rows: Iterable[Mapping[str, Cell]]) -> dict[str, list[Cell]]:
    kept = list(rows)
    return {column.name: [row[column.name] for row in kept] for column in COLUMNS}


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        hint = f"pip install {name}, or take `to_dicts()`, which needs nothing"
        raise PrerequisiteError("MP3004", f"a {name} frame needs the package `{name}`", hint=hint) from None
