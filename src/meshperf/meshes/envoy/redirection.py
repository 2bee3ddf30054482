"""Transparent interception: rules in a pod's own network namespace that lead its connections through its sidecar.

    from outside:   PREROUTING  tcp           → inbound listener
    from the pod:   OUTPUT      tcp, not lo   → outbound listener, but for what the sidecar itself sends

The sidecar's own connections are told by a mark on the socket, not by the user it runs as: no account has to exist, and
its keys stay readable for nobody else. Setting a mark needs the same right as making the rules.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from meshperf.environments.base_environment import base_environment
from meshperf.environments.site import Site
from meshperf.errors import PrerequisiteError
from meshperf.meshes.envoy.layout import INBOUND_PORT, REDIRECTED_PORT

__all__ = ["MARK", "redirect", "require_iptables", "rules"]

MARK = 0x6D70
"""On every socket with which a sidecar calls another pod."""
_PROGRAM = "iptables"
_WAIT = ("-w", "5")


def require_iptables() -> None:
    """Refuse before anything is deployed.

    Raises:
        PrerequisiteError: MP3005, the program is not there.
    """
    if shutil.which(_PROGRAM, path=base_environment()["PATH"]) is None:
        raise PrerequisiteError(
            "MP3005",
            "`interception: transparent` needs the program `iptables`",
            hint="install the package `iptables`, or write `interception: explicit`",
        )


def rules(*, inbound: bool) -> Sequence[Sequence[str]]:
    """Arguments of `iptables` for one pod; `inbound` where a service is in it."""
    table = ("-t", "nat")
    lines: list[Sequence[str]] = []
    if inbound:
        lines.append((*table, "-A", "PREROUTING", "-p", "tcp", "!", "-i", "lo", "-j", "REDIRECT",
                      "--to-ports", str(INBOUND_PORT)))  # fmt: skip
    return [
        *lines,
        (*table, "-A", "OUTPUT", "-o", "lo", "-j", "RETURN"),
        (*table, "-A", "OUTPUT", "-m", "mark", "--mark", str(MARK), "-j", "RETURN"),
        (*table, "-A", "OUTPUT", "-p", "tcp", "-j", "REDIRECT", "--to-ports", str(REDIRECTED_PORT)),
    ]


def redirect(site: Site, host: str, *, inbound: bool) -> None:
    """Set the rules of one pod. They go with its namespace.

    Raises:
        DeploymentError: a rule was refused (MP5102), with what iptables said.
    """
    for rule in rules(inbound=inbound):
        site.run([_PROGRAM, *_WAIT, *rule], host=host)
