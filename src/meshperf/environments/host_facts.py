"""Everything we note about a Linux host, each fact a value or the reason why there is none.

What it refuses: environment variables, whole command lines, names and addresses in clear. Paths that end in `_now` are
momentary: they are shown and never compared. Every path is described in docs/reference/facts.md.
"""

from __future__ import annotations

import platform
from pathlib import Path

from meshperf import __version__
from meshperf.environments.cgroup_limits import cgroup_facts
from meshperf.environments.host_cpu import cpu_facts, sibling_groups
from meshperf.environments.host_files import HostFiles, observe
from meshperf.environments.host_kernel import kernel_facts, machine_facts, memory_facts, process_facts
from meshperf.environments.host_network import identity_facts, network_facts
from meshperf.spec.records import Fact, Facts

__all__ = ["HostReader", "sibling_threads"]


class HostReader:
    """Reads the facts of the host whose files lie under `root`."""

    def __init__(self, root: Path = Path("/"), *, hashed: bool = True) -> None:
        self._files = HostFiles(root)
        self._hashed = hashed

    def groups(self) -> dict[str, Facts]:
        """Facts by heading, for people."""
        files = self._files
        return {
            "processors": cpu_facts(files),
            "limits": {**process_facts(files), **cgroup_facts(files)},
            "memory": memory_facts(files),
            "kernel": kernel_facts(files),
            "network": network_facts(files),
            "machine": {**machine_facts(files), **identity_facts(files, hashed=self._hashed)},
            "tools": _tools(),
        }

    def facts(self) -> Facts:
        """All facts by their path under `host.`."""
        return {path: fact for group in self.groups().values() for path, fact in group.items()}


def sibling_threads() -> frozenset[frozenset[int]]:
    """Hardware threads of this machine that share a physical core; empty where that is not known or not so."""
    return sibling_groups(HostFiles())


def _tools() -> dict[str, Fact]:
    def openssl() -> str:
        import ssl  # takes milliseconds that a verb without TLS need not spend

        return ssl.OPENSSL_VERSION

    return {
        "host.python": observe("platform", platform.python_version),
        "host.openssl": observe("ssl", openssl),
        "host.meshperf": Fact(value=__version__, source="meshperf"),
    }
