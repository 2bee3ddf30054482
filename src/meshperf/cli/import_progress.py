"""How far an import is, on stderr and only on a terminal: by bytes of a long file, by number of many files."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import BinaryIO, Self, cast

from meshperf.interchange.format import Incoming

__all__ = ["ImportProgress"]

_EVERY_S = 0.5
_FIRST_S = 1.0
"""Nothing is said of what takes less."""
_PASSES = 2
"""A file is read for its digest, then for its results."""


class ImportProgress:
    """One line that is rewritten; none where stderr is no terminal."""

    def __init__(self, files: int) -> None:
        self._files = files
        self._finished = 0
        self._shown = False
        self._terminal = sys.stderr.isatty()
        self._last = time.monotonic() + _FIRST_S - _EVERY_S

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pause()

    def watch(self, incoming: Incoming) -> Incoming:
        """The same file, telling how much of it was read."""
        if not self._terminal:
            return incoming
        read = 0

        def told(count: int) -> None:
            nonlocal read
            read += count
            self._tell(incoming, read)

        def stream() -> BinaryIO:
            return cast(BinaryIO, io.BufferedReader(_Counted(incoming.stream(), told), buffer_size=1 << 18))

        return replace(incoming, stream=stream)

    def done(self) -> None:
        """One more file was read, or refused."""
        self._finished += 1

    def pause(self) -> None:
        """Take the line away."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False

    def _tell(self, incoming: Incoming, read: int) -> None:
        now = time.monotonic()
        if now - self._last < _EVERY_S:
            return
        self._last = now
        name = incoming.path.name if incoming.path is not None else "standard input"
        shown = "".join(char if char.isprintable() else "?" for char in name)[:60]
        part = f"{read / 1e6:.0f} MB"
        if incoming.size:
            part = f"{min(100 * read / (_PASSES * incoming.size), 100):.0f} % of {incoming.size / 1e6:.0f} MB"
        sys.stderr.write(f"\r\x1b[Kfile {self._finished + 1} of {self._files} · {shown} · {part}")
        sys.stderr.flush()
        self._shown = True


class _Counted(io.RawIOBase):
    """A stream that says how much of it was read."""

    def __init__(self, inner: BinaryIO, told: Callable[[int], None]) -> None:
        super().__init__()
        self._inner = inner
        self._told = told

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        piece = self._inner.read(len(view))
        view[: len(piece)] = piece
        self._told(len(piece))
        return len(piece)

    def close(self) -> None:
        self._inner.close()
        super().close()
