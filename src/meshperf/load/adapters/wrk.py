"""wrk and wrk2: event loops in C with Lua; a script carries request and headers, so nothing secret is an argument.

wrk runs a closed loop only. wrk2 holds a rate, one schedule a connection, counted from when a request was due; it
throws away its first ten seconds, and its timers add a millisecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from meshperf.histograms import Histogram
from meshperf.load.adapters.base import Abilities, Adapter, Asked, Command, always, closed_or
from meshperf.load.adapters.distribution import weighted
from meshperf.load.adapters.fitting import whole_seconds
from meshperf.load.adapters.request import named_headers, url
from meshperf.load.plan import Protocol
from meshperf.spec.imported import LatencyOrigin, LoopModel

__all__ = ["WRK", "WRK2", "read_samples"]

_SPECTRUM = """
done = function(summary, latency, requests)
  local file = assert(io.open({path}, "w"))
  file:write(string.format("%d %d %d\\n", summary.duration, summary.requests, {connections}))
  for i = 1, #latency do
    local value, count = latency(i)
    file:write(string.format("%d %d\\n", value, count))
  end
  file:write("end\\n")
  file:close()
end
"""


def command(asked: Asked) -> Command:
    """wrk's arguments; every latency, in us, is written by the script when it is done."""
    return _command(
        asked,
        _SPECTRUM.format(path=_lua(str(asked.folder / "latencies")), connections=asked.target.connections),
        [],
        samples="latencies",
    )


def paced(asked: Asked) -> Command:
    """wrk2's: its spectrum is printed."""
    made = _command(asked, "", ["-R", f"{asked.rate or 0:.0f}"], samples=None)
    return replace(
        made, notes=[*made.notes, "it throws away the times of its first ten seconds; the rest stands for all"]
    )


def _command(asked: Asked, more: str, rate: Sequence[str], *, samples: str | None) -> Command:
    target = asked.target
    threads = min(asked.threads, target.connections)
    script = [f"wrk.method = {_lua(target.method)}"]
    script += [f"wrk.headers[{_lua(name)}] = {_lua(value)}" for name, value in named_headers(target, target.address)]
    if target.body:
        script.append(f"wrk.body = {_lua(target.body)}")
    names = [name.lower() for name, _ in target.headers]
    notes = ["of headers with the same name it sends the last"] if len(set(names)) < len(names) else []
    if rate and asked.rate is not None and not asked.rate.is_integer():
        notes.append(f"its rate is whole: {asked.rate:.0f} instead of {asked.rate:g}")
    arguments = ["-t", str(threads), "-c", str(target.connections), "-d", f"{whole_seconds(asked.phase.duration_s)}s",
                 "--timeout", f"{max(1, round(target.timeout_s))}s", "--latency", *rate,
                 "-s", str(asked.folder / "request.lua"), url(target, numeric=True)]  # fmt: skip
    return Command(
        arguments=arguments,
        files={"request.lua": ("\n".join(script) + "\n" + more).encode()},
        samples=samples,
        notes=notes,
    )


def _lua(text: str | bytes) -> str:
    """A Lua string of these bytes; every byte that is not plain is escaped by number."""
    data = text.encode() if isinstance(text, str) else text
    plain = set(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 /:;.,-_=+*&%$#@!?()[]{}<>|~^'")
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03d}" for byte in data) + '"'


def read_samples(path: Path) -> Histogram:
    """Lines of `microseconds count` between a head of `microseconds requests connections` and `end`.

    wrk adds replies that never were: for each that took longer than two mean intervals of its connection, some that
    would have waited for it. They are taken out again, which leaves exactly those that were.

    Raises:
        ValueError: it is not whole.
    """
    lines = path.read_text(encoding="ascii").splitlines()
    if len(lines) < 2 or lines[-1] != "end":
        raise ValueError("the list of latencies breaks off")
    duration_us, requests, connections = (int(word) for word in lines[0].split())
    pairs = [(int(value), int(count)) for value, count in (line.split() for line in lines[1:-1])]
    seen = np.zeros(max((value for value, _ in pairs), default=0) + 1, dtype=np.int64)
    for value, count in pairs:
        seen[value] = count
    each = requests // connections
    if each:
        _uncorrected(seen, duration_us // each)
    values = np.flatnonzero(seen)
    if (seen < 0).any():
        raise ValueError("the list of latencies does not hold what wrk adds to it")
    return weighted(values * 1e-6, seen[values])


def _uncorrected(seen: npt.NDArray[np.int64], interval_us: int) -> None:
    """Undo what wrk did from the shortest on, from the longest on: that one's own count is what it was."""
    if interval_us == 0:
        return
    for value in range(seen.size - 1, 2 * interval_us - 1, -1):
        if seen[value] > 0:
            seen[value - interval_us : interval_us : -interval_us] -= seen[value]


_ABLE = Abilities(
    protocols=frozenset({Protocol.HTTP1}),
    paced=False,
    tls=True,
    whole_seconds=True,
)
WRK = Adapter(
    name="wrk",
    program="wrk",
    variable="WRK_BIN",
    abilities=_ABLE,
    form="wrk",
    command=command,
    origin=always(LatencyOrigin.ACTUAL),
    loop=closed_or(LoopModel.CLOSED),
    model="split among its threads, each sends after its last reply",
    install="your distribution's package `wrk`",
    version_arguments=("-v",),
    samples=read_samples,
)
WRK2 = Adapter(
    name="wrk2",
    program="wrk2",
    variable="WRK2_BIN",
    abilities=Abilities(
        protocols=frozenset({Protocol.HTTP1}), closed=False, tls=True, whole_seconds=True, least_s=11.0
    ),
    form="wrk2",
    command=paced,
    origin=always(LatencyOrigin.INTENDED),
    loop=closed_or(LoopModel.OPEN),
    model="each has a schedule of its own",
    install="build it from its source; its program is called wrk, so it must be named",
    version_arguments=("-v",),
    proven=False,
)
