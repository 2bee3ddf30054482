"""Reading what Linux says of itself, where everything may be missing: a value, or why there is none.

The root can be another folder, so that the facts of any machine can be tested from a few recorded files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from meshperf.spec.records import Fact, FactValue

__all__ = ["HostFiles", "Unavailable", "digest", "observe"]


class Unavailable(Exception):
    """A fact cannot be had here; the text says why, for people."""


class HostFiles:
    """Files under one root. Paths are given as on the machine itself: `/proc/cpuinfo`."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root

    def at(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def text(self, path: str) -> str:
        """The stripped text of a file.

        Raises:
            Unavailable: it is not there or may not be read.
        """
        try:
            return self.at(path).read_text(errors="replace").strip()
        except FileNotFoundError:
            raise Unavailable(f"{path} does not exist") from None
        except PermissionError:
            raise Unavailable(f"{path} may not be read by this user") from None
        except OSError as error:
            raise Unavailable(f"{path} cannot be read: {error.strerror}") from None

    def integer(self, path: str) -> int:
        """The number in a file.

        Raises:
            Unavailable: it is not there or may not be read. ValueError: it holds something else.
        """
        return int(self.text(path))

    def names(self, path: str) -> list[str]:
        """The names in a folder, sorted.

        Raises:
            Unavailable: it is not there or may not be read.
        """
        try:
            return sorted(entry.name for entry in self.at(path).iterdir())
        except OSError as error:
            raise Unavailable(f"{path} cannot be listed: {error.strerror}") from None

    def table(self, path: str, separator: str = ":") -> dict[str, str]:
        """`name: value` lines as a mapping; of a repeated name the first counts.

        Raises:
            Unavailable: it is not there or may not be read.
        """
        found: dict[str, str] = {}
        for line in self.text(path).splitlines():
            name, found_separator, value = line.partition(separator)
            if found_separator:
                found.setdefault(name.strip(), value.strip())
        return found


def observe(source: str, read: Callable[[], FactValue]) -> Fact:
    """Make a fact of what `read` returns, or of why it could not: a machine is never refused for an odd file."""
    try:
        value = read()
    except Unavailable as why:
        return Fact(source=source, unavailable=str(why))
    except (ValueError, IndexError, KeyError) as error:
        return Fact(source=source, unavailable=f"{source} has an unexpected form: {type(error).__name__} {error}")
    if value is None or value == "":
        return Fact(source=source, unavailable=f"{source} is empty")
    return Fact(value=value, source=source)


def digest(text: str) -> str:
    """First 12 hexadecimal digits of the SHA-256: enough to tell equal from different, without saying what it is."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]
