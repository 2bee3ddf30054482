"""A network of pods: one namespace a host, made when its address is first asked for, gone with the site.

    pod mp-…-1   eth0 ── v1 ┐
    pod mp-…-2   eth0 ── v2 ┤ br0   in mp-…-sw, a namespace of its own
    …                       ┘

*Why this way*: every pod has its own ports, loopback and iptables rules, as in Kubernetes, and traffic without a mesh
crosses the same devices, so that the baseline is fair. *What it refuses*: any link to the machine's own network. The
bridge has no address and no uplink, the default route of a pod leads to a gateway that does not exist; it is there only
so that a connection to any address is routed, and rules of redirection get to see it.
"""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from meshperf.environments.namespaces import cable, link
from meshperf.environments.namespaces.creation import create
from meshperf.environments.namespaces.naming import Block, pod_name, switch_name
from meshperf.environments.namespaces.removal import remove
from meshperf.environments.reaching import NAMESPACES, Place, inside
from meshperf.errors import DeploymentError, PrerequisiteError, StorageError
from meshperf.spec.records import Facts

__all__ = ["NamespaceNetwork", "program"]

SWITCH = "(switch)"
"""Stands for the bridge's namespace among the hosts of the state file; no host can be named so."""
_INSTEAD = "run meshperf as root, or write `environment: local` (hosts are loopback addresses then)"

_NEEDS = "the kernel needs the modules bridge and veth; without them write `environment: local`"
IP_WITHIN_S = 10.0

Run = Callable[[Sequence[str], str, float], str]
"""Runs a command inside a namespace (its path) with a deadline [s]; raises DeploymentError with what it said."""


class NamespaceNetwork:
    """Pods of one site."""

    kind = "netns"

    def __init__(self, *, token: str, run: Run, batch: Path, note: Callable[[], None]) -> None:
        """
        Args:
            token: six hexadecimal digits, the site's own.
            batch: file that commands are written to for `ip`; below the scratch folder.
            note: writes the state file; called before anything is made, so that a crash leaves nothing unnamed.

        Raises:
            PrerequisiteError: MP3010, not root, or no `ip` program.
        """
        self._token = token
        self._program = program()
        self._run = run
        self._batch = batch
        self._note = note
        self._block = Block.draw()
        self._numbers: dict[str, int] = {}
        self._made: dict[str, str] = {}
        self._lock = threading.RLock()
        self._far: Callable[[str], bool] | None = None
        self._closed = False

    def open(self) -> None:
        """Make the switch.

        Raises:
            PrerequisiteError: MP3010, namespaces cannot be made here. DeploymentError: MP5103, the name is taken.
        """
        try:
            self._ip(self._create(SWITCH, switch_name(self._token)), link.switch())
        except DeploymentError as refused:
            if refused.code != "MP5102":
                raise
            said = "; ".join(refused.log) or refused.message
            raise PrerequisiteError("MP3010", f"no bridge can be made here: {said}", hint=_NEEDS) from None

    def address(self, host: str) -> str:
        """The address of a host; its pod is made when it is asked for first.

        Raises:
            DeploymentError: MP5103, no address or name is free; MP5102, `ip` failed.
        """
        with self._lock:
            if host not in self._numbers:
                self._make(host)
            return self._block.address(self._numbers[host])

    def _make(self, host: str) -> None:
        if self._closed:
            raise RuntimeError("the network is closed")
        number = max(self._numbers.values(), default=0) + 1
        if number > self._block.hosts:
            raise DeploymentError("MP5103", f"an experiment in namespaces can have {self._block.hosts} hosts at most")
        name = pod_name(self._token, number)
        path = self._create(host, name)
        switch = self._made[SWITCH]
        own = f"{self._block.address(number)}/{self._block.network.prefixlen}"
        self._ip(path, link.pod(number, switch, own, self._block.gateway, link.name_servers()))
        far = self._far is not None and self._far(host)
        self._ip(str(NAMESPACES / switch), link.plug(number, cable.BRIDGE) if far else link.plug(number))
        if not (inside(switch, lambda: link.carries(f"v{number}")) and inside(name, lambda: link.carries("eth0"))):
            raise DeploymentError("MP5102", f"the link of {host} to the bridge carries nothing")
        self._numbers[host] = number

    def _ip(self, namespace: str, commands: Sequence[str]) -> None:
        try:
            self._batch.write_text("".join(f"{line}\n" for line in commands))
        except OSError as error:
            code = "MP5402" if error.errno == errno.ENOSPC else "MP5401"
            raise StorageError(code, f"cannot write {self._batch}: {error.strerror}") from error
        self._run([self._program, "-batch", str(self._batch)], namespace, IP_WITHIN_S)

    def _create(self, host: str, name: str) -> str:
        """Note and make a namespace; returns its path."""
        path = NAMESPACES / name
        if path.exists():  # before it is noted: what is noted is removed
            raise DeploymentError(
                "MP5103",
                f"the network namespace {name} exists already",
                hint=f"if no other meshperf made it, remove it with `ip netns delete {name}`",
            )
        self._made[host] = name
        self._note()
        try:
            create(name)
        except OSError as refused:
            raise PrerequisiteError(
                "MP3010", f"no network namespace can be made here: {refused.strerror}", hint=_INSTEAD
            ) from refused
        return str(path)

    def namespace(self, host: str) -> str | None:
        """Path of the pod's network namespace, or of the switch's."""
        if host != SWITCH:
            self.address(host)
        return str(NAMESPACES / self._made[host])

    def reach(self, host: str, port: int, *, at: str | None = None) -> str:
        """`ip:port@namespace`."""
        own = self.address(host)
        return str(Place(ip=at or own, port=port, namespace=self._made[host]))

    def divide(self, far: Callable[[str], bool]) -> str:
        """Put hosts that are made from now on into a second bridge when they are `far`; returns the switch as a host.

        Nothing crosses from one bridge to the other until the program of `cable.argv` runs there.
        """
        if self._far is None:
            self._ip(str(NAMESPACES / self._made[SWITCH]), cable.second_bridge())
        self._far = far
        return SWITCH

    def made(self) -> Mapping[str, str]:
        """Names of namespaces by host; the switch stands under `(switch)`."""
        return dict(self._made)

    def facts(self) -> Facts:
        """What pods are joined by."""
        return link.facts(self.kind, self._made.get(SWITCH))

    def close(self) -> None:
        """Remove every namespace of the site.

        Raises:
            OSError: one could not be removed.
        """
        self._closed = True
        remove(self._made.values())


def program() -> str:
    """Path of the `ip` program, where namespaces may be made at all.

    Raises:
        PrerequisiteError: MP3010, not root, or no `ip` program.
    """
    if os.geteuid() != 0:
        raise PrerequisiteError("MP3010", "pods as network namespaces need root", hint=_INSTEAD)
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    found = shutil.which("ip", path=path)
    if found is None:
        raise PrerequisiteError(
            "MP3010",
            "pods as network namespaces need the program `ip`",
            hint="install iproute2 (`apt install iproute2`), or write `environment: local`",
        )
    return found
