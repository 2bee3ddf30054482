"""Claims about one Envoy sidecar that hold for every mesh that runs one: its workers, its configuration, its traffic.

They rest on the sidecar's admin interface and the application's counters, not on what a mesh calls its clusters.
"""

from __future__ import annotations

from meshperf.environments.asking import ask
from meshperf.meshes import envoy_admin
from meshperf.spec.records import Claim

__all__ = ["came_through", "named", "unchanged", "workers"]

_SLACK = 0.01
_SLACK_BYTES = 8192
"""What may differ between two counters of the same traffic: they are read one after the other."""


def named(claim: str, at: str) -> str:
    """A claim with the service that it is about; `at` is empty where there is one service only."""
    return f"{claim} {at}" if at else claim


def came_through(app_admin: str, sent: int, *, at: str, when: str) -> Claim:
    """What the application received was sent by its sidecar, which counted `sent` bytes."""
    received = ask(app_admin, "/counters").json().get("bytes_in")
    through = isinstance(received, int) and received <= sent * (1 + _SLACK) + _SLACK_BYTES
    return Claim(
        claim=named("what the application receives comes through its sidecar", at),
        held=through,
        evidence="its sidecar sent all of it"
        if through
        else f"the application received {received} bytes, its sidecar sent it {sent}",
        when=when,
    )


def workers(workload: str, admin: str, wanted: int, *, when: str) -> Claim:
    """A sidecar runs so many workers."""
    count = envoy_admin.workers(admin)
    claim = f"the sidecar of {workload} runs {wanted} workers"
    return Claim(claim=claim, held=count == wanted, evidence=f"it says {count}", when=when)


def unchanged(workload: str, admin: str, loaded: str | None, *, when: str) -> Claim:
    """A sidecar's configuration is still the one of digest `loaded`."""
    now = envoy_admin.configuration_digest(admin)
    held = now is not None and now == loaded
    digests = (digest[:12] if digest else "unreadable" for digest in (now, loaded))
    return Claim(
        claim=f"the sidecar of {workload} has the configuration that it had when it was ready",
        held=held,
        evidence="the digest of what is in force has not changed"
        if held
        else "digest {} in force, {} when it was ready".format(*digests),
        when=when,
    )
