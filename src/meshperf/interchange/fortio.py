"""fortio's JSON: one run, a list of them, or several one after another; HTTP, gRPC, TCP and UDP."""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshperf.interchange.documents import numbered, read_json
from meshperf.interchange.format import Form, Incoming, Reader
from meshperf.interchange.fortio_run import run_of
from meshperf.interchange.json_value import Value
from meshperf.interchange.sniffing import keys_at
from meshperf.interchange.text import head_text
from meshperf.spec.document import Document
from meshperf.spec.imported import Imported, Source

__all__ = ["READERS", "is_run", "runs_in"]

_RUN_KEYS = frozenset(
    {"RunType", "RequestedQPS", "RequestedDuration", "ActualQPS", "ActualDuration", "NumThreads", "RetCodes"}
)
"""Keys of a run that tell fortio's form from others, beside `DurationHistogram`."""

_ENOUGH = 3
_TEXT_COUNT = re.compile(r'"Count"\s*:\s*"\d')


def is_run(keys: frozenset[str]) -> bool:
    """Whether keys are those of a run: its type, or enough of the others where a writer left that out."""
    return "DurationHistogram" in keys and ("RunType" in keys or len(keys & _RUN_KEYS) >= _ENOUGH)


def runs_in(documents: list[Document], *, key: str) -> Iterator[tuple[Value, str | None]]:
    """Every run in the documents, lists unrolled, with its number where there is more than one.

    Raises:
        DocumentError: MP2403, a mapping without `key`: it is of another tool.
    """
    roots = [Value(document, document.data) for document in documents]
    found = [one for root in roots for one in (root.each() if isinstance(root.data, list) else [root])]
    for number, one in enumerate(found, start=1):
        if not isinstance(one.data, dict) or key not in one.data:
            raise one.document.error(
                "MP2402" if len(found) == 1 else "MP2403", f"this is not a result: it has no `{key}`", one.pointer
            )
        yield one, numbered(number, len(found))


class _Fortio:
    form = Form(
        name="fortio",
        tool="fortio",
        title="fortio JSON (HTTP, gRPC, TCP, UDP)",
        latency_unit="s",
        latency_origin="actual",
        loop="closed; with a rate, a closed loop that tries to keep it",
        errors="known by code: HTTP other than 2xx and 418, gRPC other than SERVING, TCP and UDP other than OK; "
        "-1 is a socket error. Failures are in the same histogram",
        resolution="the bucket of the quantile, as listed; fortio interpolates inside of it",
    )

    def looks_like(self, incoming: Incoming) -> float:
        return 0.95 if is_run(keys_at(incoming)) and not _TEXT_COUNT.search(head_text(incoming)) else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        for run, place in runs_in(list(read_json(incoming)), key="DurationHistogram"):
            version = run.get("Version")
            source = Source(
                tool="fortio",
                form="json",
                tool_version=version.text() if version is not None else None,
                place=place,
            )
            yield run_of(run, source)


READERS: tuple[Reader, ...] = (_Fortio(),)
