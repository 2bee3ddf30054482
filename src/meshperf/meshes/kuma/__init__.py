"""Kuma in universal mode: a control plane in a pod of its own, `kuma-dp` with its Envoy in every other pod.

The adapter is written from Kuma's documentation and from notes about runs by hand; meshperf itself has never run it
against a real Kuma. Everything that shows an arm of it says `unproven`.

layout   → pods, addresses, ports, virtual addresses
policies → the mesh, its permissions, and what the arm's functions ask for, as resources
commands → environments and command lines of kuma-cp, kuma-dp and kumactl
"""

from meshperf.meshes.kuma.mesh import KumaMesh, adapter

__all__ = ["KumaMesh", "adapter"]
