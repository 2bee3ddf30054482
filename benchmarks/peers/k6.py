"""k6: JavaScript virtual users; at a constant rate a timer hands iterations to idle ones and drops what finds none."""

from __future__ import annotations

import json

from benchmarks.peers.peer import Load, Peer, Report
from meshperf.load.plan import Protocol

SCRIPT = """import http from "k6/http";
export const options = {{
  discardResponseBodies: true,
  insecureSkipTLSVerify: true,
  summaryTrendStats: ["avg", "p(50)", "p(90)", "p(99)", "p(99.9)"],
  scenarios: {{ only: {scenario} }},
}};
export default function () {{ http.get({url}); }}
"""


def command(load: Load) -> list[str]:
    scenario: dict[str, object] = {"duration": f"{load.seconds:g}s", "gracefulStop": "2s"}
    if load.rate is None:
        scenario |= {"executor": "constant-vus", "vus": load.connections}
    else:
        scenario |= {"executor": "constant-arrival-rate", "rate": round(load.rate), "timeUnit": "1s"}
        scenario |= {"preAllocatedVUs": load.connections, "maxVUs": load.connections}
    script = load.folder / "k6.js"
    script.write_text(SCRIPT.format(scenario=json.dumps(scenario), url=json.dumps(load.url)))
    summary = load.folder / "k6.json"
    summary.unlink(missing_ok=True)
    return ["run", "--quiet", "--no-usage-report", f"--summary-export={summary}", str(script)]


def read(printed: str, load: Load) -> Report:
    return report((load.folder / "k6.json").read_text())


def report(text: str) -> Report:
    """From `--summary-export`: durations in ms."""
    metrics = json.loads(text)["metrics"]
    durations, requests = metrics["http_req_duration"], metrics["http_reqs"]
    failed = metrics.get("http_req_failed", {}).get("passes", 0)  # k6 counts a failure as a pass of "failed"
    dropped = metrics.get("dropped_iterations", {}).get("count", 0)
    notes = [f"{dropped:.0f} dropped"] * bool(dropped) + [f"{failed:.0f} failed"] * bool(failed)
    return Report(
        requests=int(requests["count"]) - int(failed),
        rate=float(requests["rate"]),
        p50=durations["p(50)"] * 1e-3,
        p90=durations["p(90)"] * 1e-3,
        p99=durations["p(99)"] * 1e-3,
        p999=durations["p(99.9)"] * 1e-3,
        mean=durations["avg"] * 1e-3,
        note=", ".join(notes),
    )


PEER = Peer(
    name="k6",
    program="k6",
    command=command,
    read=read,
    speaks=frozenset({Protocol.HTTP1}),
    tls=True,
    idle=("version",),
)
