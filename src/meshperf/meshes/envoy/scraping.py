"""The process that scrapes sidecars while load runs, and the proof that it did.

Its role is `telemetry`: it is listed beside the other processes, and neither its CPU time nor its memory is counted
among what a request costs.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from meshperf.environments.probes import file_ready
from meshperf.environments.site import Process, ProcessSpec, Site
from meshperf.meshes.envoy import scraper
from meshperf.meshes.envoy.layout import Layout, Sidecar

__all__ = ["Scraping", "start_scraping"]


@dataclass(slots=True, kw_only=True)
class Scraping:
    """Counts of one resident's scrapers."""

    files: Sequence[Path]
    _before: int = 0
    _since: float = field(default_factory=time.monotonic)

    def tried(self, when: str) -> tuple[str, bool, str]:
        """Claim, whether it holds, evidence: at the end there was a scrape in at least every other second."""
        counts = [_count(path) for path in self.files]
        turns, size = min(turns for turns, _ in counts), sum(size for _, size in counts)
        made, within = turns - self._before, time.monotonic() - self._since
        if when == "begin":
            self._before, self._since = turns, time.monotonic()
            return "metrics are scraped every second", turns > 0 and size > 0, f"the first scrape brought {size} bytes"
        held = size > 0 and made >= int(within / scraper.PERIOD_S / 2)
        return "metrics are scraped every second", held, f"{made} scrapes in {within:.0f} s, {size} bytes each"


def start_scraping(site: Site, layout: Layout, resident: str) -> tuple[Scraping, Sequence[Process]]:
    """Start one scraper for each network that sidecars are in.

    Raises:
        DeploymentError: it did not become ready.
    """
    sidecars = tuple(layout.sidecars.values())
    groups = [(sidecar,) for sidecar in sidecars] if site.kind == "netns" else [sidecars]
    files, processes = [], []
    for group in groups:
        name = f"{group[0].name}-scraper" if len(groups) > 1 else "scraper"
        files.append(layout.folder / f"{name}.count")
        processes.append(_start(site, group, f"{resident}-{name}", files[-1]))
    return Scraping(files=files), processes


def _start(site: Site, group: Sequence[Sidecar], name: str, count_file: Path) -> Process:
    return site.start(
        ProcessSpec(
            name=name,
            role="telemetry",
            argv=[
                sys.executable,
                "-I",  # nothing of the folder it lies in, or of the user's
                "-S",
                str(Path(scraper.__file__)),
                str(count_file),
                *(f"{ip}:{port}" for ip, port in (sidecar.admin for sidecar in group)),
            ],
            ready=file_ready(count_file),
            host=group[0].host,
        )
    )


def _count(path: Path) -> tuple[int, int]:
    """Turns and bytes; none of both where the scraper wrote nothing."""
    try:
        turns, size = path.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return 0, 0
    return int(turns), int(size)
