"""SMP result documents in the extended dialect: all of a result, as one object or a list of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from meshperf.interchange.export.form import ExportForm, Writer
from meshperf.interchange.export.outgoing import Outgoing
from meshperf.interchange.export.parts import EVERYTHING
from meshperf.spec.smp_imported import imported_to_document
from meshperf.spec.smp_write import result_to_document

__all__ = ["WRITERS", "extended"]


def extended(result: Outgoing) -> dict[str, Any]:
    """The SMP document of a result in the extended dialect."""
    return imported_to_document(result.whole) if result.run is None else result_to_document(result.run)


class _Extended:
    form = ExportForm(
        name="smp", title="SMP result documents, extended dialect", suffix=".json", carries=EVERYTHING, one_a_file=True
    )

    def lacks(self, result: Outgoing) -> str | None:
        return None

    def write(self, results: Sequence[Outgoing]) -> bytes:
        documents = [extended(result) for result in results]
        shown: Any = documents[0] if len(documents) == 1 else documents
        return (json.dumps(shown, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n").encode()


WRITERS: tuple[Writer, ...] = (_Extended(),)
