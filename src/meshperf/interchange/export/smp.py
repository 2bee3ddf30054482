"""SMP result documents in every dialect; `extended` is all of a result as meshperf keeps it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from meshperf.interchange.export.form import ExportForm, Writer
from meshperf.interchange.export.outgoing import Outgoing
from meshperf.spec.smp_document import Dialect, Kind, SmpDocument
from meshperf.spec.smp_imported import imported_to_document
from meshperf.spec.smp_write import result_to_document
from meshperf.spec.smp_writing import lost_paths, write_smp

__all__ = ["WRITERS"]

_TITLES = {
    Dialect.EXTENDED: "SMP result documents with all of our extensions",
    Dialect.STRICT: "SMP, only the standard's fields; everything else as JSON text in a label",
    Dialect.SMP_GO: "SMP as Go's plain JSON reader takes it",
    Dialect.PROTOJSON: "SMP as protobuf's JSON reader takes it",
    Dialect.PROTOBUF: "SMP as one binary protobuf message, one result a file",
    Dialect.PROTOBUF_DELIMITED: "SMP as binary protobuf messages, each with its length before it",
}
_COMPACT: Mapping[str, Any] = {"ensure_ascii": False, "allow_nan": False, "separators": (",", ":")}
_BINARY = (Dialect.PROTOBUF, Dialect.PROTOBUF_DELIMITED)


def _document(result: Outgoing) -> SmpDocument:
    data = imported_to_document(result.whole) if result.run is None else result_to_document(result.run)
    return SmpDocument(kind=Kind.RESULT, data=data)


class _Smp:
    def __init__(self, dialect: Dialect) -> None:
        binary = dialect in _BINARY
        self._dialect = dialect
        self.form = ExportForm(
            name=dialect.value,
            title=_TITLES[dialect],
            suffix=".pb" if binary else ".json",
            one_a_file=dialect is not Dialect.PROTOBUF_DELIMITED,
            binary=binary,
        )

    def lacks(self, result: Outgoing) -> str | None:
        return None

    def lost(self, results: Sequence[Outgoing]) -> tuple[str, ...]:
        paths = (path for result in results for path in lost_paths(_document(result), self._dialect))
        return tuple(dict.fromkeys(paths))

    def write(self, results: Sequence[Outgoing], *, lossy: bool = False) -> bytes:
        documents = [_document(result) for result in results]
        if self._dialect is not Dialect.EXTENDED:
            return write_smp(documents, self._dialect, lossy=lossy)
        # on one line, as meshperf keeps its results: a line for each counter of each slice is four times as much
        plain = [document.data for document in documents]
        return json.dumps(plain[0] if len(plain) == 1 else plain, **_COMPACT).encode("utf-8", "replace") + b"\n"


WRITERS: tuple[Writer, ...] = tuple(_Smp(dialect) for dialect in _TITLES)
