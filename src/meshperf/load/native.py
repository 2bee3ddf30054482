"""The native engine: turns plans into recordings with `meshperf._native`, and only here.

What it decides: nothing about measuring; it converts plans to JSON, dicts to records, and the engine's errors to those
of `meshperf.errors`, each with a hint. A missing engine is a missing prerequisite, found when a session is opened and
not when this module is imported.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from meshperf.errors import (
    CaptureError,
    DocumentError,
    Location,
    MeshperfError,
    PrerequisiteError,
    TargetError,
    UsageError,
)
from meshperf.histograms import Histogram
from meshperf.load.plan import Phase, SessionPlan, Target
from meshperf.load.recording import (
    ConnectionFacts,
    Datagrams,
    PhaseRecording,
    Progress,
    Series,
    SeriesInterval,
    SessionRecording,
)
from meshperf.spec.records import Counts

__all__ = ["NativeSession", "build_profile", "compile_proto"]

_HINTS = {
    "MP5301": "check that the service runs and listens at this address",
    "MP5302": "the port may belong to something else, or expect TLS: check the address and the scheme (http or https)",
    "MP5303": "check that the target speaks TLS here, the CA, the expected identity, and that the target accepts our "
    "certificate",
    "MP3005": "this kernel or the limits of this process (`ulimit -n`) do not allow what the plan needs",
}


def _engine() -> ModuleType:
    try:
        from meshperf import _native
    except ImportError as missing:
        raise PrerequisiteError(
            "MP3003",
            f"the compiled engine cannot be loaded: {missing}",
            hint="install a wheel of meshperf, or build the engine from source with `make build`",
        ) from missing
    return _native


def build_profile() -> str:
    """How the engine was built: `release` or `debug`.

    Raises:
        PrerequisiteError: MP3003, the compiled engine is not installed.
    """
    return str(_engine().build_profile())


def compile_proto(files: Sequence[Path], import_paths: Sequence[Path]) -> bytes:
    """Compile `.proto` files to an encoded descriptor set that holds all their imports.

    Args:
        files: each lies under one of `import_paths`.
        import_paths: folders in which imports are looked for, in this order.

    Raises:
        DocumentError: MP2202, a file does not compile, or an import is not there; with file, line and column.
        PrerequisiteError: MP3003, the compiled engine is not installed.
    """
    engine = _engine()
    try:
        compiled: bytes = engine.compile_proto([str(file) for file in files], [str(path) for path in import_paths])
    except engine.ProtoError as failure:
        message, name, line, column = failure.args
        found = (path / name for path in import_paths if name is not None)
        path = next((path for path in found if path.is_file()), Path(name) if name is not None else None)
        hint = "imports are looked for below the import paths: name the folder that the import starts from"
        raise DocumentError(
            "MP2202",
            message,
            location=Location(path=path, line=line, column=column),
            hint=hint if "import" in message or "include" in message else None,
        ) from failure
    return compiled


class NativeSession:
    """Warm connections to all targets of a plan, over which phases of load run as often as asked.

    A session belongs to one process and runs one thing at a time; `stop`, `progress` and `set_rate` may come from any
    thread at any moment. Anything else is a `RuntimeError`, also using it after `close`.
    """

    name = "meshperf"

    def __init__(self, session: Any, engine: ModuleType) -> None:
        self._session = session
        self._engine = engine

    @classmethod
    def open(cls, plan: SessionPlan) -> NativeSession:
        """Open all connections of all targets; they stay open until `close`.

        Raises:
            PrerequisiteError: MP3003, the compiled engine is not installed; MP3005, the system refuses what is needed.
            TargetError: MP5301, a target cannot be reached; MP5303, the TLS handshake with it failed.
            UsageError: MP1001, the plan makes no sense.
        """
        engine = _engine()
        try:
            return cls(engine.Session(_plan_json(plan)), engine)
        except engine.EngineError as failure:
            raise _translated(failure) from failure

    def run(
        self,
        phases: Sequence[Phase],
        *,
        on_progress: Callable[[Progress], None] | None = None,
        interval_s: float = 0.25,
    ) -> SessionRecording:
        """Run phases one after another.

        After Ctrl-C or `stop` the recording holds what was measured until then and is marked `interrupted`; the
        KeyboardInterrupt is not raised, so that nothing is lost, and the caller decides.

        Args:
            phases: at least none; each names one of the plan's targets.
            on_progress: called from this thread about every `interval_s`; an exception it raises stops the run and
                comes out of here once the workers have stopped.
            interval_s: seconds between two calls.

        Raises:
            TargetError: MP5302, the target's very first reply is not HTTP/1.1; MP5303, it refused our certificate.
            UsageError: MP1001, a phase makes no sense.
            CaptureError: MP5202, the engine failed.
        """
        callback = None
        if on_progress is not None:

            def callback(seen: Mapping[str, Any]) -> None:
                on_progress(_progress(seen))

        with self._translating():
            return self._recording(self._session.run(_phases_json(phases), callback, interval_s))

    def start(self, phases: Sequence[Phase]) -> None:
        """Begin phases and return at once; `finish` collects what they recorded.

        Raises:
            UsageError: MP1001, a phase makes no sense. RuntimeError: a run is under way already.
        """
        with self._translating():
            self._session.start(_phases_json(phases))

    def wait(self, limit_s: float | None = None) -> bool:
        """Wait until the phases under way are over, or for `limit_s` seconds. Returns whether they are (or none runs).

        Ctrl-C ends the waiting with a KeyboardInterrupt; the phases go on until `stop` or `close`.
        """
        return bool(self._session.wait(limit_s))

    def progress(self) -> Progress:
        """A look at the phases under way, from any thread and from callbacks; all zero when none are."""
        return _progress(self._session.progress())

    def set_rate(self, rate: float) -> None:
        """From now on `rate` requests per second are due, over all workers, until the phase under way ends.

        From any thread and from callbacks.

        Raises:
            UsageError: MP1001, not a rate, or the phase under way has none: a closed loop, or a trace.
            RuntimeError: no run is under way.
        """
        with self._translating():
            self._session.set_rate(rate)

    def finish(self) -> SessionRecording:
        """Wait for the phases that `start` began, and collect what they recorded.

        Raises:
            TargetError: MP5302, MP5303, as of `run`. CaptureError: MP5202, the engine failed.
            RuntimeError: no run is under way.
        """
        with self._translating():
            return self._recording(self._session.finish())

    def stop(self) -> None:
        """End the run under way, from any thread. It returns its partial recording, marked `interrupted`."""
        self._session.stop()

    def close(self) -> None:
        """Close all connections. Closing twice is fine."""
        self._session.close()

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except self._engine.EngineError as failure:
            raise _translated(failure) from failure

    def _recording(self, recorded: dict[str, Any]) -> SessionRecording:
        return SessionRecording(
            phases=tuple(_phase(phase) for phase in recorded.pop("phases")),
            connections=tuple(_connections(facts) for facts in recorded.pop("connections")),
            worker_tids=tuple(recorded.pop("worker_tids")),
            build=self._engine.build_profile(),
            engine_version=self._engine.version(),
            **recorded,
        )

    def __enter__(self) -> NativeSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _plan_json(plan: SessionPlan) -> str:
    document = asdict(plan)
    document["targets"] = [_target(target) for target in plan.targets]
    document["clocks"] = dict(plan.clocks)
    return json.dumps(document)


def _phases_json(phases: Sequence[Phase]) -> str:
    return json.dumps([asdict(phase) for phase in phases])


def _target(target: Target) -> dict[str, Any]:
    # JSON has no bytes: Latin-1 maps each byte to one character and back.
    grpc = target.grpc and {
        "kind": target.grpc.kind,
        "messages": [message.decode("latin-1") for message in target.grpc.messages],
    }
    return {**asdict(target), "body": target.body.decode("latin-1"), "grpc": grpc}


def _progress(seen: Mapping[str, Any]) -> Progress:
    return Progress(**_with_histograms(seen, Progress))


def _phase(recorded: Mapping[str, Any]) -> PhaseRecording:
    known = _with_histograms(recorded, PhaseRecording)
    known["counts"] = Counts(**recorded["counts"])
    known["lead_in_counts"] = Counts(**recorded["lead_in_counts"])
    if "datagrams" in recorded:
        known["datagrams"] = Datagrams(**recorded["datagrams"])
    if recorded.get("series") is not None:
        known["series"] = Series(
            interval_s=recorded["series"]["interval_s"],
            intervals=tuple(
                SeriesInterval(**_with_histograms(interval, SeriesInterval))
                for interval in recorded["series"]["intervals"]
            ),
        )
    return PhaseRecording(**known)


def _connections(recorded: Mapping[str, Any]) -> ConnectionFacts:
    return ConnectionFacts(**_with_histograms(recorded, ConnectionFacts))


def _with_histograms(recorded: Mapping[str, Any], record: type) -> dict[str, Any]:
    """The engine's dict with its histograms decoded: the fields that are histograms in `record`."""
    names = {field.name for field in fields(record) if field.type == "Histogram"}
    return {name: Histogram.from_bytes(value) if name in names else value for name, value in recorded.items()}


def _translated(failure: Exception) -> MeshperfError:
    """The engine's `(code, message)` as the error class that the code belongs to."""
    code, message = failure.args
    kinds: dict[str, type[MeshperfError]] = {
        "MP1": UsageError,
        "MP3": PrerequisiteError,
        "MP52": CaptureError,
        "MP53": TargetError,
    }
    kind = next(kinds[prefix] for prefix in (code[:4], code[:3]) if prefix in kinds)
    return kind(code, message, hint=_HINTS.get(code))
