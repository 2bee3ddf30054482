"""Try out what an arm claims, by real connections: who is refused, who is admitted, whom the workload sees.

A configuration says what should be; a measurement is about what is. So before and after every round a plaintext request
and a request under a wrong identity are sent where mutual TLS is claimed, and the workload is asked (`GET /whoami`) who
called it. A probe never raises because a claim fails: the evidence says what happened.
"""

from __future__ import annotations

import ssl

from meshperf.environments.asking import ask
from meshperf.spec.records import Claim

__all__ = ["forged_identity_ignored", "identity_seen", "refused"]

_FORGED = "By=spiffe://forged/by;URI=spiffe://forged/caller"
_IDENTITY_HEADER = "x-forwarded-client-cert"


def refused(claim: str, address: str, *, when: str, tls: ssl.SSLContext | None = None, who: str) -> Claim:
    """`who` (in words) must not be admitted at `address`."""
    reply = ask(address, "/whoami", tls=tls)
    if reply.answered:
        evidence = f"{who} was answered with status {reply.status}"
    elif reply.reached:
        evidence = f"{who} was refused ({reply.failure})"
    else:
        evidence = f"nobody listens there, so nobody was refused ({reply.failure})"
    return Claim(claim=claim, held=reply.reached and not reply.answered, evidence=evidence, when=when)


def identity_seen(
    claim: str, address: str, expected: str | None, *, when: str, tls: ssl.SSLContext | None = None
) -> Claim:
    """The workload behind `address` must see exactly `expected` as its caller (None: nobody in particular)."""
    reply = ask(address, "/whoami", tls=tls)
    if reply.status != 200:
        failure = reply.failure or f"status {reply.status}"
        return Claim(claim=claim, held=False, evidence=f"the workload could not be asked: {failure}", when=when)
    seen = reply.json().get("identity", "nothing it could say")
    return Claim(claim=claim, held=seen == expected, evidence=f"the workload saw {seen or 'no identity'}", when=when)


def forged_identity_ignored(address: str, *, when: str, tls: ssl.SSLContext | None = None, how: str = "") -> Claim:
    """A caller that writes the identity header itself must not be believed."""
    claim = f"a forged identity header{' ' + how if how else ''} is not believed"
    reply = ask(address, "/whoami", tls=tls, headers={_IDENTITY_HEADER: _FORGED})
    seen = reply.json().get("identity")
    held = reply.status == 200 and "forged" not in str(seen)
    evidence = f"the workload saw {seen or 'no identity'}" if reply.answered else reply.failure
    return Claim(claim=claim, held=held, evidence=evidence, when=when)
