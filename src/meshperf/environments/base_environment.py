"""The environment variables that every process of a site inherits: as few as there can be."""

from __future__ import annotations

import os
from collections.abc import Mapping

__all__ = ["base_environment"]

_SYSTEM_PROGRAMS = ("/usr/sbin", "/sbin")
"""Where iptables is; root without a login shell does not have them on PATH."""


def base_environment() -> Mapping[str, str]:
    """PATH and a fixed language, or messages and number formats would depend on the user."""
    path = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return {"PATH": os.pathsep.join(dict.fromkeys((*path, *_SYSTEM_PROGRAMS))), "LANG": "C.UTF-8"}
