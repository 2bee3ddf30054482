"""Start what scrapes Consul's sidecars every second: the same program, at the same path of Envoy, as for every arm."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from meshperf.environments.probes import file_ready
from meshperf.environments.site import Process, ProcessSpec, Site
from meshperf.meshes.consul.layout import ADMIN_PORT, Layout, Workload
from meshperf.meshes.envoy import scraper
from meshperf.meshes.envoy.scraping import Scraping

__all__ = ["start_scraping"]


def start_scraping(site: Site, layout: Layout, folder: Path) -> tuple[Scraping, Sequence[Process]]:
    """Start one scraper for each network that sidecars are in.

    Args:
        folder: for the files in which the scrapers count.

    Raises:
        DeploymentError: it did not become ready.
    """
    together = [("scraper", layout.workloads)]
    apart = [(f"{workload.name}-scraper", (workload,)) for workload in layout.workloads]
    groups: Sequence[tuple[str, Sequence[Workload]]] = apart if site.kind == "netns" else together
    counts = [folder / f"{name}.count" for name, _ in groups]
    started = []
    for (name, workloads), count in zip(groups, counts, strict=True):
        addresses = [f"{workload.inner}:{ADMIN_PORT}" for workload in workloads]
        started.append(
            site.start(
                ProcessSpec(
                    name=f"{layout.resident}-{name}",
                    role="telemetry",
                    argv=[sys.executable, "-I", "-S", str(Path(scraper.__file__)), str(count), *addresses],
                    ready=file_ready(count),
                    host=workloads[0].host,
                )
            )
        )
    return Scraping(files=counts), started
