"""k6: a JavaScript runtime a connection. With a rate a timer hands iterations to idle ones, and drops what finds none.

Its clock starts per phase of a request: waiting for an idle runtime, connecting and TLS are not in it. It keeps every
sample but its report has percentiles only, so it is asked for a fine grid of them.
"""

from __future__ import annotations

import base64
import json

from meshperf.load.adapters.base import Abilities, Adapter, Asked, Command, always
from meshperf.load.adapters.request import authority, named_headers, seconds, tls_files, url
from meshperf.load.plan import Protocol
from meshperf.spec.imported import LatencyOrigin, LoopModel

__all__ = ["ADAPTER", "command"]

PERCENTILES = (*range(1, 100), *(99 + tenth / 10 for tenth in range(1, 10)), 99.99)

_SCRIPT = """import http from "k6/http";
import encoding from "k6/encoding";
export const options = {options};
const body = {body} === null ? null : encoding.b64decode({body});
const params = {params};
export default function () {{ http.request({method}, {url}, body, params); }}
"""


def command(asked: Asked) -> Command:
    """Arguments for one run, and the script that carries everything about the request."""
    target = asked.target
    files = tls_files(asked)
    stats = ["avg", "min", "med", "max", *(f"p({percent:g})" for percent in PERCENTILES)]
    options: dict[str, object] = {
        "discardResponseBodies": True,
        "insecureSkipTLSVerify": target.tls is not None and not target.tls.verify,
        "noConnectionReuse": target.requests_per_connection == 1,
        "maxRedirects": 10 if target.follow_redirects else 0,
        "summaryTrendStats": stats,
        "scenarios": {"only": _executor(asked)},
    }
    if authority(target) != target.address:
        options["hosts"] = {authority(target): target.address}
    if target.tls is not None and target.tls.certificate_pem and target.tls.key_pem:
        options["tlsAuth"] = [{"cert": target.tls.certificate_pem, "key": target.tls.key_pem}]
    headers = named_headers(target, authority(target))
    repeated = len({name.lower() for name, _ in headers}) < len(headers)
    params = {"headers": dict(headers), "timeout": f"{target.timeout_s * 1e3:.0f}ms"}
    script = _SCRIPT.format(
        options=json.dumps(options),
        body=json.dumps(base64.b64encode(target.body).decode() if target.body else None),
        params=json.dumps(params),
        method=json.dumps(target.method),
        url=json.dumps(url(target)),
    )
    trusted = {"SSL_CERT_FILE": str(asked.folder / "ca.pem")} if "ca.pem" in files else {}
    rate_note = "its rate is whole" if asked.rate is not None and not asked.rate.is_integer() else ""
    return Command(
        arguments=["run", "--quiet", "--no-color", "--no-usage-report", "--address", "",
                   f"--summary-export={asked.folder / 'summary.json'}", str(asked.folder / "script.js")],
        files={"script.js": script.encode(), **{name: text for name, text in files.items() if name == "ca.pem"}},
        # Over TLS it would agree on HTTP/2 by itself.
        environment={"GODEBUG": "http2client=0", "GOMAXPROCS": str(asked.threads), "K6_NO_USAGE_REPORT": "true",
                     **trusted},
        result="summary.json",
        notes=["of headers with the same name it sends the last"] * repeated + [rate_note] * bool(rate_note),
    )  # fmt: skip


def _executor(asked: Asked) -> dict[str, object]:
    common = {"duration": seconds(asked.phase.duration_s), "gracefulStop": seconds(max(1.0, asked.phase.drain_s))}
    if asked.rate is None:
        return {"executor": "constant-vus", "vus": asked.target.connections, **common}
    return {
        "executor": "constant-arrival-rate",
        "rate": round(asked.rate),
        "timeUnit": "1s",
        "preAllocatedVUs": asked.target.connections,
        "maxVUs": asked.target.connections,
        **common,
    }


ADAPTER = Adapter(
    name="k6",
    program="k6",
    variable="K6_BIN",
    abilities=Abilities(
        protocols=frozenset({Protocol.HTTP1}),
        tls=True,
        verifies=True,
        client_certificate=True,
        server_name=True,
        redirects=True,
        new_connections=True,
    ),
    form="k6-summary",
    command=command,
    origin=always(LatencyOrigin.ACTUAL),
    loop=lambda asked: LoopModel.CLOSED if asked.rate is None else LoopModel.OPEN,
    model="each virtual user has one; a due request that finds no idle user is dropped",
    install="a release from its project page",
    version_arguments=("version",),
)
