"""The value types of an experiment file: what a person may write for each, as pydantic types with their JSON Schema.

A value that is refused says in its message what was found and in its hint what to write; the code is the error's type,
so that `problems` needs no table of messages.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic_core import PydanticCustomError, core_schema

from meshperf.units import parse_duration, parse_fraction, parse_size

__all__ = [
    "CLOSED_HINT",
    "LONGEST_S",
    "Margin",
    "Rate",
    "Reads",
    "Share",
    "Size",
    "Switch",
    "Text",
    "duration_between",
    "nearest",
    "refuse",
    "show",
    "whole_between",
    "word",
    "words_hint",
]

LONGEST_S = 7 * 86_400.0
FASTEST_RPS = 10_000_000.0
CLOSED_HINT = "for as many requests as possible, write `arrivals: closed` and leave `rate` out"
DURATION_PATTERN = r"^\s*((\d+(\.\d+)?|\.\d+)(ns|us|µs|ms|s|m|h))+\s*$"


@dataclass(frozen=True, slots=True, eq=False)
class Reads:
    """How a value is read, and its JSON Schema: what stands beside the type in `Annotated[type, Reads(…)]`."""

    read: Callable[[Any], Any]
    schema: dict[str, Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        return dict(self.schema)


def refuse(code: str, message: str, hint: str | None = None) -> PydanticCustomError:
    """An error whose type is one of our codes; braces in a message are text, not a template."""
    return PydanticCustomError(code, "{message}", {"message": message, "hint": hint})


def show(value: Any) -> str:
    """A value as a short text for a message."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return f"`{text[:60]}…`" if len(text) > 60 else f"`{text}`"


def nearest(found: str, known: Sequence[str]) -> str | None:
    """The known word that was probably meant."""
    matches = difflib.get_close_matches(found.lower(), known, n=1, cutoff=0.55)
    return matches[0] if matches else None


def words_hint(found: Any, known: Sequence[str]) -> str:
    """`did you mean …?` and the list of what may be written."""
    close = nearest(found, known) if isinstance(found, str) else None
    listed = f"one of: {', '.join(known)}"
    return f"did you mean `{close}`? {listed}" if close else listed


def _duration(low: float, high: float, what: str) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise refuse("MP2104", f"{what} must be a duration, found {show(value)}", "write for example 10s or 250ms")
        if not isinstance(value, str):
            hint = f"write `{value}s` for seconds" if math.isfinite(value) and value >= 0 else "write for example 10s"
            raise refuse("MP2104", f"{what} needs its unit, found {show(value)}", hint)
        try:
            seconds = float(parse_duration(value))
        except ValueError as error:
            raise refuse("MP2104", f"{what}: {error}", "write for example 250ms, 10s or 1h30m") from None
        if not low <= seconds <= high:
            raise refuse("MP2103", f"{what} must be from {_span(low)} to {_span(high)}, found {show(value)}")
        return seconds

    return read


def _span(seconds: float) -> str:
    for size, unit in ((86_400.0, "d"), (3600.0, "h"), (1.0, "s"), (1e-3, "ms"), (1e-6, "us")):
        if seconds >= size:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


def duration_between(low: float, high: float, what: str) -> Reads:
    """A duration with its unit, in seconds after reading; bounds inclusive, in seconds."""
    schema = {"type": "string", "pattern": DURATION_PATTERN, "description": f"Duration, {_span(low)} to {_span(high)}."}
    return Reads(_duration(low, high, what), schema)


def _rate(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        hint = "write a plain number of requests per second, such as 500"
        raise refuse("MP2104", f"`rate` must be a number, found {show(value)}", hint)
    if not math.isfinite(value) or value <= 0:
        raise refuse("MP2103", f"`rate` must be greater than 0, found {show(value)}", CLOSED_HINT)
    if value > FASTEST_RPS:
        raise refuse("MP2103", f"`rate` must be at most {FASTEST_RPS:.0f} per second, found {show(value)}")
    return float(value)


Rate = Annotated[
    float,
    Reads(
        _rate, {"type": "number", "exclusiveMinimum": 0, "maximum": FASTEST_RPS, "description": "Requests per second."}
    ),
]


def whole_between(low: int, high: int, what: str) -> Reads:
    """A whole number within inclusive bounds."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise refuse("MP2104", f"{what} must be a whole number, found {show(value)}")
        if not low <= value <= high:
            raise refuse("MP2103", f"{what} must be from {low} to {high}, found {show(value)}")
        return value

    schema = {"type": "integer", "minimum": low, "maximum": high}
    return Reads(read, schema)


def _size(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise refuse("MP2104", f"a size must be whole bytes or text such as 16KiB, found {show(value)}")
    try:
        size = value if isinstance(value, int) else int(parse_size(value))
    except (ValueError, OverflowError) as error:
        raise refuse("MP2104", str(error)) from None
    if not 0 <= size <= 64 * 2**20:
        raise refuse("MP2103", f"a size must be from 0 to 64MiB, found {show(value)}")
    return size


Size = Annotated[
    int, Reads(_size, {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 64 * 2**20}, {"type": "string"}]})
]


def share(value: Any, code: str, what: str, *, low_open: float, high: float) -> float:
    """A share of one: `5%` or 0.05. `low_open` is excluded, `high` allowed."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise refuse(code, f"{what} must be a share such as 5% or 0.05, found {show(value)}")
    try:
        fraction = parse_fraction(value) if isinstance(value, str) else float(value)
    except (ValueError, OverflowError) as error:
        raise refuse(code, f"{what}: {error}") from None
    if not low_open < fraction <= high:
        hint = f"write `{value}%`" if isinstance(value, int | float) and 1 < value < 100 else None
        raise refuse(code, f"{what} must be above {low_open:g} and at most {high:g}, found {show(value)}", hint)
    return fraction


_SHARE_SCHEMA = {
    "anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": 1}, {"type": "string", "pattern": "%?$"}]
}
Share = Annotated[float, Reads(lambda value: share(value, "MP2103", "a share", low_open=0.0, high=1.0), _SHARE_SCHEMA)]
Margin = Annotated[
    float, Reads(lambda value: share(value, "MP2108", "a margin", low_open=0.0, high=1.0), _SHARE_SCHEMA)
]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise refuse("MP2104", f"this must be text, found {show(value)}", "put it in quotes")
    if not value.strip():
        raise refuse("MP2103", "this must not be empty")
    if re.search(r"[\x00-\x1f\x7f]", value):
        raise refuse("MP2104", "this must be one line without control characters")
    return value


Text = Annotated[str, Reads(_text, {"type": "string", "minLength": 1})]


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise refuse("MP2104", f"this must be true or false, found {show(value)}")
    return value


Switch = Annotated[bool, Reads(_switch, {"type": "boolean"})]


def word(what: str, known: Sequence[str], *, later: Sequence[str] = (), code: str = "MP2104") -> Reads:
    """One of some words. `later`: words that make sense but that this version cannot do yet (MP2107)."""

    def read(value: Any) -> str:
        if isinstance(value, str) and value in known:
            return value
        if isinstance(value, str) and value in later:
            raise refuse("MP2107", f"{what} `{value}` is not available yet", f"one of: {', '.join(known)}")
        raise refuse(code, f"unknown {what} {show(value)}", words_hint(value, known))

    return Reads(read, {"type": "string", "enum": list(known)})
