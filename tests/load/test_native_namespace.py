"""Load from one pod's network on a service in another's: sockets live where the target says, the workers do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meshperf.environments.asking import ask
from meshperf.environments.local import LocalSite
from meshperf.environments.probes import http_ready
from meshperf.environments.reaching import NAMESPACES
from meshperf.environments.site import ProcessSpec
from meshperf.errors import PrerequisiteError, TargetError
from meshperf.load import Arrivals, NativeSession, Phase, Protocol, SessionPlan, Target
from meshperf.workloads import executable

pytestmark = [pytest.mark.needs_native, pytest.mark.needs_netns]

PORT = 8080


@pytest.fixture
def site(tmp_path: Path) -> Iterator[LocalSite]:
    """Two pods; the server's answers on port 8080, questions on 8081."""
    with LocalSite.open("namespaces", None, tmp_path / "state", environment="netns") as opened:
        at = opened.address("server")
        opened.start(
            ProcessSpec(
                name="workload",
                role="app",
                argv=[str(executable()), "--listen", f"{at}:{PORT}", "--admin", f"{at}:{PORT + 1}",
                      "--allow-any-address"],
                host="server",
                ready=http_ready(opened.reach("server", PORT + 1), "/ready"),
                listens=(f"{at}:{PORT}",),
            )
        )  # fmt: skip
        yield opened


def target(site: LocalSite, **changes: object) -> Target:
    figures: dict[str, object] = {
        "name": "pod",
        "address": f"{site.address('server')}:{PORT}",
        "host": "server",
        "connections": 4,
        "network_namespace": site.namespace("client"),
    }
    return Target(**{**figures, **changes})  # type: ignore[arg-type]


def served(site: LocalSite) -> int:
    return int(ask(site.reach("server", PORT + 1), "/counters").json()["requests"])


def connections_of(site: LocalSite, host: str | None) -> int:
    """Established connections to the service in a pod's network, or in this machine's."""
    wanted = bytes(int(part) for part in site.address("server").split("."))[::-1].hex().upper() + f":{PORT:04X}"
    lines = site.run(["cat", "/proc/net/tcp"], host=host).splitlines()[1:]
    return sum(line.split()[2] == wanted and line.split()[3] == "01" for line in lines)


@pytest.mark.parametrize("workers", [1, 2])
def test_every_request_from_a_pod_arrives_and_is_counted_once(
    site: LocalSite, constant: Callable[..., Phase], workers: int
) -> None:
    before = served(site)
    with NativeSession.open(SessionPlan(targets=(target(site),), workers=workers)) as session:
        recording = session.run([constant(rate=500.0, duration_s=0.4, lead_in_s=0.1)])
        assert connections_of(site, "client") == 4
        assert connections_of(site, None) == 0
    phase = recording.phases[0]
    assert phase.counts.offered == phase.counts.ok == 200
    assert phase.lead_in_counts.ok == 50
    assert served(site) - before == 250


def test_connections_that_are_opened_for_each_request_come_from_the_pod_too(site: LocalSite) -> None:
    before = served(site)
    plan = SessionPlan(targets=(target(site, requests_per_connection=1, connections=2),))
    phase = Phase(target=0, duration_s=0.3, arrivals=Arrivals.CONSTANT, rate=200.0)
    with NativeSession.open(plan) as session:
        counts = session.run([phase]).phases[0].counts
    assert counts.ok == counts.offered == 60
    assert served(site) - before == 60


def test_pods_and_this_machine_are_loaded_in_one_session(
    site: LocalSite, start_workload: Callable[..., object]
) -> None:
    here = start_workload("--admin", "127.0.0.1:0")
    targets = (target(site), here.target(name="here"))  # type: ignore[attr-defined]
    phases = [Phase(target=number, duration_s=0.2, arrivals=Arrivals.CONSTANT, rate=300.0) for number in (0, 1, 0, 1)]
    with NativeSession.open(SessionPlan(targets=targets, workers=2)) as session:
        recorded = session.run(phases).phases
    assert [phase.counts.ok for phase in recorded] == [60] * 4
    assert here.counters()["requests"] == 120  # type: ignore[attr-defined]


def test_http2_streams_cross_between_pods(site: LocalSite, constant: Callable[..., Phase]) -> None:
    plan = SessionPlan(targets=(target(site, protocol=Protocol.HTTP2, connections=1, streams=4),))
    with NativeSession.open(plan) as session:
        counts = session.run([constant(rate=300.0, duration_s=0.2)]).phases[0].counts
    assert counts.ok == counts.offered == 60


def test_a_namespace_that_is_gone_is_named(site: LocalSite) -> None:
    gone = str(NAMESPACES / "mp-000000-1")
    with pytest.raises(PrerequisiteError) as caught:
        NativeSession.open(SessionPlan(targets=(target(site, network_namespace=gone),)))
    assert "network namespace" in str(caught.value)
    assert "No such file" in str(caught.value)


def test_a_file_that_is_no_namespace_is_refused(site: LocalSite, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    with pytest.raises((PrerequisiteError, TargetError)) as caught:
        NativeSession.open(SessionPlan(targets=(target(site, network_namespace=str(plain)),)))
    assert "Invalid argument" in str(caught.value)


def test_pods_that_are_removed_under_load_end_in_counted_errors_and_not_in_a_hang(site: LocalSite) -> None:
    plan = SessionPlan(targets=(target(site, requests_per_connection=1, timeout_s=0.3),))
    phase = Phase(target=0, duration_s=1.0, arrivals=Arrivals.CONSTANT, rate=100.0, drain_s=0.5)
    with NativeSession.open(plan) as session:
        session.start([phase])
        site.close()
        assert session.wait(10.0)
        counts = session.finish().phases[0].counts
    assert counts.offered == 100 == counts.ok + counts.errors + counts.timeouts + counts.unanswered + counts.not_sent
    assert counts.ok < 100
