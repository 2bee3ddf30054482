"""What goes wrong with meshes, on the real command line: the error names the component, shows its last lines and the
next step; nothing stays behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from meshperf.meshes.envoy.layout import OUTBOUND_PORT

from .command import Command
from .traces import Traces

pytestmark = [pytest.mark.e2e, pytest.mark.needs_native, pytest.mark.needs_envoy, pytest.mark.timeout(150)]
in_pods = pytest.mark.needs_netns
compiled = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler to make a stand-in with")

EXPERIMENT = """\
experiment: faults
subject: [mesh]
environment: {environment}
workload: {{graph: echo, response_bytes: 256}}
load:
  - {{protocol: http1, rate: 50, connections: 2, arrivals: poisson, warmup: 200ms, duration: {duration}}}
slice: 300ms
rounds: 1
seed: 7
arms:
  baseline: {{mesh: none}}
  candidate: {{{arm}}}
"""
ENVOY = "mesh: envoy, mtls: strict"
STAND_IN = """\
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int main(int count, char **words) {
  for (int i = 1; i < count; i++)
    if (strstr(words[i], "version")) { puts("VERSION"); return 0; }
  fputs("stand-in: HOW\\n", stderr);
  while (!strcmp("HOW", "waits")) pause();
  return 3;
}
"""
ENVOY_VERSION = "envoy  version: 0123/1.40.0/Clean/RELEASE/BoringSSL"


class Fault:
    """One experiment in a folder of its own, and what it leaves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.command = Command(folder)
        self.file, self.out = folder / "faults.yaml", folder / "out"
        self.traces = Traces(command=self.command)

    def write(self, arm: str = ENVOY, *, environment: str = "netns", duration: str = "600ms") -> None:
        self.file.write_text(EXPERIMENT.format(arm=arm, environment=environment, duration=duration))

    def run(self, *before: str, deadline_s: float = 90.0) -> subprocess.CompletedProcess[str]:
        """Run the experiment, below another command if one is given."""
        argv = [*before, *self.command.arguments("run", self.file, "--out", self.out)]
        with self.traces:
            return subprocess.run(
                argv, env=self.command.environment, capture_output=True, text=True, timeout=deadline_s, check=False
            )

    def stand_in(self, name: str, version: str, how: str) -> Path:
        """A program that says a version, and else waits for ever or fails."""
        source, program = self.folder / f"{name}.c", self.folder / name
        source.write_text(STAND_IN.replace("VERSION", version).replace("HOW", how))
        subprocess.run(["cc", "-o", str(program), str(source)], check=True)
        return program


@pytest.fixture
def fault(tmp_path: Path) -> Fault:
    return Fault(tmp_path)


def refused(result: subprocess.CompletedProcess[str], exit_code: int, code: str, *words: str) -> None:
    """The error has its code and says all of these, and it has a next step."""
    assert result.returncode == exit_code, result.stderr
    error = result.stderr[result.stderr.index("error[") :]
    assert error.startswith(f"error[{code}]"), error
    assert "hint:" in error
    for word in words:
        assert word in error, error


def below_a_mount(commands: str) -> Sequence[str]:
    """Run what follows in a mount namespace of its own, after these commands."""
    return ("unshare", "--mount", "sh", "-c", f'{commands} && "$@"', "sh")


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("absent", "there is no such file"),
        ("plain", "it may not be executed"),
        ("script", "a script or data"),
        ("other", "does not say an Envoy version"),
    ],
)
def test_a_program_that_cannot_be_used_is_refused_before_there_is_a_folder(fault: Fault, kind: str, why: str) -> None:
    named = fault.folder / "my-envoy"
    if kind == "script":
        named.write_text("#!/bin/sh\nexec envoy\n")
    elif kind != "absent":
        shutil.copy(Path("/bin/true").resolve(), named)
    if kind != "absent":
        named.chmod(0o644 if kind == "plain" else 0o755)
    fault.command.environment["ENVOY_BIN"] = str(named)
    fault.write(environment="local")
    refused(fault.run(), 3, "MP3001", "my-envoy (from ENVOY_BIN)", why, "ENVOY_BIN", "pip install")
    assert not fault.out.exists(), "the same command can be given again"
    assert fault.traces.left() == []


