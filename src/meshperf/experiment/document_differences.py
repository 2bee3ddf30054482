"""Where two JSON documents differ, number by number.

Figures that were derived twice need not agree in the last bit (a time in a file is in milliseconds, a sum may be taken
in another order), so numbers are equal within a relative tolerance. Counts and texts are equal or they are not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["RELATIVE_TOLERANCE", "differences"]

RELATIVE_TOLERANCE = 1e-9
_ABSOLUTE_TOLERANCE = 1e-15
"""For figures that are differences of nearly equal ones; far below any unit here (seconds, CPU seconds a request)."""
_MISSING = object()


def differences(published: Any, derived: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    """JSON pointer and a sentence for each place where `published` is not what was `derived`."""
    if isinstance(published, Mapping) and isinstance(derived, Mapping):
        for key in dict.fromkeys([*published, *derived]):
            if key not in published and derived[key] is None:
                continue  # a key that was not known yet when the document was written, and says nothing
            inside = f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"
            yield from differences(published.get(key, _MISSING), derived.get(key, _MISSING), inside)
    elif isinstance(published, list) and isinstance(derived, list):
        if len(published) != len(derived):
            yield pointer, f"holds {len(published)} entries, {len(derived)} follow from the slices"
        for number, (one, other) in enumerate(zip(published, derived, strict=False)):
            yield from differences(one, other, f"{pointer}/{number}")
    elif not _equal(published, derived):
        yield pointer, f"says {_shown(published)}, the slices say {_shown(derived)}"


def _equal(published: Any, derived: Any) -> bool:
    numbers = (int, float)
    if isinstance(published, bool) or isinstance(derived, bool):
        return published is derived
    if isinstance(published, int) and isinstance(derived, int):
        return published == derived
    if isinstance(published, numbers) and isinstance(derived, numbers):
        return math.isclose(published, derived, rel_tol=RELATIVE_TOLERANCE, abs_tol=_ABSOLUTE_TOLERANCE)
    return bool(published == derived)


def _shown(value: Any) -> str:
    if value is _MISSING:
        return "nothing"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
