"""YAML 1.2 to plain data with the position of every value, safe on hostile input.

Why not a loader: loaders build objects, turn timestamps into dates (which breaks SMP's JSON form), read `on` as true or
lose the position of keys. This reads the parser's events in one loop, so nothing recurses and every bound is ours.

What it refuses: duplicate keys, more than one document, aliases that refer to themselves or blow up the document,
nesting below `MAX_DEPTH`, keys that are not plain text, and tags other than the core schema's.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from meshperf.errors import DocumentError, Location
from meshperf.spec.document import LimitExceeded, Mark, escape, raise_all

__all__ = ["MAX_DEPTH", "MAX_VALUES", "parse_yaml"]

MAX_DEPTH = 64
MAX_VALUES = 200_000
"""Values of a document, each alias counted with all it stands for."""

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]{1,300}|0o[0-7]{1,300}|0x[0-9a-fA-F]{1,300}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_CORE = "tag:yaml.org,2002:"
_TEXT_TAGS = frozenset({_CORE + "str", _CORE + "timestamp", "!"})
_PLAIN_TAGS = frozenset({_CORE + name for name in ("null", "bool", "int", "float", "seq", "map")})


@dataclass(slots=True, kw_only=True)
class _Node:
    """A finished value: how many values it stands for, and its text if it is a scalar."""

    value: Any
    size: int
    text: str | None = None


@dataclass(slots=True, kw_only=True)
class _Frame:
    """A mapping or sequence that is still open."""

    value: dict[str, Any] | list[Any]
    pointer: str
    line: int
    column: int
    anchor: str | None
    size: int = 1
    key: str | None = None
    key_at: tuple[int, int] = (0, 0)
    places: dict[str, int] = field(default_factory=dict)
    """Line on which each key of a mapping was given."""


def parse_yaml(text: str, path: Path | None) -> tuple[Any, dict[str, Mark]]:
    """Read one YAML 1.2 document: plain data, and the marks of its values by JSON pointer.

    Raises:
        DocumentError: MP2002 with its position, or MP2003 for each key given twice.
    """
    tree = _Tree(path)
    try:
        for event in _events(text):
            tree.take(event)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(part for part in (error.context, error.problem) if part)
        place = Location(path=path, line=mark.line + 1, column=mark.column + 1) if mark else Location(path=path)
        hint = "indent with spaces" if "'\\t'" in what else None
        raise DocumentError("MP2002", f"not valid YAML: {what}", location=place, hint=hint) from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - (text.rfind("\n", 0, error.position) + 1) + 1
        message = f"not valid YAML: the character U+{ord(text[error.position]):04X} is not allowed in text"
        raise DocumentError("MP2002", message, location=Location(path=path, line=line, column=column)) from None
    except YAMLError as error:
        raise DocumentError("MP2002", f"not valid YAML: {error}", location=Location(path=path)) from None
    raise_all(tree.problems)
    return tree.root, tree.marks


def _events(text: str) -> Iterator[Event]:
    yield from YAML(typ="safe", pure=True).parse(io.StringIO(text))


class _Tree:
    """Builds the data from parser events."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.root: Any = None
        self.marks: dict[str, Mark] = {}
        self.problems: list[DocumentError] = []
        self.documents = 0
        self.open: list[_Frame] = []
        self.anchors: dict[str, _Node | None] = {}

    def take(self, event: Event) -> None:
        if isinstance(event, DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise self.refuse("more than one YAML document in the file", event)
        elif isinstance(event, ScalarEvent):
            self.add(_Node(value=self.scalar(event), size=1, text=event.value), event.anchor, *_place(event))
        elif isinstance(event, AliasEvent):
            self.alias(event)
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            self.begin(event)
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            frame = self.open.pop()
            self.add(_Node(value=frame.value, size=frame.size), frame.anchor, frame.line, frame.column)

    def begin(self, event: MappingStartEvent | SequenceStartEvent) -> None:
        if len(self.open) >= MAX_DEPTH:
            line, column = _place(event)
            place = Location(path=self.path, line=line, column=column, pointer=self.next_pointer())
            raise LimitExceeded("MP2002", f"nested deeper than {MAX_DEPTH} levels", location=place)
        if self.awaits_key():
            raise self.refuse("a key must be plain text, not a list or mapping", event)
        if event.tag is not None and str(event.tag) not in _PLAIN_TAGS | {"!"}:
            raise self.refuse(f"the tag {event.tag} is not supported", event)
        line, column = _place(event)
        value: dict[str, Any] | list[Any] = {} if isinstance(event, MappingStartEvent) else []
        frame = _Frame(value=value, pointer=self.next_pointer(), line=line, column=column, anchor=event.anchor)
        if event.anchor is not None:
            self.anchors[event.anchor] = None  # in the making: an alias to it from inside would never end
        self.open.append(frame)

    def alias(self, event: AliasEvent) -> None:
        node = self.anchors.get(event.anchor, False)
        if node is False:
            raise self.refuse(f"the alias *{event.anchor} has no anchor before it", event)
        if node is None:
            raise self.refuse(f"the alias *{event.anchor} contains itself", event)
        assert isinstance(node, _Node)
        self.add(node, None, *_place(event))

    def add(self, node: _Node, anchor: str | None, line: int, column: int) -> None:
        """Put a finished value where it belongs: as key, in the open mapping or sequence, or as the root."""
        if anchor is not None:
            self.anchors[anchor] = node
        if self.awaits_key():
            self.take_key(node, line, column)
            return
        pointer = self.next_pointer()
        frame = self.open[-1] if self.open else None
        key_line, key_column = frame.key_at if frame is not None and frame.key is not None else (None, None)
        self.marks[pointer] = Mark(line=line, column=column, key_line=key_line, key_column=key_column, text=node.text)
        if frame is None:
            self.root = node.value
            return
        frame.size += node.size
        if frame.size > MAX_VALUES:
            place = Location(path=self.path, line=line, column=column, pointer=pointer)
            raise LimitExceeded("MP2002", f"more than {MAX_VALUES} values, aliases expanded", location=place)
        if isinstance(frame.value, list):
            frame.value.append(node.value)
        elif frame.key is not None:
            frame.value[frame.key] = node.value
            frame.key = None

    def take_key(self, node: _Node, line: int, column: int) -> None:
        frame = self.open[-1]
        if node.text is None:
            place = Location(path=self.path, line=line, column=column, pointer=frame.pointer)
            raise DocumentError("MP2002", "a key must be plain text, not a list or mapping", location=place)
        first = frame.places.setdefault(node.text, line)
        frame.key, frame.key_at = node.text, (line, column)
        if node.text in frame.value:
            place = Location(path=self.path, line=line, column=column, pointer=self.next_pointer())
            message = f"the key `{node.text}` is given twice"
            self.problems.append(
                DocumentError("MP2003", message, location=place, hint=f"it is given first on line {first}; keep one")
            )

    def awaits_key(self) -> bool:
        return bool(self.open) and isinstance(self.open[-1].value, dict) and self.open[-1].key is None

    def next_pointer(self) -> str:
        if not self.open:
            return ""
        frame = self.open[-1]
        return f"{frame.pointer}/{len(frame.value) if isinstance(frame.value, list) else escape(frame.key or '')}"

    def scalar(self, event: ScalarEvent) -> Any:
        tag = None if event.tag is None else str(event.tag)
        if tag in _TEXT_TAGS or (tag is None and not event.implicit[0]):
            return event.value
        if tag is not None and tag not in _PLAIN_TAGS:
            raise self.refuse(f"the tag {tag} is not supported", event)
        return resolve(event.value)

    def refuse(self, message: str, event: Event) -> DocumentError:
        line, column = _place(event)
        place = Location(path=self.path, line=line, column=column, pointer=self.next_pointer())
        return DocumentError("MP2002", message, location=place)


def resolve(text: str) -> Any:
    """The value of a plain scalar by the core schema of YAML 1.2; timestamps and all else stay text."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", "", 1))
    return text


def _place(event: Event) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1
