"""Every format that results can be written in, by name; a writer's module is loaded when the first of them is needed.

To add a format: write a module with `WRITERS`, a tuple of `form.Writer`, and add its name to `MODULES`.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from meshperf.interchange.export.form import Writer

__all__ = ["MODULES", "writers"]

MODULES: tuple[str, ...] = (
    "smp",
    "fortio",
    "csv_table",
    "parquet",
    "open_metrics",
    "otlp",
    "hdr_log",
)
"""Modules of this package that hold writers, in the order of the help."""


@cache
def writers() -> tuple[Writer, ...]:
    """All writers, in the order of `MODULES`."""
    found: list[Writer] = []
    for name in MODULES:
        found.extend(import_module(f"meshperf.interchange.export.{name}").WRITERS)
    return tuple(found)