@pytest.mark.parametrize(("mesh", "code", "exit_code"), [("kuma", "MP3007", 3), ("linkerd", "MP1008", 2)])
@in_pods
def test_a_mesh_that_is_not_here_says_how_its_users_get_it(fault: Fault, mesh: str, code: str, exit_code: int) -> None:
    fault.command.environment |= {"PATH": "/usr/bin:/bin", "MESHPERF_CACHE_DIR": str(fault.folder / "cache")}
    fault.write(f"mesh: {mesh}, mtls: strict")
    refused(fault.run(), exit_code, code, mesh.capitalize())
    assert not fault.out.exists()


@in_pods
@compiled
@pytest.mark.parametrize(
    ("how", "code", "what"), [("waits", "MP5101", "was not ready within"), ("fails", "MP5102", "exit code 3")]
)
def test_a_sidecar_that_never_becomes_ready_is_named_with_its_last_lines(
    fault: Fault, how: str, code: str, what: str
) -> None:
    fault.command.environment["ENVOY_BIN"] = str(fault.stand_in("envoy", ENVOY_VERSION, how))
    fault.write()
    refused(fault.run(), 5, code, "candidate-server-sidecar", what, f"  | stand-in: {how}")
    assert fault.traces.left() == []


@in_pods
def test_a_sidecar_that_dies_in_every_attempt_is_named(fault: Fault) -> None:
    fault.write(duration="20s")
    killed: set[int] = set()
    with fault.traces, started(fault) as run:
        while run.poll() is None and len(killed) < 2:
            site = fault.traces.current
            there = site.running() if site else {}
            target = there.get("candidate-server-sidecar-0")
            if "candidate-client-sidecar-0" in there and target is not None and target not in killed:
                answering(there)
                os.kill(target, signal.SIGKILL)
                killed.add(target)
            time.sleep(0.05)
        _, told = run.communicate(timeout=60)
    result = subprocess.CompletedProcess([], run.returncode, stderr=told)
    refused(result, 5, "MP5104", "candidate-server-sidecar ended", "SIGKILL")
    assert len(killed) == 2, "the round was tried again before the experiment was given up"
    assert len(list((fault.out / "excluded").glob("*.json"))) == 2
    assert fault.traces.left() == []


@contextmanager
def started(fault: Fault) -> Iterator[subprocess.Popen[str]]:
    """The experiment under way; ended in any case."""
    with fault.command.start("run", fault.file, "--out", fault.out) as run:
        try:
            yield run
        finally:
            if run.poll() is None:
                run.terminate()


def answering(there: dict[str, int]) -> None:
    """Wait until the client's sidecar listens: the round is deployed then, and no process is waited for any more."""
    deadline, table = time.monotonic() + 20, Path(f"/proc/{there['candidate-client-sidecar-0']}/net/tcp")
    while f":{OUTBOUND_PORT:04X} 00000000:0000 0A" not in table.read_text():
        assert time.monotonic() < deadline, table.read_text()
        time.sleep(0.05)
    time.sleep(1.5)  # beyond the last look of its probe


BROKEN = "static_resources: {listeners: [{name: x, no_such_field: 1}]}\n"
PLAIN = """\
admin: {address: {socket_address: {address: {{ server_address }}, port_value: {{ admin_port }}}}}
static_resources:
  listeners:
    - address: {socket_address: {address: {{ server_address }}, port_value: {{ inbound_port }}}}
      filter_chains:
        - filters:
            - name: envoy.filters.network.tcp_proxy
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
                stat_prefix: in
                cluster: app
  clusters:
    - name: app
      connect_timeout: 1s
      type: STATIC
      load_assignment:
        cluster_name: app
        endpoints:
          - lb_endpoints:
              - endpoint: {address: {socket_address: {address: {{ app_address }}, port_value: {{ app_port }}}}}
"""


