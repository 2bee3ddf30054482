"""From the experiment's record to a running service, in a site that starts real processes."""

from __future__ import annotations

import socket

import pytest

from meshperf.environments.asking import ask, mutual_tls
from meshperf.spec.experiment import Workload
from meshperf.workloads import TcpEcho, UdpEcho, WorkloadTls, counters, start_echo

from .conftest import Pki, PlainSite


@pytest.mark.needs_native
def test_the_service_runs_as_an_app_and_answers_on_the_address_of_its_host(site: PlainSite) -> None:
    workload = Workload(
        response_bytes=0,
        service_time="lognormal:10us:0.5",
        busy=True,
        status={503: 0.01, 404: 1e-5},
        stall=(0.001, 1.0),
    )
    process, endpoint = start_echo(site, workload, name="app", host="app", port=8090, trusted_peer="127.0.0.1")
    assert (process.role, endpoint.address, endpoint.admin) == (
        "app",
        f"{site.address('app')}:8090",
        f"{site.address('app')}:8091",
    )
    header = {"x-forwarded-client-cert": "URI=spiffe://t/caller"}
    seen = ask(endpoint.address, "/whoami", headers=header, source_address="127.0.0.1").json()
    assert seen["identity"] == "spiffe://t/caller"
    assert counters(endpoint)["requests"] == 1


@pytest.mark.needs_native
def test_a_service_with_mutual_tls_knows_its_caller(site: PlainSite, pki: Pki) -> None:
    server, server_key = pki.issue("server", "spiffe://t/server")
    client, client_key = pki.issue("client", "spiffe://t/client")
    tls = WorkloadTls(
        certificate=server,
        key=server_key,
        client_ca=pki.ca,
        client_identities=("spiffe://t/client",),
        cipher="TLS13_AES_256_GCM_SHA384",
        group="secp256r1",
    )
    _, endpoint = start_echo(site, Workload(), name="app", host="app", tls=tls)
    seen = ask(endpoint.address, "/whoami", tls=mutual_tls(pki.ca, client, client_key)).json()
    assert (seen["identity"], seen["tls_cipher"], seen["tls_group"]) == (
        "spiffe://t/client",
        "TLS13_AES_256_GCM_SHA384",
        "secp256r1",
    )


@pytest.mark.needs_native
def test_bytes_and_datagrams_are_served_where_the_endpoint_says(site: PlainSite) -> None:
    _, endpoint = start_echo(
        site,
        Workload(),
        name="app",
        host="app",
        tcp=TcpEcho(port=8082, mode="fixed:3:5"),
        udp=UdpEcho(port=8083, drop=2, duplicate=3, reorder=4),
    )
    at = site.address("app")
    assert (endpoint.tcp, endpoint.udp) == (f"{at}:8082", f"{at}:8083")
    with socket.create_connection((at, 8082), 5) as stream:
        stream.sendall(b"abc")
        assert len(stream.recv(100)) == 5
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.settimeout(5)
        for payload in (b"1", b"2", b"3", b"4", b"5"):
            datagrams.sendto(payload, (at, 8083))
        assert [datagrams.recv(10) for _ in range(4)] == [b"1", b"3", b"5", b"5"]
    seen = counters(endpoint)
    assert (seen["tcp_messages"], seen["udp_in"], seen["udp_dropped"], seen["udp_duplicated"]) == (1, 5, 2, 1)
