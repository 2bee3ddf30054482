"""The local environment: processes on this machine, every host a loopback address or a pod, nothing left behind.

Where hosts live is a strategy (`network.py`); the site itself is processes, logs and clean-up. Everything is started
through the supervisor (`supervisor.py`), so it ends with meshperf, however meshperf ends. What a site made stands in a
state file for as long as it lives; `site_state.sweep` reads there what a killed meshperf could not remove itself.
"""

from __future__ import annotations

import atexit
import os
import re
import shlex
import shutil
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import gettempdir
from types import TracebackType

from meshperf.environments import host_facts, processes
from meshperf.environments.addresses import is_taken
from meshperf.environments.base_environment import base_environment
from meshperf.environments.cpus import assign
from meshperf.environments.namespaces import NamespaceNetwork, cable, inhabitants
from meshperf.environments.network import LoopbackNetwork, Network
from meshperf.environments.pod_limits import PodLimits, members
from meshperf.environments.probes import file_ready
from meshperf.environments.process_failures import LOG_LINES, WHO_LISTENS, died, how_ended, last_lines, not_ready
from meshperf.environments.reaching import parse
from meshperf.environments.root_cause import root_cause
from meshperf.environments.scratch import make_folder
from meshperf.environments.site import CpuPlan, LimitPressure, Process, ProcessSpec
from meshperf.environments.site_state import SCRATCH_PREFIX, SiteState
from meshperf.environments.supervision import Child, SpawnFailed, Supervision
from meshperf.errors import CaptureError, DeploymentError, StorageError
from meshperf.spec.experiment import Limits
from meshperf.spec.records import Facts

__all__ = ["LocalSite"]

GRACE_S = 1.0
FIRST_POLL_S, SLOWEST_POLL_S = 0.005, 0.05


