"""Every form that can be read, by name; a reader's module is loaded when the first of them is needed.

To add a form: write a module with `READERS`, a tuple of `format.Reader`, and add its name to `MODULES`.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from meshperf.errors import UsageError
from meshperf.interchange.format import Form, Reader

__all__ = ["MODULES", "form", "forms", "reader", "readers"]

MODULES: tuple[str, ...] = (
    "fortio",
    "wrk",
    "wrk2",
    "h2load",
    "nighthawk",
    "k6.summary",
    "k6.ndjson",
    "k6.table",
    "hey",
    "ab.summary",
    "ab.tables",
    "vegeta.report",
    "vegeta.results",
    "ghz",
    "oha",
    "locust",
    "jmeter",
    "prometheus",
    "meshery",
    "smp",
    "hdr_log",
)
"""Modules below this package that hold readers, one a line."""


@cache
def readers() -> tuple[Reader, ...]:
    """All readers, in the order of `MODULES`."""
    found: list[Reader] = []
    for name in MODULES:
        found.extend(import_module(f"meshperf.interchange.{name}").READERS)
    return tuple(found)


def forms() -> tuple[Form, ...]:
    """All forms, for help texts and the reference."""
    return tuple(one.form for one in readers())


def reader(name: str) -> Reader:
    """The reader of a form.

    Raises:
        UsageError: MP1001, there is no such form.
    """
    for one in readers():
        if one.form.name == name:
            return one
    known = ", ".join(sorted(each.name for each in forms()))
    raise UsageError("MP1001", f"there is no form {name[:60]!r} to import", hint=f"known forms: {known}")


def form(name: str) -> Form:
    """What is known of a form by its name.

    Raises:
        UsageError: MP1001, there is no such form.
    """
    return reader(name).form
