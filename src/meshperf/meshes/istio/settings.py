"""What istiod, the agents and the mesh as a whole are told: mesh configuration, environments, command lines.

`equal` makes Istio like the other arms where it lets itself be told: TLS 1.3 alone, ECDSA keys, one way to keep the
caller's protocol, all of Envoy's counters, no request ids, no retries that nobody asked for. `mesh` leaves each of them
as it ships, but for the few counters that the claims are tried by.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from meshperf.errors import UsageError
from meshperf.meshes.identities import TRUST_DOMAIN
from meshperf.meshes.istio.layout import (
    DEBUG_PORT,
    DOMAIN,
    EXCLUDED_PORTS,
    INBOUND_PORT,
    LOOPBACK,
    NAMESPACE,
    OUTBOUND_PORT,
    ROOT_NAMESPACE,
    XDS_PORT,
    Layout,
)
from meshperf.spec.experiment import Arm

__all__ = [
    "PROXY_USER",
    "WITHOUT_ISTIOS_ENVOY",
    "agent_argv",
    "agent_environment",
    "check_control_plane",
    "istiod_argv",
    "istiod_environment",
    "mesh_configuration",
    "redirection_argv",
    "written",
]

PROXY_USER = (0, 1337)
"""Whose traffic is not redirected: that of group 1337, Istio's own number. The user stays root, because programs and
scratch folder need be readable to nobody else."""

WITHOUT_ISTIOS_ENVOY = {"PILOT_ENABLE_METADATA_EXCHANGE": "false", "PILOT_ENABLE_ALPN_FILTER": "false"}
"""Filters that only Istio's own build of Envoy has; any other one refuses the whole listener."""
_COUNTED = (
    "downstream_cx_http1_total",
    "downstream_cx_http2_total",
    "downstream_cx_total",
    "ssl.handshake",
    "ssl.session_reused",
    "update_rejected",
    "upstream_cx_connect_fail",
    "upstream_cx_total",
    "upstream_cx_tx_bytes_total",
    "upstream_cx_http1_total",
    "upstream_cx_http2_total",
)
_TLS_COUNTED = r".*\.ssl\.(versions|ciphers|curves|sigalgs)\..*"
_MESH_CONFIG = "meshConfig."


def check_control_plane(arm: Arm) -> None:
    """Refuse settings of the control plane that are in no form that Istio has.

    Raises:
        UsageError: neither a variable of istiod nor a path of the mesh configuration (MP1008).
    """
    for name in arm.control_plane:
        path = name.removeprefix(_MESH_CONFIG)
        if not _is_variable(name) and (path == name or not all(path.split("."))):
            raise UsageError(
                "MP1008",
                f"arm `{arm.name}`: `{name}` is no setting of Istio's control plane",
                hint="write a variable of istiod, such as PILOT_DEBOUNCE_AFTER, or a path such as"
                f" {_MESH_CONFIG}defaultConfig.drainDuration",
            )


def mesh_configuration(layout: Layout, arm: Arm) -> dict[str, Any]:
    """The mesh configuration file."""
    equal = arm.defaults == "equal"
    configuration: dict[str, Any] = {
        "trustDomain": TRUST_DOMAIN,
        "rootNamespace": ROOT_NAMESPACE,
        "enableAutoMtls": arm.mtls == "strict",
        "enablePrometheusMerge": False,
        "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
        "defaultProviders": {},
        "defaultConfig": {"discoveryAddress": f"{layout.control}:{XDS_PORT}", **_proxy(arm)},
    }
    if equal:
        configuration["meshMTLS"] = {"minProtocolVersion": "TLSV1_3"}
        configuration["defaultHttpRetryPolicy"] = {"attempts": 0}
    if arm.access_log:
        configuration["accessLogFile"] = "./access.log"
    for name, value in arm.control_plane.items():
        if name.startswith(_MESH_CONFIG):
            _set(configuration, name.removeprefix(_MESH_CONFIG), value)
    return configuration


def istiod_environment(arm: Arm, authority: Path) -> dict[str, str]:
    """Environment of istiod.

    Args:
        authority: folder with the key and certificate that it signs with.
    """
    variables = {name: value for name, value in arm.control_plane.items() if _is_variable(name)}
    return {
        "ROOT_CA_DIR": str(authority),
        "POD_NAMESPACE": ROOT_NAMESPACE,
        "POD_NAME": "istiod",
        **WITHOUT_ISTIOS_ENVOY,
        **variables,
    }


