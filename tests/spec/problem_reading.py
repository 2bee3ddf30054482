"""What the fixture `problems` is: a text in, every problem of it as an experiment file out."""

from __future__ import annotations

from collections.abc import Callable

from meshperf.errors import DocumentError

__all__ = ["Problems"]

Problems = Callable[[str], list[DocumentError]]
