"""The Envoy to run: `programs.find_envoy` under the name by which this package's Envoy modules know it."""

from __future__ import annotations

from meshperf.meshes.binaries import Binary as EnvoyBinary
from meshperf.meshes.programs import find_envoy

__all__ = ["EnvoyBinary", "find_envoy"]
