"""`meshperf run` from the file to the verdict, with real processes; and what happens when it is cut off."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.unguarded import UnguardedCommand
from meshperf.spec.smp import result_to_document
from meshperf.store import Store

from .command import ROOT, Command, small_experiment

pytestmark = [pytest.mark.e2e, pytest.mark.needs_native]
NOT_QUIET = "no spare attempts are left"
"""A busy machine makes rounds invalid, rightly; a test of something else tries again."""


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


@pytest.fixture
def unguarded(tmp_path: Path) -> Command:
    """Rounds count however busy the machine is: for what is no matter of figures. The exit code may be 4 then."""
    return UnguardedCommand(tmp_path)


def wait_until(true: Callable[[], bool], deadline_s: float, what: str) -> None:
    end = time.monotonic() + deadline_s
    while not true():
        assert time.monotonic() < end, f"not within {deadline_s} s: {what}"
        time.sleep(0.02)


def completed(command: Command, experiment: Path, out: Path) -> None:
    """Run to the end, going on where a noisy machine made it give up."""
    result = command.run("run", experiment, "--out", out)
    for _ in range(5):
        if NOT_QUIET not in result.stderr:
            break
        result = command.run("run", experiment, "--resume", out)
    assert result.returncode == 0, result.stderr


def test_an_experiment_ends_with_a_verdict_a_report_and_a_bundle_that_verifies(
    command: Command, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    completed(command, small_experiment(tmp_path), out)
    manifest = json.loads((out / "MANIFEST.json").read_text())
    assert manifest["state"] == "complete"
    assert {"comparison.json", "report.html", "report.md", "environment.json"} <= manifest["files"].keys()
    verified = command.run("verify", out)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    listed = json.loads(command.run("list", "--json").stdout)
    assert len(listed) == 1
    shown = command.run("show", out)
    assert "client-library against baseline" in shown.stdout
    assert not list(command.scratch.glob("meshperf-*"))
    assert not command.leftovers()


def test_kill_9_leaves_nothing_behind_and_loses_no_finished_round(unguarded: Command, tmp_path: Path) -> None:
    command, experiment, out = unguarded, small_experiment(tmp_path, rounds=4), tmp_path / "out"
    moments = random.Random(11)
    for number in range(3):
        started = command.start("run", experiment, *(("--resume", out) if number else ("--out", out)))
        time.sleep(moments.uniform(0.7, 4.0))  # the moment is what is tried, not a wait for something
        started.kill()
        started.communicate()
        before = (out / "rounds.jsonl").read_text() if (out / "rounds.jsonl").is_file() else ""
        wait_until(lambda: not command.leftovers(), 2.0, "all processes gone")
        assert not before or (out / "rounds.jsonl").read_text() == before
    finished = before.count("\n")
    result = command.run("run", experiment, "--resume", out)
    assert result.returncode in (0, 4), result.stderr
    assert json.loads((out / "MANIFEST.json").read_text())["state"] == "complete"
    assert len(list((out / "results").glob("*.json"))) == 8
    assert finished <= 4
    assert command.run("verify", out).returncode == 0
    assert not list(command.scratch.glob("meshperf-*")), "the next start sweeps scratch folders"


def test_ctrl_c_keeps_finished_rounds_and_says_how_to_go_on(unguarded: Command, tmp_path: Path) -> None:
    command, experiment, out = unguarded, small_experiment(tmp_path, rounds=30), tmp_path / "out"
    started = command.start("run", experiment, "--out", out)
    journal = out / "rounds.jsonl"
    wait_until(lambda: journal.is_file() and journal.read_text().count("\n") >= 1, 60, "a finished round")
    started.send_signal(2)
    _, told = started.communicate(timeout=10)
    assert started.returncode == 130
    assert "--resume" in told
    assert json.loads((out / "MANIFEST.json").read_text())["state"] == "interrupted"
    wait_until(lambda: not command.leftovers(), 2.0, "all processes gone")


@pytest.mark.needs_envoy
def test_an_arm_that_is_not_what_it_declares_ends_with_4_and_the_reason(command: Command, tmp_path: Path) -> None:
    from tests.meshes.envoy.test_deployment import template

    template(tmp_path)
    path = tmp_path / "dishonest.yaml"
    path.write_text(
        small_experiment(tmp_path).read_text().replace("subject: [client_library]", "subject: [mesh, client_library]")
        + "  envoy: {mesh: envoy, mtls: strict, server_bootstrap: server.yaml}\n"
    )
    result = command.run("run", path, "--out", tmp_path / "out")
    assert result.returncode == 4, result.stderr
    assert "MP4003" in result.stderr
    assert "plaintext request was answered" in result.stderr
    assert not command.leftovers()


@pytest.mark.needs_envoy
def test_the_quickstart_runs_shortened_and_is_labelled_a_pilot(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for attempt in range(4):
        result = command.run("run", ROOT / "examples" / "quickstart.yaml", "--quick", "--overwrite", "--out", out)
        if NOT_QUIET not in result.stderr:
            break
        assert attempt < 3, result.stderr
    assert result.returncode == 0, result.stderr
    assert "pilot" in result.stdout.lower()
    run = json.loads(next((out / "results").glob("*-envoy*.json")).read_text())
    assert "spiffe://" not in json.dumps(run.get("test", {}))
    assert "PRIVATE KEY" not in "".join(path.read_text() for path in out.rglob("*.json"))


def test_a_secret_of_a_request_is_in_no_file_but_the_users_own(unguarded: Command, tmp_path: Path) -> None:
    command, experiment, out, secret = unguarded, small_experiment(tmp_path), tmp_path / "out", "s3ntinel"
    text = experiment.read_text()
    assert "protocol: http1," in text
    asked = f"protocol: http1, path: '/?key={secret}', headers: {{Authorization: Bearer {secret}}},"
    experiment.write_text(text.replace("protocol: http1,", asked))
    result = command.run("run", experiment, "--out", out)
    assert result.returncode in (0, 4), result.stderr
    assert "withheld" in (out / "report.html").read_text()
    command.run("report", out, "--out", tmp_path / "again")
    assert (tmp_path / "again" / "report.html").is_file()
    places = [*out.rglob("*"), *(tmp_path / "again").rglob("*"), *tmp_path.glob("store.db*")]
    holding = [path for path in places if path.is_file() and secret.encode() in path.read_bytes()]
    assert holding == [out / "experiment.yaml"]
    with Store.open(tmp_path / "store.db") as store:
        (kept,) = store.experiments()
        documents = [json.dumps(result_to_document(run)) for run in store.results(kept.experiment_id)]
        shown = [kept.experiment_text or "", json.dumps(store.comparisons(kept.experiment_id)), *documents]
    assert len(documents) == 6
    assert "withheld" in shown[0]
    assert not [text for text in shown if secret in text]


def test_a_quick_run_says_so_in_its_command_and_is_not_gone_on_with(command: Command, tmp_path: Path) -> None:
    experiment, out = small_experiment(tmp_path, rounds=30), tmp_path / "out"
    started = command.start("run", experiment, "--out", out, "--quick")
    wait_until(lambda: (out / "round-under-way.json").is_file(), 60, "a round under way")
    started.send_signal(2)
    _, told = started.communicate(timeout=10)
    assert started.returncode == 130
    assert json.loads((out / "MANIFEST.json").read_text())["command"] == f"meshperf run {experiment} --quick"
    assert f"Begin it anew with: meshperf run {experiment} --quick" in told
    assert "--resume" not in told
    refused = command.run("run", experiment, "--resume", out)
    assert refused.returncode == 2
    assert "MP1002" in refused.stderr
