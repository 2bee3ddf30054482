"""Envoys whose routes, clusters and endpoints come from files that they watch: the least control plane there can be.

Every control plane has to write what changed and every proxy has to take it in. Here the first is a file renamed into
place, so what remains is the proxies' own part: the floor under any control plane that steers the same Envoy.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from meshperf.environments.probes import http_ready
from meshperf.environments.site import Process, ProcessSpec, Site, folder_name
from meshperf.meshes.base import ENDPOINT_PROBE, ROUTE_PROBE, ControlledProxies
from meshperf.meshes.binaries import Binary
from meshperf.spec.experiment import Arm
from meshperf.spec.records import Fact

__all__ = ["deploy_proxies"]

_ADMIN_PORT, _PORT = 15000, 15001
_READY_S = 30.0
_TYPE = "type.googleapis.com/envoy."
_ROUTES = _TYPE + "config.route.v3.RouteConfiguration"
_CLUSTER = _TYPE + "config.cluster.v3.Cluster"
_ENDPOINTS = _TYPE + "config.endpoint.v3.ClusterLoadAssignment"
_FIRST = "configured"


def deploy_proxies(
    site: Site, arm: Arm, resident: str, *, binary: Binary, proxies: int, endpoints: tuple[str, str]
) -> ControlledProxies:
    """Start so many Envoys on one set of watched files; see `meshes.base.ControlledMesh`."""
    files = _Files(site.work_dir / "xds" / folder_name(resident), endpoints)
    started, addresses = [], []
    for index in range(proxies):
        host = f"{resident}-proxy-{index}"
        started.append(_start(site, arm, binary, files, host))
        addresses.append(site.reach(host, _PORT))
    return ControlledProxies(
        planes=(),
        proxies=addresses,
        facts={
            "mesh.type": Fact(value="envoy", source="experiment"),
            "mesh.version": Fact(value=binary.version, source="envoy --version"),
            "mesh.control_plane": Fact(value="files that the proxies watch", source="adapter"),
            "proxy.version": Fact(value=binary.version, source="envoy --version"),
            "proxy.sha256": Fact(value=binary.sha256, source="binary"),
            "proxy.concurrency": Fact(value=arm.proxy_concurrency, source="experiment", observed=False),
        },
        route=files.write_route,
        endpoint=files.write_endpoint,
        configure=files.write_services,
    )


def _start(site: Site, arm: Arm, binary: Binary, files: _Files, host: str) -> Process:
    address = site.address(host)
    config = files.folder / f"{folder_name(host)}.json"
    config.write_text(json.dumps(_bootstrap(address, files)))
    admin = site.reach(host, _ADMIN_PORT)
    return site.start(
        ProcessSpec(
            name=host,
            role="sidecar",
            argv=[
                str(binary.path), "-c", str(config), "--concurrency", str(arm.proxy_concurrency),
                "--disable-hot-restart", "-l", "warning",
            ],
            ready=http_ready(admin, "/ready"),
            host=host,
            listens=(admin, site.reach(host, _PORT)),
            deadline_s=_READY_S,
        )
    )  # fmt: skip


class _Files:
    """The three watched files. Each is written beside and renamed, which is the moment that proxies are told.

    Each has a folder of its own: a watched folder makes a proxy read its file again whatever was renamed into it.
    """

    def __init__(self, folder: Path, endpoints: tuple[str, str]) -> None:
        self.folder = folder
        self._endpoints = endpoints
        self._changes = 0
        self.write_services(0)
        self.write_endpoint(0)
        self.write_route(_FIRST)

    def write_route(self, text: str) -> None:
        answered = {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": text}}}
        sent = {"match": {"prefix": "/"}, "route": {"cluster": "endpoint"}}
        self._write("routes.json", [{
            "@type": _ROUTES, "name": "probes", "virtual_hosts": [
                {"name": "route", "domains": [ROUTE_PROBE], "routes": [answered]},
                {"name": "endpoint", "domains": [ENDPOINT_PROBE], "routes": [sent]},
            ],
        }])  # fmt: skip

    def write_endpoint(self, index: int) -> None:
        chosen = [_endpoint(self._endpoints[index])]
        assignment = {"@type": _ENDPOINTS, "cluster_name": "endpoint", "endpoints": [{"lb_endpoints": chosen}]}
        self._write("endpoints.json", [assignment])

    def write_services(self, count: int) -> None:
        probed = {
            "@type": _CLUSTER, "name": "endpoint", "type": "EDS", "connect_timeout": "1s",
            "eds_cluster_config": {"eds_config": _watched(self.place("endpoints.json"))},
        }  # fmt: skip
        further = [
            {
                "@type": _CLUSTER, "name": f"further-{number}", "type": "STATIC", "connect_timeout": "1s",
                "load_assignment": {
                    "cluster_name": f"further-{number}",
                    "endpoints": [{"lb_endpoints": [_endpoint(_nowhere(number))]}],
                },
            }
            for number in range(count)
        ]  # fmt: skip
        self._write("clusters.json", [probed, *further])

    def _write(self, name: str, resources: list[dict[str, Any]]) -> None:
        self._changes += 1
        self.folder.mkdir(parents=True, exist_ok=True)
        beside = self.folder / f"{name}.new"
        beside.write_text(json.dumps({"version_info": str(self._changes), "resources": resources}))
        beside.rename(self.place(name))

    def place(self, name: str) -> Path:
        """Where a watched file is."""
        folder = self.folder / name.removesuffix(".json")
        folder.mkdir(parents=True, exist_ok=True)
        return folder / name


def _bootstrap(address: str, files: _Files) -> dict[str, Any]:
    manager = {
        "@type": _TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "probes",
        "rds": {"route_config_name": "probes", "config_source": _watched(files.place("routes.json"))},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": _TYPE + "extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    listener = {
        "name": "probes",
        "address": _socket(address, _PORT),
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }
    return {
        "node": {"id": address, "cluster": "meshperf"},
        "admin": {"address": _socket(address, _ADMIN_PORT)},
        "dynamic_resources": {"cds_config": _watched(files.place("clusters.json"))},
        "static_resources": {"listeners": [listener]},
    }


def _watched(file: Path) -> dict[str, Any]:
    return {
        "resource_api_version": "V3",
        "path_config_source": {"path": str(file), "watched_directory": {"path": str(file.parent)}},
    }


def _endpoint(address: str) -> dict[str, Any]:
    host, _, port = address.rpartition(":")
    return {"endpoint": {"address": _socket(host, int(port))}}


def _nowhere(number: int) -> str:
    """An endpoint that nobody asks for: a loopback address that nobody listens on."""
    return f"127.255.{number // 250 % 250}.{number % 250 + 1}:80"


def _socket(address: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": address, "port_value": port}}
