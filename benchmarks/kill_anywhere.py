"""`kill -9` at random moments of an experiment with a real Envoy pair, each time resumed, until it is complete.

Asked for: no process left after 2 s, no finished run lost, the broken round kept as a record, excluded and redone,
and a bundle that verifies in the end.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.command import SMALL, Command

ENVOY = "  envoy: {mesh: envoy, mtls: strict}\n"
DEADLINE_S = 2.0


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=80)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = Command(folder)
        experiment, out = folder / "killed.yaml", folder / "out"
        text = SMALL.replace("ROUNDS", str(options.rounds)).replace("[client_library]", "[mesh, client_library]")
        experiment.write_text(text + ENVOY)
        slowest, lost, kills = 0.0, 0, 0
        for kill in range(options.kills):
            started = command.start("run", experiment, *(("--resume", out) if out.is_dir() else ("--out", out)))
            time.sleep(moments.uniform(0.2, 14.0))  # the moment is what is tried
            if started.poll() is not None:
                told = started.communicate()[1].strip().splitlines()[-1:]
                print(f"{kill + 1:3}: ended by itself with {started.returncode}: {told}", flush=True)
                continue
            before, running = finished(out), len(command.leftovers())
            started.kill()
            began = time.monotonic()
            while (left := command.leftovers()) and time.monotonic() - began < DEADLINE_S:
                time.sleep(0.01)
            took = time.monotonic() - began
            started.communicate()
            slowest, kills = max(slowest, took), kills + 1
            lost += len(before - finished(out))
            print(f"{kill + 1:3}: rounds {sorted(before)}, {running} processes, gone in {took:.3f} s, left {len(left)}")
        for _ in range(20):
            result = command.run("run", experiment, "--resume", out, timeout=600)
            if result.returncode == 0:
                break
            print(result.stderr.strip().splitlines()[-1], flush=True)
        verified = command.run("verify", out)
        reasons = [json.loads(path.read_text())["reason"][:70] for path in (out / "excluded").glob("*.json")]
        print(f"\n{kills} kills, slowest end of all processes {slowest:.3f} s, finished runs lost: {lost}")
        print(f"completed with {result.returncode}, {len(finished(out))} rounds, verify {verified.returncode}")
        print(f"{len(reasons)} records of excluded attempts: {sorted(set(reasons))}")


def finished(out: Path) -> set[int]:
    journal = out / "rounds.jsonl"
    return {json.loads(line)["round"] for line in journal.read_text().splitlines()} if journal.is_file() else set()


if __name__ == "__main__":
    main()
