"""Consul Connect: an agent as control plane, an Envoy sidecar beside every service, mutual TLS always.

agent_config → the agent's one file: services, sidecars, upstream listeners, intentions (entries)
bootstrap    → what `consul connect envoy` prints, and what makes it equal to the other arms
deployment   → agent, then sidecars, then the first request over every edge of the graph
claims       → who is refused, who is denied, whom the workload sees, which way the load went
"""

from meshperf.meshes.consul.mesh import ConsulMesh, adapter

__all__ = ["ConsulMesh", "adapter"]
