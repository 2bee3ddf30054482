"""Values of the options of `meshperf load`: each refused with its flag (MP1001) when it cannot be used."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from meshperf.errors import UsageError
from meshperf.spec.quantities import FASTEST_RPS
from meshperf.units import parse_duration, parse_size

__all__ = ["cpus_of", "duration_of", "named_values", "rate_of", "read_file", "size_of", "weights_of"]

_LARGEST_BODY = 64 * 2**20


def weights_of(text: str | None, urls: int) -> tuple[float, ...]:
    """One weight for each URL.

    Raises:
        UsageError: MP1001, not numbers above 0; MP1002, not as many as URLs.
    """
    if text is None:
        return (1.0,) * urls
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = (math.nan,)
    if not all(math.isfinite(weight) and weight > 0 for weight in found):
        raise UsageError("MP1001", f"--weights must be numbers above 0, found {text!r}", hint="write --weights 3,1")
    if len(found) != urls:
        raise UsageError("MP1002", f"there are {len(found)} weights and {urls} URLs", hint="give one for each URL")
    return found


def rate_of(flag: str, rate: float | None) -> float | None:
    """A rate in (0, 10^7] per second; None where it is not given."""
    if rate is None:
        return None
    if not math.isfinite(rate) or rate <= 0:
        raise UsageError(
            "MP1001",
            f"{flag} must be a number greater than 0, found {rate:g}",
            hint="for as many requests as possible write --arrivals closed and leave --rate out",
        )
    if rate > FASTEST_RPS:
        raise UsageError("MP1001", f"{flag} must be at most {FASTEST_RPS:.0f} requests per second, found {rate:g}")
    return rate


def duration_of(flag: str, text: str | None, *, zero: bool = False) -> float | None:
    """A duration of at most a week [s]; None where it is not given. `zero`: whether it may be 0."""
    if text is None:
        return None
    try:
        value = float(parse_duration(text))
    except ValueError as problem:
        raise UsageError("MP1001", f"{flag}: {problem}") from problem
    if value == 0.0 and not zero:
        raise UsageError("MP1001", f"{flag} must be longer than 0")
    if value > 7 * 86_400:
        raise UsageError("MP1001", f"{flag} must be at most 168h, found {text}")
    return value


def size_of(flag: str, text: str | None) -> int | None:
    """A size of at most 64 MiB [B]; None where it is not given."""
    if text is None:
        return None
    try:
        value = int(parse_size(text))
    except ValueError as problem:
        raise UsageError("MP1001", f"{flag}: {problem}") from problem
    if value > _LARGEST_BODY:
        raise UsageError("MP1001", f"{flag} must be at most 64MiB, found {text}")
    return value


def read_file(flag: str, path: Path) -> bytes:
    """The bytes of a file of at most 64 MiB."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_BODY + 1)
    except OSError as problem:
        raise UsageError("MP1001", f"{flag}: {path} cannot be read: {problem.strerror}") from problem
    if len(data) > _LARGEST_BODY:
        raise UsageError("MP1001", f"{flag}: {path} is larger than 64MiB")
    return data


def cpus_of(text: str | None) -> tuple[int, ...]:
    """Core numbers from a list with commas."""
    if text is None:
        return ()
    parts = text.split(",")
    if not all(part.strip().isdecimal() and int(part) < 8192 for part in parts):
        raise UsageError("MP1001", f"--cpus must be core numbers, found {text!r}", hint="write --cpus 0,1")
    return tuple(int(part) for part in parts)


def named_values(flag: str, texts: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE` options by name."""
    found: dict[str, str] = {}
    for text in texts:
        name, mark, value = (part.strip() for part in text.partition("="))
        if not (name and mark and value) or name in found:
            why = "is given twice" if name in found else "is not NAME=VALUE"
            raise UsageError("MP1001", f"{flag} {text!r} {why}", hint=f"write {flag} NAME=VALUE")
        found[name] = value
    return found
