"""Try out what an arm claims, by real connections: who is refused, who is admitted, whom the workload sees.

A configuration says what should be; a measurement is about what is. So before and after every round a plaintext request
and a request under a wrong identity are sent where mutual TLS is claimed, and the workload is asked (`GET /whoami`) who
called it. A probe never raises because a claim fails: the evidence says what happened.
"""

from __future__ import annotations

import ssl
from collections.abc import Collection, Mapping

from meshperf.environments.asking import ask
from meshperf.spec.records import Claim

__all__ = [
    "denied",
    "forged_identity_ignored",
    "identity_seen",
    "no_certificate_refused",
    "outside_caller_refused",
    "plaintext_refused",
    "refused",
    "wrong_identity_refused",
]

_FORGED = "By=spiffe://forged/by;URI=spiffe://forged/caller"
_IDENTITY_HEADER = "x-forwarded-client-cert"


def refused(
    claim: str,
    address: str,
    *,
    when: str,
    tls: ssl.SSLContext | None = None,
    who: str,
    statuses: Collection[int] = (),
) -> Claim:
    """`who` (in words) must not be admitted at `address`.

    Args:
        statuses: HTTP statuses that are a refusal too, for a mesh that authorises requests (403); without them any
            answer breaks the claim.
    """
    reply = ask(address, "/whoami", tls=tls)
    held = reply.status in statuses if reply.answered else reply.reached
    if reply.answered:
        evidence = f"{who} was {'refused' if held else 'answered'} with status {reply.status}"
    elif reply.reached:
        evidence = f"{who} was refused ({reply.failure})"
    else:
        evidence = f"nobody listens there, so nobody was refused ({reply.failure})"
    return Claim(claim=claim, held=held, evidence=evidence, when=when)


def plaintext_refused(address: str, *, when: str, at: str = "") -> Claim:
    """A request without TLS must not come in. `at` names the place in words, where there are several."""
    return refused(_named("plaintext", at), address, when=when, who="a plaintext request")


def no_certificate_refused(address: str, nobody: ssl.SSLContext, *, when: str, at: str = "") -> Claim:
    """A caller that speaks TLS and shows no certificate must not come in."""
    return refused(_named("no certificate", at), address, when=when, tls=nobody, who="a caller without certificate")


def wrong_identity_refused(
    address: str, stranger: ssl.SSLContext, *, when: str, at: str = "", statuses: Collection[int] = ()
) -> Claim:
    """An identity of the same authority that is no caller of this service must not come in."""
    what, who = _named("a wrong identity", at), "another identity of the same authority"
    return refused(what, address, when=when, tls=stranger, who=who, statuses=statuses)


def outside_caller_refused(address: str, *, when: str, at: str = "", statuses: Collection[int] = ()) -> Claim:
    """A caller that is not in the mesh must not come in; `address` is dialled from a host that has no sidecar."""
    what, who = _named("a caller outside the mesh", at), "a caller outside the mesh"
    return refused(what, address, when=when, who=who, statuses=statuses)


def denied(
    claim: str,
    address: str,
    path: str,
    *,
    when: str,
    status: int = 403,
    headers: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Claim:
    """A request that the mesh lets in must be answered with `status` by the mesh: 403 not allowed, 429 too many."""
    reply = ask(address, path, tls=tls, headers=headers)
    evidence = f"{path} was answered with status {reply.status}" if reply.answered else reply.failure
    return Claim(claim=claim, held=reply.status == status, evidence=evidence, when=when)


def _named(what: str, at: str) -> str:
    return f"mtls: {what} is refused{' ' + at if at else ''}"


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
