"""The lines of what a tool printed, and errors that name the line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from meshperf.errors import DocumentError, Location
from meshperf.interchange.documents import read_text
from meshperf.interchange.format import Incoming

__all__ = ["Line", "head_text", "lines_of"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line, without its end; `number` counts from 1."""

    path: Path | None
    number: int
    text: str

    def broken(self, what: str) -> DocumentError:
        """MP2402: the line cannot be understood."""
        return DocumentError("MP2402", what, location=Location(path=self.path, line=self.number))

    def contradicts(self, what: str) -> DocumentError:
        """MP2403: what the line says cannot be, or does not fit the rest."""
        return DocumentError("MP2403", what, location=Location(path=self.path, line=self.number))


def lines_of(incoming: Incoming) -> list[Line]:
    """All lines of a printed output, at most 16 MiB.

    Raises:
        DocumentError: MP2402 (not text), MP2404 (larger than any printed output).
    """
    text = read_text(incoming)
    return [Line(incoming.path, number, line.rstrip()) for number, line in enumerate(text.split("\n"), start=1)]


def head_text(incoming: Incoming) -> str:
    """What detection may look at, as text; bytes that are none become the replacement character."""
    return incoming.head.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
