"""Which form a file is in, by what is in it and never by its name.

What it decides: every reader says how sure it is from the first bytes; the surest wins. What two tools claim alike is
refused: the file holds the output of both, or no rule tells them apart, and either way a guess would be a wrong number.
"""

from __future__ import annotations

from meshperf.errors import DocumentError, Location
from meshperf.interchange.format import Incoming, Reader
from meshperf.interchange.registry import forms, readers
from meshperf.interchange.sniffing import keys_at
from meshperf.interchange.text import head_text

__all__ = ["LEAST", "detect"]

LEAST = 0.5
"""A reader less sure than this does not claim the file."""

_APART = 0.1
"""Claims closer than this are equal."""

_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def detect(incoming: Incoming) -> Reader:
    """The reader of a file.

    Raises:
        DocumentError: MP2402 (empty), MP2401 (nobody knows it, or two forms of one tool do), MP2403 (two tools in it).
    """
    place = Location(path=incoming.path)
    if not incoming.head.strip():
        raise DocumentError("MP2402", "the file is empty", location=place)
    if incoming.head.startswith(_UTF16):
        hint = "save it as UTF-8"
        raise DocumentError("MP2401", "the file is text in UTF-16, which no form is", location=place, hint=hint)
    claims = sorted(
        ((one.looks_like(incoming), number, one) for number, one in enumerate(readers())),
        key=lambda claim: (-claim[0], claim[1]),
    )
    claims = [claim for claim in claims if claim[0] >= LEAST]
    if not claims:
        kind = "text" if b"\x00" not in incoming.head else "no text"
        hint = f"name it with --from: {', '.join(sorted(one.name for one in forms()))}"
        if "test" in keys_at(incoming) and "endpoint_urls" in head_text(incoming):
            hint = "it looks like an SMP test, which is no result: give it to `meshperf run`"
        message = f"the form of the file is not recognised (it is {kind})"
        raise DocumentError("MP2401", message, location=place, hint=hint)
    best = claims[0]
    for sure, _, other in claims[1:]:
        if best[0] - sure < _APART:
            raise _undecided(best[2], other, place)
    return best[2]


def _undecided(one: Reader, other: Reader, place: Location) -> DocumentError:
    names = f"{one.form.name} and {other.form.name}"
    if one.form.tool == other.form.tool:
        hint = f"say which with --from {one.form.name} or --from {other.form.name}"
        return DocumentError("MP2401", f"the file may be in two forms, {names}", location=place, hint=hint)
    message = f"the file holds results of two tools, {names}"
    return DocumentError("MP2403", message, location=place, hint="put each tool's output into a file of its own")
