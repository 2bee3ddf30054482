"""Probes against servers whose behaviour is known."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from answering import answering, http

from meshperf.environments.asking import ask
from meshperf.meshes import claims


def test_a_server_that_answers_plaintext_breaks_the_claim_that_it_refuses_it() -> None:
    with answering(http({})) as address:
        claim = claims.refused("plaintext is refused", address, when="begin", who="a plaintext request")
    assert not claim.held
    assert claim.evidence == "a plaintext request was answered with status 200"


def test_an_error_status_is_an_answer_too() -> None:
    with answering(http({}, 403)) as address:
        assert not claims.refused("refused", address, when="begin", who="it").held


def test_a_closed_connection_is_a_refusal_with_its_reason() -> None:
    with answering(b"") as address:
        claim = claims.refused("refused", address, when="end", who="a plaintext request")
    assert claim.held
    assert "closed without an HTTP reply" in claim.evidence


def test_bytes_that_are_not_http_are_a_refusal() -> None:
    with answering(b"\x15\x03\x03\x00\x02\x02\x0a") as address:
        assert claims.refused("refused", address, when="begin", who="it").held


def test_the_identity_must_be_exactly_the_expected_one() -> None:
    with answering(http({"identity": "spiffe://x/stranger"})) as address:
        seen = claims.identity_seen("caller", address, "spiffe://x/client", when="begin")
    assert not seen.held
    assert "spiffe://x/stranger" in seen.evidence


def test_a_workload_that_cannot_be_asked_does_not_hold_a_claim() -> None:
    with answering(http({}, 503)) as address:
        assert not claims.identity_seen("caller", address, None, when="begin").held


def test_a_chunked_reply_is_read_whole() -> None:
    body = b'4\r\n{"a"\r\n6\r\n: "bc"\r\n1\r\n}\r\n0\r\n\r\n'
    with answering(b"HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n" + body) as address:
        assert ask(address, "/").json() == {"a": "bc"}


def test_a_believed_forgery_is_caught() -> None:
    with answering(http({"identity": "spiffe://forged/caller"})) as address:
        assert not claims.forged_identity_ignored(address, when="begin").held


def test_where_nobody_listens_nobody_was_refused() -> None:
    with answering(b"") as address:
        gone = address
    claim = claims.refused("plaintext is refused", gone, when="end", who="a plaintext request")
    assert not claim.held
    assert "nobody listens there" in claim.evidence


def test_a_mesh_that_authorises_requests_refuses_by_status() -> None:
    with answering(http({}, 403)) as address:
        claim = claims.outside_caller_refused(address, when="begin", statuses=(403,))
        assert claim.held
        assert claim.evidence == "a caller outside the mesh was refused with status 403"
        assert not claims.outside_caller_refused(address, when="begin").held


def test_a_denied_request_must_get_the_status_of_the_denial() -> None:
    with answering(http({}, 200)) as address:
        claim = claims.denied("rules deny", address, "/secret", when="begin")
    assert not claim.held
    assert claim.evidence == "/secret was answered with status 200"


def test_refusals_are_named_by_what_is_refused_and_where() -> None:
    with answering(b"") as address:
        assert claims.plaintext_refused(address, when="begin").claim == "mtls: plaintext is refused"
        named = claims.plaintext_refused(address, when="begin", at="by cart")
    assert named.held
    assert named.claim == "mtls: plaintext is refused by cart"
