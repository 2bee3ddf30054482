"""Another load generator behind the interface of our engine's session: one run of the tool for each phase.

Nothing stays warm between phases: the tool opens its connections anew. It cannot be steered, and shows no counters
while it runs. Everything that it needs is in a scratch folder that only this user can read and that goes with the
session.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from meshperf.errors import CaptureError, DocumentError, TargetError
from meshperf.histograms import EMPTY, Histogram
from meshperf.interchange.reading import read_file
from meshperf.load.adapters.base import Adapter, Asked, Command
from meshperf.load.adapters.child import Ended, run_child
from meshperf.load.adapters.distribution import successes
from meshperf.load.adapters.finding import Installed, installed
from meshperf.load.adapters.fitting import notes, refuse_unfit
from meshperf.load.adapters.recorded import Told, ok_of, recorded, sentences, shown
from meshperf.load.adapters.registry import adapter as adapter_of
from meshperf.load.plan import Phase, Protocol, SessionPlan, Target
from meshperf.load.recording import ConnectionFacts, ExternalAccount, PhaseRecording, Progress, SessionRecording
from meshperf.passing_folders import passing_folder
from meshperf.spec.imported import Imported

__all__ = ["ExternalSession"]

_START_AND_END_S = 15.0
"""What a tool may take beside its duration: to start, to connect, to write its result."""


class ExternalSession:
    """Phases of load by another generator. Use it as a context: it leaves nothing behind."""

    def __init__(self, adapter: Adapter, found: Installed, plan: SessionPlan) -> None:
        self._adapter, self._found, self._plan = adapter, found, plan
        self._opened = contextlib.ExitStack()
        self._folder = self._opened.enter_context(passing_folder("load"))
        self._number = 0
        self._stop = threading.Event()
        self._origin_unix_s = time.time()
        self._cores = len(plan.cpus) or len(os.sched_getaffinity(0))

    @classmethod
    def open(cls, name: str, plan: SessionPlan) -> ExternalSession:
        """Find the tool and see that its targets accept connections.

        Raises:
            UsageError: MP1001, there is no such generator. PrerequisiteError: MP3006, it is not installed.
            TargetError: MP5301, a target cannot be reached.
        """
        adapter = adapter_of(name)
        found = installed(adapter)
        for target in plan.targets:
            _require_reachable(target, plan.connect_timeout_s)
        return cls(adapter, found, plan)

    @property
    def name(self) -> str:
        return self._adapter.name

    def run(
        self,
        phases: Sequence[Phase],
        *,
        on_progress: Callable[[Progress], None] | None = None,
        interval_s: float = 0.25,
    ) -> SessionRecording:
        """Run the tool once for each phase, one after another.

        After Ctrl-C or `stop` the recording holds the phases that were finished, and is marked `interrupted`.

        Raises:
            UsageError: MP1007, a phase asks for what the tool cannot do; before anything is run.
            CaptureError: MP5203, it failed, was killed at its deadline, or said what cannot be read.
        """
        for phase in phases:
            refuse_unfit(self._adapter, self._plan, phase)
        self._stop.clear()
        done: list[PhaseRecording] = []
        said: dict[str, None] = {}
        account = None
        interrupted = False
        for number, phase in enumerate(phases):
            asked = self._asked(phase)
            watch = _watch(on_progress, number, len(phases))
            try:
                before = self._clocks()
                command, ended = self._run(asked, watch, interval_s)
            except KeyboardInterrupt:
                interrupted = True
                break
            if ended.stopped:
                interrupted = True
                break
            after = self._clocks()
            told = self._told(asked, command, ended)
            recording = recorded(told, self._adapter, asked, origin_unix_s=self._origin_unix_s)
            done.append(replace(recording, cpu_begin_s=before, cpu_drained_s=after))
            parts = (*notes(self._adapter, asked), *command.notes, *sentences(told, self._adapter, asked))
            said |= dict.fromkeys(parts)
            account = self._account(asked, told)
        return SessionRecording(
            phases=tuple(done),
            connections=tuple(ConnectionFacts() for _ in self._plan.targets),
            interrupted=interrupted,
            origin_unix_s=self._origin_unix_s,
            engine_version=self._found.version or "",
            wait="its own",
            workers=self._cores,
            external=replace(account, notes=tuple(said)) if account is not None else None,
        )

    def stop(self) -> None:
        """End the run under way, from any thread."""
        self._stop.set()

    def close(self) -> None:
        """Remove the scratch folder. Closing twice is fine."""
        self._opened.close()

    def _asked(self, phase: Phase) -> Asked:
        self._number += 1
        folder = self._folder / str(self._number)
        folder.mkdir(mode=0o700)
        return Asked(target=self._plan.targets[phase.target], phase=phase, threads=self._cores, folder=folder)

    def _run(self, asked: Asked, watch: Callable[[float], None], every_s: float) -> tuple[Command, Ended]:
        command = self._adapter.command(asked)
        for name, content in command.files.items():
            _write_private(asked.folder / name, content)
        within_s = asked.phase.duration_s * 1.5 + asked.target.timeout_s + asked.phase.drain_s + _START_AND_END_S
        ended = self._child(asked, command.arguments, command, "run", within_s, watch, every_s)
        if not ended.stopped:
            self._require_success(ended, within_s, asked)
        return command, ended

    def _child(
        self,
        asked: Asked,
        arguments: Sequence[str],
        command: Command,
        name: str,
        within_s: float,
        watch: Callable[[float], None] = lambda elapsed_s: None,
        every_s: float = 0.25,
    ) -> Ended:
        return run_child(
            self._found.path,
            arguments,
            folder=asked.folder,
            name=name,
            within_s=within_s,
            environment=command.environment,
            cpus=self._plan.cpus,
            look=watch,
            stop=self._stop.is_set,
            every_s=every_s,
        )

    def _require_success(self, ended: Ended, within_s: float, asked: Asked) -> None:
        name = self._adapter.name
        if ended.late:
            message = f"{name} did not end within {within_s:.0f} s and was killed"
        elif ended.code < 0:
            message = f"{name} was killed by signal {-ended.code}"
        elif ended.code not in self._adapter.fine_codes:
            message = f"{name} failed with exit code {ended.code}"
        else:
            return
        raise CaptureError("MP5203", message, hint=_last_words(ended, asked) or "it printed nothing")

    def _told(self, asked: Asked, command: Command, ended: Ended) -> Told:
        result = ended.output if command.result is None else asked.folder / command.result
        if command.then:
            encoded = self._child(asked, command.then, command, "then", asked.phase.duration_s + 60.0)
            self._require_success(encoded, asked.phase.duration_s + 60.0, asked)
            result = encoded.output
        try:
            imported = self._imported(result)
            samples = self._samples(asked, command)
        except (DocumentError, OSError, ValueError) as unreadable:
            why = unreadable.message if isinstance(unreadable, DocumentError) else str(unreadable)
            raise CaptureError(
                "MP5203",
                f"what {self._adapter.name} says cannot be read: {why}",
                hint=_last_words(ended, asked) or "it printed nothing else",
            ) from unreadable
        failures = self._adapter.failures(imported) if self._adapter.failures is not None else None
        if samples is not None and imported.ok is None:
            imported = replace(imported, ok=samples.total)
        distribution = successes(imported, ok_of(imported), samples, failures)
        return Told(imported=imported, ended=ended, distribution=distribution)

    def _imported(self, result: Path) -> Imported:
        found = list(read_file(result, form=self._adapter.form))
        if len(found) != 1:
            raise ValueError(f"{len(found)} results instead of one")
        return found[0]

    def _samples(self, asked: Asked, command: Command) -> Histogram | None:
        if command.samples is None or self._adapter.samples is None:
            return None
        path = asked.folder / command.samples
        return self._adapter.samples(path) if path.exists() else EMPTY

    def _account(self, asked: Asked, told: Told) -> ExternalAccount:
        return ExternalAccount(
            generator=self._adapter.name,
            version=self._found.version or told.imported.source.tool_version,
            sha256=self._found.sha256,
            latency_origin=str(self._adapter.origin(asked)),
            loop=str(self._adapter.loop(asked)),
            connection_model=self._adapter.model,
            resolution=told.distribution.resolution,
            quantiles=told.distribution.quantiles,
        )

    def _clocks(self) -> Mapping[str, float]:
        """CPU seconds of the plan's processes; one that is gone is missing."""
        seconds = {}
        for name, pid in self._plan.clocks.items():
            with contextlib.suppress(OSError):
                seconds[name] = time.clock_gettime((~pid << 3) | 2)  # the CPU clock of a process, all threads
        return seconds

    def __enter__(self) -> ExternalSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _watch(on_progress: Callable[[Progress], None] | None, number: int, of: int) -> Callable[[float], None]:
    if on_progress is None:
        return lambda elapsed_s: None
    return lambda elapsed_s: on_progress(
        Progress(phase=number, phases=of, elapsed_s=elapsed_s, sent=0, ok=0, failed=0, response=EMPTY)
    )


def _write_private(path: Path, content: bytes) -> None:
    """Readable by this user only from the first moment on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _require_reachable(target: Target, within_s: float) -> None:
    """Say that a target cannot be reached in our own words; tools say it in many ways, or not at all.

    Raises:
        TargetError: MP5301.
    """
    if target.protocol is Protocol.UDP or target.network_namespace is not None:
        return
    host, _, port = target.address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=within_s).close()
    except OSError as refused:
        raise TargetError(
            "MP5301",
            f"{target.name} at {target.address} cannot be reached: {refused.strerror or refused}",
            hint="check that the service runs and listens at this address",
        ) from refused


def _last_words(ended: Ended, asked: Asked, most: int = 3) -> str:
    """The last lines of what a tool complained of, without control characters and without secrets."""
    text = shown(ended.complaint, asked.target)
    lines = ["".join(char for char in line if char.isprintable())[:200] for line in text.splitlines()]
    return " / ".join([line for line in lines if line.strip()][-most:])
