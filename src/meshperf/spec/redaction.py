"""What must not be shown of a request: secrets in its headers and in its URL.

What it decides: the values of headers that carry credentials, all cookies, and the query and user info of every URL are
secret. A result, a report, a log line and the store show `withheld` in their place; only the user's own file, kept in
the bundle to repeat the run, has them.
Why by position and not by search: a value found by its place in the document is masked however it was quoted, folded or
aliased. Copies of it elsewhere, a comment for instance, are then searched for as text.
What it does not look into: request bodies, and the bootstrap templates that an arm brings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

__all__ = ["WITHHELD", "is_secret_header", "shown_path", "shown_text", "shown_url"]

WITHHELD = "withheld"

_UNREADABLE = "withheld: this text could not be searched for secrets\n"
_NAMES = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key"})
_PARTS = ("token", "secret", "password")
_USER_INFO = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://|//)?[^/]*@")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_COMMENT = re.compile(
    r"(?im)(^|(?<=\s))#.*(authorization|cookie|x-api-key|token|secret|password)[^:=\n]*[:=].*$|(^|(?<=\s))#.*://.*[?@].*$"
)
_HEADER_LISTS = ("header_list", "headerlist")
_HEADERS = ("headers", "metadata", *_HEADER_LISTS)
_SHORTEST_COPY = 4
"""A shorter value is masked in its place, but copies are not searched for: every text has an `a` or a `10`."""


def is_secret_header(name: str) -> bool:
    """Whether the values of a request header are credentials."""
    word = name.strip().lower()
    return word in _NAMES or any(part in word for part in _PARTS)


def shown_url(url: str) -> str:
    """A URL as it may be shown: scheme, host, port and path; no user info, query or fragment."""
    return _USER_INFO.sub(lambda found: found[1] or "", re.split(r"[?#]", url, maxsplit=1)[0])


def shown_path(path: str) -> str:
    """A request's path as it may be shown; that there was a query is told."""
    bare, mark, _ = path.partition("?")
    return f"{bare}?{WITHHELD}" if mark else bare


def shown_text(text: str) -> str:
    """An experiment or SMP test file as it may be shown.

    Layout, comments and everything that is no secret stay as they were. A text that is not YAML is withheld whole.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except (YAMLError, RecursionError, ValueError):
        return _UNREADABLE
    masks: dict[int, tuple[int, str, str]] = {}
    for node, shown in _masked(root, under=""):
        begin, end = node.start_mark.index, node.end_mark.index
        end = begin + len(text[begin:end].rstrip())
        quoted = text[begin : begin + 1] in ("'", '"')
        masks[begin] = (end, f'"{shown}"' if quoted else shown, str(node.value))
    copies = {hidden for _, _, hidden in masks.values()}
    for begin, (end, shown, _) in sorted(masks.items(), reverse=True):
        text = text[:begin] + shown + text[end:]
    for hidden in sorted(_searchable(copies), key=len, reverse=True):
        text = text.replace(hidden, WITHHELD)
    return _COMMENT.sub(f"# {WITHHELD}", text)


def _masked(node: Any, *, under: str) -> Iterator[tuple[Any, str]]:
    """Scalar nodes that must be masked, each with what is shown instead. `under`: the nearest key above, lowered."""
    from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

    if isinstance(node, MappingNode):
        listed = _named(node) if under in _HEADER_LISTS else ""
        for key, value in node.value:
            name = str(key.value).strip().lower() if isinstance(key, ScalarNode) else ""
            of_header = listed if name == "value" else "" if listed else name
            if under == "cookies" or (under in _HEADERS and is_secret_header(of_header)):
                name = WITHHELD
            yield from _masked(value, under=name)
    elif isinstance(node, SequenceNode):
        for value in node.value:
            yield from _masked(value, under=under)
    elif isinstance(node, ScalarNode):
        text = str(node.value)
        if under == WITHHELD:
            yield node, WITHHELD
        elif under == "path" and "?" in text:
            yield node, shown_path(text)
        elif _URL.match(text.strip()) and shown_url(text) != text:
            yield node, shown_url(text.strip()) + (f"?{WITHHELD}" if "?" in text else "")


def _named(header: Any) -> str:
    """The name in an item of a list of headers."""
    names = (value.value for key, value in header.value if str(key.value).strip().lower() == "name")
    return str(next(names, ""))


def _searchable(values: set[str]) -> Iterator[str]:
    """Texts whose copies are masked too: each value whole, its words (`Bearer …`), and the query of a URL."""
    for value in values:
        parts = [value, *value.split()[1:]]
        if "?" in value:
            parts.append(value.partition("?")[2])
        found = re.search(r"://([^/@]*)@", value)
        if found:
            parts.append(found[1])
        yield from (part for part in parts if len(part) >= _SHORTEST_COPY)
