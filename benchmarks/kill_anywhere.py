"""`kill -9` at random moments of an experiment in pods: of meshperf itself, and of single processes of the mesh.

Asked for when meshperf is killed: no process left after 2 s; after the next start no network namespace, mount, control
group, scratch folder or rule either; no finished round lost. When a sidecar, a control plane or a service is killed:
the round is broken, kept as a record and redone, or the run ends with an error that names the process; the whole site
of that round is gone. In the end the experiment is complete and its bundle verifies.

Rounds count on a busy machine too (`unguarded.py`): it is endings that are tried here, not figures.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.findings import Finding, Outcome, show_findings
from benchmarks.unguarded import UnguardedCommand
from tests.e2e.command import Command
from tests.e2e.traces import SeenSite, Traces, alive

ARMS = {
    "envoy": "{mesh: envoy, mtls: strict}",
    "transparent": "{mesh: envoy, mtls: strict, interception: transparent}",
    "consul": "{mesh: consul, mtls: strict}",
    "istio": "{mesh: istio, mtls: strict}",
}
EXPERIMENT = """\
experiment: killed
subject: [mesh]
environment: {environment}
workload: {{graph: echo, response_bytes: 256}}
load:
  - {{protocol: http1, rate: 50, connections: 2, arrivals: poisson, warmup: 200ms, duration: 600ms}}
slice: 300ms
rounds: {rounds}
seed: 7
arms:
  baseline: {{mesh: none}}
  {name}: {arm}
