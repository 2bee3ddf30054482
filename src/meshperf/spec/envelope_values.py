"""Reading the values of an SMP test file: each checked for its form, and every problem noted with its place."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from meshperf.errors import DocumentError
from meshperf.spec.document import Document, escape
from meshperf.spec.quantities import nearest, show, words_hint
from meshperf.units import parse_duration

__all__ = ["EnvelopeReading", "Fields", "snake"]

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def snake(name: str) -> str:
    """`loadGenerator` as `load_generator`: both spellings of a field name are read."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: "_" + match[1].lower(), name)


class Fields:
    """The values of one message by snake_case name, and where each stands as it is spelt in the file."""

    def __init__(self, values: Mapping[str, Any], places: Mapping[str, str], pointer: str) -> None:
        self.values = values
        self.pointer = pointer
        self._places = places

    def __contains__(self, name: str) -> bool:
        """Whether a field has a value; null and nothing are none."""
        return self.values.get(name) not in (None, "")

    def get(self, name: str) -> Any:
        return self.values.get(name)

    def at(self, name: str) -> str:
        """Pointer of a field, or of its message where it is missing."""
        return self._places.get(name, self.pointer)


class EnvelopeReading:
    """One pass over the envelope that collects problems and notes."""

    def __init__(self, document: Document, *, files_beside: bool = True) -> None:
        self.document = document
        self.files_beside = files_beside
        self.problems: list[DocumentError] = []
        self.notes: list[str] = []

    def bad(self, code: str, message: str, pointer: str, hint: str | None = None, *, key: bool = False) -> None:
        self.problems.append(self.document.error(code, message, pointer, hint=hint, key=key))

    def fields(self, data: Any, pointer: str, known: Sequence[str]) -> Fields:
        """The fields of a message; nothing for what is no message."""
        if not isinstance(data, dict):
            self.bad("MP2104", "this must be a mapping of keys to values", pointer)
            return Fields({}, {}, pointer)
        values: dict[str, Any] = {}
        places: dict[str, str] = {}
        for key, value in data.items():
            name, place = snake(key), f"{pointer}/{escape(key)}"
            if name not in known:
                close = nearest(name, known)
                hint = f"did you mean `{close}`?" if close else f"known keys here: {', '.join(known)}"
                self.bad("MP2101", f"unknown key `{key}`", place, hint, key=True)
            elif name in values:
                self.bad("MP2003", f"the key `{name}` is given twice, in two spellings", place, "keep one", key=True)
            else:
                values[name], places[name] = value, place
        return Fields(values, places, pointer)

    def items(self, given: Any, pointer: str) -> Iterator[tuple[Any, str]]:
        """The items of a list with their pointers."""
        if given is None:
            return
        if not isinstance(given, list):
            self.bad("MP2104", f"this must be a list, found {show(given)}", pointer)
            return
        for index, item in enumerate(given):
            yield item, f"{pointer}/{index}"

    def number(self, given: Any, pointer: str, *, default: float, low: float, high: float) -> float:
        """A number, or a number in quotes as protobuf's JSON writes 64-bit integers."""
        if given is None or given == "":
            return default
        if isinstance(given, str) and re.fullmatch(r"-?\d{1,18}(\.\d+)?", given):
            given = float(given)
        if isinstance(given, bool) or not isinstance(given, int | float):
            self.bad("MP2104", f"this must be a number, found {show(given)}", pointer)
            return default
        if not math.isfinite(given) or not low <= given <= high:
            self.bad("MP2103", f"this must be from {low:g} to {high:g}, found {show(given)}", pointer)
            return default
        return float(given)

    def whole(self, given: Any, pointer: str, *, low: int, high: int) -> int | None:
        """A whole number; None where there is none."""
        if given is None or given == "":
            return None
        value = self.number(given, pointer, default=low, low=low, high=high)
        if value != int(value):
            self.bad("MP2104", f"this must be a whole number, found {show(given)}", pointer)
        return int(value)

    def switch(self, given: Any, pointer: str) -> bool | None:
        if given is None or isinstance(given, bool):
            return given
        self.bad("MP2104", f"this must be true or false, found {show(given)}", pointer)
        return None

    def word(self, given: Any, pointer: str, words: Mapping[Any, str], what: str) -> str | None:
        """What a name or number of an enum stands for.

        Args:
            words: numbers, and names in capitals, to our words.
            what: the enum in words; protobuf writes its names with that before them (`RATE_SCOPE_TOTAL`).
        """
        if given is None or given == "":
            return None
        key = int(given) if isinstance(given, str) and given.isdecimal() else given
        if isinstance(key, str):
            key = key.strip().upper().replace("-", "_").removeprefix(f"{what.upper().replace(' ', '_')}_")
        if isinstance(key, int | str) and not isinstance(key, bool) and key in words:
            return words[key]
        names = tuple(str(name) for name in words if isinstance(name, str))
        self.bad("MP2104", f"unknown {what} {show(given)}", pointer, words_hint(key, names))
        return None

    def duration(self, given: Any, pointer: str, *, low: float, high: float) -> float | None:
        """A duration with its unit [s]; None where there is none, or no good one."""
        if given is None or given == "":
            return None
        try:
            seconds = float(parse_duration(str(given)))
        except ValueError as error:
            self.bad("MP2104", f"`duration`: {error}", pointer, "write for example 250ms, 10s or 1h30m")
            return None
        if not low <= seconds <= high:
            self.bad("MP2103", f"this must be from 10ms to 7d, found {show(given)}", pointer)
        return seconds

    def text(self, given: Any, pointer: str, *, lines: bool = False) -> str:
        if given is None:
            return ""
        if isinstance(given, bool) or not isinstance(given, str | int):
            self.bad("MP2104", f"this must be text, found {show(given)}", pointer, "put it in quotes")
            return ""
        text = str(given)
        if not lines and _CONTROL.search(text):
            self.bad("MP2104", "this must be one line without control characters", pointer)
            return ""
        return text

    def texts(self, given: Any, pointer: str) -> dict[str, str]:
        if given is None:
            return {}
        if not isinstance(given, dict):
            self.bad("MP2104", f"this must be a mapping of names to text, found {show(given)}", pointer)
            return {}
        return {name: self.text(value, f"{pointer}/{escape(name)}") for name, value in given.items()}

    def listed(self, given: Any, pointer: str) -> tuple[str, ...]:
        """A list of texts, or one text with commas."""
        if isinstance(given, str):
            return tuple(part.strip() for part in given.split(",") if part.strip())
        return tuple(self.text(item, place) for item, place in self.items(given, pointer))
