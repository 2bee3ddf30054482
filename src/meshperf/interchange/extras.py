"""What a source says beyond the fields of a record: kept as it was, without what must not be shown."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from meshperf.spec.redaction import WITHHELD, is_secret_header, shown_url

__all__ = ["rest_of", "shown_label"]

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_QUERY = re.compile(r"\?\S*")
_CREDENTIALS = frozenset({"usercredentials", "credentials", "cookies"})


def rest_of(data: Mapping[str, Any], taken: Collection[str]) -> dict[str, Any]:
    """The keys of `data` that are not in `taken` and not empty; credentials and queries of URLs are withheld."""
    return {key: _shown(key, value) for key, value in data.items() if key not in taken and not _empty(value)}


def shown_label(text: str) -> str:
    """A name that a tool made of a URL, without what may be a query or credentials."""
    return _QUERY.sub("", _URL.sub(lambda found: shown_url(found[0]), text)).strip()


def _empty(value: Any) -> bool:
    return value is None or value == "" or value == [] or value == {}


def _shown(key: str, value: Any) -> Any:
    word = key.lower()
    if (word in _CREDENTIALS or is_secret_header(word)) and not _empty(value):
        return WITHHELD
    if isinstance(value, dict):
        return {str(name): _shown(str(name), item) for name, item in value.items()}
    if isinstance(value, list):
        return [_shown(key, item) for item in value]
    if isinstance(value, str):
        return _URL.sub(lambda found: shown_url(found[0]), value)
    return value
