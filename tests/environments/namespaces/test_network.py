"""Pods as network namespaces: what they reach and what they do not, users, commands, and that nothing is left."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from meshperf.environments.asking import ask
from meshperf.environments.local import LocalSite
from meshperf.environments.namespaces import link, network
from meshperf.environments.probes import file_ready, http_ready
from meshperf.environments.reaching import NAMESPACES, connect
from meshperf.environments.site import Process, ProcessSpec
from meshperf.errors import DeploymentError, PrerequisiteError

pytestmark = pytest.mark.needs_netns

# Answers with the path that was asked for and the address it was asked from.
SERVER = """
import http.server, sys
http.server.HTTPServer.request_queue_size = 128
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{self.path} {self.client_address[0]}".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
http.server.HTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
"""
SLEEP = "import time; time.sleep(600)"


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code, *arguments]


def serve(site: LocalSite, host: str, port: int = 8000, **more: object) -> Process:
    return site.start(
        ProcessSpec(
            name=f"{host}-{port}",
            role="app",
            argv=python(SERVER, site.address(host), str(port)),
            host=host,
            ready=http_ready(site.reach(host, port), "/ready"),
            listens=(f"{site.address(host)}:{port}",),
            **more,  # type: ignore[arg-type]
        )
    )


def sleeper(
    host: str, code: str = SLEEP, ready: Callable[[], str | None] = lambda: None, **more: object
) -> ProcessSpec:
    return ProcessSpec(name="sleeper", role="app", argv=python(code), host=host, ready=ready, **more)  # type: ignore[arg-type]


def inode(path: str) -> int:
    return Path(path).stat().st_ino


def named() -> set[str]:
    return {path.name for path in NAMESPACES.iterdir()} if NAMESPACES.exists() else set()


def test_a_pod_is_asked_from_another_and_sees_its_address(pods: LocalSite) -> None:
    process = serve(pods, "server")
    reply = ask(pods.reach("client", 8000, at=pods.address("server")), "/hello")
    assert reply.body.decode() == f"/hello {pods.address('client')}"
    path = pods.namespace("server")
    assert path is not None
    assert inode(path) == inode(f"/proc/{process.pid}/ns/net")
    assert Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")[0] == sys.executable.encode()
    pods.check()


def test_a_host_keeps_its_address_and_hosts_differ(pods: LocalSite) -> None:
    assert pods.address("a") == pods.address("a")
    assert len({pods.address(host) for host in "abc"}) == 3
    assert len({pods.namespace(host) for host in "abc"}) == 3


def test_the_loopback_of_a_pod_is_its_own(pods: LocalSite) -> None:
    with socket.create_server(("127.0.0.1", 0)) as ours:
        with pytest.raises(ConnectionRefusedError):
            connect(pods.reach("a", ours.getsockname()[1], at="127.0.0.1"), timeout_s=1.0)
        # The very same address is free for a process in the pod.
        port = ours.getsockname()[1]
        process = pods.start(
            ProcessSpec(
                name="same-port",
                role="app",
                argv=python(SERVER, "127.0.0.1", str(port)),
                host="a",
                ready=http_ready(pods.reach("a", port, at="127.0.0.1"), "/"),
                listens=(f"127.0.0.1:{port}",),
            )
        )
        assert process.pid


def test_no_pod_gets_out(pods: LocalSite) -> None:
    pods.address("a")
    with socket.create_server(("0.0.0.0", 0)) as ours:
        port = ours.getsockname()[1]
        # Whatever address this machine has outside loopback; the socket sends nothing.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            try:
                asking.connect(("192.0.2.1", 9))
                outside = asking.getsockname()[0]
            except OSError:
                outside = "192.0.2.1"
        for address in (outside, "192.0.2.1"):
            with pytest.raises(OSError, match=r"timed out|No route|unreachable"):
                connect(pods.reach("a", port, at=address), timeout_s=0.3)
    assert [line.split()[1] for line in pods.run(["ip", "-o", "link"], host="a").splitlines()] == ["lo:", "eth0@if3:"]


def test_a_virtual_address_is_routed_and_can_be_redirected(pods: LocalSite) -> None:
    serve(pods, "a")
    own = pods.address("a")
    rule = ["-t", "nat", "-A", "OUTPUT", "-p", "tcp", "-d", "240.1.2.3", "--dport", "80"]
    try:
        pods.run(["iptables", *rule, "-j", "DNAT", "--to-destination", f"{own}:8000"], host="client")
    except DeploymentError as error:
        if "could not be started" in error.message:
            pytest.skip("iptables is not installed")
        raise
    assert ask(pods.reach("client", 80, at="240.1.2.3"), "/vip").body.startswith(b"/vip ")


def test_two_sites_do_not_meet(pods: LocalSite, tmp_path: Path) -> None:
    serve(pods, "server")
    with LocalSite.open("other", None, tmp_path / "other", environment="netns") as other:
        assert other.namespace("server") != pods.namespace("server")
        with pytest.raises(OSError):
            connect(other.reach("client", 8000, at=pods.address("server")), timeout_s=0.3)
        serve(other, "server")
    assert ask(pods.reach("client", 8000, at=pods.address("server")), "/still").body.startswith(b"/still")


def test_a_process_of_another_user_reads_the_scratch_folder_and_writes_only_to_its_own(pods: LocalSite) -> None:
    secret = pods.work_dir / "secret"
    secret.write_text("configuration")
    secret.chmod(0o600)
    own = pods.folder("proxy/data", user=(1337, 1338))
    code = (
        "import os, sys\n"
        f"text = open({str(secret)!r}).read()\n"
        f"try: open({str(pods.work_dir / 'forbidden')!r}, 'w')\n"
        "except PermissionError: text += ' refused'\n"
        f"print('to the log', file=open('/dev/stderr', 'a'), flush=True)\n"
        "who = f'{os.getresuid()} {os.getresgid()} {os.getgroups()}'\n"
        f"open({str(own / 'seen')!r}, 'w').write(f'{{text}} {{who}}')\n"
        f"{SLEEP}"
    )
    process = pods.start(sleeper("a", code, file_ready(own / "seen"), user=(1337, 1338)))
    assert (own / "seen").read_text() == "configuration refused (1337, 1337, 1337) (1338, 1338, 1338) []"
    assert process.log.read_text() == "to the log\n"
    assert pods.work_dir.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["../out", "/etc", ".", ""])
def test_a_folder_is_always_below_the_scratch_folder(pods: LocalSite, name: str) -> None:
    with pytest.raises(ValueError, match="below the scratch folder"):
        pods.folder(name)


def test_an_address_that_is_taken_in_the_pod_is_named_before_the_start(pods: LocalSite) -> None:
    serve(pods, "a")
    with pytest.raises(DeploymentError) as caught:
        serve(pods, "a")
    assert caught.value.code == "MP5103"
    assert f"{pods.address('a')}:8000" in caught.value.message
    serve(pods, "b")  # the same port in another pod is free


def test_a_command_runs_in_its_pod_and_gives_its_output(pods: LocalSite) -> None:
    assert pods.address("a") in pods.run(["ip", "-4", "addr", "show", "eth0"], host="a")
    here = str(Path("/proc/self/ns/net").readlink())
    assert pods.run(["readlink", "/proc/self/ns/net"]).strip() == here
    assert pods.run(["readlink", "/proc/self/ns/net"], host="a").strip() != here


def test_a_command_that_fails_tells_how_with_its_last_lines(pods: LocalSite) -> None:
    with pytest.raises(DeploymentError) as caught:
        pods.run(python("import sys; print('out'); sys.exit('no such rule')"), host="a")
    assert caught.value.code == "MP5102"
    assert "exit code 1" in caught.value.message
    assert caught.value.log == ("out", "no such rule")


def test_a_command_that_cannot_be_started_is_named(pods: LocalSite) -> None:
    with pytest.raises(DeploymentError, match=r"there-is-no-such-program.*could not be started") as caught:
        pods.run(["there-is-no-such-program"], host="a")
    assert caught.value.code == "MP5102"


def test_a_command_is_ended_at_its_deadline_with_what_it_started(pods: LocalSite, tmp_path: Path) -> None:
    child = tmp_path / "child"
    code = f"import os, time; p = os.fork(); p and open({str(child)!r}, 'w').write(str(p)); time.sleep(600)"
    began = time.monotonic()
    with pytest.raises(DeploymentError, match=r"did not end within 0\.5 s"):
        pods.run(python(code), host="a", deadline_s=0.5)
    assert time.monotonic() - began < 3.0
    deadline = time.monotonic() + 2.0
    while _runs(int(child.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert pods.run(["echo", "still there"]) == "still there\n"


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_closing_leaves_no_namespace_mount_or_process_even_one_that_hid(tmp_path: Path) -> None:
    before = named()
    with LocalSite.open("closing", None, tmp_path, environment="netns") as site:
        serve(site, "a")
        path = site.namespace("a")
        # Not ours by parentage: somebody went in by hand.
        hidden = subprocess.Popen(["nsenter", f"--net={path}", "sleep", "600"], start_new_session=True)
        deadline = time.monotonic() + 5.0
        while inode(f"/proc/{hidden.pid}/ns/net") != inode(str(path)):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        mine = named() - before
        assert len(mine) >= 2
    assert hidden.wait(2.0) == -9
    assert not named() & mine
    assert not any(name in Path("/proc/self/mountinfo").read_text() for name in mine)
    assert not list(tmp_path.iterdir())


def test_many_threads_ask_for_addresses_and_every_host_gets_one_pod(pods: LocalSite) -> None:
    found: list[tuple[str, str]] = []
    threads = [threading.Thread(target=lambda host=host: found.append((host, pods.address(host)))) for host in "abab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and len(set(found)) == 2 and len({address for _, address in found}) == 2


def test_facts_say_what_pods_are_joined_by(pods: LocalSite) -> None:
    facts = pods.facts()
    assert facts["environment.kind"].value == pods.kind == "netns"
    assert facts["network.pods"].value == "namespaces"
    assert facts["network.mtu_bytes"].value == 1500
    assert "gso" in str(facts["network.offloads"].value)
    pods.run([sys.executable, "-I", "-S", "-c", "open('/proc/sys/net/core/somaxconn', 'w').write('77')"], host="a")
    shown = pods.run(["cat", "/proc/sys/net/core/somaxconn"], host="b").strip()
    assert facts["network.somaxconn"].value == shown  # as every new namespace has it, not as one pod was set
    assert all(fact.known for name, fact in facts.items() if name.startswith("network."))


def test_a_name_that_is_taken_is_left_alone_and_said(pods: LocalSite, monkeypatch: pytest.MonkeyPatch) -> None:
    pods.address("first")
    precious = Path(str(pods.namespace("first"))).name
    monkeypatch.setattr(network, "pod_name", lambda token, number: precious)
    with pytest.raises(DeploymentError, match="exists already") as caught:
        pods.address("second")
    assert caught.value.code == "MP5103"
    assert caught.value.hint is not None and f"ip netns delete {precious}" in caught.value.hint


def test_without_root_the_next_step_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(PrerequisiteError, match="need root") as caught:
        LocalSite.open("nobody", None, tmp_path, environment="netns")
    assert caught.value.code == "MP3010"
    assert "environment: local" in (caught.value.hint or "")
    assert not list(tmp_path.iterdir())


def test_without_ip_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path: None)
    with pytest.raises(PrerequisiteError, match="the program `ip`") as caught:
        LocalSite.open("nobody", None, tmp_path, environment="netns")
    assert "iproute2" in (caught.value.hint or "")


def test_where_namespaces_are_not_permitted_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = named()

    def refuse(name: str) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(network, "create", refuse)
    with pytest.raises(PrerequisiteError, match="Operation not permitted") as caught:
        LocalSite.open("nobody", None, tmp_path, environment="netns")
    assert caught.value.code == "MP3010"
    assert named() == before
    assert not list(tmp_path.iterdir())


def test_a_bridge_that_cannot_be_made_is_told_in_the_words_of_ip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "switch", lambda: ("link add br0 type no-such-kind",))
    with pytest.raises(PrerequisiteError, match=r"no bridge can be made here: .*Unknown device type"):
        LocalSite.open("nobody", None, tmp_path, environment="netns")
    assert not list(tmp_path.iterdir())


@pytest.mark.needs_native
def test_hosts_behind_a_link_answer_later_by_its_delay_and_the_others_do_not(pods: LocalSite) -> None:
    carrier = pods.divide(lambda host: host == "far", 0.05)
    serve(pods, "far")
    serve(pods, "near")

    def answered_in_s(server: str) -> float:
        address = pods.reach("client", 8000, at=pods.address(server))
        ask(address, "/")  # whoever holds the address is known from now on
        began = time.monotonic()
        assert ask(address, "/").status == 200
        return time.monotonic() - began

    # The handshake and the reply cross the link once each way.
    assert answered_in_s("far") >= 0.2
    assert answered_in_s("near") < 0.2
    pods.stop(carrier)
    assert ask(pods.reach("client", 8000, at=pods.address("far")), "/", timeout_s=0.3).status is None


def test_asking_in_a_pod_leaves_no_thread_behind(pods: LocalSite) -> None:
    serve(pods, "a")
    before = {path.name for path in Path("/proc/self/task").iterdir()}
    for _ in range(20):
        with connect(pods.reach("b", 8000, at=pods.address("a")), timeout_s=1.0):
            pass
    # A thread that was joined has left Python, and a moment later the kernel.
    deadline = time.monotonic() + 5.0
    while {path.name for path in Path("/proc/self/task").iterdir()} - before:
        assert time.monotonic() < deadline
        time.sleep(0.005)
