"""Find results of other tools by what `meshperf show` was given: an id of the store, or a file of their documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from meshperf.errors import UsageError
from meshperf.spec.smp_imported import is_imported
from meshperf.store import Store

__all__ = ["imported_documents"]

_LARGEST = 256 * 2**20


def imported_documents(reference: str) -> list[dict[str, Any]]:
    """The documents that the reference names; none where it names something else, or nothing.

    Raises:
        UsageError: MP1004, several stored results begin so.
        StorageError: MP5404, the store cannot be opened.
    """
    path = Path(reference)
    if path.exists():
        return _from_file(path) if path.is_file() and path.stat().st_size <= _LARGEST else []
    if "/" in reference or not reference:
        return []
    with Store.open() as store:
        found = store.imported_documents(reference)
        own = [row.experiment_id for row in store.experiments() if row.experiment_id.startswith(reference)]
    if reference in found or reference in own:
        return [found[reference]] if reference in found else []
    if found and len(found) + len(own) > 1:
        named = ", ".join([*own, *found][:5])
        raise UsageError(
            "MP1004",
            f"{len(found) + len(own)} stored results begin with {reference!r}",
            hint=f"write more of it: {named}",
        )
    return list(found.values())


def _from_file(path: Path) -> list[dict[str, Any]]:
    """What is wrong with a file is told by the reader of our own results, which looks at it next."""
    with path.open("rb") as file:
        if file.read(256).lstrip()[:1] not in (b"{", b"["):
            return []
    try:
        data = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return []
    documents = data if isinstance(data, list) else [data]
    return documents if documents and all(is_imported(one) for one in documents) else []
