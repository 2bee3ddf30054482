"""A prediction as a document with its digest, so that it can be shown that nobody touched it after measuring.

The digest is the SHA-256 of the document without it, as JSON with sorted keys and no blanks. Whoever keeps the digest
(a commit, a mail, a printed line) before measuring can hold the document to it afterwards.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from meshperf.analysis.documents import plain
from meshperf.analysis.prediction import ForetoldMetric, Prediction
from meshperf.analysis.records import Estimate
from meshperf.errors import DocumentError, Location
from meshperf.spec.records import FactValue
from meshperf.units import Unit

__all__ = [
    "KIND",
    "VERSION",
    "is_prediction",
    "prediction_digest",
    "prediction_from_document",
    "prediction_to_document",
]

KIND, VERSION = "meshperf-prediction", 1


def is_prediction(data: object) -> bool:
    """Whether a document says that it is a prediction, of whatever version."""
    return isinstance(data, Mapping) and data.get("kind") == KIND


def prediction_to_document(prediction: Prediction) -> dict[str, Any]:
    """The document, its digest included under `sha256`."""
    body = {"kind": KIND, "version": VERSION, **plain(prediction), "made_at": prediction.made_at.isoformat()}
    return {**body, "sha256": prediction_digest(body)}


def prediction_digest(document: Mapping[str, Any]) -> str:
    """SHA-256 of everything in it but the digest itself, hexadecimal."""
    body = {key: value for key, value in document.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()).hexdigest()


def prediction_from_document(document: Mapping[str, Any], *, digest: str | None = None) -> Prediction:
    """Read what `prediction_to_document` wrote; without what came later, where it is older.

    Args:
        digest: the one that was kept from before the measurement; it must be the document's.

    Raises:
        DocumentError: another kind or version (MP2201), a key that is missing (MP2102) or has another form (MP2104), or
            a document that is not the one of its digest (MP2301).
    """
    if document.get("kind") != KIND or document.get("version") != VERSION:
        message = f"this is not a {KIND} document of version {VERSION}"
        raise DocumentError("MP2201", message, location=Location(pointer="/kind"))
    found = prediction_digest(document)
    if found not in (document.get("sha256"),) or (digest is not None and digest != found):
        raise DocumentError(
            "MP2301",
            f"the prediction does not match its digest: its contents have {found}",
            location=Location(pointer="/sha256"),
            hint="it was changed after it was written; take it from where the digest was kept",
        )
    try:
        return Prediction(
            graph=str(document["graph"]),
            graph_digest=str(document["graph_digest"]),
            steps=tuple(map(str, document["steps"])),
            path=tuple(map(str, document["path"])),
            metrics=tuple(_metric(one) for one in document["metrics"]),
            made_at=datetime.fromisoformat(document["made_at"]),
            source=str(document["source"]),
            settings={str(key): str(value) for key, value in document.get("settings", {}).items()},
            sidecars=int(document.get("sidecars", 0)),
            conditions={str(key): _fact(value) for key, value in document.get("conditions", {}).items()},
        )
    except KeyError as error:
        raise DocumentError("MP2102", f"a key is missing: {error}", location=Location(pointer="/")) from error
    except (AttributeError, TypeError, ValueError) as error:
        message = f"a value has another form than expected: {error}"
        raise DocumentError("MP2104", message, location=Location(pointer="/")) from error


def _fact(value: object) -> FactValue:
    if value is None or isinstance(value, str | int | float):
        return value
    raise ValueError(f"a condition is a text, a number or true and false, not {value!r}")


def _metric(of: Mapping[str, Any]) -> ForetoldMetric:
    return ForetoldMetric(
        metric=str(of["metric"]),
        unit=Unit(of["unit"]),
        hops=float(of["hops"]),
        price=_estimate(of["price"]),
        added=_estimate(of["added"]),
    )


def _estimate(of: Mapping[str, Any]) -> Estimate:
    value, low, high = (math.nan if of[key] is None else float(of[key]) for key in ("value", "low", "high"))
    return Estimate(
        value=value,
        low=low,
        high=high,
        confidence=float(of["confidence"]),
        n=int(of["n"]),
        unit=Unit(of["unit"]),
        method=str(of["method"]),
    )
