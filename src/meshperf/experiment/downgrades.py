"""A proxy that does not keep the caller's protocol, said beside the figures.

What was measured is then another way than the load point names: the adapter saw it (`hop.downgrade`), and it must not
stand among the facts alone.
"""

from __future__ import annotations

from meshperf.spec.records import RunResult, Warning, WarningKind

__all__ = ["downgrade_warnings"]

_SPOKEN_IN_HTTP2 = ("http2", "grpc")


def downgrade_warnings(run: RunResult) -> tuple[Warning, ...]:
    """One warning where a proxy made HTTP/1.1 of this run's protocol; else none."""
    told, protocol = run.facts.get("hop.downgrade"), run.facts.get("load.protocol")
    if told is None or told.value in (None, "none") or protocol is None or protocol.value not in _SPOKEN_IN_HTTP2:
        return ()
    text = f"The proxies of arm {run.arm} do not keep the protocol of the load: {told.value}."
    return (Warning(kind=WarningKind.DOWNGRADED, text=text),)
