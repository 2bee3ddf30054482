"""What the beginning of a JSON or YAML file shows of its keys, without parsing it whole: for detection only."""

from __future__ import annotations

import re

from meshperf.interchange.format import Incoming
from meshperf.interchange.text import head_text

__all__ = ["keys_at"]

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*+)(?:"|\\?\Z)(\s*+:)?|([\[{])|([\]}])', re.DOTALL)
_YAML_KEY = re.compile(r"^(?:- )?([A-Za-z_][\w.-]*):(?: |$)", re.MULTILINE)


def keys_at(incoming: Incoming, *, depth: int = 1) -> frozenset[str]:
    """Keys of the mappings that lie inside at most `depth` mappings; lists do not count.

    Of YAML only the keys without indentation are seen, whatever the depth.
    """
    text = head_text(incoming).lstrip()
    if not text.startswith(("{", "[")):
        return frozenset(_YAML_KEY.findall(text)) if "\x00" not in text else frozenset()
    keys: set[str] = set()
    open_: list[str] = []
    inside = 0
    for found in _TOKEN.finditer(text):
        key, colon, begin, end = found.groups()
        if begin:
            open_.append(begin)
            inside += begin == "{"
        elif end:
            if open_ and open_.pop() == "{":
                inside -= 1
        elif colon and inside <= depth and len(key) <= 200:
            keys.add(key)
    return frozenset(keys)