"""
PROCESSES_END_S = 2.0
PATIENCE_S = 60.0
"""For what is not judged by its time: a start of meshperf on a busy machine, the end of a site."""


@dataclass(kw_only=True)
class Ground:
    """One experiment that is killed again and again, in a folder of its own."""

    folder: Path
    mesh: str
    environment: str
    rounds: int
    command: Command
    traces: Traces
    running: subprocess.Popen[str] | None = None
    endings: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        text = EXPERIMENT.format(environment=self.environment, rounds=self.rounds, name=self.mesh, arm=ARMS[self.mesh])
        (self.folder / "killed.yaml").write_text(text)

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def start(self) -> subprocess.Popen[str]:
        """Begin, or go on with what is there."""
        to = ("--resume", self.out) if self.out.is_dir() else ("--out", self.out)
        self.running = self.command.start("run", self.folder / "killed.yaml", *to)
        return self.running

    def ended(self) -> str:
        """The last error of a run that ended, in one line; counted."""
        assert self.running is not None
        told = [line for line in self.running.communicate()[1].splitlines() if line.startswith("error[")]
        what = f"exit {self.running.returncode}: {told[-1] if told else 'no error'}"
        self.endings[what[:90]] += 1
        return what

    def finished(self) -> set[int]:
        journal = self.out / "rounds.jsonl"
        lines = journal.read_text().splitlines() if journal.is_file() else []
        return {json.loads(line)["round"] for line in lines}

    def open_site(self, deadline_s: float = PATIENCE_S) -> SeenSite | None:
        """The site of the round under way, once it has processes; None: the run ended."""
        deadline = time.monotonic() + deadline_s
        while time.monotonic() < deadline and self.running is not None and self.running.poll() is None:
            site = self.traces.current
            if site is not None and len(site.running()) > 1:
                return site
            time.sleep(0.02)
        return None

    def next_round(self, deadline_s: float = PATIENCE_S) -> None:
        """Wait until one more round is finished than now, or the run ended."""
        begun, deadline = len(self.finished()), time.monotonic() + deadline_s
        while len(self.finished()) == begun and time.monotonic() < deadline:
            if self.running is None or self.running.poll() is not None:
                return
            time.sleep(0.02)

    def went_on(self, *, after: SeenSite) -> str:
        """Whether the next round began, or with which error the run ended, once a site was closed."""
        assert self.running is not None
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self.running.poll() is None:
            if self.traces.current not in (None, after):
                return "went on"
            time.sleep(0.02)
        return "hangs" if self.running.poll() is None else self.ended()


def kill_meshperf(ground: Ground, kills: int, moments: random.Random, longest_s: float = 6.0) -> tuple[Finding, ...]:
    """Kill meshperf, start it again, look for what is left of the one before.

    Args:
        longest_s: until the kill, from what was waited for [s].
    """
    slowest_s, lost, left_ever, processes, done = 0.0, 0, 0, 0, 0
    for kill in range(kills):
        before_kill = set(ground.traces.sites)
        run = ground.start()
        if kill % 4 == 3:  # one in four when a further round is finished, two inside a round, one anywhere
            ground.next_round()
        elif kill % 4:
            ground.open_site()
        time.sleep(moments.uniform(0.05, longest_s))  # the moment is what is tried
        ground.traces.look()
        if run.poll() is not None:
            print(f"{kill + 1:3}: ended by itself: {ground.ended()}", flush=True)
            continue
        before = ground.finished()
        was = {name: site for name, site in ground.traces.sites.items() if name not in before_kill}
        up = sum(len(site.running()) for site in was.values())
        run.kill()
        done += 1
        began = time.monotonic()
        while any(site.running() for site in was.values()) and time.monotonic() - began < PROCESSES_END_S:
            time.sleep(0.01)
        took_s = time.monotonic() - began
        still = sum(len(site.running()) for site in was.values())
        run.communicate()
        swept = swept_up(ground)
        left = [trace for site in was.values() for trace in site.left()]
        slowest_s, processes, left_ever = max(slowest_s, took_s), processes + still, left_ever + len(left)
        lost += len(before - ground.finished())
        print(
            f"{kill + 1:3}: {len(before)} rounds kept, {up} processes gone in {took_s:.3f} s; "
            f"next start swept {swept}; left {left or 'nothing'}",
            flush=True,
        )
    return (
        Finding(
            what=f"{ground.mesh}: meshperf killed: its processes end",
            figure=f"{slowest_s:.3f} s at the slowest of {done}, {processes} left",
            limit=f"none after {PROCESSES_END_S:g} s",
            met=processes == 0 and done > 0,
        ),
        Finding(what=f"{ground.mesh}: left after the next start", figure=str(left_ever), limit="0", met=left_ever == 0),
        Finding(what=f"{ground.mesh}: finished rounds lost", figure=str(lost), limit="0", met=lost == 0),
    )


def swept_up(ground: Ground) -> int:
    """Start meshperf with the same state and nothing to do: how many things it swept up."""
    told = ground.command.run("run", ground.folder / "killed.yaml", "--resume", ground.folder / "absent").stderr
    return sum(line.startswith("swept up") for line in told.splitlines())


def kill_single(ground: Ground, kills: int, moments: random.Random, longest_s: float = 3.0) -> tuple[Finding, ...]:
    """Kill one process of a round under way; the site of that round has to go, and the experiment to go on.

    Args:
        longest_s: until the kill, from the moment at which the round has processes [s].
    """
    left_ever, lost, unnamed, slowest_s = 0, 0, 0, 0.0
    victims: Counter[str] = Counter()
    for kill in range(kills):
        if ground.running is None or ground.running.poll() is not None:
            ground.start()
        site = ground.open_site()
        if site is None:
            print(f"{kill + 1:3}: no round began: {ground.ended()}", flush=True)
            continue
        time.sleep(moments.uniform(0.0, longest_s))
        name = stricken(site, moments)
        if name is None:
            print(f"{kill + 1:3}: the round had ended", flush=True)
            continue
        began, before = time.monotonic(), ground.finished()
        victims[name.rpartition("-")[0]] += 1
        while site.state_file.exists() and time.monotonic() - began < PATIENCE_S:
            time.sleep(0.02)
        took_s = time.monotonic() - began
        left = site.left()
        slowest_s, left_ever, lost = (
            max(slowest_s, took_s),
            left_ever + len(left),
            lost + len(before - ground.finished()),
        )
        said = ground.went_on(after=site)
        print(f"{kill + 1:3}: {name} killed; site gone in {took_s:.2f} s, left {left or 'nothing'}; {said}", flush=True)
        unnamed += said != "went on" and name.rpartition("-")[0] not in said
    if ground.running is not None and ground.running.poll() is None:
        ground.running.send_signal(signal.SIGINT)
        ground.ended()
    print(f"     killed: {dict(victims)}")
    return (
        Finding(
            what=f"{ground.mesh}: one process killed: left of its site",
            figure=f"{left_ever} after {slowest_s:.2f} s at the slowest of {victims.total()}",
            limit="0",
            met=left_ever == 0 and victims.total() > 0,
        ),
        Finding(what=f"{ground.mesh}: finished rounds lost", figure=str(lost), limit="0", met=lost == 0),
        Finding(what=f"{ground.mesh}: endings that name no process", figure=str(unnamed), limit="0", met=unnamed == 0),
    )


def stricken(site: SeenSite, chance: random.Random) -> str | None:
    """Kill one of the site's processes, never its supervisor; its name, or None when there was none any more."""
    there = [(key, name) for key, name in sorted(site.processes.items()) if name != "supervisor" and alive(*key)]
    if not there:
        return None
    (pid, _), name = chance.choice(there)
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return None
    return name


