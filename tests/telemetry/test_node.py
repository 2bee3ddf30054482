"""What the machine did, from recorded counters with known differences, and once for real."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from meshperf.telemetry import node
from meshperf.telemetry.node import NodeSampler


def write(
    root: Path, *, stat: str | None = None, pressure: str | None = None, load: str | None = "1.50 1 1 1/1 1"
) -> Path:
    for name, text in (("stat", stat), ("pressure/cpu", pressure), ("loadavg", load)):
        path = root / "proc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(text + "\n")
    return root


def test_shares_are_differences_over_all_cpu_time(tmp_path: Path) -> None:
    sampler = NodeSampler(root=write(tmp_path, stat="cpu  100 10 50 1000 5 1 2 3 40 0\ncpu0 1 1"))
    sampler.begin()
    write(tmp_path, stat="cpu  400 10 150 1500 5 11 42 53 90 0\ncpu0 1 1")
    reading = sampler.end()
    total = 300 + 100 + 500 + 10 + 40 + 50
    assert reading.cpu_by_mode == {
        "user": 300 / total,
        "nice": 0.0,
        "system": 100 / total,
        "idle": 500 / total,
        "iowait": 0.0,
        "irq": 10 / total,
        "softirq": 40 / total,
        "steal": 50 / total,
    }
    assert reading.steal_share == 50 / total
    # Nothing of it was ours but the few milliseconds of this test, so nearly all that was busy is foreign.
    assert reading.foreign_cpu_share == pytest.approx(450 / total, abs=0.03)
    assert reading.load_average == 1.5


def test_what_is_missing_has_its_reason_and_is_not_zero(tmp_path: Path) -> None:
    sampler = NodeSampler(root=tmp_path)
    sampler.begin()
    reading = sampler.end()
    assert (
        reading.steal_share is reading.foreign_cpu_share is reading.cpu_pressure_share is reading.load_average is None
    )
    assert reading.cpu_by_mode == {}
    assert set(reading.unavailable) == {
        "cpu_by_mode",
        "steal_share",
        "foreign_cpu_share",
        "cpu_pressure_share",
        "load_average",
    }
    assert "/proc/pressure/cpu does not exist" in reading.unavailable["cpu_pressure_share"]


@pytest.mark.parametrize("stat", ["", "cpu", "cpu 1 2", "cpu a b c d e f g h", "intr 1 2 3 4 5 6 7 8 9"])
def test_an_odd_stat_file_is_unavailable(tmp_path: Path, stat: str) -> None:
    sampler = NodeSampler(root=write(tmp_path, stat=stat))
    sampler.begin()
    assert sampler.end().unavailable["steal_share"] == "/proc/stat has an unexpected form"


def test_too_few_ticks_give_no_share(tmp_path: Path) -> None:
    sampler = NodeSampler(root=write(tmp_path, stat="cpu 0 0 0 0 0 0 0 0"))
    sampler.begin()
    write(tmp_path, stat="cpu 0 0 0 98 0 0 0 1")
    reading = sampler.end()
    assert reading.steal_share is None
    assert "99 ticks" in reading.unavailable["steal_share"]


def test_pressure_is_the_share_of_wall_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([(100.0, 10.0), (102.0, 12.0)])
    monkeypatch.setattr(node, "_both_clocks", lambda: next(moments))
    text = "some avg10=0.00 avg60=0.00 avg300=0.00 total={}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7"
    sampler = NodeSampler(root=write(tmp_path, pressure=text.format(1_000_000)))
    sampler.begin()
    write(tmp_path, pressure=text.format(1_500_000))
    reading = sampler.end()
    assert reading.duration_s == 2.0
    assert reading.cpu_pressure_share == pytest.approx(0.25)


@pytest.mark.parametrize("step_s", [0.05, -0.2, 0.0])
def test_a_set_clock_is_seen_with_its_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step_s: float) -> None:
    moments = iter([(1000.0, 10.0), (1005.0 + step_s, 15.0)])
    monkeypatch.setattr(node, "_both_clocks", lambda: next(moments))
    sampler = NodeSampler(root=tmp_path)
    sampler.begin()
    assert sampler.end().clock_step_s == pytest.approx(step_s, abs=1e-9)


def test_the_clocks_of_this_machine_agree_to_a_millisecond() -> None:
    first, second = node._both_clocks(), node._both_clocks()
    assert abs((second[0] - second[1]) - (first[0] - first[1])) < 0.001


BURN = """
import time
began = time.process_time()
while time.process_time() - began < 0.5: pass
print('done', flush=True)
input()
"""


def test_a_process_that_is_ours_is_not_foreign_and_one_that_is_not_is() -> None:
    command = [sys.executable, "-I", "-S", "-c", BURN]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as burner:
        ours, theirs = NodeSampler([burner.pid]), NodeSampler()
        began = time.monotonic()
        ours.begin()
        theirs.begin()
        assert burner.stdout is not None and burner.stdout.readline() == "done\n"
        while time.monotonic() - began < 0.6:
            time.sleep(0.01)
        known, unknown = ours.end(), theirs.end()
        burner.kill()
    assert known.foreign_cpu_share is not None and unknown.foreign_cpu_share is not None
    total_s = known.duration_s * len(cpus_online())
    burnt = (unknown.foreign_cpu_share - known.foreign_cpu_share) * total_s
    # The child used 0.5 s after its start-up; what others used is in both figures alike. Ticks blur it a little.
    assert burnt == pytest.approx(0.5, abs=0.12)


def cpus_online() -> list[str]:
    return [line for line in Path("/proc/stat").read_text().splitlines() if line[:3] == "cpu" and line[3].isdigit()]


def test_what_this_process_started_and_waited_for_is_not_foreign(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "proc").mkdir(parents=True)
    stat = root / "proc" / "stat"
    stat.write_text("cpu 0 0 0 0 0 0 0 0\n")
    sampler = NodeSampler(root=root)
    sampler.begin()
    code = "import time\nwhile time.process_time() < 0.5: pass"
    subprocess.run([sys.executable, "-c", code], check=True)
    hertz = os.sysconf("SC_CLK_TCK")
    stat.write_text(f"cpu {hertz} 0 0 {hertz} 0 0 0 0\n")  # two seconds of CPU time, one of them busy
    share = sampler.end().foreign_cpu_share
    assert share is not None
    assert share < 0.5 - 0.5 / 2 + 0.01


def test_a_process_that_ended_meanwhile_leaves_the_foreign_share_unknown(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE) as child:
        sampler = NodeSampler([child.pid], root=write(tmp_path, stat="cpu 0 0 0 0 0 0 0 0"))
        sampler.begin()
        child.kill()
    write(tmp_path, stat="cpu 50 0 0 150 0 0 0 0")
    reading = sampler.end()
    assert reading.foreign_cpu_share is None
    assert str(child.pid) in reading.unavailable["foreign_cpu_share"]
    assert reading.steal_share == 0.0


def test_an_interval_ends_only_once() -> None:
    sampler = NodeSampler()
    with pytest.raises(RuntimeError):
        sampler.end()
    sampler.begin()
    sampler.end()
    with pytest.raises(RuntimeError):
        sampler.end()
