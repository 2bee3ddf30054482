"""Pydantic's findings as our errors: code, message, line and column, and the nearest known key for an unknown one."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from meshperf.errors import CODES, DocumentError
from meshperf.spec.document import Document, pointer_of
from meshperf.spec.quantities import nearest

__all__ = ["problems_of"]

_FORMS = {
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "list_type": "a list",
    "string_type": "text",
}


def problems_of(error: ValidationError, document: Document, model: type[BaseModel]) -> list[DocumentError]:
    """Every finding of one validation; `model` is the document's root model."""
    return [_problem(finding, document, model) for finding in error.errors(include_url=False, include_input=False)]


def _problem(finding: Mapping[str, Any], document: Document, model: type[BaseModel]) -> DocumentError:
    keys = list(finding["loc"])
    about_key = bool(keys) and keys[-1] == "[key]"
    if about_key:
        keys.pop()
    pointer, kind = pointer_of(keys), str(finding["type"])
    if kind == "extra_forbidden":
        name, known = str(keys[-1]), _known_keys(model, keys[:-1])
        close = nearest(name, known)
        hint = f"did you mean `{close}`?" if close else f"known keys here: {', '.join(known)}"
        return document.error("MP2101", f"unknown key `{name}`", pointer, hint=hint, key=True)
    if kind == "missing":
        return document.error("MP2102", f"the key `{keys[-1]}` is missing", pointer)
    context = finding.get("ctx", {})
    if kind in CODES:
        return document.error(kind, str(context["message"]), pointer, hint=context.get("hint"), key=about_key)
    if kind in ("too_short", "too_long"):
        bound = "at least" if kind == "too_short" else "at most"
        limit = context["min_length"] if kind == "too_short" else context["max_length"]
        message = f"`{keys[-1]}` must hold {bound} {limit}, found {context['actual_length']}"
        return document.error("MP2103", message, pointer)
    wanted = _FORMS.get(kind)
    what = f"`{keys[-1]}`" if keys else "the document"
    message = f"{what} must be {wanted}" if wanted else f"{what}: {finding['msg']}"
    return document.error("MP2104", message, pointer)


def _known_keys(model: type[BaseModel], keys: Sequence[str | int]) -> list[str]:
    """Keys of the model that stands at the place `keys` of a document of `model`."""
    here: Any = model
    for key in keys:
        if isinstance(here, type) and issubclass(here, BaseModel):
            here = _inner(here.model_fields[str(key)].annotation)
        else:
            here = _inner(typing.get_args(here)[-1])
    return list(here.model_fields) if isinstance(here, type) and issubclass(here, BaseModel) else []


def _inner(annotation: Any) -> Any:
    """An annotation without `| None`."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return next(part for part in typing.get_args(annotation) if part is not type(None))
    return annotation
