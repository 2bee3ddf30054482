"""From URLs to where they lead: only where the user said, and with no secret in what is shown."""

from __future__ import annotations

import socket

import pytest

from meshperf.errors import TargetError, UsageError
from meshperf.load.url import endpoint_of, protocol_of

SECRET = "s3ntinel"


def test_the_query_is_sent_and_not_shown() -> None:
    endpoint = endpoint_of(f"http://127.0.0.1:8080/a?key={SECRET}#part")
    assert endpoint.path == f"/a?key={SECRET}"
    assert endpoint.name == "http://127.0.0.1:8080/a"
    assert endpoint.address == endpoint.host == "127.0.0.1:8080"


@pytest.mark.parametrize(
    "url",
    [
        f"http://u:{SECRET}@127.0.0.1/",
        f"ftp://u:{SECRET}@h/?{SECRET}",
        f"http://[::1?{SECRET}",
        f"http://h:{SECRET}@",
        f"http://127.0.0.1/ ?{SECRET}",
        f"tcp://127.0.0.1:1/?{SECRET}",
        f"grpc://127.0.0.1:1/a?{SECRET}",
    ],
)
def test_a_url_that_is_refused_is_told_without_its_secrets(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        endpoint_of(url)
    assert refused.value.code == "MP1001"
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["udp://127.0.0.1", "tcp://127.0.0.1", "http://127.0.0.1:0/", "http:///a", "127.0.0.1:80"]
)
def test_a_url_without_a_place_to_connect_to_is_refused(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        endpoint_of(url)
    assert refused.value.code == "MP1001"


@pytest.fixture
def no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: object, **named: object) -> None:
        raise AssertionError("a name was looked up")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("no_names")
@pytest.mark.parametrize("url", ["http://192.0.2.1/", "http://example.org/", "udp://example.org:53"])
def test_a_host_that_nobody_allowed_is_not_even_looked_up(url: str) -> None:
    with pytest.raises(UsageError, match="outside loopback") as refused:
        endpoint_of(url, allowed=["192.0.2.2", "example"])
    assert refused.value.code == "MP1003"


def test_a_host_that_was_allowed_may_be_anywhere() -> None:
    assert endpoint_of("http://192.0.2.1/", allowed=["192.0.2.1"]).address == "192.0.2.1:80"
    assert endpoint_of("http://[2001:db8::1]/", allowed=["[2001:db8::1]"]).address == "[2001:db8::1]:80"


def test_localhost_that_leads_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *given, **named: elsewhere)
    with pytest.raises(UsageError, match="outside loopback"):
        endpoint_of("http://localhost/")


def test_a_name_that_is_unknown_is_a_target_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*given: object, **named: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(TargetError, match="Name or service not known") as failed:
        endpoint_of("http://shop.invalid/", allowed=["SHOP.invalid"])
    assert failed.value.code == "MP5301"


@pytest.mark.parametrize(
    ("url", "asked", "protocol"),
    [
        ("http://h/", None, "http1"),
        ("https://h/", "http2", "http2"),
        ("http://h/", "grpc", "grpc"),
        ("http://h:1", "udp", "udp"),
        ("grpcs://h", None, "grpc"),
        ("tls://h:1", None, "tcp"),
        ("tcp://h:1", "tcp", "tcp"),
        ("udp://h:1", None, "udp"),
    ],
)
def test_the_scheme_says_the_protocol_unless_it_leaves_it_open(url: str, asked: str | None, protocol: str) -> None:
    assert protocol_of(url, asked) == protocol


def test_a_scheme_of_another_protocol_is_a_contradiction() -> None:
    with pytest.raises(UsageError) as refused:
        protocol_of("grpc://h", "http2")
    assert refused.value.code == "MP1002"


def test_only_an_endpoint_over_tls_is_secure() -> None:
    found = {
        scheme: endpoint_of(f"{scheme}://127.0.0.1:9").secure for scheme in ("http", "https", "grpcs", "tls", "udp")
    }
    assert found == {"http": False, "https": True, "grpcs": True, "tls": True, "udp": False}
