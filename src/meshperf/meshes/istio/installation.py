"""What Istio is made of on this machine: its two programs, an Envoy, and Istio's template of Envoy's bootstrap.

The template is part of Istio, not of meshperf: it is taken from where Istio's packages put it, from beside the agent,
or from the source of exactly the version that the agent was built from, which its builder has in the module cache.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from meshperf.errors import PrerequisiteError
from meshperf.meshes.binaries import Binary, find_binary
from meshperf.meshes.executables import sha256_of
from meshperf.meshes.programs import ISTIOD, PILOT_AGENT, find_envoy
from meshperf.spec.experiment import Arm

__all__ = ["TEMPLATE_OPTION", "Installation", "find_installation", "template_of"]

TEMPLATE_OPTION = "envoy-bootstrap"
"""Names the template among an arm's `binaries`."""
_TEMPLATE_VARIABLE = "ISTIO_BOOTSTRAP"
PACKAGED = Path("/var/lib/istio/envoy/envoy_bootstrap_tmpl.json")
_NAMES = ("envoy_bootstrap_tmpl.json", "envoy_bootstrap.json")
_RELEASED = re.compile(r"v?[1-9]\d*\.\d+\.\d+")
_IN_SOURCE = "tools/packaging/common/envoy_bootstrap.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """The programs of one arm."""

    istiod: Binary
    agent: Binary
    envoy: Binary
    template: Path

    @property
    def is_release(self) -> bool:
        """Whether istiod is a released build that starts as its users start it."""
        return not self.istiod.patched and _RELEASED.fullmatch(self.istiod.version) is not None

    @property
    def label(self) -> str:
        """What stands beside the name of a development build wherever it is shown. Metrics need another Envoy."""
        minor = ".".join(self.istiod.version.lstrip("v").split(".")[:2])
        return f"{f'istio {minor}' if self.is_release else 'istio-dev'}, no telemetry"

    @property
    def template_sha256(self) -> str:
        return sha256_of(self.template)


def find_installation(arm: Arm | None = None) -> Installation:
    """Find everything; without an arm, what an arm without options would get.

    Raises:
        PrerequisiteError: a program was not found or cannot be used (MP3001, MP3007), or there is no template (MP3007).
    """
    options = arm.binaries if arm is not None else {}
    istiod = find_binary(ISTIOD, options.get(ISTIOD.name))
    agent = find_binary(PILOT_AGENT, options.get(PILOT_AGENT.name))
    envoy = find_envoy((arm.envoy_path if arm is not None else None) or options.get("envoy"))
    return Installation(
        istiod=istiod, agent=agent, envoy=envoy, template=template_of(agent, options.get(TEMPLATE_OPTION))
    )


def template_of(agent: Binary, option: Path | None) -> Path:
    """The template of Envoy's bootstrap that belongs to an agent.

    Args:
        option: a file that the experiment names; wins over everything.

    Raises:
        PrerequisiteError: there is none, or what was named is none (MP3007).
    """
    variable = os.environ.get(_TEMPLATE_VARIABLE)
    named = option or (Path(variable) if variable else None)
    if named is not None:
        if not named.is_file():
            origin = "option" if option else _TEMPLATE_VARIABLE
            raise _refused(f"{named.name} (from {origin}), the template of Envoy's bootstrap, is no file")
        return named.absolute()
    for place in _places(agent):
        if place.is_file():
            return place
    raise _refused("Istio's template of Envoy's bootstrap (envoy_bootstrap_tmpl.json) was not found")


def _places(agent: Binary) -> Iterator[Path]:
    yield from (agent.path.with_name(name) for name in _NAMES)
    yield PACKAGED
    for cache in _module_caches():
        yield cache / f"{PILOT_AGENT.module}@{agent.version}" / _IN_SOURCE


def _module_caches() -> Iterator[Path]:
    """Where Go keeps the source of modules, as its own settings say; no Go is asked."""
    if "GOMODCACHE" in os.environ:
        yield Path(os.environ["GOMODCACHE"])
    folders = os.environ.get("GOPATH", "").split(os.pathsep)
    yield from (Path(folder) / "pkg" / "mod" for folder in folders if folder)
    yield Path(os.environ.get("HOME", "/")) / "go" / "pkg" / "mod"


def _refused(message: str) -> PrerequisiteError:
    return PrerequisiteError(
        "MP3007",
        message,
        hint=f"put it beside pilot-agent, or name it with {_TEMPLATE_VARIABLE} or, in the arm,"
        f" `binaries: {{{TEMPLATE_OPTION}: FILE}}`; it is {_IN_SOURCE} in Istio's source",
    )
