"""Where the hosts of a site live: the strategy behind `LocalSite`, with two forms.

`LoopbackNetwork` gives every host a loopback address of this machine. `namespaces.NamespaceNetwork` gives every host a
network namespace, a pod. The site itself (processes, logs, state file) is the same for both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from meshperf.environments.addresses import LoopbackBlock
from meshperf.errors import PrerequisiteError
from meshperf.spec.records import Fact, Facts

__all__ = ["LoopbackNetwork", "Network"]


class Network(Protocol):
    """Addresses and ways in. Everything made for it is gone when it is closed."""

    kind: str
    """As `Site.kind`."""

    def open(self) -> None:
        """Make what all hosts share.

        Raises:
            PrerequisiteError, DeploymentError: it cannot be made here.
        """
        ...

    def address(self, host: str) -> str:
        """The address of a host, one of its own for each name. The host is there when this returns."""
        ...

    def namespace(self, host: str) -> str | None:
        """Path of the host's network namespace; None where it has none of its own."""
        ...

    def reach(self, host: str, port: int, *, at: str | None = None) -> str:
        """How meshperf dials a port of a host, in the grammar of `reaching`."""
        ...

    def divide(self, far: Callable[[str], bool]) -> str:
        """Put hosts that are made from now on on the other side of a link when they are `far`.

        Returns:
            The host in whose network the link's program has to run.

        Raises:
            PrerequisiteError: MP3010, these hosts have no networks of their own.
        """
        ...

    def made(self) -> Mapping[str, str]:
        """What has to be removed with the site: names of namespaces by host, of the state file."""
        ...

    def facts(self) -> Facts:
        """What the network is, under `environment.` and `network.`."""
        ...

    def close(self) -> None:
        """Remove everything. The processes in it have ended. Idempotent."""
        ...


class LoopbackNetwork:
    """Every host is an address out of one block of 127.0.0.0/8; needs no rights."""

    kind = "local"

    def __init__(self) -> None:
        self._block: LoopbackBlock | None = None

    def open(self) -> None:
        """Reserve a block.

        Raises:
            DeploymentError: MP5103, none is free.
        """
        self._block = LoopbackBlock.reserve()

    def address(self, host: str) -> str:
        """The loopback address of a host."""
        if self._block is None:
            raise RuntimeError("the network is not open")
        return self._block.address(host)

    def namespace(self, host: str) -> str | None:
        """None: hosts are addresses of this machine's own network."""
        return None

    def reach(self, host: str, port: int, *, at: str | None = None) -> str:
        """`ip:port`; whose connection it is makes no difference here."""
        return f"{at or self.address(host)}:{port}"

    def divide(self, far: Callable[[str], bool]) -> str:
        """Refused.

        Raises:
            PrerequisiteError: MP3010.
        """
        raise PrerequisiteError(
            "MP3010", "loopback addresses have no link between them", hint="write `environment: netns`"
        )

    def made(self) -> Mapping[str, str]:
        """Nothing that outlives meshperf."""
        return {}

    def facts(self) -> Facts:
        """That hosts are loopback addresses."""
        return {
            "environment.kind": Fact(value=self.kind, source="environment", observed=False),
            "network.pods": Fact(value="loopback addresses", source="environment", observed=False),
        }

    def close(self) -> None:
        """Let others have the block."""
        if self._block is not None:
            self._block.release()