def istiod_argv(program: Path, layout: Layout, *, resources: Path, mesh: Path, stock: bool = False) -> list[str]:
    """Command line of istiod: agents come in over TLS, questions only from its own pod.

    Args:
        stock: it is Istio's own start, which looks for Kubernetes unless it is told not to.
    """
    return [
        str(program), "discovery",
        "--configDir", str(resources),
        "--meshConfig", str(mesh),
        "--httpAddr", f"{LOOPBACK}:{DEBUG_PORT}",
        "--grpcAddr", f"{LOOPBACK}:15010",
        "--secureGRPCAddr", f"{layout.control}:{XDS_PORT}",
        "--monitoringAddr", f"{LOOPBACK}:15014",
        "--shutdownDuration", "1s",
        *(("--registries=",) if stock else ()),
    ]  # fmt: skip


def agent_environment(
    layout: Layout, arm: Arm, workload: str, *, certificates: Path, envoy: Path, bootstrap: Path
) -> dict[str, str]:
    """Environment of one agent. It proves who it is with a certificate that was provided, as on a virtual machine.

    Args:
        certificates: folder with `cert-chain.pem`, `key.pem` and `root-cert.pem`.
        bootstrap: Istio's own template of Envoy's bootstrap configuration.
    """
    root = str(certificates / "root-cert.pem")
    server = f"{layout.control}:{XDS_PORT}"
    # As where Istio injects sidecars: the mesh's defaults, then what is the pod's own.
    proxy = {
        "terminationDrainDuration": "1s",
        **mesh_configuration(layout, arm)["defaultConfig"],
        "binaryPath": str(envoy),
        "configPath": "./etc/istio/proxy",
        "serviceCluster": workload,
    }
    keys = {"ECC_SIGNATURE_ALGORITHM": "ECDSA"} if arm.defaults == "equal" else {}
    return {
        "POD_NAME": workload,
        "POD_NAMESPACE": NAMESPACE,
        "SERVICE_ACCOUNT": workload,
        "INSTANCE_IP": layout.pods[workload],
        "HOST_IP": layout.pods[workload],
        "TRUST_DOMAIN": TRUST_DOMAIN,
        "PROV_CERT": str(certificates),
        "XDS_ROOT_CA": root,
        "CA_ROOT_CA": root,
        "CA_ADDR": server,
        "ISTIOD_SAN": f"istiod.{ROOT_NAMESPACE}.svc",
        # Otherwise it looks for the machine's cloud first, for two seconds.
        "CLOUD_PLATFORM": "none",
        "ISTIO_META_CLUSTER_ID": "Kubernetes",
        "ISTIO_META_INTERCEPTION_MODE": "REDIRECT",
        "ISTIO_METAJSON_LABELS": json.dumps({"app": workload}),
        "ISTIO_BOOTSTRAP": str(bootstrap),
        "PROXY_CONFIG": json.dumps(proxy),
        **keys,
    }


def agent_argv(program: Path, arm: Arm, workload: str) -> list[str]:
    """Command line of one agent, which starts the sidecar."""
    return [
        str(program), "proxy", "sidecar",
        "--domain", DOMAIN,
        "--serviceCluster", workload,
        "--proxyLogLevel", "warning",
        "--concurrency", str(arm.proxy_concurrency),
    ]  # fmt: skip


def redirection_argv(program: Path) -> list[str]:
    """Command that sets the rules of redirection of one pod: all that comes in or goes out, but the sidecar's own."""
    group = str(PROXY_USER[1])
    return [
        str(program), "istio-iptables",
        "-p", str(OUTBOUND_PORT), "-z", str(INBOUND_PORT),
        "-u", group, "-g", group,
        "-m", "REDIRECT",
        "-i", "*", "-b", "*",
        "-d", ",".join(map(str, EXCLUDED_PORTS)),
    ]  # fmt: skip


def _proxy(arm: Arm) -> dict[str, Any]:
    """What holds for every sidecar."""
    told: dict[str, Any] = {"concurrency": arm.proxy_concurrency}
    if arm.defaults == "equal":
        told["proxyStatsMatcher"] = {"inclusionRegexps": [".*"]}
        told["proxyHeaders"] = {"requestId": {"disabled": True}}
    else:
        told["proxyStatsMatcher"] = {"inclusionSuffixes": list(_COUNTED), "inclusionRegexps": [_TLS_COUNTED]}
    return told


def _is_variable(name: str) -> bool:
    return name.isidentifier() and name == name.upper()


def _set(configuration: dict[str, Any], path: str, value: str) -> None:
    """Set one value by its path; what reads as JSON is taken as that."""
    *folders, last = path.split(".")
    for folder in folders:
        configuration = configuration.setdefault(folder, {})
    try:
        configuration[last] = json.loads(value)
    except ValueError:
        configuration[last] = value


def written(resources: Sequence[Mapping[str, Any]]) -> str:
    """Resources as one file. JSON is YAML, and needs no library to be written."""
    return "\n---\n".join(json.dumps(resource, indent=1) for resource in resources) + "\n"
