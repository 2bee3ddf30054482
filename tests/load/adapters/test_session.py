"""Sessions of other generators, with programs that stand for fortio: whole, crashing, hanging, talking garbage."""

from __future__ import annotations

import json
import os
import socket
import stat
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from plans import CLOSED, PHASE, SECRET, TARGET, program

from meshperf.errors import CaptureError, PrerequisiteError, TargetError, UsageError
from meshperf.load.adapters import session as session_module
from meshperf.load.adapters.session import ExternalSession
from meshperf.load.generators import open_session, require_fit
from meshperf.load.plan import Arrivals, SessionPlan, Target

RESULT = {
    "RunType": "HTTP",
    "Labels": "t",
    "StartTime": "2026-01-02T03:04:05.6Z",
    "RequestedQPS": "100",
    "RequestedDuration": "1s",
    "ActualQPS": 97.0,
    "ActualDuration": 1_000_000_000,
    "NumThreads": 4,
    "Version": "1.68.2",
    "DurationHistogram": {
        "Count": 97,
        "Min": 0.0001,
        "Max": 0.0009,
        "Sum": 0.05,
        "Avg": 0.0005,
        "StdDev": 0.0001,
        "Data": [
            {"Start": 0.0001, "End": 0.0004, "Percent": 50, "Count": 49},
            {"Start": 0.0004, "End": 0.0009, "Percent": 100, "Count": 48},
        ],
        "Percentiles": [{"Percentile": 50, "Value": 0.0004}, {"Percentile": 99, "Value": 0.00089}],
    },
    "RetCodes": {"200": 97},
    "URL": "http://127.0.0.1/",
    "NumConnections": 4,
}
ANSWER = (
    "if sys.argv[1] == 'version': print('1.68.2'); sys.exit()\n"
    "out = sys.argv[sys.argv.index('-json') + 1]\n"
    f"open(out, 'w').write({json.dumps(json.dumps(RESULT))})\n"
)
SAMPLES = Path(__file__).parents[2] / "samples" / "interchange"
SHORT = replace(PHASE, duration_s=1.0)


