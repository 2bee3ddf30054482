"""Which cores the generator and each measured role may use.

What it decides: the load generator gets a core that no measured process may use, wherever there are two; on larger
machines the application and the sidecars are kept apart too, so that a sidecar's cost is not hidden in the wait of the
application. Where cores are shared, the plan says so, and with a shared generator core nobody may wait by spinning: a
spinning generator would take the time it measures.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from meshperf.environments.site import CpuPlan
from meshperf.errors import UsageError

__all__ = ["MEASURED", "assign"]

MEASURED = ("app", "sidecar", "control-plane")
"""Roles whose processes are part of what is compared."""
KEYS = ("generator", "measured", *MEASURED)

Cores = tuple[int, ...]


def assign(
    available: Sequence[int],
    wanted: Mapping[str, Sequence[int]] | None = None,
    *,
    siblings: Collection[frozenset[int]] = (),
) -> CpuPlan:
    """Give every role its cores.

    Args:
        available: cores this process may use (`sched_getaffinity`), at least one.
        wanted: the user's own assignment; it wins. Keys generator, measured (all three measured roles at once), app,
            sidecar, control-plane; roles not named get what the named ones leave over.
        siblings: hardware threads that share a physical core, to say so in the note.

    Returns:
        The plan, with a note for people.

    Raises:
        UsageError: MP1001, an unknown role, no core, or a core that is not available.
    """
    cores = tuple(sorted(set(available)))
    if not cores:
        raise ValueError("a CPU plan needs at least one core")
    by_role = _chosen(cores, wanted) if wanted else _automatic(cores)
    generator = set(by_role["generator"])
    measured = {core for role in MEASURED for core in by_role[role]}
    shared = bool(generator & measured)
    return CpuPlan(
        by_role=by_role,
        generator_shared=shared,
        measured_cores=len(measured),
        note=_note(by_role, shared=shared, siblings=siblings),
    )


def _automatic(cores: Cores) -> dict[str, Cores]:
    """1 core: all on it. 2: generator | rest. 3 and 4: generator | app | proxies. 5 or more: control plane apart."""
    match cores:
        case [only]:
            return dict.fromkeys(("generator", *MEASURED), (only,))
        case [first, second]:
            return {"generator": (first,), **dict.fromkeys(MEASURED, (second,))}
        case [first, second, *rest] if len(rest) <= 2:
            return {"generator": (first,), "app": (second,), "sidecar": tuple(rest), "control-plane": tuple(rest)}
        case [first, second, *rest, last]:
            return {"generator": (first,), "app": (second,), "sidecar": tuple(rest), "control-plane": (last,)}
    raise AssertionError(cores)


def _chosen(cores: Cores, wanted: Mapping[str, Sequence[int]]) -> dict[str, Cores]:
    given: dict[str, Cores] = {}
    for role, asked in wanted.items():
        if role not in KEYS:
            raise UsageError("MP1001", f"`cpus` has no role {role!r}", hint=f"the roles are {', '.join(KEYS)}")
        given[role] = tuple(sorted(set(asked)))
        if not given[role]:
            raise UsageError("MP1001", f"`cpus.{role}` names no core", hint="leave the role out to have it chosen")
        if foreign := set(given[role]) - set(cores):
            raise UsageError(
                "MP1001",
                f"`cpus.{role}` names core {', '.join(map(str, sorted(foreign)))}, which this process may not use",
                hint=f"it may use {_ranges(cores)}",
            )
    if "measured" in given:
        whole = given.pop("measured")
        given = {**dict.fromkeys(MEASURED, whole), **given}
    taken_by_measured = {core for role in MEASURED for core in given.get(role, ())}
    generator = given.get("generator")
    if generator is None:
        # All free cores would let it wander; one is what the automatic plan gives it too.
        generator = tuple(core for core in cores if core not in taken_by_measured)[:1] or cores[:1]
    free = tuple(core for core in cores if core not in generator)
    unnamed = tuple(core for core in free if core not in taken_by_measured) or free or cores
    return {"generator": generator, **{role: given.get(role, unnamed) for role in MEASURED}}


def _note(by_role: Mapping[str, Cores], *, shared: bool, siblings: Collection[frozenset[int]]) -> str:
    generator, app, sidecar = by_role["generator"], by_role["app"], by_role["sidecar"]
    measured = {core for role in MEASURED for core in by_role[role]}
    said = []
    if shared:
        both = sorted(set(generator) & measured)
        said.append(f"the generator shares core {_ranges(both)} with measured processes, so it never waits by spinning")
    else:
        said.append(f"the generator has core {_ranges(generator)} to itself")
    if len(measured) == 1:
        said.append(f"all measured processes share core {_ranges(sorted(measured))}")
    elif set(app) & set(sidecar):
        said.append(f"application and sidecars share core {_ranges(sorted(set(app) & set(sidecar)))}")
    else:
        said.append(f"application on core {_ranges(app)}, sidecars on core {_ranges(sidecar)}")
    if any(group & set(generator) and (group - set(generator)) & measured for group in siblings):
        said.append("a measured process runs on the other hardware thread of the generator's core")
    return "; ".join(said)


def _ranges(cores: Sequence[int]) -> str:
    """Cores as Linux writes them: `0-2,5`."""
    parts: list[str] = []
    for core in cores:
        if parts and core == int(parts[-1].rpartition("-")[2]) + 1:
            parts[-1] = f"{parts[-1].partition('-')[0]}-{core}"
        else:
            parts.append(str(core))
    return ",".join(parts)