class LocalSite:
    """A `Site` of processes on this machine. A context manager; open it with `LocalSite.open`."""

    def __init__(
        self, *, state: Path, work_dir: Path, plan: CpuPlan, token: str, experiment_id: str, environment: str
    ) -> None:
        self.cpus = plan
        self.work_dir = work_dir
        self._state_file = state
        self._network: Network = LoopbackNetwork()
        if environment == "netns":
            self._network = NamespaceNetwork(
                token=token[:6], run=self._run, batch=work_dir / "network.batch", note=self._note
            )
        self.kind = self._network.kind
        self._limits = PodLimits(token, note=self._note)
        self._experiment_id = experiment_id
        self._owner = os.getpid()
        self._supervision: Supervision | None = None
        self._all: dict[str, tuple[int, int]] = {}
        self._running: dict[tuple[int, int], Process] = {}
        self._commands = 0
        self._closed = False

    @classmethod
    def open(
        cls,
        experiment_id: str,
        cpus: Mapping[str, tuple[int, ...]] | None,
        state_dir: Path,
        *,
        environment: str = "local",
    ) -> LocalSite:
        """Open a site: choose cores and addresses, make its scratch folder, start its supervisor.

        Args:
            experiment_id: for people and for the state file.
            cpus: the experiment's own assignment of cores, see `cpus.assign` of this package.
            state_dir: where the state file goes; made if need be.
            environment: `local` (hosts are loopback addresses) or `netns` (hosts are network namespaces).

        Raises:
            UsageError: the cores asked for cannot be had. DeploymentError: MP5103, no loopback block.
            PrerequisiteError: MP3010, no namespaces can be made here.
            StorageError: the state file or the scratch folder cannot be written.
        """
        plan = assign(sorted(os.sched_getaffinity(0)), cpus, siblings=host_facts.sibling_threads())
        token = uuid.uuid4().hex[:12]
        state_dir = state_dir.resolve()
        work_dir = Path(gettempdir()).resolve() / f"{SCRATCH_PREFIX}{token}"
        try:
            state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError("MP5401", f"cannot make the folder {state_dir}: {error.strerror}") from error
        site = cls(
            state=state_dir / f"site-{token}.json",
            work_dir=work_dir,
            plan=plan,
            token=token,
            environment=environment,
            experiment_id=experiment_id,
        )
        atexit.register(site.close)
        try:
            site._begin()
        except BaseException:
            site.close()
            raise
        return site

    def _begin(self) -> None:
        self._note()  # before the folder: a folder that no file speaks of would never be swept
        try:
            self.work_dir.mkdir(mode=0o700)
            (self.work_dir / "logs").mkdir(mode=0o700)
            self._supervision = Supervision(base_environment(), self.work_dir / "logs" / "supervisor.log")
        except OSError as error:
            code = "MP5402" if error.errno == 28 else "MP5401"
            raise StorageError(code, f"cannot set up the folder {self.work_dir}: {error.strerror}") from error
        self._note()
        self._network.open()

    def __enter__(self) -> LocalSite:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        cause = None if self._closed or self._supervision is None else root_cause(error, self.work_dir, self.check)
        self.close()
        if cause is not None:
            raise cause from error

    def address(self, host: str) -> str:
        """The address of a host, one of its own for each name; the same name gives the same address."""
        return self._network.address(host)

    def namespace(self, host: str) -> str | None:
        """Path of the host's network namespace; None where hosts are loopback addresses."""
        return self._network.namespace(host)

    def reach(self, host: str, port: int, *, at: str | None = None) -> str:
        """`ip:port`, in namespaces `ip:port@namespace`: see `reaching`."""
        return self._network.reach(host, port, at=at)

    def folder(self, name: str, user: tuple[int, int] | None = None) -> Path:
        """A folder below the scratch folder, made when it is not there; with `user`, one that they may write to.

        A process that is started as another user reads the scratch folder as it is (see `ProcessSpec.user`).

        Raises:
            StorageError: it cannot be made. ValueError: the name leads out of the scratch folder.
        """
        return make_folder(self.work_dir, name, user)

    def limit(self, host: str, limits: Limits) -> None:
        """Limit all processes of a host together; said before the first of them is started.

        Raises:
            PrerequisiteError: MP3011, control groups cannot be used here. ValueError: it has other limits already.
        """
        self._limits.set(host, limits)

    def limit_pressure(self, host: str) -> LimitPressure:
        """How often the limits of a host took hold: throttled periods, kills for want of memory.

        Raises:
            KeyError: the host has no limits.
        """
        return self._limits.pressure(host)

    def divide(self, far: Callable[[str], bool], delay_s: float) -> Process:
        """Put hosts that are made from now on behind a link when they are `far`, and start what carries its frames.

        Args:
            delay_s: one way, both ways alike [s].

        Raises:
            PrerequisiteError: MP3010, hosts are loopback addresses; MP3002, the link's program is not installed.
            DeploymentError: it did not become ready.
        """
        host = self._network.divide(far)
        spec = ProcessSpec(
            name="link", role="link", argv=cable.argv(delay_s), host=host, ready=file_ready(self._log_for("link"))
        )
        return self.start(spec)

    def run(self, argv: Sequence[str], *, host: str | None = None, deadline_s: float = 30.0) -> str:
        """Run a command to its end in a host's network, below the supervisor; returns its standard output.

        Raises:
            DeploymentError: MP5102, it could not be started, failed or did not end in time.
        """
        return self._run(argv, None if host is None else self.namespace(host), deadline_s)

    def _run(self, argv: Sequence[str], namespace: str | None, deadline_s: float) -> str:
        supervision = self._open_supervision()
        self._commands += 1
        stem = f"command-{self._commands}-{Path(argv[0]).name}"
        output, log = (self.work_dir / "logs" / f"{stem}.{end}" for end in ("out", "err"))
        named = shlex.join(argv)[:200]
        try:
            ended = supervision.run(
                argv,
                env=base_environment(),
                output=output,
                log=log,
                cwd=self.work_dir,
                namespace=namespace,
                deadline_s=deadline_s,
            )
        except SpawnFailed as error:
            raise DeploymentError("MP5102", f"`{named}` could not be started: {error}", log=last_lines(log)) from error
        if ended.late or ended.status != 0:
            why = f"did not end within {deadline_s:g} s" if ended.late else f"failed ({how_ended(ended.status)})"
            # Programs say what went wrong on either stream.
            raise DeploymentError(
                "MP5102", f"`{named}` {why}", log=(*last_lines(output), *last_lines(log))[-LOG_LINES:]
            )
        printed = output.read_text(errors="replace")
        output.unlink()
        log.unlink()
        return printed

    def start(self, spec: ProcessSpec) -> Process:
        """Start a process and wait until it is ready. Its working folder is the site's scratch folder.

        Raises:
            DeploymentError: not ready at the deadline (MP5101), ended before (MP5102) or address taken (MP5103).
        """
        supervision = self._open_supervision()
        namespace = None if spec.host is None else self.namespace(spec.host)
        if taken := _taken(spec, namespace):
            raise DeploymentError("MP5103", f"{spec.name} needs {', '.join(taken)}, which is taken", hint=WHO_LISTENS)
        pod = spec.host or spec.name
        if spec.limits is not None:
            self.limit(pod, spec.limits)
        allowed = spec.cpus if spec.cpus is not None else self.cpus.cpus_for(spec.role)
        log = self._log_for(spec.name)
        try:
            child = supervision.spawn(
                name=spec.name,
                argv=spec.argv,
                env={**base_environment(), **spec.env},
                cpus=allowed,
                log=log,
                cwd=self.work_dir,
                namespace=namespace,
                user=spec.user,
                groups=self._limits.entrances(pod),
            )
        except SpawnFailed as error:
            what = f"{spec.name} could not be started: {error}"
            raise DeploymentError("MP5102", what, log=last_lines(log)) from error
        process = Process(
            name=spec.name, role=spec.role, pid=child.pid, start_ticks=child.start_ticks, log=log, cpus=tuple(allowed)
        )
        self._all[log.stem] = (process.pid, process.start_ticks)
        self._running[process.pid, process.start_ticks] = process
        self._note()
        self._wait_ready(supervision, spec, process)
        return process

    def _wait_ready(self, supervision: Supervision, spec: ProcessSpec, process: Process) -> None:
        deadline = time.monotonic() + spec.deadline_s
        pause = FIRST_POLL_S
        while True:
            missing = spec.ready()
            # After the probe, not before: somebody else may have answered on the address our process failed to get.
            ended = _status(supervision, process)
            if ended is not None:
                del self._running[process.pid, process.start_ticks]
                # What it started holds its addresses still: nobody else has taken them.
                processes.kill_and_wait(processes.orphans_of([process.pid], self.work_dir))
                raise self._not_ready(
                    "MP5102", f"{spec.name} ended before it was ready ({how_ended(ended)})", spec, process
                )
            if missing is None:
                return
            if time.monotonic() >= deadline:
                self.stop(process)
                raise self._not_ready(
                    "MP5101", f"{spec.name} was not ready within {spec.deadline_s:g} s: {missing}", spec, process
                )
            time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
            pause = min(pause * 1.5, SLOWEST_POLL_S)

    def _not_ready(self, code: str, what: str, spec: ProcessSpec, process: Process) -> DeploymentError:
        namespace = None if spec.host is None else self.namespace(spec.host)
        return not_ready(code, what, log=last_lines(process.log), taken=_taken(spec, namespace))

    def stop(self, process: Process) -> None:
        """End one process and everything below it (TERM, then KILL after a second); wait until they are gone."""
        if self._running.pop((process.pid, process.start_ticks), None) is not None:
            self._open_supervision().stop([process.pid], grace_s=GRACE_S)

    def check(self) -> None:
        """Raise DeploymentError (MP5104) when a started process has ended, with its last log lines."""
        by_pid = {(child.pid, child.start_ticks): child for child in self._open_supervision().children()}
        for identity, process in self._running.items():
            status = by_pid[identity].status
            if status is not None:
                raise died(process.name, status, last_lines(process.log))

    def facts(self) -> Facts:
        """Facts of this machine under `host.`, and which cores each role may use."""
        return {**host_facts.HostReader().facts(), **self._network.facts(), **self.cpus.facts()}

    def close(self) -> None:
        """End everything, remove the scratch folder and the state file. Idempotent.

        Raises:
            CaptureError: MP5202, a process could not be ended; the state file stays, for the next sweep.
        """
        if self._closed or os.getpid() != self._owner:
            return  # in a fork of meshperf the site belongs to its parent
        stuck: set[processes.Identity] = set()
        if self._supervision is not None:
            stuck = self._end_processes(self._supervision)
        if not stuck:
            self._remove_pods()
            shutil.rmtree(self.work_dir, ignore_errors=True)
            self._state_file.unlink(missing_ok=True)
        # Only now: a second Ctrl-C in the middle of this leaves the rest to the exit handler.
        self._closed = True
        atexit.unregister(self.close)
        if stuck:
            raise CaptureError("MP5202", f"processes that could not be ended: {sorted(pid for pid, _ in stuck)}")

    def _remove_pods(self) -> None:
        try:
            self._network.close()
            self._limits.close()
        except OSError as error:
            # The state file stays, and with it the chance of the next sweep.
            raise CaptureError("MP5202", f"a pod of the site could not be removed: {error}") from error

    def _end_processes(self, supervision: Supervision) -> set[processes.Identity]:
        try:
            if self._running:
                supervision.stop([process.pid for process in self._running.values()], grace_s=GRACE_S)
        except CaptureError:
            pass  # it is gone or does not answer: the end of its pipe, and the search below, do the rest
        finally:
            self._running.clear()
            supervision.close(within_s=2.0)
        left = processes.with_descendants(self._all.values())
        left |= processes.orphans_of((pid for pid, _ in self._all.values()), self.work_dir)
        left |= inhabitants(self._network.made().values()) | members(self._limits.groups)
        return processes.kill_and_wait(left)

    def _open_supervision(self) -> Supervision:
        if self._closed or self._supervision is None:
            raise RuntimeError("the site is closed")
        return self._supervision

    def _log_for(self, name: str) -> Path:
        stem = re.sub(r"[^A-Za-z0-9._-]+", "_", name)
        tries = (self.work_dir / "logs" / f"{stem}-{number}.log" for number in range(len(self._all) + 2))
        return next(path for path in tries if path.stem not in self._all and not path.exists())

    def _note(self) -> None:
        supervisor = None
        if self._supervision is not None:
            supervisor = (self._supervision.pid, processes.start_ticks(self._supervision.pid) or 0)
        SiteState(
            experiment_id=self._experiment_id,
            where=processes.boot_and_namespace(),
            owner=(self._owner, processes.start_ticks(self._owner) or 0),
            supervisor=supervisor,
            processes=self._all,
            scratch=str(self.work_dir),
            namespaces=self._network.made(),
            groups=self._limits.groups,
        ).write(self._state_file)


def _taken(spec: ProcessSpec, namespace: str | None) -> tuple[str, ...]:
    """Which of the addresses the process is to listen on somebody holds already."""
    inside = None if namespace is None else Path(namespace).name
    places = ((address, parse(address)) for address in spec.listens)
    return tuple(address for address, place in places if is_taken(place.ip, place.port, place.namespace or inside))


def _status(supervision: Supervision, process: Process) -> int | None:
    found: Sequence[Child] = [child for child in supervision.children() if child.pid == process.pid]
    return found[0].status
