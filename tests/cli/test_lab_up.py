"""`meshperf lab up`, `status` and `down`: what is refused, what is shown, and that nothing stays."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from meshperf.cli import main
from meshperf.environments import processes
from meshperf.environments.processes import boot_and_namespace, runs, start_ticks
from meshperf.environments.site import Site
from meshperf.environments.site_state import SiteState
from meshperf.errors import ExitCode
from meshperf.experiment.plan import Resident
from meshperf.experiment.residents import Deployed
from meshperf.load.plan import Target
from meshperf.meshes import ArmDeployment
from meshperf.spec.graph import Graph
from meshperf.spec.records import Claim

ROOT = Path(__file__).parents[2]
TWO_CANDIDATES = """\
experiment: two
subject: mesh
load: [{rate: 10, duration: 1s}]
rounds: 1
arms:
  baseline: {mesh: none}
  one:      {mesh: none, client_library: {mtls: true}}
  other:    {mesh: none, client_library: {mtls: true}}
"""


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder and a temporary folder of the test's own."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("MESHPERF_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    return tmp_path / "state"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[str], dict[str, Any]]]]:
    """Starts `meshperf lab up … --json` and gives the process with what it printed once it was up."""
    started: list[subprocess.Popen[str]] = []

    def up(*arguments: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
        with (tmp_path / "stderr").open("w") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "meshperf", "lab", "up", *arguments, "--json"],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        started.append(process)
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], 20)[0], (tmp_path / "stderr").read_text()
        line = process.stdout.readline()
        assert line, (tmp_path / "stderr").read_text()
        return process, json.loads(line)

    yield up
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(20)
        assert process.stdout is not None
        process.stdout.close()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "meshperf", "lab", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def status() -> list[dict[str, Any]]:
    return list(json.loads(run("status", "--json").stdout))


def answer(document: dict[str, Any]) -> int:
    request = urllib.request.Request(document["url"], headers={"Host": document["host_header"]})
    with urllib.request.urlopen(request, timeout=5) as reply:
        return int(reply.status)


def pids_of(document: dict[str, Any]) -> list[tuple[int, int]]:
    pids = [each["process"] for each in document["processes"]]
    return [(pid, start_ticks(pid) or 0) for pid in pids]


def none_left(identities: list[tuple[int, int]], within_s: float = 10.0) -> bool:
    deadline = time.monotonic() + within_s
    while any(runs(*identity) for identity in identities) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(runs(*identity) for identity in identities)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["enwoy"], "MP1001", "'enwoy' is neither a mesh nor a file"),
        (["none", "--arm", "x"], "MP1002", "--arm names an arm of a FILE"),
        (["none", "--mtls", "strict"], "MP1002", "no --mtls strict"),
        (["none", "--for", "0s"], "MP1001", "--for must be longer than 0"),
        (["none", "--for", "soon"], "MP1001", "--for"),
        (["none", "--graph", "no-such-graph"], "MP", "no-such-graph"),
        (["two.yaml"], "MP1001", "several arms"),
        (["two.yaml", "--arm", "third"], "MP1001", "no arm 'third'"),
        (["two.yaml", "--arm", "one", "--mtls", "off"], "MP1002", "are of a MESH"),
        (["smp.yaml"], "MP1001", "SMP test file"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_starts(
    arguments: list[str],
    code: str,
    message: str,
    tmp_path: Path,
    state: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "two.yaml").write_text(TWO_CANDIDATES)
    (tmp_path / "smp.yaml").write_text((ROOT / "examples" / "smp-test.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    assert main(["lab", "up", *arguments]) == ExitCode.USAGE
    error = capsys.readouterr().err
    assert f"error[{code}" in error
    assert message in error
    assert not list(state.glob("*"))


@pytest.mark.e2e
@pytest.mark.needs_native
def test_a_lab_answers_is_shown_and_is_ended_from_elsewhere(lab: Any, tmp_path: Path) -> None:
    process, document = lab("none")
    assert document["state"] == "up"
    assert answer(document) == 200
    (shown,) = status()
    assert (shown["name"], shown["kind"], shown["state"]) == ("lab-baseline", "lab", "up")
    assert (shown["url"], shown["pid"]) == (document["url"], process.pid)
    assert len(shown["processes_running"]) == 1
    assert document["url"] in run("status").stdout
    identities = pids_of(document)
    down = json.loads(run("down", "--json").stdout)
    assert down == {"ended": [{"name": "lab-baseline", "pid": process.pid, "killed": False}], "swept": []}
    assert process.wait(10) == ExitCode.OK
    assert none_left(identities)
    assert status() == []
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.e2e
@pytest.mark.needs_native
@pytest.mark.needs_envoy
def test_a_lab_of_envoy_sends_requests_through_both_sidecars(lab: Any) -> None:
    process, document = lab("envoy")
    assert answer(document) == 200
    assert {each["role"] for each in document["processes"]} == {"app", "sidecar"}
    assert document["claims"]
    assert [claim for claim in document["claims"] if not claim["held"]] == []
    assert any("plaintext" in claim["claim"] for claim in document["claims"])
    assert document["facts"]["mesh.type"] == "envoy"
    assert document["try"][0].startswith("curl ")
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == ExitCode.OK
    assert none_left(pids_of(document))


@pytest.mark.e2e
@pytest.mark.needs_native
@pytest.mark.needs_envoy
def test_an_arm_of_a_file_comes_up_as_it_is_declared(lab: Any) -> None:
    _, document = lab(str(ROOT / "examples" / "quickstart.yaml"), "--arm", "envoy")
    assert document["arm"] == "envoy"
    assert answer(document) == 200


@pytest.mark.e2e
@pytest.mark.needs_native
def test_a_lab_ends_by_itself_when_its_time_is_over(tmp_path: Path) -> None:
    done = run("up", "none", "--for", "300ms")
    assert done.returncode == ExitCode.OK
    assert done.stdout.startswith("lab-baseline: send requests to http://127.")
    assert done.stderr.splitlines()[-1] == "ended; nothing is left"
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.e2e
@pytest.mark.needs_native
def test_a_process_that_dies_ends_the_lab_with_its_name(lab: Any, tmp_path: Path) -> None:
    process, document = lab("none")
    os.kill(document["processes"][0]["process"], signal.SIGKILL)
    assert process.wait(20) == ExitCode.NOT_MEASURED
    assert "error[MP5104]: baseline-app ended" in (tmp_path / "stderr").read_text()


@pytest.mark.e2e
@pytest.mark.needs_native
def test_what_a_killed_lab_left_is_shown_and_removed(lab: Any, tmp_path: Path) -> None:
    process, document = lab("none")
    identities = pids_of(document)
    process.kill()
    process.wait(10)
    (shown,) = status()
    assert (shown["state"], shown["kind"]) == ("left behind", "lab")
    assert "`meshperf lab down` removes" in run("status").stderr
    assert run("down").returncode == ExitCode.OK
    assert none_left(identities)
    assert status() == []
    assert list((tmp_path / "tmp").iterdir()) == []


def site_of(owner: tuple[int, int], state: Path, scratch: Path) -> None:
    state.mkdir(exist_ok=True)
    SiteState(
        experiment_id="somebody", where=boot_and_namespace(), owner=owner, supervisor=None, processes={},
        scratch=str(scratch),
    ).write(state / "site-000000000000.json")  # fmt: skip


def test_a_running_experiment_is_shown_and_left_alone(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site_of((os.getpid(), start_ticks(os.getpid()) or 0), state, tmp_path / "none")
    assert main(["lab", "status", "--json"]) == ExitCode.OK
    (shown,) = json.loads(capsys.readouterr().out)
    assert (shown["name"], shown["kind"], shown["state"]) == ("somebody", "experiment", "running")
    assert main(["lab", "down"]) == ExitCode.OK
    assert "no lab runs" in capsys.readouterr().out
    assert len(list(state.glob("site-*.json"))) == 1


def test_whoever_has_the_pid_of_a_dead_lab_is_not_touched(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        scratch = tmp_path / "tmp" / "meshperf-000000000000"
        scratch.mkdir()
        (scratch / "lab.json").write_text(json.dumps({"pid": bystander.pid, "state": "up"}))
        site_of((bystander.pid, (start_ticks(bystander.pid) or 0) + 1), state, scratch)
        assert main(["lab", "status"]) == ExitCode.OK
        assert "left behind" in capsys.readouterr().out
        assert main(["lab", "down"]) == ExitCode.OK
        assert bystander.poll() is None
        bystander.communicate(b"\n", timeout=10)
    assert not scratch.exists()
    assert "removed the scratch folder of somebody" in capsys.readouterr().out


def test_a_lab_that_does_not_end_in_time_is_killed(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from meshperf.cli import lab_sites

    monkeypatch.setattr(lab_sites, "_ENDS_WITHIN_S", 1.0)
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as deaf:
        assert deaf.stdout is not None
        deaf.stdout.readline()
        scratch = tmp_path / "tmp" / "meshperf-000000000000"
        scratch.mkdir()
        (scratch / "lab.json").write_text(json.dumps({"pid": deaf.pid, "state": "up"}))
        site_of((deaf.pid, start_ticks(deaf.pid) or 0), state, scratch)
        assert main(["lab", "down"]) == ExitCode.OK
        assert f"killed somebody (pid {deaf.pid})" in capsys.readouterr().out
        assert deaf.wait(5) == -signal.SIGKILL
    assert list(state.glob("site-*.json")) == []


def test_a_site_of_another_pid_namespace_is_not_called_left_behind(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site_of((os.getpid(), start_ticks(os.getpid()) or 0), state, tmp_path / "none")
    boot = processes.boot_and_namespace().split()[0]
    monkeypatch.setattr("meshperf.cli.lab_sites.boot_and_namespace", lambda: f"{boot} pid:[1]")
    assert main(["lab", "status", "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)[0]["state"] == "elsewhere"


def test_an_arm_that_is_not_what_it_declares_is_up_and_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def deploy(site: Site, resident: Resident, graph: Graph, *, note: object) -> Deployed:
        broken = Claim(claim="mtls: plaintext is refused", held=False, evidence="it was answered", when="begin")
        deployment = ArmDeployment(
            target=Target(name="x", address="127.0.0.9:1", host="app", network_namespace="/run/netns/pod"),
            processes=(), facts={}, observe=lambda when: (broken,), observed_facts=dict,
        )  # fmt: skip
        return Deployed(resident=resident, graph=graph, apps={}, deployment=deployment)

    monkeypatch.setattr("meshperf.cli.lab_up.deploy_resident", deploy)
    assert main(["lab", "up", "none", "--for", "1ms"]) == ExitCode.OK
    out, err = capsys.readouterr()
    assert "BROKEN  mtls: plaintext is refused: it was answered" in out
    assert "ip netns exec pod curl -i -H 'Host: app' http://127.0.0.9:1/" in out
    assert "1 of 1 claims do not hold" in err
