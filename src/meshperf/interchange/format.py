"""What a reader of another tool's results must provide.

A reader knows one form of one tool. It looks at the first bytes to say how sure it is, and turns the whole into
records; it decides nothing about what the figures are worth. Files are read as streams where a form can be of any size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from meshperf.spec.imported import Imported

__all__ = ["HEAD_BYTES", "Form", "Incoming", "Reader"]

HEAD_BYTES = 65_536
"""What detection may look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form of a tool's results, and what is known of every result in it."""

    name: str
    """`fortio`, `wrk2`, `k6-points`, …: the word of `--from`."""
    tool: str
    title: str
    latency_unit: str
    """Unit in the file, or `stated` where each figure carries its own."""
    latency_origin: str
    loop: str
    errors: str
    """What counts as an error, and whether errors are known at all."""
    resolution: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A file to be read."""

    path: Path | None
    head: bytes
    """Its first `HEAD_BYTES` bytes at most."""
    size: int | None
    stream: Callable[[], BinaryIO]
    """The file from its start, each time anew; close it."""
    convert_units: bool = False
    """The user allowed that figures found to be in another unit than their name says are converted."""


class Reader(Protocol):
    """One form of one tool."""

    form: Form

    def looks_like(self, incoming: Incoming) -> float:
        """How sure it is, by content: 0 not at all, 1 beyond doubt. Never raises."""

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        """The results in the file.

        Raises:
            DocumentError: broken or contradictory input, with file, line and column; codes MP24xx.
        """
