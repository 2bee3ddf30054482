"""Every error meshperf raises on purpose, as one tree.

MeshperfError                     code, message, hint, exit code
├── UsageError            MP1xxx  what was asked makes no sense                              exit 2
├── DocumentError         MP2xxx  a file we were given; path, line, column, JSON pointer     exit 2
├── PrerequisiteError     MP3xxx  something this machine lacks; the hint names it            exit 3
├── ComparisonError       MP4xxx  measured, but not valid or not comparable                  exit 4
├── DeploymentError       MP51xx  mesh or workload did not become ready; last log lines      exit 5
├── CaptureError          MP52xx  the run broke off; what was recorded is kept               exit 5
├── TargetError           MP53xx  the target cannot be reached or may not be loaded          exit 5, 2
└── StorageError          MP54xx  output folder, bundle or store cannot be written           exit 5

A code is stable once released: texts may change, codes may not. `CODES` is the whole list; a test requires each in
`docs/reference/errors.md` and in at least one test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "CODES",
    "CaptureError",
    "ComparisonError",
    "DeploymentError",
    "DocumentError",
    "ExitCode",
    "Location",
    "MeshperfError",
    "PrerequisiteError",
    "StorageError",
    "TargetError",
    "UsageError",
]


class ExitCode:
    """Exit codes are an interface; scripts read them."""

    OK = 0
    GATE_FAILED = 1
    USAGE = 2
    PREREQUISITE = 3
    NOT_COMPARABLE = 4
    NOT_MEASURED = 5
    INTERRUPTED = 130


CODES: dict[str, str] = {
    "MP1001": "an option has a value that cannot be used",
    "MP1002": "options contradict each other",
    "MP1003": "a target outside loopback was not allowed by name",
    "MP1004": "no stored result with that id",
    "MP1005": "no such gRPC service or method in the descriptors",
    "MP1006": "a message does not fit the gRPC method",
    "MP1007": "the load generator cannot do what was asked for",
    "MP1008": "a mesh cannot be what the arm asks for",
    "MP2001": "the file cannot be read",
    "MP2002": "the file is not valid YAML or JSON",
    "MP2003": "a key is given twice",
    "MP2101": "unknown key",
    "MP2102": "a required key is missing",
    "MP2103": "a value is out of range",
    "MP2104": "a value has the wrong type or form",
    "MP2105": "unknown arm",
    "MP2106": "unknown mesh",
    "MP2107": "settings contradict each other",
    "MP2108": "an objective, margin, resolution or absolute floor cannot be understood",
    "MP2109": "the services of a workload graph do not fit together",
    "MP2201": "the document is of a kind or version that is not understood",
    "MP2202": "a descriptor set or .proto file cannot be understood",
    "MP2203": "a document cannot be written in this dialect without losing something, and that was not allowed",
    "MP2204": "a field holds a value that its type or unit cannot have",
    "MP2301": "a bundle's file does not match its digest",
    "MP2302": "a bundle's published figure does not follow from its slices",
    "MP2303": "a bundle lacks a file or holds one it does not list",
    "MP2304": "the experiment file differs from the one the bundle was made with",
    "MP2401": "the form of a file to import is not recognised",
    "MP2402": "a file to import is broken or cut off",
    "MP2403": "a file to import contradicts itself",
    "MP2404": "a file to import is larger or deeper than any result is",
    "MP2405": "the unit of a figure is in doubt",
    "MP3001": "no Envoy binary was found",
    "MP3002": "the workload executable is not installed",
    "MP3003": "the compiled engine is not installed",
    "MP3004": "an optional part of meshperf is not installed",
    "MP3005": "this operating system lacks something the measurement needs",
    "MP3006": "a load generator is not installed",
    "MP3007": "a program of a mesh was not found or cannot be used",
    "MP3008": "meshperf cannot build this program here",
    "MP3009": "a Go module is not the one that was pinned",
    "MP3010": "network namespaces cannot be made here",
    "MP3011": "limits by control group cannot be set here",
    "MP4001": "the results are not comparable",
    "MP4002": "no run of an arm was valid",
    "MP4003": "an arm is not what it is declared to be",
    "MP4004": "the facts of this machine changed since the bundle was begun",
    "MP5101": "a process did not become ready in time",
    "MP5102": "a process ended before it became ready",
    "MP5103": "an address or port is taken",
    "MP5104": "a process ended during the measurement",
    "MP5105": "a program of a mesh could not be built",
    "MP5201": "the run was broken off",
    "MP5202": "an internal error",
    "MP5203": "another load generator failed",
    "MP5301": "the target cannot be reached",
    "MP5302": "the target does not speak the protocol",
    "MP5303": "the TLS handshake with the target failed",
    "MP5401": "the output folder cannot be written",
    "MP5402": "no space left on the device",
    "MP5403": "another run is writing this bundle",
    "MP5404": "the store cannot be opened or written",
    "MP5405": "another `lab install` is at work",
}


class MeshperfError(Exception):
    """Base of every error raised on purpose: a stable code, what happened, and what to do next."""

    exit_code = ExitCode.NOT_MEASURED

    def __init__(self, code: str, message: str, *, hint: str | None = None) -> None:
        if code not in CODES:
            raise ValueError(f"error code {code} is not listed in meshperf.errors.CODES")
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        text = f"error[{self.code}]: {self.message}"
        where = self.where()
        if where:
            text += f"\n  --> {where}"
        if self.hint:
            text += f"\n\nhint: {self.hint}"
        return text

    def where(self) -> str | None:
        """The place the error speaks of, for errors that have one."""
        return None


class UsageError(MeshperfError):
    """What was asked for on the command line or through Python makes no sense."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place in a document: line and column count from 1; `pointer` is a JSON pointer such as `/load/0/rate`."""

    path: Path | None = None
    line: int | None = None
    column: int | None = None
    pointer: str = ""

    def __str__(self) -> str:
        place = str(self.path) if self.path is not None else "<text>"
        if self.line is not None:
            place += f":{self.line}"
            if self.column is not None:
                place += f":{self.column}"
        return f"{place}  ({self.pointer})" if self.pointer else place


