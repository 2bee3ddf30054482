"""What a writer of another format must provide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from meshperf.interchange.export.outgoing import Outgoing
from meshperf.interchange.export.parts import Part

__all__ = ["ExportForm", "Writer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportForm:
    """A format that results can be written in."""

    name: str
    """The word of `--to`."""
    title: str
    suffix: str
    """Of its files: `.json`."""
    carries: frozenset[Part]
    """What of a result it has a place for, beside counts, rates and percentiles."""
    note: str = ""
    """What a reader of the format will take differently, in a sentence; may be empty."""
    one_a_file: bool = False
    """Written into a folder, each result is a file of its own."""
    binary: bool = False


class Writer(Protocol):
    """One format."""

    form: ExportForm

    def lacks(self, result: Outgoing) -> str | None:
        """What the format cannot do without and this result does not have; None: it can be written."""

    def write(self, results: Sequence[Outgoing]) -> bytes:
        """The file with these results, none of which lacks anything.

        Raises:
            PrerequisiteError: MP3004, a library that the format needs is not installed.
        """