def test_a_configuration_that_envoy_refuses_is_told_in_envoys_words(fault: Fault) -> None:
    (fault.folder / "server.yaml").write_text(BROKEN)
    fault.write(f"{ENVOY}, server_bootstrap: server.yaml", environment="local")
    refused(fault.run(), 5, "MP5102", "candidate-server-sidecar", "no_such_field")
    assert fault.traces.left() == []


def test_mutual_tls_that_is_declared_and_not_there_is_no_measurement(fault: Fault) -> None:
    (fault.folder / "server.yaml").write_text(PLAIN)
    fault.write(f"{ENVOY}, server_bootstrap: server.yaml", environment="local")
    refused(fault.run(), 4, "MP4003", "candidate:", "plain")
    assert not list((fault.out / "results").iterdir())
    assert fault.traces.left() == []


@in_pods
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="no setpriv to lay root down with")
def test_pods_without_root_are_refused_before_there_is_a_folder() -> None:
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    if subprocess.run([*nobody, sys.executable, "-c", "import click"], capture_output=True, check=False).returncode:
        pytest.skip("nobody may not run this Python")
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to others
        fault = Fault(Path(name))
        fault.write()
        fault.folder.chmod(0o777)
        fault.command.scratch.chmod(0o777)
        refused(fault.run(*nobody), 3, "MP3010", "need root", "environment: local")
        assert not fault.out.exists()
        assert fault.traces.left() == []


@in_pods
@pytest.mark.skipif(shutil.which("iptables") is None, reason="there is no iptables to take away")
def test_transparent_interception_without_iptables_is_refused(fault: Fault) -> None:
    fault.write(f"{ENVOY}, interception: transparent")
    hide = below_a_mount(f"mount --bind /dev/null {Path(str(shutil.which('iptables'))).resolve()}")
    refused(fault.run(*hide), 3, "MP3005", "iptables", "interception: explicit")
    assert not fault.out.exists()


@in_pods
@pytest.mark.parametrize(("port", "component"), [(8080, "baseline-app"), (15000, "candidate-server-sidecar")])
def test_an_address_that_somebody_holds_is_told_with_who_needs_it(fault: Fault, port: int, component: str) -> None:
    hold = (
        "import socket, subprocess, sys;"
        f"held = socket.create_server(('0.0.0.0', {port}));"
        "sys.exit(subprocess.run(sys.argv[1:]).returncode)"
    )
    own = ("unshare", "--net", "sh", "-c", 'ip link set lo up && "$@"', "sh", sys.executable, "-c", hold)
    fault.write(environment="local")
    refused(fault.run(*own), 5, "MP5103", f"{component} needs", f":{port}", "ss -ltnp")
    assert fault.traces.left() == []
    with socket.create_server(("127.0.0.1", 0)):
        pass  # this machine's own network was never touched


@in_pods
@pytest.mark.parametrize("size", ["12k", "40k"])
def test_a_full_scratch_folder_is_told_with_the_next_step(fault: Fault, size: str) -> None:
    fault.write()
    small = below_a_mount(f"mount -t tmpfs -o size={size} none {fault.command.scratch}")
    refused(fault.run(*small), 5, "MP5402", str(fault.command.scratch), "TMPDIR")
    assert fault.traces.left() == []


@in_pods
def test_a_full_folder_for_state_leaves_nothing_in_it(fault: Fault) -> None:
    fault.write()
    state = fault.folder / "state"
    state.mkdir()
    look = f'mount -t tmpfs -o size=4k none {state} && "$@"; code=$?; ls {state} >&2; exit $code'
    result = fault.run("unshare", "--mount", "sh", "-c", look, "sh")
    refused(result, 5, "MP5402", str(state), "MESHPERF_STATE")
    assert "site-" not in result.stderr.splitlines()[-1]
    assert fault.traces.left() == []