class DocumentError(MeshperfError):
    """A file we were given is wrong. `others` holds further problems of the same file, found in one reading."""

    exit_code = ExitCode.USAGE

    def __init__(
        self,
        code: str,
        message: str,
        *,
        location: Location,
        hint: str | None = None,
        others: Sequence[DocumentError] = (),
    ) -> None:
        super().__init__(code, message, hint=hint)
        self.location = location
        self.others = tuple(others)

    def where(self) -> str:
        return str(self.location)

    def __str__(self) -> str:
        return "\n\n".join([super().__str__(), *(str(other) for other in self.others)])


class PrerequisiteError(MeshperfError):
    """Something this machine lacks; the hint names the extra or the tool that brings it."""

    exit_code = ExitCode.PREREQUISITE


class ComparisonError(MeshperfError):
    """Measured, but not valid or not comparable; the message names the differing fields."""

    exit_code = ExitCode.NOT_COMPARABLE


class DeploymentError(MeshperfError):
    """A mesh or workload did not become ready, or died. `log` holds the last lines it wrote."""

    def __init__(self, code: str, message: str, *, log: Sequence[str] = (), hint: str | None = None) -> None:
        super().__init__(code, message, hint=hint)
        self.log = tuple(log)

    def __str__(self) -> str:
        text = super().__str__()
        if self.log:
            text += "\n\nits last lines:\n" + "\n".join(f"  | {line}" for line in self.log)
        return text


class CaptureError(MeshperfError):
    """The run broke off; whatever was recorded is kept and marked invalid."""


class TargetError(MeshperfError):
    """The target cannot be reached, or does not speak what was asked of it."""


class StorageError(MeshperfError):
    """The output folder, a bundle or the store cannot be written."""
