"""The phases of `meshperf lab up`: choose an arm, deploy it as a round does, say where it answers, wait, end all."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from meshperf.cli.lab_note import write_note
from meshperf.cli.load_values import duration_of
from meshperf.cli.output import consoles, state_dir
from meshperf.environments import sweep
from meshperf.environments.local import LocalSite
from meshperf.errors import ExitCode, UsageError
from meshperf.experiment.plan import Resident
from meshperf.experiment.residents import Deployed, deploy_resident
from meshperf.load.plan import Target
from meshperf.meshes import mesh_names, open_mesh
from meshperf.spec.experiment import Arm, Experiment, is_loopback, read_experiment
from meshperf.spec.experiment_reading import experiment_from_document
from meshperf.spec.reader import parse_document
from meshperf.spec.records import Claim

__all__ = ["Wish", "run_up"]

_LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was asked for on the command line; None: not said."""

    what: str
    arm: str | None = None
    environment: str | None = None
    mtls: str | None = None
    graph: str | None = None


def run_up(wish: Wish, *, lasting: str | None, as_json: bool) -> int:
    """Bring one arm up and keep it until Ctrl-C, SIGTERM or the end of its time.

    Raises:
        UsageError: what was asked for makes no sense, or the mesh cannot be that. DocumentError: the file is wrong.
        PrerequisiteError: a program or a right is missing. DeploymentError: it did not come up, or a process died.
    """
    ends_after_s = duration_of("--for", lasting)
    experiment, arm = _chosen(wish)
    graph = experiment.workload.as_graph()
    open_mesh(arm.mesh).check(arm, graph, experiment.environment)
    to_show, to_tell = consoles()
    for line in sweep(state_dir()):
        to_tell.print(f"swept up after an earlier run: {line}", markup=False)
    name = f"lab-{arm.name}"
    with LocalSite.open(name, experiment.cpus, state_dir(), environment=experiment.environment) as site:
        begun = datetime.now(UTC).isoformat(timespec="seconds")
        about = {"lab": name, "mesh": arm.mesh, "arm": arm.name, "environment": site.kind, "begun_at": begun}
        write_note(site.work_dir, {**about, "state": "starting"})
        deployed = deploy_resident(site, Resident(arm=arm), graph, note=lambda text: to_tell.print(text, markup=False))
        claims = deployed.deployment.observe("begin")
        document = {**about, "state": "up", **_document(deployed, claims)}
        write_note(site.work_dir, document)
        if as_json:
            sys.stdout.write(json.dumps(document, default=str) + "\n")  # one line: who reads it goes on reading
        else:
            _show(document, to_show)
        sys.stdout.flush()
        broken = sum(not claim.held for claim in claims)
        if broken:
            to_tell.print(f"{broken} of {len(claims)} claims do not hold: an experiment would refuse this arm (MP4003)")
        until = "ends" if ends_after_s is None else f"ends in {lasting}, or"
        to_tell.print(f"up; {until} with Ctrl-C, or with `meshperf lab down`", markup=False)
        _wait(site, ends_after_s)
    to_tell.print("ended; nothing is left", markup=False)
    return ExitCode.OK


def _wait(site: LocalSite, ends_after_s: float | None) -> None:
    """Watch over the processes until it is enough. Ctrl-C and SIGTERM are how a lab is meant to end."""
    deadline = float("inf") if ends_after_s is None else time.monotonic() + ends_after_s
    try:
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(min(_LOOK_EVERY_S, left))
            site.check()
    except KeyboardInterrupt:
        return


def _chosen(wish: Wish) -> tuple[Experiment, Arm]:
    path = Path(wish.what)
    if wish.what in mesh_names():
        if wish.arm is not None:
            raise UsageError("MP1002", "--arm names an arm of a FILE; there is none")
        experiment = _of_mesh(wish)
        return experiment, list(experiment.arms.values())[-1]
    if not path.exists():
        raise UsageError(
            "MP1001",
            f"{wish.what!r} is neither a mesh nor a file",
            hint=f"meshes: {', '.join(mesh_names())}; or an experiment file",
        )
    if wish.mtls is not None or wish.graph is not None:
        raise UsageError("MP1002", "--mtls and --graph are of a MESH; in a FILE its arms and its workload say it")
    experiment = read_experiment(path)
    if wish.environment is not None:
        experiment = replace(experiment, environment=wish.environment)
    return experiment, _arm_of(experiment, wish.arm)


