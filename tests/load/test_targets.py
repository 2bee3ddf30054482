"""From load points and URLs to targets: everything that was asked for arrives, and what cannot be is refused."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from meshperf.errors import UsageError
from meshperf.load.plan import GrpcKind, Pooling, Protocol, Selection, SessionPlan, Target
from meshperf.load.targets import requested, require_open_files, target_from_url
from meshperf.spec.experiment_load import ClientTls, GrpcRequest, LoadPoint

PEM = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"


def test_everything_of_a_load_point_is_in_the_target() -> None:
    point = LoadPoint(
        protocol="http2",
        connections=3,
        max_connections=5,
        streams=7,
        pooling="pinned",
        selection="lifo",
        requests_per_connection=11,
        connection_age_s=13.0,
        follow_redirects=True,
        timeout_s=0.5,
        method="PUT",
        headers=(("x-a", "1"), ("x-a", "2")),
        body=b"\x00\xff",
    )
    assert target_from_url("http://127.0.0.1:8080/a?b", point) == Target(
        name="http://127.0.0.1:8080/a",
        address="127.0.0.1:8080",
        host="127.0.0.1:8080",
        protocol=Protocol.HTTP2,
        path="/a?b",
        method="PUT",
        headers=(("x-a", "1"), ("x-a", "2")),
        body=b"\x00\xff",
        connections=3,
        max_connections=5,
        streams=7,
        pooling=Pooling.PINNED,
        selection=Selection.LIFO,
        requests_per_connection=11,
        connection_age_s=13.0,
        follow_redirects=True,
        timeout_s=0.5,
    )


def test_a_host_header_names_the_host_and_is_sent_once() -> None:
    target = target_from_url("http://127.0.0.1:1/", LoadPoint(headers=(("Host", "shop"), ("a", "b"))))
    assert (target.host, target.headers) == ("shop", (("a", "b"),))


def test_a_resident_keeps_its_address_and_its_tls() -> None:
    reached = Target(name="app", address="127.1.2.3:80", host="app", source_address="127.9.9.9")
    found = requested(reached, LoadPoint(path="/x", connections=4), name="envoy")
    assert (found.name, found.address, found.source_address) == ("envoy", "127.1.2.3:80", "127.9.9.9")
    assert (found.host, found.path, found.connections) == ("app", "/x", 4)


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:1", "udp://127.0.0.1:1"])
def test_messages_have_the_length_that_was_asked_for(url: str) -> None:
    target = target_from_url(url, LoadPoint(body=b"x" * 20, reply_bytes=0))
    assert (str(target.protocol), len(target.body), target.reply_bytes) == (url.partition(":")[0], 20, 0)


def test_grpc_without_a_schema_asks_for_health() -> None:
    target = target_from_url("grpc://127.0.0.1:1", LoadPoint(streams=4))
    assert (target.path, target.method, target.streams) == ("/grpc.health.v1.Health/Check", "POST", 4)
    assert target.grpc is not None
    assert (target.grpc.kind, target.grpc.messages) == (GrpcKind.UNARY, (b"",))


@pytest.mark.needs_native
def test_the_url_names_the_method_and_a_proto_file_its_messages(tmp_path: Path) -> None:
    proto = tmp_path / "shop.proto"
    proto.write_text(
        'syntax = "proto3"; package shop; message Item { string name = 1; }\n'
        "service Cart { rpc Add(stream Item) returns (Item); }\n"
    )
    asked = GrpcRequest(proto=proto, messages=('{"name": "a"}', '{"name": "b"}'))
    target = target_from_url("grpc://127.0.0.1:1/shop.Cart/Add", LoadPoint(grpc=asked))
    assert target.path == "/shop.Cart/Add"
    assert target.grpc is not None
    assert (target.grpc.kind, target.grpc.messages) == (GrpcKind.CLIENT_STREAM, (b"\n\x01a", b"\n\x01b"))


@pytest.mark.parametrize(
    ("url", "request_", "code"),
    [
        ("grpc://127.0.0.1:1/shop.Cart/Add", GrpcRequest(), "MP1002"),
        ("grpc://127.0.0.1:1/shop.Cart/Add", GrpcRequest(call="shop.Cart/Drop"), "MP1002"),
        ("grpc://127.0.0.1:1/grpc.health.v1.Health/Chek", GrpcRequest(), "MP1005"),
        ("grpc://127.0.0.1:1", GrpcRequest(messages=('{"servce": 1}',)), "MP1006"),
        ("grpc://127.0.0.1:1", GrpcRequest(mode="bidi"), "MP1002"),
    ],
)
def test_a_grpc_request_that_cannot_be_made_is_refused(url: str, request_: GrpcRequest, code: str) -> None:
    with pytest.raises(UsageError) as refused:
        target_from_url(url, LoadPoint(grpc=request_))
    assert refused.value.code == code


def test_tls_settings_arrive_as_texts(tmp_path: Path) -> None:
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (tmp_path / name).write_text(PEM.replace("AA==", name))
    tls = ClientTls(
        ca=tmp_path / "ca.pem",
        certificate=tmp_path / "cert.pem",
        key=tmp_path / "key.pem",
        server_identity="spiffe://a/b",
        maximum_version="1.2",
        cipher_suites=("C",),
        groups=("G",),
        alpn=("h2",),
        resumption=True,
    )
    found = target_from_url("https://localhost:8443/", LoadPoint(tls=tls)).tls
    assert found is not None
    assert "ca.pem" in found.ca_pem
    assert "cert.pem" in (found.certificate_pem or "")
    assert "key.pem" in (found.key_pem or "")
    assert (found.server_name, found.server_identity, found.verify) == ("localhost", "spiffe://a/b", True)
    assert (found.minimum_version, found.maximum_version) == ("1.2", "1.2")
    assert (found.cipher_suites, found.groups, found.alpn, found.resumption) == (("C",), ("G",), ("h2",), True)


def test_what_is_no_pem_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    for path in (tmp_path / "ca.pem", tmp_path / "gone.pem"):
        with pytest.raises(UsageError, match=r"\.pem"):
            target_from_url("https://127.0.0.1:1/", LoadPoint(tls=ClientTls(ca=path)))


def test_more_connections_than_open_files_are_refused_with_the_limit_that_would_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda what: (256, 4096))
    plan = SessionPlan(
        targets=(target_from_url("http://127.0.0.1:1/", LoadPoint(connections=10, max_connections=300)),)
    )
    with pytest.raises(
        UsageError, match=r"300 connections need \d+ open files, and this process may have 256"
    ) as refused:
        require_open_files(plan)
    needed = int((refused.value.hint or "").split("ulimit -n ")[1].split("`")[0])
    monkeypatch.setattr(resource, "getrlimit", lambda what: (needed, 4096))
    require_open_files(plan)
