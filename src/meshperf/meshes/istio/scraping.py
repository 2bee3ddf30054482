"""Start what scrapes the sidecars every second: the same program as for every arm, at the port that Istio gives for it.

What is there are Envoy's own counters. Istio's request metrics come from a filter that only its own Envoy has.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from meshperf.environments.probes import file_ready
from meshperf.environments.site import Process, ProcessSpec, Site
from meshperf.meshes.base import pod
from meshperf.meshes.envoy import scraper
from meshperf.meshes.envoy.scraping import Scraping
from meshperf.meshes.istio.layout import LOOPBACK, METRICS_PORT, Layout

__all__ = ["start_scraping"]


def start_scraping(site: Site, layout: Layout, folder: Path) -> tuple[Scraping, Sequence[Process]]:
    """Start one scraper in every pod that has a sidecar.

    Args:
        folder: for the files in which the scrapers count.

    Raises:
        DeploymentError: it did not become ready.
    """
    counts, started = [], []
    for workload in layout.workloads:
        counts.append(folder / f"{workload}-scraper.count")
        program = [sys.executable, "-I", "-S", str(Path(scraper.__file__))]
        started.append(
            site.start(
                ProcessSpec(
                    name=f"{layout.resident}-{workload}-scraper",
                    role="telemetry",
                    argv=[*program, str(counts[-1]), f"{LOOPBACK}:{METRICS_PORT}"],
                    ready=file_ready(counts[-1]),
                    host=pod(layout.resident, workload),
                )
            )
        )
    return Scraping(files=counts), started
