"""The load generators that ours is compared with, and ours: one module a tool, each a command line and a reader."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.peers import ab, engine, fortio, ghz, h2load, hey, k6, oha, vegeta, wrk
from benchmarks.peers.peer import Load, Peer, Report

__all__ = ["ALL", "Load", "Peer", "Report", "able", "named"]

ALL: tuple[Peer, ...] = (
    engine.PEER,
    wrk.PEER,
    ab.PEER,
    h2load.PEER,
    fortio.PEER,
    oha.PEER,
    oha.CORRECTED,
    hey.PEER,
    vegeta.PEER,
    k6.PEER,
    ghz.PEER,
)


def able(load: Load, peers: Sequence[Peer] = ALL) -> list[Peer]:
    """The installed peers that can generate such a load."""
    return [peer for peer in peers if peer.version() is not None and peer.can(load)]


def named(name: str) -> Peer:
    """Raises KeyError: there is no such peer."""
    return {peer.name: peer for peer in ALL}[name]
