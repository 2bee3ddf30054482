"""Ways to find out that a process is ready, for `ProcessSpec.ready`.

A probe is asked again and again until its deadline, so one try is short, and it says what is still missing: those words
are all a person gets to see when the deadline passes. Probes go to loopback, or into a pod, which no packet leaves.
"""

from __future__ import annotations

from pathlib import Path

from meshperf.environments.asking import ask
from meshperf.environments.reaching import connect, parse
from meshperf.environments.site import Readiness

__all__ = ["all_ready", "file_ready", "http_ready", "tcp_ready"]

TRY_S = 0.5
"""Longest that one try may take, in seconds."""


def tcp_ready(address: str) -> Readiness:
    """Ready when the address (`ip:port`, `ip:port@namespace`) accepts a connection.

    Raises:
        ValueError: neither a loopback address nor one in a pod.
    """
    _require_own(address)

    def probe() -> str | None:
        try:
            with connect(address, timeout_s=TRY_S):
                return None
        except OSError as error:
            return f"no connection to {address}: {error}"

    return probe


def http_ready(address: str, path: str, expect: int = 200) -> Readiness:
    """Ready when `GET path` on the address answers with status `expect` over plain HTTP.

    Raises:
        ValueError: neither a loopback address nor one in a pod.
    """
    _require_own(address)

    def probe() -> str | None:
        reply = ask(address, path, timeout_s=TRY_S)
        if not reply.answered:
            return f"no answer from http://{address}{path}: {reply.failure}"
        return None if reply.status == expect else f"http://{address}{path} answers {reply.status}, not yet {expect}"

    return probe


def file_ready(path: Path) -> Readiness:
    """Ready when a file is there and not empty, for programs that say so by writing one."""

    def probe() -> str | None:
        try:
            return None if path.stat().st_size > 0 else f"{path.name} is still empty"
        except FileNotFoundError:
            return f"{path.name} is not written yet"

    return probe


def all_ready(*probes: Readiness) -> Readiness:
    """Ready when every probe is; says what the first one that is not still misses."""

    def probe() -> str | None:
        return next((missing for each in probes if (missing := each()) is not None), None)

    return probe


def _require_own(address: str) -> None:
    place = parse(address)
    if place.namespace is None and not place.is_loopback:
        raise ValueError(f"a readiness probe goes to loopback or into a pod, not to {address!r}")
