"""JSON Schema (2020-12) of a prediction, from the record that is written."""

from __future__ import annotations

import json
from typing import Any

from meshperf.analysis.prediction import Prediction
from meshperf.analysis.prediction_document import KIND, VERSION
from meshperf.spec.schemas import DIALECT, record_schema

__all__ = ["prediction_schema", "prediction_schema_text"]

_UNKNOWN_IS_NULL = ("value", "low", "high")


def prediction_schema() -> dict[str, Any]:
    """The schema; what an older prediction does not have is not required."""
    records = record_schema(Prediction)
    estimate = records["Estimate"]["properties"]
    records["Estimate"]["properties"] = {
        **estimate,
        **{name: {"type": ["number", "null"]} for name in _UNKNOWN_IS_NULL},
    }
    body = records.pop("Prediction")
    own = {"kind": {"const": KIND}, "version": {"const": VERSION}}
    digest = {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "Of the document without this key."}
    return {
        "$schema": DIALECT,
        "title": "meshperf prediction",
        "type": "object",
        "properties": {**own, **body["properties"], "sha256": digest},
        "required": [*own, *body["required"], "source", "sha256"],
        "$defs": dict(sorted(records.items())),
    }


def prediction_schema_text() -> str:
    """The schema as it is checked in and printed."""
    return json.dumps(prediction_schema(), indent=2, ensure_ascii=False) + "\n"