def _of_mesh(wish: Wish) -> Experiment:
    """An experiment of the mesh and its baseline, as a file would say it: the same rules hold for it."""
    arms: dict[str, dict[str, str]] = {"baseline": {"mesh": "none"}}
    if wish.what != "none":
        arms[wish.what] = {"mesh": wish.what, "mtls": wish.mtls or "strict"}
    elif wish.mtls == "strict":
        raise UsageError("MP1002", "without a mesh there is no --mtls strict")
    written = {
        "experiment": "lab",
        "subject": "mesh",
        "environment": wish.environment or "local",
        "workload": {"graph": wish.graph or "echo"},
        "load": [{"rate": 100, "connections": 1, "duration": "1s"}],
        "rounds": 1,
        "arms": arms,
    }
    return experiment_from_document(parse_document(json.dumps(written).encode()))


def _arm_of(experiment: Experiment, name: str | None) -> Arm:
    arms = experiment.arms
    if not arms:
        raise UsageError("MP1001", "an SMP test file loads URLs and deploys no mesh", hint="name an experiment file")
    if name is None:
        candidates = [arm for arm in arms.values() if not arm.is_baseline]
        if len(candidates) == 1:
            return candidates[0]
        raise UsageError("MP1001", "the file has several arms: say which with --arm", hint=f"arms: {', '.join(arms)}")
    if name not in arms:
        raise UsageError("MP1001", f"the file has no arm {name!r}", hint=f"arms: {', '.join(arms)}")
    return arms[name]


def _document(deployed: Deployed, claims: Sequence[Claim]) -> Mapping[str, Any]:
    target = deployed.deployment.target
    return {
        "url": f"{'https' if target.tls is not None else 'http'}://{target.address}{target.path}",
        "host_header": target.host,
        "network_namespace": None if target.network_namespace is None else Path(target.network_namespace).name,
        "try": _commands(target),
        "processes": [
            {"name": each.name, "role": each.role, "process": each.pid, "log": str(each.log)}
            for each in deployed.processes
        ],
        "claims": [{"claim": each.claim, "held": each.held, "evidence": each.evidence} for each in claims],
        "facts": {path: fact.value for path, fact in sorted(deployed.deployment.facts.items())},
    }


def _commands(target: Target) -> list[str]:
    """Ready to be copied; none where the caller has to bring certificates."""
    if target.tls is not None:
        return []
    inside = "" if target.network_namespace is None else f"ip netns exec {Path(target.network_namespace).name} "
    url = f"http://{target.address}{target.path}"
    host = target.address.rpartition(":")[0]
    allowed = "" if is_loopback(host) else f" --allow-target {host}"
    return [
        f"{inside}curl -i -H 'Host: {target.host}' {url}",
        f"{inside}meshperf load {url} --header 'Host: {target.host}' --rate 100 --duration 5s{allowed}",
    ]


def _show(document: Mapping[str, Any], console: Console) -> None:
    where = f" inside {document['network_namespace']}" if document["network_namespace"] else ""
    console.print(f"{document['lab']}: send requests to {document['url']}{where}", markup=False)
    for command in document["try"]:
        console.print(f"  {command}", markup=False, soft_wrap=True)
    if not document["try"]:
        console.print("  the caller speaks mutual TLS itself: its certificates lie beside the logs", markup=False)
    table = Table(box=None, header_style="bold")
    for column in ("process", "role", "pid", "log"):
        table.add_column(column, overflow="fold")
    for each in document["processes"]:
        table.add_row(each["name"], each["role"], str(each["process"]), each["log"])
    console.print(table)
    for claim in document["claims"]:
        state = "held" if claim["held"] else "BROKEN"
        console.print(f"{state}  {claim['claim']}: {claim['evidence']}", markup=False, soft_wrap=True)
