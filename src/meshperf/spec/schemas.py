"""JSON Schema (2020-12) of the documents, from the types that read them; checked in under docs/reference/schemas.

A schema cannot say everything: rules between keys, and the grammar of an objective, are told by `meshperf validate`.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from datetime import datetime
from enum import Enum
from typing import Any

from meshperf.histograms import Histogram
from meshperf.spec.record_codec import field_types
from meshperf.spec.records import Counts, RunResult
from meshperf.spec.smp_write import DISTRIBUTIONS, FORMAT

__all__ = ["DIALECT", "SCHEMAS", "record_schema", "schema", "schema_text"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMAS = (
    "experiment", "gate", "graph", "plan", "prices", "result", "rules",
    "smp-test-file", "smp-test", "smp-result", "smp-mesh-config", "smp-environment", "smp-mesh",
)  # fmt: skip
_BUCKETS = {
    "type": "object",
    "description": "HdrHistogram's counters of nanoseconds, three significant digits; only those that are not empty.",
    "properties": {
        "index": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "count": {"type": "array", "items": {"type": "integer", "minimum": 1}},
    },
    "required": ["index", "count"],
}


def schema(name: str) -> dict[str, Any]:
    """The schema of one kind of document, a word of `SCHEMAS`."""
    if name.startswith("smp-"):
        from meshperf.spec.smp_schemas import smp_schema

        return smp_schema(name)
    makers = {
        "experiment": _experiment,
        "gate": _gate,
        "graph": _graph,
        "plan": _plan,
        "prices": _prices,
        "result": _result,
        "rules": _rules,
    }
    return makers[name]()


def schema_text(name: str) -> str:
    """The schema as it is checked in and printed."""
    return json.dumps(schema(name), indent=2, ensure_ascii=False) + "\n"


def record_schema(record: type[Any]) -> dict[str, dict[str, Any]]:
    """The schemas of a frozen record and of all records in it, by name, for a document whose keys are its fields."""
    definitions: dict[str, Any] = {}
    _of_record(record, definitions)
    return definitions


def _experiment() -> dict[str, Any]:
    from meshperf.spec.experiment_model import ExperimentModel

    return {"$schema": DIALECT, **ExperimentModel.model_json_schema(), "title": "meshperf experiment"}


def _gate() -> dict[str, Any]:
    from meshperf.spec.gate_reading import GateModel

    return {"$schema": DIALECT, **GateModel.model_json_schema(), "title": "meshperf gate"}


def _rules() -> dict[str, Any]:
    from meshperf.spec.rules_schema import rules_schema

    return {"$schema": DIALECT, **rules_schema()}


def _graph() -> dict[str, Any]:
    from meshperf.spec.graph_model import GraphModel

    return {"$schema": DIALECT, **GraphModel.model_json_schema(), "title": "meshperf workload graph"}


def _plan() -> dict[str, Any]:
    from meshperf.spec.run_plan import PLAN_KIND, PLAN_VERSION, RunPlan

    definitions: dict[str, Any] = {}
    _of_type(RunPlan, definitions)
    record = definitions.pop("RunPlan")
    return {
        "$schema": DIALECT,
        "title": "meshperf plan",
        "description": "What a pilot planned: `plan.json` of a bundle whose experiment asks for a resolution.",
        "type": "object",
        "properties": {"kind": {"const": PLAN_KIND}, "version": {"const": PLAN_VERSION}, **record["properties"]},
        "required": ["kind", "version", *record["required"]],
        "$defs": dict(sorted(definitions.items())),
    }


def _prices() -> dict[str, Any]:
    from meshperf.spec.prices_reading import PricesModel

    return {"$schema": DIALECT, **PricesModel.model_json_schema(), "title": "meshperf price file"}


def _result() -> dict[str, Any]:
    fields = field_types(RunResult)
    definitions: dict[str, Any] = {}

    def of(name: str) -> dict[str, Any]:
        return _of_type(fields[name], definitions)

    text, number = {"type": "string"}, {"type": "number"}
    counts = {name: {"type": "integer", "minimum": 0} for name in field_types(Counts) if not name.startswith("bytes_")}
    identity = ("experiment_id", "experiment", "arm", "twin", "round", "group", "load_point", "attempt", "measured_s")
    latency = dict.fromkeys(("min", "average", "p50", "p90", "p99", "max"), number)
    percentile = dict.fromkeys(("p", "value_s", "low_s", "high_s"), number)
    distribution = {
        "count": {"type": "integer"},
        "significant_digits": {"const": 3},
        "highest_trackable_s": number,
        "buckets": _BUCKETS,
        "hdr_v2": text,
    }
    properties: dict[str, Any] = {
        "smp_version": text,
        "id": text,
        "labels": {"type": "object", "additionalProperties": text},
        "start_time": of("start_time"),
        "end_time": of("end_time"),
        "latencies_ms": {"type": "object", "properties": latency, "description": "Milliseconds."},
        "actual_qps": {**number, "description": "Successful replies per second of counted time."},
        **dict.fromkeys(("details_uri", "test_id", "mesh_config_id", "env_id"), text),
        "format": {"const": FORMAT},
        "status": {"enum": ["COMPLETED", "ABORTED", "FAILED", "INVALID"]},
        "status_reasons": {"type": "array", "items": text},
        "requests": {"type": "object", "properties": counts, "required": list(counts)},
        "errors": {
            "type": "object",
            "properties": {
                "by_code": of("errors_by_status"),
                "by_reason": of("errors_by_reason"),
                "by_grpc_status": of("errors_by_grpc_status"),
            },
        },
        "requested_qps": {**number, "description": "Offered requests per second; absent in a closed loop."},
        "bytes": {
            "type": "object",
            "properties": {"in": {"type": "integer"}, "out": {"type": "integer"}},
            "required": ["in", "out"],
        },
        "latency_distribution": {"type": "object", "properties": distribution, "required": ["buckets"]},
        "percentiles": {"type": "array", "items": {"type": "object", "properties": percentile}},
        "latency_origin": {"enum": ["INTENDED_SEND", "ACTUAL_SEND"]},
        "latency_end": {"enum": ["FIRST_BYTE", "LAST_BYTE"]},
        "resources": of("resources"),
        "generator_health": of("generator"),
        "connections": of("connections"),
        "repetition": {"type": "integer"},
        **{name: {"type": "object"} for name in ("test", "mesh_config", "environment")},
        **{
            name: of(name)
            for name in ("validity", "design", "slices", "guards", "noise", "claims", "facts", "warnings")
        },
        "run": {"type": "object", "properties": {name: of(name) for name in identity}, "required": list(identity)},
        "control": of("control"),
        **{f"{name}_distribution": _BUCKETS for name in DISTRIBUTIONS},
        "datagrams": of("datagrams"),
        "series": of("series"),
        "kind": of("kind"),
        "figures": {"type": "object", "additionalProperties": number, "description": "Seconds; from the histograms."},
    }
    from meshperf.spec.smp_document import Kind
    from meshperf.spec.smp_messages import table_of
    from meshperf.spec.smp_schemas import properties_of

    properties |= properties_of(table_of(Kind.RESULT), definitions, without=properties)  # of results we do not measure
    required = ["id", "start_time", "end_time", "format", "requests", "bytes", "generator_health"]
    return {
        "$schema": DIALECT,
        "title": "meshperf result",
        "description": "An SMP result in the extended dialect; keys that are not listed here are passed over.",
        "type": "object",
        "properties": properties,
        "required": [*required, "validity", "design", "run"],
        "$defs": dict(sorted(definitions.items())),
    }


def _of_type(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        inner = [one for one in typing.get_args(hint) if one is not type(None)]
        return _of_type(inner[0], definitions) if len(inner) == 1 else {"type": ["string", "number", "boolean"]}
    if origin is tuple:
        each = typing.get_args(hint)[0]
        items = _of_type(each, definitions)
        return {"type": "array", "items": {"anyOf": [items, {"type": "null"}]} if _may_be_null(each) else items}
    if origin is not None:
        return {"type": "object", "additionalProperties": _of_type(typing.get_args(hint)[1], definitions)}
    if hint is Histogram:
        return _BUCKETS
    if hint is datetime:
        return {"type": "string", "format": "date-time"}
    if dataclasses.is_dataclass(hint):
        return _of_record(typing.cast("type[Any]", hint), definitions)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"enum": [str(one.value) for one in hint]}
    return {"type": {str: "string", int: "integer", float: "number", bool: "boolean"}[hint]}


def _may_be_null(hint: Any) -> bool:
    return type(None) in typing.get_args(hint)


def _of_record(record: type[Any], definitions: dict[str, Any]) -> dict[str, Any]:
    name = record.__name__
    if name not in definitions:
        properties = {field: _of_type(hint, definitions) for field, hint in field_types(record).items()}
        required = [
            field.name
            for field in dataclasses.fields(record)
            if field.default is dataclasses.MISSING
            and field.default_factory is dataclasses.MISSING
            and type(None) not in typing.get_args(field_types(record)[field.name])
        ]
        definitions[name] = {"type": "object", "properties": properties, "required": required}
    return {"$ref": f"#/$defs/{name}"}
