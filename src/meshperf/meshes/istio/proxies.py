"""Istio's control plane with a number of sidecars and no application, for studies of how fast changes arrive.

Every sidecar is asked from inside its own pod, at a virtual address, by requests for the probe hosts. A change is a
file of resources that istiod watches, put there whole:

    route      VirtualService with a direct response: the sidecar answers itself (a push of routes)
    endpoint   ServiceEntry whose one endpoint moves (a push of endpoints)
    configure  as many further ServiceEntries, each with an address and an endpoint of its own
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import replace

from meshperf.environments.site import Site, folder_name
from meshperf.errors import UsageError
from meshperf.meshes.base import APP_PORT, ENDPOINT_PROBE, ROUTE_PROBE, ControlledProxies, pod
from meshperf.meshes.istio.control_plane import start_control_plane
from meshperf.meshes.istio.credentials import Credentials
from meshperf.meshes.istio.installation import find_installation
from meshperf.meshes.istio.layout import CONTROL, DOMAIN, Layout
from meshperf.meshes.istio.resident_facts import configuration_digest, resident_facts
from meshperf.meshes.istio.resources import Resource, resource, resources
from meshperf.meshes.istio.sidecar import start_sidecar
from meshperf.spec.experiment import Arm

__all__ = ["deploy_proxies", "endpoint_change", "further_services", "route_change"]

_ROUTE_ADDRESS, _ENDPOINT_ADDRESS = "198.19.0.1", "198.19.0.2"
_FURTHER = ipaddress.IPv4Network("198.19.128.0/17")
_FURTHER_ENDPOINTS = ipaddress.IPv4Network("198.18.128.0/17")


def deploy_proxies(
    site: Site, arm: Arm, resident: str, *, proxies: int, endpoints: tuple[str, str]
) -> ControlledProxies:
    """Start istiod and so many sidecars, each in a pod of its own; see `ControlledMesh`."""
    installation = find_installation(arm)
    folder = site.work_dir / "istio" / folder_name(resident)
    names = [f"proxy-{number}" for number in range(1, proxies + 1)]
    layout = Layout(
        resident=resident,
        control=site.address(pod(resident, CONTROL)),
        pods={name: site.address(pod(resident, name)) for name in names},
    )
    credentials = Credentials.make(folder / "credentials", layout)
    plane = start_control_plane(
        site,
        arm,
        layout,
        [*resources(layout, arm), *_probe_services()],
        program=installation.istiod,
        folder=folder / "istiod",
        signing=credentials.signing,
    )
    plane.write("route", route_change("unset"))
    plane.write("endpoint", endpoint_change(endpoints[0]))
    for name in names:
        start_sidecar(
            site,
            arm,
            layout,
            name,
            installation=installation,
            folder=folder / "pods" / name,
            certificates=credentials.provided / name,
            plane=plane,
        )
    digest = configuration_digest(arm, replace(layout, pods={}), installation.template_sha256)
    return ControlledProxies(
        planes=(plane.process,),
        proxies=[site.reach(pod(resident, name), APP_PORT, at=_ROUTE_ADDRESS) for name in names],
        facts=resident_facts(arm, installation, digest),
        route=lambda text: plane.write("route", route_change(text)),
        endpoint=lambda index: plane.write("endpoint", endpoint_change(endpoints[index])),
        configure=lambda count: plane.write("further", further_services(count)),
    )


def route_change(text: str) -> Sequence[Resource]:
    """From now on the sidecars answer requests for the route's host with this text."""
    answer = {"directResponse": {"status": 200, "body": {"string": text}}}
    return [resource("networking", "VirtualService", "route", {"hosts": [ROUTE_PROBE], "http": [answer]})]


def endpoint_change(endpoint: str) -> Sequence[Resource]:
    """From now on requests for the endpoint's host go to this service (`ip:port`)."""
    return [_external("endpoint", ENDPOINT_PROBE, _ENDPOINT_ADDRESS, endpoint)]


def further_services(count: int) -> Sequence[Resource]:
    """So many services that nobody asks for.

    Raises:
        UsageError: more than there are addresses for (MP1008).
    """
    most = min(_FURTHER.num_addresses, _FURTHER_ENDPOINTS.num_addresses)
    if count > most:
        raise UsageError("MP1008", f"{count} further services are more than {most}, the most that have addresses here")
    return [
        _external(
            f"further-{number}",
            f"further-{number}.{DOMAIN}",
            str(_FURTHER[number]),
            f"{_FURTHER_ENDPOINTS[number]}:{APP_PORT}",
        )
        for number in range(count)
    ]


def _probe_services() -> Sequence[Resource]:
    """What the route's host is registered as; its endpoint is never asked."""
    return [_external("route", ROUTE_PROBE, _ROUTE_ADDRESS, f"{_ROUTE_ADDRESS}:{APP_PORT}")]


def _external(name: str, host: str, virtual: str, endpoint: str) -> Resource:
    """A service outside the mesh: its endpoint has no sidecar and is sent plain requests."""
    address, _, port = endpoint.rpartition(":")
    spec = {
        "hosts": [host],
        "addresses": [virtual],
        "location": "MESH_EXTERNAL",
        "resolution": "STATIC",
        "ports": [{"number": APP_PORT, "targetPort": int(port), "name": "http", "protocol": "HTTP"}],
        "endpoints": [{"address": address}],
    }
    return resource("networking", "ServiceEntry", name, spec)
