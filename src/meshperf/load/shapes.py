"""The shape of a test kind from what people write: a rate, a duration, and parameters by name.

A parameter is a field of the kind's shape. Times may have a unit (`step=5s`; the `_s` of the field may be left out),
shares may be percentages, lists have commas. A rate is where the kind begins; a duration is that of the whole, or the
longest it may take where the kind finds its own end.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, get_type_hints

from meshperf.errors import UsageError
from meshperf.load.kinds import (
    CapacityShape,
    Kind,
    LoadShape,
    Shape,
    SoakShape,
    SpikeShape,
    StressShape,
    SweepShape,
)
from meshperf.spec.quantities import words_hint
from meshperf.units import parse_duration, parse_fraction

__all__ = ["shape_of"]

_SHAPES: Mapping[Kind, type[Shape]] = {
    Kind.LOAD: LoadShape,
    Kind.STRESS: StressShape,
    Kind.SOAK: SoakShape,
    Kind.CAPACITY: CapacityShape,
    Kind.SPIKE: SpikeShape,
    Kind.SWEEP: SweepShape,
}


def shape_of(
    kind: str,
    *,
    rate: float | None = None,
    duration_s: float | None = None,
    options: Mapping[str, object] | None = None,
) -> Shape:
    """The shape of a kind.

    Args:
        kind: a word of `Kind`.
        rate: requests per second, where the kind has one to begin with.
        duration_s: of the whole [s]; None: the kind's own.
        options: parameters by name, as numbers or as texts.

    Raises:
        UsageError: an unknown parameter or a value that cannot be used (MP1001), or one that is missing (MP1002).
    """
    shape = _SHAPES[Kind(kind)]
    kinds = get_type_hints(shape)
    fields = {entry.name: kinds[entry.name] for entry in dataclasses.fields(shape)}
    values: dict[str, Any] = {}
    for name, given in (options or {}).items():
        field = name if name in fields else f"{name}_s"
        if field not in fields:
            hint = words_hint(name, tuple(fields))
            raise UsageError("MP1001", f"a {kind} test has no parameter {name!r}", hint=hint)
        values[field] = _value(f"{kind} test: {name}", given, fields[field], seconds=field.endswith("_s"))
    if rate is not None:
        _set(
            values, fields, ("rate", "start_rate"), rate, f"a {kind} test has rates of its own, and one is given beside"
        )
    if duration_s is not None:
        _set(values, fields, ("duration_s", "longest_s"), duration_s, f"the duration of a {kind} test is given twice")
    missing = [
        entry.name
        for entry in dataclasses.fields(shape)
        if entry.default is dataclasses.MISSING
        and entry.default_factory is dataclasses.MISSING
        and entry.name not in values
    ]
    if missing:
        named = "a rate" if missing[0] in ("rate", "start_rate") else missing[0]
        hint = "add --rate" if named == "a rate" else f"add --kind-option {missing[0]}=…"
        raise UsageError("MP1002", f"a {kind} test needs {named}", hint=hint)
    return shape(**values)


def _set(values: dict[str, Any], fields: Mapping[str, Any], names: tuple[str, ...], value: float, twice: str) -> None:
    """Fill the first field that the shape has."""
    name = next((name for name in names if name in fields), None)
    if name is None or name in values:
        raise UsageError("MP1002", twice, hint="keep one")
    values[name] = value


def _value(what: str, given: object, kind: Any, *, seconds: bool) -> Any:
    try:
        return _read(given, kind, seconds=seconds)
    except (ValueError, TypeError) as problem:
        raise UsageError("MP1001", f"{what}: {problem}") from None


def _read(given: object, kind: Any, *, seconds: bool) -> Any:
    if kind is str:
        return str(given)
    if kind is bool:
        word = str(given).lower()
        if word not in ("true", "false"):
            raise ValueError(f"must be true or false, found {given!r}")
        return word == "true"
    if kind is int:
        number = float(str(given))
        if not number.is_integer():
            raise ValueError(f"must be a whole number, found {given!r}")
        return int(number)
    if kind is float:
        return _number(given, seconds=seconds)
    parts = given if isinstance(given, list | tuple) else str(given).split(",")
    return tuple(_number(part, seconds=False) for part in parts)


def _number(given: object, *, seconds: bool) -> float:
    text = str(given).strip()
    try:
        number = float(text)
    except ValueError:
        number = float(parse_duration(text)) if seconds else parse_fraction(text)
    if not math.isfinite(number):
        raise ValueError(f"must be a finite number, found {given!r}")
    return number
