"""Envoy as static sidecars, without a control plane: the mesh that is always available.

Every service's pod and the client's pod has one sidecar. `layout` says where each listens and whom it admits,
`bootstrap` writes its configuration, `deployment` starts them, `claims` tries out what an arm says of itself.
"""

from meshperf.meshes.envoy.adapter import EnvoyMesh, adapter
from meshperf.meshes.programs import find_envoy

__all__ = ["EnvoyMesh", "adapter", "find_envoy"]
