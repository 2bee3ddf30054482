"""Facts that every mesh with an Envoy in it states in the same words: which program, which TLS, which protocols.

`docs/reference/facts-of-a-mesh.md` lists all names. An admin interface is named by the address that `Site.reach` gives.
What is *declared* is marked unobserved; what `observed_facts` of a deployment returns is put over it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from meshperf.environments.asking import ask
from meshperf.meshes import envoy_admin
from meshperf.meshes.binaries import Binary
from meshperf.spec.experiment import Arm, Functions
from meshperf.spec.records import Fact, Facts

__all__ = [
    "Hops",
    "declared_facts",
    "first_request",
    "functions_text",
    "header_growth",
    "mesh_facts",
    "program_facts",
    "proxy_facts",
    "security_facts",
]

_PROBE_HEADERS = frozenset({"host", "connection", "accept-encoding"})
"""Headers of the probe itself, which no proxy added."""
_POLL_S = 0.01
_HTTP1, _HTTP2 = "http1", "http2"
_Count = Callable[[Mapping[str, int], str], int]
"""Connections of one protocol among counters."""


def mesh_facts(
    arm: Arm,
    *,
    version: str,
    release: str,
    label: str,
    control_plane: str,
    config_digest: str,
    mode: str = "sidecar",
    proven: bool = True,
) -> Facts:
    """Which mesh it is.

    Args:
        release: `release`, `development` or `static` (no control plane whose release could be named).
        label: how tables and charts name it: `envoy 1.40`, `istio-dev, no telemetry`.
        control_plane: name and version, or `none (static configuration)`.
        config_digest: of everything that was configured, without addresses and paths of this run.
        proven: False for an adapter that was never run against its real mesh.
    """
    return {
        "mesh.type": Fact(value=arm.mesh, source="experiment"),
        "mesh.mode": Fact(value=mode, source="adapter"),
        "mesh.version": Fact(value=version, source="program"),
        "mesh.release": Fact(value=release, source="program"),
        "mesh.label": Fact(value=label, source="adapter"),
        "mesh.defaults": Fact(value=arm.defaults, source="experiment"),
        "mesh.control_plane": Fact(value=control_plane, source="adapter"),
        "mesh.config_digest": Fact(value=config_digest, source="adapter"),
        "mesh.proven": Fact(value=proven, source="adapter"),
    }


def program_facts(binary: Binary) -> Facts:
    """One program of the mesh, under `binary.<name>.`; its path is never written down."""
    source = f"{binary.name} --version"
    return {
        f"binary.{binary.name}.version": Fact(value=binary.version, source=source),
        f"binary.{binary.name}.sha256": Fact(value=binary.sha256, source="program file"),
        f"binary.{binary.name}.build": Fact(value=binary.build or "not said", source=source),
        f"binary.{binary.name}.origin": Fact(value=binary.origin, source="search"),
    }


def proxy_facts(envoy: Binary) -> Facts:
    """Which Envoy the data plane is."""
    source = "envoy --version"
    return {
        "proxy.version": Fact(value=f"{envoy.revision or 'unknown'}/{envoy.version}", source=source),
        "proxy.build": Fact(value=envoy.build or "not said", source=source),
        "proxy.sha256": Fact(value=envoy.sha256, source="program file"),
        **program_facts(envoy),
    }


def declared_facts(
    arm: Arm,
    *,
    interception: str,
    key_type: str,
    telemetry: str = "counters",
    request_timeout_s: float | None = None,
    retries: int | None = None,
) -> Facts:
    """What the arm asks of its proxies.

    Args:
        interception: `explicit port`, `iptables redirect`, …
        telemetry: `counters` (kept by the proxy, read by nobody while load runs), `counters, scraped every second`,
            with `, tracing` where spans are made; `none` where the mesh's own telemetry is off.
        request_timeout_s: in force; None: the proxy gives no request up.
        retries: in force; None: what the arm asks for.
    """
    source = "experiment"
    return {
        "proxy.concurrency": Fact(value=arm.proxy_concurrency, source=source, observed=False),
        "proxy.access_log": Fact(value=arm.access_log, source=source, observed=False),
        "proxy.mode": Fact(value=arm.mode, source=source, observed=False),
        "proxy.placement": Fact(value=arm.proxies, source=source, observed=False),
        "proxy.functions": Fact(value=functions_text(arm.functions), source=source, observed=False),
        "proxy.retries": Fact(value=arm.functions.retries if retries is None else retries, source="adapter"),
        "proxy.request_timeout_s": Fact(value=request_timeout_s or "none", source="adapter"),
        "proxy.telemetry": Fact(value=telemetry, source="adapter"),
        "security.mtls": Fact(value=arm.mtls, source=source, observed=False),
        "security.key_type": Fact(value=key_type if arm.mtls == "strict" else "none", source="adapter"),
        "interception.kind": Fact(value=interception, source="adapter"),
    }


def functions_text(functions: Functions) -> str:
    """The functions that are switched on, as one value: `metrics, retries=2`; `none` where there are none."""
    texts = []
    for name in sorted(functions.used()):
        value = getattr(functions, name)
        told = "/".join(map(str, value)) if isinstance(value, tuple) else value
        texts.append(name if value is True else f"{name}={told}")
    return ", ".join(texts) or "none"


def security_facts(admin: str, *, source: str = "client sidecar's handshakes") -> Facts:
    """TLS as one proxy's own connections to other proxies agreed it, and its workers. Read after load has run.

    Args:
        admin: of the client's proxy: it makes the handshakes.
    """
    seen = envoy_admin.tls_seen(admin)
    reused = sum(count for name, count in envoy_admin.counters(admin).items() if name.endswith(".ssl.session_reused"))
    facts = {
        "security.mtls": Fact(value="strict" if seen else "off", source=source),
        "security.resumption": Fact(value=reused > 0, source=source),
        "proxy.concurrency": Fact(value=envoy_admin.workers(admin), source="server_info"),
    }
    for name in ("tls_version", "tls_cipher", "tls_group", "tls_signature"):
        facts[f"security.{name}"] = Fact(value=seen.get(name, "none"), source=source)
    return facts


def header_growth(whoami: Mapping[str, Any]) -> Facts:
    """What the proxies add to a request, and whom the workload takes the caller for, from the reply to `/whoami`."""
    headers = whoami.get("headers")
    if not isinstance(headers, dict):
        return {}
    added = {name: value for name, value in headers.items() if name not in _PROBE_HEADERS}
    size = sum(len(name) + len(str(value)) + 4 for name, value in added.items())
    return {
        "proxy.header_growth_bytes": Fact(value=size, source="whoami"),
        "security.identity": Fact(value=whoami.get("identity") or "none", source="whoami"),
    }


def first_request(
    address: str, *, since: float, check: Callable[[], None], deadline_s: float = 15.0, path: str = "/whoami"
) -> Facts:
    """`mesh.first_request_s`: from the start of the mesh's first process to the first answered request through it.

    Args:
        address: where the client's requests go in.
        since: `time.monotonic()` before the first process was started.
        check: `Site.check`, asked after every request that was not answered: nobody waits for a dead proxy.
        deadline_s: how long to try from now; a mesh that does not answer until then has an unavailable fact, and
            its claims will say more.

    Raises:
        DeploymentError: as `check` says (MP5104).
    """
    until, last = time.monotonic() + deadline_s, ""
    while time.monotonic() < until:
        reply = ask(address, path)
        # A proxy without a way to the application answers too, with 5xx.
        if reply.status is not None and reply.status < 500:
            value = round(time.monotonic() - since, 3)
            return {"mesh.first_request_s": Fact(value=value, source="first answered request")}
        last = reply.failure or f"status {reply.status}"
        check()
        time.sleep(_POLL_S)
    return {"mesh.first_request_s": Fact(unavailable=f"no request was answered: {last}")}


class Hops:
    """Protocols at each hop, from what the proxies count between two moments: `begin` before load, `facts` after it.

    The probes of claims are HTTP/1.1, so only connections that were opened after `begin` speak for the load; where none
    was, the load took one that was open already, and all that were ever opened count.
    """

    def __init__(
        self,
        client: str | None,
        server: str | None,
        *,
        is_hop: Callable[[str], bool] = lambda cluster: True,
        to_app: Callable[[str], bool] | None = None,
        mode: str = "http",
    ) -> None:
        """Args:
        client, server: admin interfaces of the client's proxy and of the one that load reaches next; None: there
            is no such proxy, and the load goes past where it would stand.
        is_hop: whether a cluster, by name, carries the application's requests, and not the mesh's own (its
            control plane speaks HTTP/2 too).
        to_app: the same of the server's proxy, where its service calls others through it; None: `is_hop`.
        mode: `tcp` where the proxies do not look at the protocol.
        """
        self._client, self._server, self._mode = client, server, mode
        self._is_hop, self._to_app = is_hop, to_app or is_hop
        self._before: dict[str, Mapping[str, int]] = {one: {} for one in (client, server) if one is not None}

    def begin(self) -> None:
        """Note what the proxies have counted before the load."""
        self._before = {admin: envoy_admin.counters(admin) for admin in self._before}

    def facts(self) -> Facts:
        """`hop.client_sidecar`, `hop.between`, `hop.app` and `hop.downgrade`.

        With the client's proxy alone there is nothing between proxies, and it is the one before the application; with
        the server's alone there is no client's sidecar, and load itself comes in where it stands.
        """
        needed = {"client_sidecar": self._client, "between": self._server}
        absent = [hop for hop, proxy in needed.items() if proxy is None]
        none = {f"hop.{hop}": Fact(value="none", source="adapter") for hop in absent}
        if self._mode == "tcp":
            tcp = Fact(value="tcp", source="adapter")
            named = {f"hop.{hop}": tcp for hop in ("client_sidecar", "between", "app")}
            return {**named, "hop.downgrade": Fact(value="none", source="adapter"), **none}
        found = self._found()
        facts = {
            f"hop.{hop}": Fact(value=", ".join(seen), source="proxies' counters")
            if seen
            else Fact(unavailable="no request passed")
            for hop, seen in found.items()
        }
        return {**facts, "hop.downgrade": Fact(value=_downgrade(found), source="proxies' counters"), **none}

    def _found(self) -> dict[str, Sequence[str]]:
        """Protocols of each hop that is there, in the order of a request."""
        counters = {admin: envoy_admin.counters(admin) for admin in self._before}
        found: dict[str, Sequence[str]] = {}
        if self._client is not None:
            found["client_sidecar"] = self._seen(self._client, counters[self._client], _downstream)
            onwards = self._seen(self._client, counters[self._client], _upstream(self._is_hop))
            found["app" if self._server is None else "between"] = onwards
        if self._server is not None:
            if self._client is None:
                found["between"] = self._seen(self._server, counters[self._server], _downstream)
            found["app"] = self._seen(self._server, counters[self._server], _upstream(self._to_app))
        return found

    def _seen(self, admin: str, now: Mapping[str, int], count: _Count) -> Sequence[str]:
        totals = {protocol: count(now, protocol) for protocol in (_HTTP1, _HTTP2)}
        new = [name for name, total in totals.items() if total > count(self._before[admin], name)]
        return new or [name for name, total in totals.items() if total]


def _upstream(is_hop: Callable[[str], bool]) -> _Count:
    def count(counters: Mapping[str, int], protocol: str) -> int:
        ending = f".upstream_cx_{protocol}_total"
        return sum(
            value
            for name, value in counters.items()
            if name.startswith("cluster.")
            and name.endswith(ending)
            and is_hop(name.removeprefix("cluster.").removesuffix(ending))
        )

    return count


def _downstream(counters: Mapping[str, int], protocol: str) -> int:
    ending = f".downstream_cx_{protocol}_total"
    return sum(
        value
        for name, value in counters.items()
        if name.startswith("http.") and name.endswith(ending) and not name.startswith("http.admin.")
    )


def _downgrade(found: Mapping[str, Sequence[str]]) -> str:
    """Where HTTP/2 came in and did not go on, in words; `none` where every hop keeps the protocol."""
    places = {"between": "between the sidecars", "app": "to the application"}
    came_in, *further = found
    if _HTTP2 not in found[came_in]:
        return "none"
    lost = [places[hop] for hop in further if found[hop] and _HTTP2 not in found[hop]]
    return f"http2 becomes http1 {' and '.join(lost)}" if lost else "none"