def completed(ground: Ground) -> tuple[Finding, ...]:
    """Go on until every round is there, and look at what is left at last."""
    for _ in range(10):
        run = ground.start()
        run.wait(900)
        print(f"     {ground.ended()[:160]}", flush=True)
        if len(ground.finished()) == ground.rounds:
            break
    verification = ground.command.run("verify", ground.out)
    verified = verification.returncode
    if verified:
        print(verification.stdout[-1000:], verification.stderr[-1000:], flush=True)
    left = ground.traces.left()
    reasons = Counter(json.loads(path.read_text())["reason"][:48] for path in (ground.out / "excluded").glob("*.json"))
    print(f"     records of excluded attempts: {dict(reasons)}")
    return (
        Finding(
            what=f"{ground.mesh}: complete in the end",
            figure=f"{len(ground.finished())} of {ground.rounds} rounds, verify {verified}",
            limit="all, 0",
            met=len(ground.finished()) == ground.rounds and verified == 0,
        ),
        Finding(
            what=f"{ground.mesh}: left at last", figure=", ".join(left) or "nothing", limit="nothing", met=not left
        ),
    )


def main(arguments: Sequence[str] | None = None) -> Outcome:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="of each kind and mesh")
    parser.add_argument("--rounds", type=int, default=60, help="more than kills, or the experiment ends before them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mesh", action="append", choices=sorted(ARMS), help="default: envoy; may be repeated")
    parser.add_argument("--environment", choices=("netns", "local"), default="netns" if os.geteuid() == 0 else "local")
    options = parser.parse_args(arguments)
    findings: list[Finding] = []
    for mesh in options.mesh or ["envoy"]:
        with tempfile.TemporaryDirectory(prefix="killed-") as name:
            command = UnguardedCommand(Path(name))
            with Traces(command=command) as traces:
                ground = Ground(
                    folder=Path(name),
                    mesh=mesh,
                    environment=options.environment,
                    rounds=options.rounds,
                    command=command,
                    traces=traces,
                )
                moments = random.Random(options.seed)
                for part in (kill_meshperf, kill_single):
                    print(f"{mesh}: {(part.__doc__ or '').partition(',')[0]}", flush=True)
                    findings += part(ground, options.kills, moments)
                findings += completed(ground)
                print(f"     endings: {dict(ground.endings)}")
    show_findings(findings)
    return Outcome(findings=tuple(findings))


if __name__ == "__main__":
    main()
