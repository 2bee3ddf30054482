"""An SMP document in one neutral form, whatever dialect and generation it was read from.

`data` is plain JSON data in the extended dialect: snake_case names, enums by name, times as RFC 3339 text in UTC, our
extensions and foreign keys in place. What is absent is absent; a zero that was written is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from meshperf.spec.imported import NoteKind

__all__ = ["Dialect", "Generation", "Kind", "SmpDocument", "SmpNote"]


class Dialect(StrEnum):
    """How a document is written."""

    SMP_GO = "smp-go"
    """snake_case, enums and 64-bit integers as numbers, times as `{seconds, nanos}`: for Go's plain JSON reader."""
    PROTOJSON = "protojson"
    """protobuf's own JSON: camelCase, enum names, 64-bit integers as text, zeros left out."""
    PROTOBUF = "protobuf"
    """One binary message."""
    PROTOBUF_DELIMITED = "protobuf-delimited"
    """Binary messages one after another, each with its length before it."""
    EXTENDED = "extended"
    """Our own: all extensions in place."""
    STRICT = "strict"
    """Only the standard's fields; everything else as JSON text in one label."""


class Kind(StrEnum):
    """What a document is: one of SMP's messages, or the test file that holds two of them."""

    TEST_FILE = "test-file"
    """The envelope of `test` (PerformanceTestConfig) and `mesh` (ServiceMesh)."""
    TEST = "PerformanceTestConfig"
    RESULT = "PerformanceTestResult"
    MESH_CONFIG = "ServiceMeshConfig"
    ENVIRONMENT = "EnvironmentConfig"
    MESH = "ServiceMesh"


class Generation(StrEnum):
    """Which of the standard's ages a document's names are from."""

    G0 = "G0"
    """One flat document, spring 2020."""
    G1 = "G1"
    """Four documents under their first names, until September 2020."""
    G2 = "G2"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmpNote:
    """What a reader of a document must know; `pointer` is the place in the file as it was read."""

    kind: NoteKind
    text: str
    pointer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmpDocument:
    """One document; see the module for the form of `data`."""

    kind: Kind
    data: dict[str, Any]
    dialect: Dialect = Dialect.EXTENDED
    """What it was read from."""
    generation: Generation = Generation.G2
    notes: tuple[SmpNote, ...] = ()
