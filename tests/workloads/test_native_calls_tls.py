"""Calls over TLS: the client library in the application, with identities instead of host names."""

from __future__ import annotations

import socket
import subprocess

import pytest

from meshperf.workloads import executable

from .conftest import Pki, Running, Start, make_pki, poll
from .test_native_calls import client, get, same_bytes, timed, to, told

pytestmark = pytest.mark.needs_native

LEAF = "spiffe://mesh/leaf"
ENTRY = "spiffe://mesh/entry"
OTHER = "spiffe://mesh/other"


def serving(pki: Pki, identity: str = LEAF, *, admits: str = ENTRY) -> tuple[str, ...]:
    """Options of a service that serves mutual TLS."""
    certificate, key = pki.issue("leaf", identity)
    files = ("--tls-cert", str(certificate), "--tls-key", str(key), "--tls-client-ca", str(pki.ca))
    return (*files, "--tls-client-identity", admits)


def calling(pki: Pki, *identities: str, shows: str | None = ENTRY) -> tuple[str, ...]:
    """Options of a service that calls over TLS."""
    options = ["--call-tls-ca", str(pki.ca)]
    if shows is not None:
        certificate, key = pki.issue("entry", shows)
        options += ["--call-tls-cert", str(certificate), "--call-tls-key", str(key)]
    for identity in identities:
        options += ["--call-tls-identity", identity]
    return tuple(options)


def outcome(entry: Running) -> int:
    with client(entry) as connection:
        status, _ = get(connection)
        return int(status)


@pytest.mark.parametrize("protocol", ["http1", "http2", "grpc"])
def test_calls_of_every_protocol_go_over_mutual_tls(start: Start, pki: Pki, protocol: str) -> None:
    leaf = start(*serving(pki))
    keys = (f"protocol={protocol}", "times=3", "bytes=300000", "reply=200000")
    entry = start(*to("leaf", leaf, *keys), *calling(pki, LEAF))
    with client(entry) as connection:
        timed(connection, 20)
    found, below = told(entry), told(leaf)
    assert found["by_call"]["leaf"] == {"sent": 60, "ok": 60, "failed": 0}
    connections = 3 if protocol == "http1" else 1
    assert found["call_tls_handshakes"] == below["tls_handshakes"] == found["call_connections"] == connections
    assert below["http2_connections"] == (0 if protocol == "http1" else 1)
    assert (below["tls_failures"], below["requests"]) == (0, 60)
    assert poll(lambda: same_bytes(entry, leaf))


def test_each_callee_may_have_an_identity_of_its_own(start: Start, pki: Pki) -> None:
    leaf, other = start(*serving(pki)), start(*serving(pki, OTHER))
    calls = (*to("leaf", leaf), *to("other", other))
    assert outcome(start(*calls, *calling(pki, LEAF, f"other={OTHER}"))) == 200
    assert outcome(start(*calls, *calling(pki, f"leaf={LEAF}", f"other={OTHER}"))) == 200
    crossed = start(*calls, *calling(pki, f"leaf={OTHER}", f"other={LEAF}"))
    assert outcome(crossed) == 502
    assert told(crossed)["by_call"] == {name: {"sent": 1, "ok": 0, "failed": 1} for name in ("leaf", "other")}


def test_whoever_is_not_who_it_should_be_is_not_called_and_not_answered(start: Start, pki: Pki) -> None:
    foreign = make_pki(pki.folder, "foreign")
    leaf = start(*serving(pki))
    cases = {
        "a callee with another identity": calling(pki, OTHER),
        "a callee that nobody we trust vouches for": calling(foreign, LEAF),
        "a callee without its host name, where no identity is asked for": calling(pki),
        "a caller with another identity": calling(pki, LEAF, shows=OTHER),
        "a caller without a certificate": calling(pki, LEAF, shows=None),
    }
    for case, options in cases.items():
        entry = start(*to("leaf", leaf), "--call-retries", "1", *options)
        assert outcome(entry) == 502, case
        assert told(entry)["call_retries"] == 1, case
    assert told(leaf)["requests"] == 0


def test_tls_and_plain_do_not_mix(start: Start, pki: Pki) -> None:
    assert outcome(start(*to("leaf", start()), *calling(pki, LEAF))) == 502
    assert outcome(start(*to("leaf", start(*serving(pki))))) == 502


def test_a_callee_that_accepts_and_says_nothing_is_given_up_in_the_handshake(start: Start, pki: Pki) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        # The kernel accepts, and nobody ever reads.
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        entry = start("--call", f"mute={address}", "--call-timeout", "50ms", *calling(pki, LEAF))
        assert outcome(entry) == 502
    found = told(entry)
    assert (found["call_timeouts"], found["call_connections"], found["call_tls_handshakes"]) == (1, 1, 0)


def test_files_and_names_that_cannot_be_used_are_found_out_at_the_start(pki: Pki) -> None:
    def refused(*options: str) -> str:
        line = [str(executable()), "--listen", "127.0.0.1:0", "--call", "b=127.0.0.1:9", *options]
        done = subprocess.run(line, capture_output=True, text=True, timeout=5, check=False)
        assert done.returncode == 2
        return done.stderr

    assert "--call-tls-ca /nowhere" in refused("--call-tls-ca", "/nowhere")
    twice = ("--call-tls-identity", LEAF, "--call-tls-identity", OTHER)
    assert "second identity" in refused("--call-tls-ca", str(pki.ca), *twice)
    assert "--call-tls-key" in refused("--call-tls-ca", str(pki.ca), "--call-tls-cert", "x")
