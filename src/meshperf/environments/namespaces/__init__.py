"""Pods as network namespaces, joined by a bridge in a namespace of its own; needs root and iproute2."""

from meshperf.environments.namespaces.network import NamespaceNetwork
from meshperf.environments.namespaces.network import program as require_namespaces
from meshperf.environments.namespaces.removal import inhabitants, remove

__all__ = ["NamespaceNetwork", "inhabitants", "remove", "require_namespaces"]
