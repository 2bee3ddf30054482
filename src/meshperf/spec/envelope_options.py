"""`additional_options` of an SMP client: JSON text with what meshperf knows and the standard has no field for."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import Field, ValidationError

from meshperf.errors import DocumentError
from meshperf.spec.document import Document, Mark
from meshperf.spec.envelope_values import EnvelopeReading, Fields
from meshperf.spec.experiment_load_model import MOST_CONNECTIONS, Model, Trace
from meshperf.spec.json_tree import parse_json
from meshperf.spec.problems import problems_of
from meshperf.spec.quantities import LONGEST_S, Rate, duration_between, whole_between, word

__all__ = ["AdditionalOptions", "read_additional_options"]

KindValue = float | str | list[float]


class AdditionalOptions(Model):
    """What may stand there; the words are those of a load point in an experiment file."""

    rate_end: Rate | None = None
    trace: Trace | None = None
    quantum: Annotated[float, duration_between(0.0, 60.0, "`quantum`")] = 0.0
    think: Annotated[float, duration_between(0.0, 3600.0, "`think`")] = 0.0
    max_connections: Annotated[int, whole_between(1, MOST_CONNECTIONS, "`max_connections`")] | None = None
    pooling: Annotated[str, word("pooling", ("pooled", "pinned"))] = "pooled"
    selection: Annotated[str, word("selection", ("random",))] | None = None
    connection_age: Annotated[float, duration_between(1e-3, LONGEST_S, "`connection_age`")] | None = None
    receive_clock: Annotated[str, word("receive clock", ("auto", "kernel", "user"))] = "auto"
    wait: Annotated[str, word("way to wait", ("auto", "sleep", "hybrid", "spin"))] = "auto"
    kind: dict[str, KindValue] = Field({})


def read_additional_options(reading: EnvelopeReading, client: Fields, generator: str) -> AdditionalOptions:
    """The options of a client, or none of them where they are wrong: then that is noted."""
    given, place = client.get("additional_options"), client.at("additional_options")
    plain = AdditionalOptions.model_validate({})
    if given in (None, "", "{}"):
        return plain
    if generator and generator.lower() != "meshperf":
        message = f"`additional_options` are options of the load generator {generator} and cannot be honoured"
        reading.bad("MP2107", message, place, "leave it out, or write `load_generator: meshperf` and its options")
        return plain
    data = _parsed(reading, given, place)
    if data is None:
        return plain
    try:
        return AdditionalOptions.model_validate(data)
    except ValidationError as error:
        inside = _document(data)
        for problem in problems_of(error, inside, AdditionalOptions):
            message = f"in `additional_options`{_path(problem)}: {problem.message}"
            reading.bad(problem.code, message, place, problem.hint)
        return plain


def _parsed(reading: EnvelopeReading, given: Any, place: str) -> dict[str, Any] | None:
    hint = 'write JSON text such as \'{"think": "5ms"}\''
    if not isinstance(given, str):
        reading.bad("MP2104", "`additional_options` must be JSON text", place, hint)
        return None
    try:
        data = parse_json(given, None)
    except DocumentError as error:
        reading.bad(error.code, f"`additional_options` is not JSON: {error.message}", place, hint)
        return None
    if not isinstance(data, dict):
        reading.bad("MP2104", "`additional_options` must be a JSON object", place, hint)
        return None
    return data


def _document(data: dict[str, Any]) -> Document:
    marks = {"": Mark(line=1, column=1)}
    return Document(path=None, text=json.dumps(data), digest="", data=data, find_marks=lambda: marks)


def _path(problem: DocumentError) -> str:
    return f" {problem.location.pointer}" if problem.location.pointer else ""