@pytest.fixture
def target() -> Iterator[Target]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        yield replace(TARGET, address=address, host=address, timeout_s=0.1)


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def fortio(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> Path:
    path = program(folder, "my-fortio", text)
    monkeypatch.setenv("FORTIO_BIN", str(path))
    return path


def failure(plan: SessionPlan) -> CaptureError:
    with ExternalSession.open("fortio", plan) as opened, pytest.raises(CaptureError) as failed:
        opened.run([SHORT])
    assert failed.value.code == "MP5203"
    return failed.value


def test_a_run_becomes_a_recording(
    target: Target, scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fortio(tmp_path, monkeypatch, ANSWER)
    plan = SessionPlan(targets=(target,), clocks={"me": os.getpid()})
    with open_session("fortio", plan) as opened:
        recording = opened.run([SHORT, replace(SHORT, label="1")])
    first, second = recording.phases
    assert (first.label, second.label) == ("0", "1")
    assert (first.counts.ok, first.counts.offered, first.counts.not_sent) == (97, 100, 3)
    assert first.response.total == 97
    assert first.end_s - first.begin_s == pytest.approx(1.0)
    assert first.drained_s <= second.begin_s + 1.0
    assert first.cpu_drained_s["me"] >= first.cpu_begin_s["me"] > 0
    external = recording.external
    assert external is not None
    assert (external.generator, external.version, external.loop, external.latency_origin) == (
        "fortio",
        "1.68.2",
        "scheduled-closed",
        "actual",
    )
    assert [one.q for one in external.quantiles if one.q in (0.5, 0.99)] == [0.5, 0.99]
    assert "buckets" in external.resolution
    assert list(scratch.iterdir()) == []


def test_files_with_secrets_are_for_this_user_only_and_go_with_the_session(
    target: Target, scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fortio(tmp_path, monkeypatch, ANSWER)
    seen: dict[str, int] = {}

    def note(path: Path, content: bytes) -> None:
        write(path, content)
        seen[content.decode()] = stat.S_IMODE(path.stat().st_mode)
        seen["folder"] = stat.S_IMODE(path.parent.stat().st_mode)

    write = session_module._write_private
    monkeypatch.setattr(session_module, "_write_private", note)
    with ExternalSession.open("fortio", SessionPlan(targets=(replace(target, body=SECRET.encode()),))) as opened:
        opened.run([SHORT])
    assert seen == {SECRET: 0o600, "folder": 0o700}
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ("sys.stderr.write('boom\\x1b[31m at line 3\\n'); sys.exit(3)", "exit code 3", "boom[31m at line 3"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "signal 11", "it printed nothing"),
        ("out = sys.argv[sys.argv.index('-json') + 1]; open(out, 'w').write('{\"half\": ')", "cannot be read", ""),
        ("out = sys.argv[sys.argv.index('-json') + 1]; open(out, 'wb').write(os.urandom(4096))", "cannot be read", ""),
        ("print('fine')", "cannot be read", ""),
    ],
)
def test_a_tool_that_fails_is_told_with_its_last_words(
    target: Target, scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str, hint: str
) -> None:
    fortio(tmp_path, monkeypatch, f"if sys.argv[1] == 'version': sys.exit()\n{text}")
    failed = failure(SessionPlan(targets=(target,)))
    assert words in failed.message
    assert hint in (failed.hint or "")
    assert list(scratch.iterdir()) == []


def test_what_a_tool_repeats_of_the_request_is_withheld(
    target: Target, scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fortio(tmp_path, monkeypatch, f"sys.stderr.write('Get http://a/b?key={SECRET} with {SECRET}'); sys.exit(1)")
    secretive = replace(target, path=f"/b?key={SECRET}", headers=(("Authorization", SECRET),))
    failed = failure(SessionPlan(targets=(secretive,)))
    assert SECRET not in str(failed)
    assert "/b?withheld" in (failed.hint or "")


def test_a_tool_that_hangs_is_killed_and_told(
    target: Target, scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "_START_AND_END_S", -3.0)
    fortio(tmp_path, monkeypatch, "if sys.argv[1] == 'version': sys.exit()\ntime.sleep(60)")
    assert "did not end within" in failure(SessionPlan(targets=(target,))).message


def test_stop_keeps_what_was_finished(
    target: Target, scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = tmp_path / "ran"
    fortio(tmp_path, monkeypatch, f"{ANSWER}if os.path.exists({str(flag)!r}): time.sleep(60)\nopen({str(flag)!r}, 'w')")
    with ExternalSession.open("fortio", SessionPlan(targets=(target,))) as opened:
        stopping = threading.Thread(target=lambda: (_await(flag), opened.stop()))
        stopping.start()
        recording = opened.run([SHORT, SHORT])
        stopping.join()
    assert recording.interrupted
    assert len(recording.phases) <= 1


def _await(path: Path) -> None:
    for _ in range(1000):
        if path.exists():
            return
        threading.Event().wait(0.01)


def test_ctrl_c_of_the_watcher_is_an_interrupted_recording(
    target: Target, scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fortio(tmp_path, monkeypatch, "if sys.argv[1] == 'version': sys.exit()\ntime.sleep(60)")

    def interrupt(progress: object) -> None:
        raise KeyboardInterrupt

    with ExternalSession.open("fortio", SessionPlan(targets=(target,))) as opened:
        recording = opened.run([SHORT], on_progress=interrupt, interval_s=0.01)
    assert (recording.interrupted, recording.phases, recording.external) == (True, (), None)


@pytest.mark.parametrize(
    ("name", "variable", "sample", "origin"),
    [
        ("wrk2", "WRK2_BIN", "wrk2.txt", "intended"),
        ("nighthawk", "NIGHTHAWK_BIN", "nighthawk.json", "actual"),
    ],
)
def test_tools_that_could_not_be_had_are_read_by_what_they_once_printed(
    name: str,
    variable: str,
    sample: str,
    origin: str,
    target: Target,
    scratch: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorded = (SAMPLES / sample).read_text()
    text = f"if sys.argv[1] in ('-v', '--version'): sys.exit()\nprint({recorded!r}, end='')"
    monkeypatch.setenv(variable, str(program(tmp_path, "tool", text)))
    with open_session(name, SessionPlan(targets=(target,))) as opened:
        recording = opened.run([replace(PHASE, duration_s=13.0)])
    (phase,) = recording.phases
    external = recording.external
    assert external is not None
    assert (external.generator, external.latency_origin) == (name, origin)
    assert phase.counts.ok > 0
    assert phase.response.total in (0, phase.counts.ok)
    assert any("unproven" in note for note in external.notes)
    # One of Nighthawk's ten requests failed, and its times hold all ten: there is no telling those of the nine.
    assert (len(external.quantiles) >= 3) is (name == "wrk2")
    assert (phase.response.total == 0) is any("failures are among the times" in note for note in external.notes)
    assert all(one.low_s <= one.value_s <= one.high_s for one in external.quantiles)


def test_a_tool_that_is_missing_is_told_with_how_to_get_it(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("WRK2_BIN", raising=False)
    with pytest.raises(PrerequisiteError) as missing:
        open_session("wrk2", SessionPlan(targets=(target,)))
    assert missing.value.code == "MP3006"
    assert "WRK2_BIN" in (missing.value.hint or "")


@pytest.mark.parametrize("name", ["wrk2", "nighthawk"])
def test_tools_that_could_not_be_had_here_are_refused_by_the_same_words(
    name: str, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PrerequisiteError, match=f"the load generator {name} is not installed"):
        require_fit(name, SessionPlan(targets=(target,)), [replace(PHASE, duration_s=12.0)])


def test_a_variable_that_names_no_program_is_told_and_path_is_not_tried(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "fortio", "print('1.0')")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("FORTIO_BIN", str(tmp_path / "gone"))
    with pytest.raises(PrerequisiteError, match="FORTIO_BIN names"):
        open_session("fortio", SessionPlan(targets=(target,)))


def test_a_target_that_refuses_is_told_before_the_tool_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fortio(tmp_path, monkeypatch, ANSWER)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(TargetError) as refused:
        open_session("fortio", SessionPlan(targets=(replace(TARGET, address=f"127.0.0.1:{port}"),)))
    assert refused.value.code == "MP5301"


def test_what_it_cannot_do_is_refused_before_anything_runs(
    target: Target, scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = tmp_path / "ran"
    fortio(tmp_path, monkeypatch, f"if sys.argv[1] == 'version': sys.exit()\nopen({str(flag)!r}, 'w')")
    plan = SessionPlan(targets=(target,))
    with ExternalSession.open("fortio", plan) as opened, pytest.raises(UsageError, match="poisson"):
        opened.run([CLOSED, replace(PHASE, arrivals=Arrivals.POISSON)])
    assert not flag.exists()


def test_no_such_generator_lists_those_that_are(target: Target) -> None:
    with pytest.raises(UsageError, match="no load generator 'gatling'") as refused:
        open_session("gatling", SessionPlan(targets=(target,)))
    assert "nighthawk" in (refused.value.hint or "")
