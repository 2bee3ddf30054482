"""Every adapter by name; a tool's module is loaded when one is asked for by name or all are looked at."""

from __future__ import annotations

from functools import cache

from meshperf.errors import UsageError
from meshperf.load.adapters.base import Adapter
from meshperf.spec.generators import GENERATORS

__all__ = ["adapter", "adapters"]


@cache
def adapters() -> tuple[Adapter, ...]:
    """All of them, in the order of `GENERATORS`."""
    from meshperf.load.adapters import fortio, ghz, h2load, k6, nighthawk, oha, vegeta, wrk

    found = (fortio.ADAPTER, wrk.WRK, wrk.WRK2, h2load.ADAPTER, oha.ADAPTER, k6.ADAPTER, vegeta.ADAPTER, ghz.ADAPTER)
    return (*found, nighthawk.ADAPTER)


def adapter(name: str) -> Adapter:
    """The adapter of a generator.

    Raises:
        UsageError: MP1001, there is no such generator.
    """
    for one in adapters():
        if one.name == name.lower():
            return one
    raise UsageError("MP1001", f"there is no load generator {name[:60]!r}", hint=f"one of: {', '.join(GENERATORS)}")
