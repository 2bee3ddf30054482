"""A prediction in its file, as the verbs read it: `predict --check`, `validate` and `verify`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from meshperf.analysis import Prediction, prediction_from_document
from meshperf.errors import DocumentError
from meshperf.spec.document import Document
from meshperf.spec.reader import read_document

__all__ = ["prediction_in", "prediction_words", "read_prediction"]


def read_prediction(path: Path, digest: str | None = None) -> Prediction:
    """A prediction from its file.

    Args:
        digest: the one that was kept from before measuring; it must be the file's.

    Raises:
        DocumentError: it cannot be read (MP2001, MP2002), or as `prediction_from_document`.
    """
    return prediction_in(read_document(path), digest)


def prediction_in(document: Document, digest: str | None = None) -> Prediction:
    """The prediction that a document is.

    Raises:
        DocumentError: as `prediction_from_document`, with its place.
    """
    if not isinstance(document.data, Mapping):
        raise document.error("MP2201", "this is not a prediction: it is no JSON object")
    try:
        return prediction_from_document(document.data, digest=digest)
    except DocumentError as error:
        raise document.error(error.code, error.message, error.location.pointer, hint=error.hint) from None


def prediction_words(document: Document) -> str:
    """What a prediction is, in words, with its digest.

    Raises:
        DocumentError: as `prediction_in`.
    """
    prediction = prediction_in(document)
    made = prediction.made_at.isoformat(timespec="seconds")
    return f"prediction for the graph `{prediction.graph}`, made at {made}, SHA-256 {document.data['sha256']}"
