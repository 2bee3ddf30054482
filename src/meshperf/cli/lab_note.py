"""What a lab says of itself in a file of its scratch folder, so that another command can show and end it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from meshperf.environments.site_state import SiteState

__all__ = ["read_note", "write_note"]

_NAME = "lab.json"


def write_note(folder: Path, document: Mapping[str, Any]) -> None:
    """Write the note of the lab that works in `folder`; a reader finds the old or the new one."""
    beside = folder / f".{_NAME}"
    beside.write_text(json.dumps({**document, "pid": os.getpid()}))
    beside.replace(folder / _NAME)


def read_note(state: SiteState) -> dict[str, Any] | None:
    """The note of a site; None: it is no lab, but a round of an experiment."""
    try:
        note = json.loads((Path(state.scratch) / _NAME).read_text())
    except (OSError, ValueError):
        return None
    return note if isinstance(note, dict) and note.get("pid") == state.owner[0] else None
