"""Istio with its configuration in files: istiod in a pod of its own, an agent and an Envoy in every other one.

layout, resources, settings   what is configured, as data
installation                  the programs
control_plane, sidecar        one process of each kind, started and asked
deployment                    a resident, from certificates to the first request
observer, functions_in_force  the claims
"""

from meshperf.meshes.istio.mesh import IstioMesh, adapter

__all__ = ["IstioMesh", "adapter"]
