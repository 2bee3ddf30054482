"""The files of a bundle under its one writer, each with the digest it was written with.

A digest is noted when the bytes are written, never by reading a document back: reading back would bless whatever
happened to the file in between. Only files that others put into the folder (reports) are digested as they are found.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from meshperf.experiment.bundle_lock import LOCK_NAME
from meshperf.experiment.bundle_reading import EXCLUDED, JOURNAL, MANIFEST, PILOT, PLAN, RESULTS, TEMPLATES
from meshperf.experiment.durable import BESIDE, storage_errors, write_whole

__all__ = ["Ledger"]


class Ledger:
    """Writes, removes and lists the files of one bundle. Every method raises StorageError (MP5401, MP5402)."""

    def __init__(self, folder: Path, entries: Mapping[str, tuple[str, int]]) -> None:
        self._folder = folder
        self._entries = dict(entries)

    def entries(self) -> dict[str, tuple[str, int]]:
        """Path inside the bundle to SHA-256 and size [bytes], by path."""
        return dict(sorted(self._entries.items()))

    def make_folders(self) -> None:
        """Make the folders for runs."""
        for name in (RESULTS, EXCLUDED, TEMPLATES):
            with storage_errors(self._folder / name):
                (self._folder / name).mkdir(exist_ok=True)

    def write(self, name: str, data: bytes) -> str:
        """Write a file whole and note it. Returns its SHA-256."""
        write_whole(self._folder / name, data)
        return self._note(name, data)

    def adopt(self, name: str) -> str:
        """Note a file as it is found. Returns its SHA-256."""
        path = self._folder / name
        with storage_errors(path):
            return self._note(name, path.read_bytes())

    def remove(self, names: Iterable[str]) -> None:
        """Remove files and forget them; a file that is gone already is no fault."""
        for name in names:
            self._entries.pop(name, None)
            with storage_errors(self._folder / name):
                (self._folder / name).unlink(missing_ok=True)

    def adopt_rest(self) -> None:
        """Note every file that was not written through here: reports, data, charts."""
        for name in self._present():
            if name not in self._entries:
                self.adopt(name)

    def recover(self) -> None:
        """After a crash: drop half-written files, note what the last manifest missed, forget what it named too much."""
        self.make_folders()
        with storage_errors(self._folder):
            for rest in self._folder.rglob(f".*{BESIDE}"):
                rest.unlink()
        present = self._present()
        self._entries = {name: entry for name, entry in self._entries.items() if name in present}
        self.adopt_rest()
        if JOURNAL in present:
            self.adopt(JOURNAL)  # it is replaced before the manifest is, so it may be newer

    def _present(self) -> list[str]:
        with storage_errors(self._folder):
            files = [path for path in self._folder.rglob("*") if path.is_file() and not path.is_symlink()]
        names = (path.relative_to(self._folder).as_posix() for path in sorted(files))
        return [name for name in names if name not in (MANIFEST, LOCK_NAME) and not self._of_the_pilot(name)]

    def _of_the_pilot(self, name: str) -> bool:
        """A file that the manifest of the pilot's own bundle lists; that manifest is ours once the pilot is over."""
        over = (self._folder / PLAN).is_file()
        return name.startswith(f"{PILOT}/") and not (over and name == f"{PILOT}/{MANIFEST}")

    def _note(self, name: str, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        self._entries[name] = (digest, len(data))
        return digest
