"""Where the command line writes: data to stdout, everything else to stderr; and where it keeps its own state."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import platformdirs
from rich.console import Console

__all__ = ["consoles", "page", "state_dir"]

_PIPED_WIDTH = 120


def consoles() -> tuple[Console, Console]:
    """Consoles for data (stdout) and for telling (stderr). NO_COLOR is honoured.

    Data in a pipe gets a fixed width. What is told keeps each line whole: a log has no width, and a terminal breaks
    lines itself without putting line ends into a path that is to be copied.
    """
    width = None if sys.stdout.isatty() else _PIPED_WIDTH
    return Console(width=width, highlight=False), Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def page() -> Iterator[Console]:
    """A console for data whose text is written to stdout at once when the block has ended; an error writes none."""
    to_show, _ = consoles()
    with to_show.capture() as captured:
        yield to_show
    click.echo(captured.get(), nl=False)


def state_dir() -> Path:
    """Folder in which running experiments note their processes, for the sweep at the next start."""
    named = os.environ.get("MESHPERF_STATE")
    return Path(named) if named else Path(platformdirs.user_state_dir("meshperf"))
