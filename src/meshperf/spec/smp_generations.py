"""Documents of the standard's first months in the names of today.

G0 was one flat document: its figures become a result, its client and environment the result's embedded test and
environment, whatever else it holds stays under `g0`. G1 had the messages of today under their first names. Each
change is told, and `moves` remembers where a value stood, so that an error about it points into the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from meshperf.spec.smp_document import Generation, Kind
from meshperf.spec.smp_messages import kind_of

__all__ = ["Modern", "modern"]

_G0 = frozenset({"client", "env", "endpoint_url", "metrics", "config", "exp_uuid"})
_FIRST_NAMES = {
    "smps_version": ("smp_version", None),
    "client": ("clients", Kind.TEST),
    "node": ("nodes", Kind.ENVIRONMENT),
}
"""First name to the name of today, and the kind of document that has it; None: all."""
_TAKEN = {"start_time", "end_time", "labels", "endpoint_url", "exp_uuid", "client", "env"}


@dataclass(slots=True, kw_only=True)
class Modern:
    """A document in today's names."""

    data: Any
    generation: Generation = Generation.G2
    moves: dict[str, str] = field(default_factory=dict)
    """Pointer now to pointer in the file, for what stands elsewhere."""
    told: list[str] = field(default_factory=list)

    def pointer(self, pointer: str) -> str:
        """Where in the file the value at a pointer of `data` stands."""
        for now in sorted(self.moves, key=len, reverse=True):
            if pointer == now or pointer.startswith(now + "/"):
                return self.moves[now] + pointer[len(now) :]
        return pointer


def modern(data: Any) -> Modern:
    """The document in today's names; anything that is not of an older generation as it is."""
    if not isinstance(data, dict):
        return Modern(data=data)
    if _is_g0(data):
        return _from_g0(data)
    found = Modern(data=data)
    if isinstance(data.get("test"), dict) and "latencies_ms" not in data and "format" not in data:  # a test file
        found.data = {**data, "test": _renamed(data["test"], "/test", Kind.TEST, found)}
    else:
        found.data = _renamed(data, "", kind_of(data), found)
    return found


def _is_g0(data: Mapping[str, Any]) -> bool:
    client = data.get("client")
    if not isinstance(client, dict) or "clients" in data:
        return False
    return "latencies_ms" in client or bool({"env", "endpoint_url", "metrics"} & set(data))


def _from_g0(data: dict[str, Any]) -> Modern:
    client = data["client"]
    environment = data.get("env") if isinstance(data.get("env"), dict) else {}
    moves = {"/test": "/client", "/test/clients/0": "/client", "/environment": "/env"}
    result: dict[str, Any] = {key: data[key] for key in ("start_time", "end_time") if data.get(key) is not None}
    left: dict[str, Any] = {
        key: value for key, value in data.items() if key not in _TAKEN and value not in (None, {}, [])
    }
    told = ["read as a generation 0 document, written in spring 2020"]

    rest = dict(client)
    for old, new in (("latencies_ms", "latencies_ms"), ("rps", "actual_qps")):
        if rest.get(old) is not None:
            result[new] = rest.pop(old)
            moves[f"/{new}"] = f"/client/{old}"
    if "actual_qps" in result:
        told.append("`client.rps` is the measured rate in this generation, so it became `actual_qps`")
    tested: dict[str, Any] = {key: rest.pop(key) for key in ("internal", "protocol", "connections") if key in rest}
    if data.get("endpoint_url") is not None:
        tested["endpoint_urls"] = [data["endpoint_url"]]
        moves["/test/clients/0/endpoint_urls/0"] = "/endpoint_url"
    if rest:
        left["client"] = rest
    if tested:
        result["test"] = {"clients": [tested]}

    place, rest = {}, dict(environment or {})
    if rest.get("kubernetes") is not None:
        place["kubernetes_version"] = rest.pop("kubernetes")
        moves["/environment/kubernetes_version"] = "/env/kubernetes"
    if isinstance(rest.get("node"), dict) and set(rest["node"]) <= {"type", "cores", "mem_mb"}:
        node, count = rest.pop("node"), rest.get("node_count", 1)
        if isinstance(count, int) and 0 < count <= 10_000:
            rest.pop("node_count", None)
            place["nodes"] = [dict(node) for _ in range(count)]
            moves |= {f"/environment/nodes/{at}": "/env/node" for at in range(count)}
        else:
            rest["node"] = node
    if rest:
        left["env"] = rest
    if place:
        result["environment"] = place
    if data.get("exp_uuid") is not None:
        result["mesh_config"] = {"exp_uuid": data["exp_uuid"]}
        moves["/mesh_config/exp_uuid"] = "/exp_uuid"
    labels = _label_map(data.get("labels"))
    if labels is not None:
        result["labels"] = labels
    elif data.get("labels"):
        left["labels"] = data["labels"]
    if left:
        result["g0"] = left
    return Modern(data=result, generation=Generation.G0, moves=moves, told=told)


def _renamed(data: dict[str, Any], pointer: str, kind: Kind | None, found: Modern) -> dict[str, Any]:
    """A message with its first names made today's."""
    renamed: dict[str, Any] = {}
    for key, value in data.items():
        name, only = _FIRST_NAMES.get(key, (key, None))
        if name != key and only in (None, kind) and name not in data:
            one = [value] if isinstance(value, dict) and name != "smp_version" else value
            renamed[name] = one
            if one is not value:
                found.moves[f"{pointer}/{name}/0"] = f"{pointer}/{key}"
            found.moves[f"{pointer}/{name}"] = f"{pointer}/{key}"
            _first(found, f"`{key}` is the first name of `{name}`")
        elif key in ("labels", "headers", "cookies") and isinstance(value, list):
            pairs = _label_map(value)
            renamed[key] = value if pairs is None else pairs
            if pairs is not None:
                _first(found, f"`{key}` was a list of keys and values, and is a mapping now")
        else:
            renamed[key] = value
    return renamed


def _first(found: Modern, text: str) -> None:
    found.generation = Generation.G1
    found.told.append(text)


def _label_map(labels: Any) -> dict[str, Any] | None:
    """A list of keys and values as a mapping; None where it is no such list, or a key comes twice."""
    if isinstance(labels, dict):
        return labels
    if not isinstance(labels, list) or not labels:
        return None
    pairs: dict[str, Any] = {}
    for one in labels:
        if not isinstance(one, dict) or set(one) - {"key", "value"} or not isinstance(one.get("key"), str):
            return None
        if one["key"] in pairs:
            return None
        pairs[one["key"]] = one.get("value", "")
    return pairs
