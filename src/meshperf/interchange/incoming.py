"""A file, or standard input, as something that can be looked at and then read from its start, any number of times.

Why standard input is copied to a temporary file: detection reads the beginning, the reader begins anew, and a stream
can be larger than memory. Files packed with gzip are unpacked on the way; their size is then unknown, and every reader
bounds what it takes.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from meshperf.errors import DocumentError, Location
from meshperf.interchange.format import HEAD_BYTES, Incoming
from meshperf.passing_folders import passing_folder

__all__ = ["BROKEN_STREAM", "STDIN", "digest_of", "open_incoming"]

STDIN = Path("-")
"""The name that stands for standard input."""

BROKEN_STREAM = (EOFError, OSError, zlib.error)
"""What reading a stream may raise: a disk's errors, and a packed file that is cut off or damaged."""

_GZIP = b"\x1f\x8b\x08"


@contextmanager
def open_incoming(path: Path, *, convert_units: bool = False) -> Iterator[Incoming]:
    """The file at `path`, or standard input for `-`, ready for detection and reading.

    Raises:
        DocumentError: MP2001, it cannot be read; MP2402, it is packed and damaged.
    """
    if path == STDIN:
        with passing_folder("stdin") as folder:
            copy = folder / "stdin"
            with copy.open("wb") as target:
                shutil.copyfileobj(sys.stdin.buffer, target)
            yield _incoming(copy, None, convert_units)
    else:
        yield _incoming(path, path, convert_units)


def digest_of(incoming: Incoming) -> str:
    """SHA-256 of the content, hexadecimal, read in pieces."""
    with incoming.stream() as stream:
        total = hashlib.sha256()
        while piece := stream.read(1 << 20):
            total.update(piece)
    return total.hexdigest()


def _incoming(place: Path, shown: Path | None, convert_units: bool) -> Incoming:
    try:
        with place.open("rb") as file:
            packed = file.read(len(_GZIP)) == _GZIP
        stream = _unpacked(place) if packed else _plain(place)
        size = None if packed else place.stat().st_size
    except (OSError, ValueError) as error:  # ValueError: a name with a null character in it
        reason = (error.strerror if isinstance(error, OSError) else str(error)) or "unknown reason"
        what = f"cannot read {place}: {reason.lower()}"
        raise DocumentError("MP2001", what, location=Location(path=shown)) from None
    try:
        with stream() as opened:
            head = opened.read(HEAD_BYTES)
    except BROKEN_STREAM as error:
        what = f"the file cannot be unpacked: {error}"
        raise DocumentError("MP2402", what, location=Location(path=shown)) from None
    return Incoming(path=shown, head=head, size=size, stream=stream, convert_units=convert_units)


def _plain(path: Path) -> Callable[[], BinaryIO]:
    return lambda: path.open("rb")


def _unpacked(path: Path) -> Callable[[], BinaryIO]:
    return lambda: cast(BinaryIO, io.BufferedReader(gzip.open(path, "rb")))
