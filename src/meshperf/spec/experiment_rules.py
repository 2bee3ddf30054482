"""Rules between the keys of an experiment file: what contradicts what, and what one key requires of another.

They look at the plain data, not at a validated model, and pass over anything of the wrong form: `experiment_model`
speaks of that. So one reading finds both kinds of problem.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from meshperf.errors import DocumentError
from meshperf.spec.document import Document, escape
from meshperf.spec.experiment_load_rules import load_point_problems, load_points
from meshperf.spec.generators import GENERATORS
from meshperf.spec.graph_service_rules import service_problems
from meshperf.spec.graph_workload import workload_graph_problems
from meshperf.spec.quantities import words_hint
from meshperf.spec.resolution_rules import resolution_problems

__all__ = ["rule_problems"]

_PROXY_KEYS = (
    "proxy_concurrency",
    "access_log",
    "mode",
    "proxies",
    "envoy",
    "client_bootstrap",
    "server_bootstrap",
    "functions",
    "interception",
    "control_plane",
    "defaults",
    "binaries",
)


_NAMESPACE_KEYS = ("clusters", "link_delay", "limits", "interception")
_LOOPBACK_VALUES: Mapping[str, tuple[Any, ...]] = {
    "clusters": (1,),
    "link_delay": ("0s", "0ms", "0us"),
    "interception": (None, "explicit"),
}
"""What these keys may say where every host is a loopback address."""


def rule_problems(
    document: Document, *, files_beside: bool = True, cells: Mapping[str, str] | None = None
) -> list[DocumentError]:
    """Every broken rule between keys; none if the document is not even a mapping.

    Args:
        cells: to which cell of a matrix an arm belongs; each has a baseline of its own.
        files_beside: whether the files that the document names must be there.
    """
    data = document.data
    if not isinstance(data, dict):
        return []
    checks: tuple[Callable[[Document, Mapping[str, Any]], Iterator[DocumentError]], ...] = (
        _generator_rules,
        _slice_rules,
        _arm_rules,
        _environment_rules,
        functools.partial(_baseline_rules, cells=cells or {}),
        _aa_rules,
        functools.partial(_workload_rules, files_beside=files_beside),
        _cpu_rules,
        resolution_problems,
        *((_bootstrap_rules,) if files_beside else ()),
    )
    found = [problem for check in checks for problem in check(document, data)]
    return found + load_point_problems(document, data, files_beside=files_beside)


def _arms(data: Mapping[str, Any]) -> dict[str, Any]:
    arms = data.get("arms")
    return arms if isinstance(arms, dict) else {}


def _generator_rules(document: Document, data: Mapping[str, Any]) -> Iterator[DocumentError]:
    for pointer, point in load_points(data):
        generator = point.get("generator", "meshperf")
        if generator not in GENERATORS[1:]:  # our own; what is none is told by the model
            continue
        if data.get("design", "interleaved") != "continuous":
            message = f"the load generator `{generator}` cannot interleave slices"
            hint = "write `design: continuous`, or leave `generator` out"
            yield document.error("MP2107", message, f"{pointer}/generator", hint=hint)
        arrivals = point.get("arrivals", "poisson")
        if arrivals in ("poisson", "trace"):
            message = f"the load generator `{generator}` cannot send {arrivals} arrivals"
            place = f"{pointer}/arrivals" if "arrivals" in point else f"{pointer}/generator"
            yield document.error("MP2107", message, place, hint="write `arrivals: constant` or `arrivals: closed`")


def _slice_rules(document: Document, data: Mapping[str, Any]) -> Iterator[DocumentError]:
    if data.get("design") == "continuous" and data.get("slice") is not None:
        hint = "leave `slice` out, or write `design: interleaved`"
        yield document.error("MP2107", "`design: continuous` has no slices", "/slice", hint=hint, key=True)
    if data.get("design") == "continuous" and data.get("control") is not None:
        hint = "leave `control` out, or write `design: interleaved`"
        yield document.error("MP2107", "`design: continuous` has no control stretches", "/control", hint=hint, key=True)


def _arm_rules(document: Document, data: Mapping[str, Any]) -> Iterator[DocumentError]:
    for name, arm in _arms(data).items():
        if not isinstance(arm, dict):
            continue
        pointer = f"/arms/{escape(name)}"
        library = arm.get("client_library")
        if arm.get("mesh") == "none":
            for key in _PROXY_KEYS:
                if arm.get(key) is not None:
                    message = f"`{key}` is a setting of a proxy, and this arm has no mesh"
                    yield document.error("MP2107", message, f"{pointer}/{key}", hint="leave it out", key=True)
            if arm.get("mtls") == "strict":
                hint = "write `client_library: {mtls: true}` for mutual TLS inside the application"
                message = "`mtls: strict` needs a mesh, and this arm has none"
                yield document.error("MP2107", message, f"{pointer}/mtls", hint=hint, key=True)
            if isinstance(library, dict) and library.get("mtls", False) is False:
                message = "this client library does nothing, so the arm would be a second baseline"
                hint = "write `client_library: {mtls: true}`; for a second baseline use `aa`"
                yield document.error("MP2107", message, f"{pointer}/client_library", hint=hint, key=True)
        elif library is not None:
            message = "an arm has a mesh or a client library; both together are not available yet"
            yield document.error("MP2107", message, f"{pointer}/client_library", hint="make them two arms", key=True)


def _environment_rules(document: Document, data: Mapping[str, Any]) -> Iterator[DocumentError]:
    if data.get("environment", "local") == "netns":
        return
    for name, arm in _arms(data).items():
        for key in _NAMESPACE_KEYS if isinstance(arm, dict) else ():
            if arm.get(key) in _LOOPBACK_VALUES.get(key, ({},)) or key not in arm:
                continue
            message = f"`{key}` needs hosts with networks of their own"
            pointer = f"/arms/{escape(name)}/{key}"
            yield document.error("MP2107", message, pointer, hint="write `environment: netns` (needs root)", key=True)


def _bootstrap_rules(document: Document, data: Mapping[str, Any]) -> Iterator[DocumentError]:
    named = (
        (f"/arms/{escape(name)}/{key}", arm.get(key))
        for name, arm in _arms(data).items()
        if isinstance(arm, dict)
        for key in ("client_bootstrap", "server_bootstrap")
    )
    for pointer, given in named:
        if not isinstance(given, str) or not given or "\x00" in given or document.path is None:
            continue
        if not (document.path.parent / given).is_file():
            message = f"there is no file {given}, seen from the folder of this file"
            yield document.error("MP2001", message, pointer)


def _baseline_rules(
    document: Document, data: Mapping[str, Any], *, cells: Mapping[str, str]
) -> Iterator[DocumentError]:
    arms = {name: arm for name, arm in _arms(data).items() if isinstance(arm, dict)}
    if len(arms) != len(_arms(data)) or not arms:
        return
    bases = [name for name, arm in arms.items() if arm.get("mesh") == "none" and arm.get("client_library") is None]
    if not bases:
        hint = "add for example `baseline: {mesh: none}`"
        yield document.error(
            "MP2102", "no arm is the baseline: one without mesh and client library", "/arms", hint=hint
        )
    first: dict[str, str] = {}
    for name in bases:
        if first.setdefault(cells.get(name, ""), name) == name:
            continue
        message = f"`{name}` is a second baseline arm beside `{first[cells.get(name, '')]}`"
        hint = f"to deploy the baseline twice, write `aa: [{first[cells.get(name, '')]}]`"
        yield document.error("MP2107", message, f"/arms/{escape(name)}", hint=hint, key=True)


def _aa_rules(document: Document, data: Mapping[str, Any]) -> Iterator[DocumentError]:
    named = data.get("aa")
    arms = list(_arms(data))
    seen: set[str] = set()
    for index, name in enumerate(named if isinstance(named, list) else []):
        if not isinstance(name, str) or not arms:
            continue
        if name not in arms:
            message = f"`aa` names the unknown arm `{name}`"
            yield document.error("MP2105", message, f"/aa/{index}", hint=words_hint(name, arms))
        elif name in seen:
            yield document.error("MP2107", f"`aa` names the arm `{name}` twice", f"/aa/{index}", hint="keep one")
        seen.add(name)


def _workload_rules(document: Document, data: Mapping[str, Any], *, files_beside: bool) -> Iterator[DocumentError]:
    workload = data.get("workload")
    if isinstance(workload, dict):
        yield from service_problems(document, workload, "/workload")
        yield from workload_graph_problems(document, workload, load_points(data), files_beside=files_beside)


def _cpu_rules(document: Document, data: Mapping[str, Any]) -> Iterator[DocumentError]:
    cpus = data.get("cpus")
    for name, numbers in (cpus if isinstance(cpus, dict) else {}).items():
        whole = [number for number in numbers if isinstance(number, int)] if isinstance(numbers, list) else []
        if len(set(whole)) != len(whole):
            message = f"`{name}` names a CPU twice"
            yield document.error("MP2107", message, f"/cpus/{escape(name)}", hint="keep one")
