"""What a request header may be, wherever it was written."""

from __future__ import annotations

import re

from meshperf.spec.load_rules import FRAMING_HEADERS

__all__ = ["HEADER_NAME", "header_problem"]

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def header_problem(name: str, value: str) -> str | None:
    """What is wrong with a header, or None. The value is not repeated: it may be a credential."""
    if not HEADER_NAME.fullmatch(name):
        return "its name is not one of a header"
    if name.lower() in FRAMING_HEADERS:
        return f"{name} is set by the load generator itself"
    if _CONTROL.search(value):
        return f"{name} must be one line without control characters"
    return None
