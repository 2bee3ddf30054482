"""A stand-in for Kuma's three programs, as far as the adapter can tell: same command lines, same places, real Envoys.

It is constructed from Kuma's documentation and proves the adapter's own steps, not Kuma. One file, started under three
names; what the three tell one another goes through files in the folder that STAND_IN names (certificates by service,
applied resources, where each service's sidecar listens).
"""

import http.server
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

SHARED = Path(__file__).resolve().parent / "shared"
EXTENSIONS = "type.googleapis.com/envoy.extensions."


def control_plane() -> None:
    assert os.environ["KUMA_STORE_TYPE"] == "memory"

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

    address = (os.environ["KUMA_API_SERVER_HTTP_INTERFACE"], int(os.environ["KUMA_API_SERVER_HTTP_PORT"]))
    http.server.HTTPServer(address, Handler).serve_forever()


def kumactl(line: list[str]) -> None:
    words = line[2:]  # after --config-file PATH
    with (SHARED / "commands").open("a") as log:
        log.write(" ".join(words) + "\n")
    if words[0] == "apply":
        for text in Path(words[2]).read_text().split("\n---\n"):
            resource = json.loads(text)
            (SHARED / "applied" / f"{resource['type']}-{resource['name']}.json").write_text(text)
    elif words[0] == "generate":
        sys.stdout.write(f"token of {words[words.index('--tag') + 1]}\n")


def dataplane(line: list[str]) -> None:
    options = dict(zip(line, line[1:]))  # noqa: B905, RUF007 (runs under any Python)
    resource = json.loads(Path(options["--dataplane-file"]).read_text())
    networking, service = resource["networking"], resource["labels"]["app"]
    assert Path(options["--dataplane-token-file"]).read_text() == f"token of kuma.io/service={service}"
    inbound, folder = networking["inbound"][0], Path(options["--work-dir"])
    (SHARED / "places" / service).write_text(f"{networking['address']} {inbound['port']}")
    listeners = [
        listener("inbound", networking["address"], inbound["port"], f"localhost_{inbound['servicePort']}", service)
    ]
    clusters = [cluster(f"localhost_{inbound['servicePort']}", inbound["serviceAddress"], inbound["servicePort"])]
    for outbound in networking["outbound"]:
        callee = outbound["tags"]["kuma.io/service"]
        address, port = (SHARED / "places" / callee).read_text().split()
        listeners.append(listener("outbound", outbound["address"], outbound["port"], callee, service))
        clusters.append(cluster(callee, address, int(port), caller=service))
    config = {
        "node": {"id": resource["name"], "cluster": service},
        "admin": {"address": {"pipe": {"path": str(folder / "kuma-envoy-admin.sock")}}},
        "stats_flush_on_admin": True,
        "static_resources": {"listeners": listeners, "clusters": clusters},
    }
    path = folder / "envoy.json"
    path.write_text(json.dumps(config))
    envoy = subprocess.Popen(
        [options["--binary-path"], "-c", str(path), "--concurrency", options["--concurrency"], "--disable-hot-restart"]
    )
    signal.signal(signal.SIGTERM, lambda number, frame: envoy.terminate())
    sys.exit(envoy.wait())


def listener(direction: str, address: str, port: int, to: str, service: str) -> dict:
    router = {"@type": EXTENSIONS + "filters.http.router.v3.Router"}
    filters = [{"name": "envoy.filters.http.router", "typed_config": router}]
    manager = {
        "@type": EXTENSIONS + "filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": to,
        "route_config": {
            "virtual_hosts": [
                {"name": to, "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": to}}]}
            ]
        },
        "http_filters": filters,
    }
    chain: dict = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    if direction == "inbound":
        manager |= {"forward_client_cert_details": "SANITIZE_SET", "set_current_client_cert_details": {"uri": True}}
        filters.insert(0, permission(service))
        chain["transport_socket"] = tls("DownstreamTlsContext", service, require_client_certificate=True)
    place = {"socket_address": {"address": address, "port_value": port}}
    return {"name": f"{direction}:{address}:{port}", "address": place, "filter_chains": [chain]}


def permission(service: str) -> dict:
    path = SHARED / "applied" / f"MeshTrafficPermission-callers-of-{service}.json"
    allowed = json.loads(path.read_text())["spec"]["from"] if path.exists() else []
    callers = [f"spiffe://default/{one['targetRef']['tags']['kuma.io/service']}" for one in allowed]
    principals = [{"authenticated": {"principal_name": {"exact": caller}}} for caller in callers]
    rules: dict = {"action": "ALLOW"}
    if principals:
        rules["policies"] = {"callers": {"permissions": [{"any": True}], "principals": principals}}
    config = {"@type": EXTENSIONS + "filters.http.rbac.v3.RBAC", "rules": rules}
    return {"name": "envoy.filters.http.rbac", "typed_config": config}


def cluster(name: str, address: str, port: int, caller: str = "") -> dict:
    endpoint = {"endpoint": {"address": {"socket_address": {"address": address, "port_value": port}}}}
    found: dict = {
        "name": name,
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    if caller:
        found["transport_socket"] = tls("UpstreamTlsContext", caller)
    return found


def tls(context: str, service: str, **further: object) -> dict:
    versions = {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"}
    certificates = SHARED / "certificates"
    own = {
        "certificate_chain": {"filename": str(certificates / f"{service}.crt")},
        "private_key": {"filename": str(certificates / f"{service}.key")},
    }
    common = {
        "tls_params": versions,
        "tls_certificates": [own],
        "validation_context": {"trusted_ca": {"filename": str(certificates / "ca.crt")}},
    }
    config = {"@type": f"{EXTENSIONS}transport_sockets.tls.v3.{context}", "common_tls_context": common, **further}
    return {"name": "envoy.transport_sockets.tls", "typed_config": config}


if __name__ == "__main__":
    name = Path(sys.argv[0]).name
    if name == "kuma-cp":
        control_plane()
    elif name == "kumactl":
        kumactl(sys.argv[1:])
    else:
        dataplane(sys.argv[2:])
