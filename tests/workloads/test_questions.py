"""Questions to a running workload: who the caller is under mutual TLS, and errors that say what went wrong."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from meshperf.environments.asking import ask, mutual_tls
from meshperf.errors import TargetError
from meshperf.workloads import Endpoint, counters

from .conftest import Pki, Running, Start, make_pki, poll

pytestmark = pytest.mark.needs_native

ALLOWED = "spiffe://mesh/ns/load/sa/client"


@pytest.fixture
def strict(start: Start, pki: Pki) -> Running:
    """A service that admits one identity only, with one cipher and one group."""
    certificate, key = pki.issue("server", "spiffe://mesh/ns/app/sa/echo")
    return start(
        *("--tls-cert", str(certificate), "--tls-key", str(key), "--tls-client-ca", str(pki.ca)),
        *("--tls-client-identity", ALLOWED, "--tls-cipher", "TLS13_AES_128_GCM_SHA256", "--tls-group", "X25519"),
        *("--service-time", "100us"),
    )


def test_the_caller_is_known_by_its_certificate(strict: Running, pki: Pki) -> None:
    certificate, key = pki.issue("client", ALLOWED)
    seen = ask(strict.endpoint.address, "/whoami", tls=mutual_tls(pki.ca, certificate, key)).json()
    assert (seen["identity"], seen["identity_source"]) == (ALLOWED, "tls")
    agreed = (seen["tls_version"], seen["tls_cipher"], seen["tls_group"])
    assert agreed == ("TLSv1.3", "TLS13_AES_128_GCM_SHA256", "X25519")


def test_a_forged_header_does_not_change_who_the_caller_is(strict: Running, pki: Pki) -> None:
    certificate, key = pki.issue("client", ALLOWED)
    header = {"x-forwarded-client-cert": "URI=spiffe://mesh/ns/other/sa/admin"}
    seen = ask(strict.endpoint.address, "/whoami", tls=mutual_tls(pki.ca, certificate, key), headers=header).json()
    assert (seen["identity"], seen["identity_source"]) == (ALLOWED, "tls")


def test_a_wrong_a_missing_and_a_foreign_identity_are_refused(strict: Running, pki: Pki, tmp_path: Path) -> None:
    wrong = pki.issue("wrong", "spiffe://mesh/ns/load/sa/client2")
    foreign_folder = tmp_path / "foreign"
    foreign_folder.mkdir()
    foreign = make_pki(foreign_folder, "foreign").issue("foreign", ALLOWED)
    for certificate, key in (wrong, (None, None), foreign):
        refused = ask(strict.endpoint.address, "/whoami", tls=mutual_tls(pki.ca, certificate, key))
        assert refused.reached
        assert not refused.answered
    assert poll(lambda: counters(strict.endpoint)["tls_failures"] == 3)
    found = counters(strict.endpoint)
    assert found["requests"] == found["tls_handshakes"] == 0


def test_plain_http_towards_a_strict_service_is_refused(strict: Running) -> None:
    assert not ask(strict.endpoint.address, "/whoami").answered
    assert counters(strict.endpoint)["requests"] == 0


def test_an_answer_that_is_not_json_is_a_protocol_error(start: Start) -> None:
    running = start("--response-bytes", "10")
    with pytest.raises(TargetError) as wrong:
        counters(Endpoint(address=running.endpoint.address, admin=running.endpoint.address))
    assert wrong.value.code == "MP5302"


def test_nobody_there_is_a_target_that_cannot_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    with pytest.raises(TargetError) as unreachable:
        counters(Endpoint(address=f"127.0.0.1:{free}", admin=f"127.0.0.1:{free}"))
    assert unreachable.value.code == "MP5301"
