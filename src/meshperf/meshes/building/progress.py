"""What a build is doing, for whoever watches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Note", "Progress"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One moment of a build. Comes once a second, and with every line of the Go command."""

    program: str
    stage: str
    """`fetch` the module, or `build` the program."""
    doing: str
    """The last line of the Go command: a package it compiled, a module it fetches."""
    packages: int
    """Compiled so far; what the Go build cache held is not counted."""
    elapsed_s: float
    """Since this stage was begun."""


Note = Callable[[Progress], None]
