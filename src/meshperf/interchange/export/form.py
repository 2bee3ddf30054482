"""What a writer of another format must provide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from meshperf.interchange.export.outgoing import Outgoing
from meshperf.interchange.export.parts import Part, left_out

__all__ = ["ExportForm", "PartialWriter", "Writer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportForm:
    """A format that results can be written in."""

    name: str
    """The word of `--to`."""
    title: str
    suffix: str
    """Of its files: `.json`."""
    carries: frozenset[Part] = frozenset()
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

    def lost(self, results: Sequence[Outgoing]) -> tuple[str, ...]:
        """What at least one of the results has and the format has no place for, in words or JSON pointers."""

    def write(self, results: Sequence[Outgoing], *, lossy: bool = False) -> bytes:
        """The file with these results, none of which lacks anything.

        Args:
            lossy: allow a document that is to be complete to lose something; it means nothing to a format that only
                ever shows part of a result.

        Raises:
            PrerequisiteError: MP3004, a library that the format needs is not installed.
            DocumentError: MP2203, the document would lose something and `lossy` does not allow it.
        """


class PartialWriter:
    """What the formats that show part of a result have in common: any result will do, and the rest is left out."""

    form: ExportForm

    def lacks(self, result: Outgoing) -> str | None:
        return None

    def lost(self, results: Sequence[Outgoing]) -> tuple[str, ...]:
        return tuple(part.value for part in left_out(results, self.form.carries))
