"""Ask every proxy again and again which configuration it has, and say when each was first seen with the new one.

A control plane says when it has sent a change, or when a proxy acknowledged it. A user waits for something else: until
a request through the proxy is treated the new way. So requests are sent through every proxy at a fixed period over
connections that stay open, and a change has reached a proxy between the sending of the last request that was answered
the old way and the arrival of the first reply of the new one. The period bounds the error; both ends are kept.

One thread with non-blocking sockets probes all proxies: threads of their own would wait for one another.
"""

from __future__ import annotations

import heapq
import selectors
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from meshperf.environments.reaching import connect
from meshperf.errors import TargetError

__all__ = ["Arrival", "Prober", "Question", "Watched"]

CONNECT_S = 5.0
STILL_S = 0.002
"""Longest sleep of the loop [s] while nothing is due, so that the end of a watch is seen at once."""
_MOST_HEAD = 65_536
_GOLDEN = 0.618034
"""Multiples of it, taken modulo one, cover the period evenly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request that shows a proxy's configuration, and how its reply is read."""

    host: str
    """The Host header, by which the proxy chooses its route."""
    read: Callable[[bytes], str] = lambda body: body.decode("utf-8", "replace").strip()
    """The configuration that a body tells; other replies than 200 tell `status <code>`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """When one proxy had the change, in seconds after it was handed in: from `low_s` to `high_s`."""

    low_s: float
    high_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One change, seen through all proxies."""

    arrivals: tuple[Arrival | None, ...]
    """By proxy; None: not within the deadline."""
    handed_in_s: float
    """How long the control plane (or its file system) took to accept the change [s]."""
    period_s: float
    """The longest time between two requests through the same proxy while waiting [s]: bounds the error."""
    relapses: int
    """Replies of the old kind after one of the new kind."""


@dataclass(kw_only=True)
class _Line:
    """One proxy's connection."""

    socket: socket.socket
    reply: bytearray = field(default_factory=bytearray)
    sent_s: float = 0.0
    waiting: bool = False
    told: str | None = None
    last_other_s: float = 0.0
    """When the last request was sent that was not answered the wanted way."""
    first_wanted_s: float | None = None
    longest_gap_s: float = 0.0


class Prober:
    """Connections to all proxies. A context manager; `watch` can be called again and again."""

    def __init__(self, proxies: Sequence[str], question: Question, *, period_s: float) -> None:
        """Args:
        proxies: where each is asked, as `Site.reach` writes it.
        period_s: from one request through a proxy to the next [s].

        Raises:
            TargetError: MP5301, a proxy cannot be reached.
        """
        self._addresses = tuple(proxies)
        self._question = question
        self._period_s = period_s
        self._request = f"GET / HTTP/1.1\r\nHost: {question.host}\r\n\r\n".encode()
        self._watches = 0
        self._lines: list[_Line] = []
        self._selector = selectors.DefaultSelector()
        try:
            for index in range(len(self._addresses)):
                self._lines.append(_Line(socket=self._open(index)))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Prober:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection. Idempotent."""
        self._selector.close()
        for line in self._lines:
            line.socket.close()

    def settle(self, wanted: str, *, within_s: float) -> None:
        """Wait until every proxy answers `wanted`.

        Raises:
            TargetError: MP5302, one does not within `within_s`.
        """
        seen = self.watch(wanted, lambda: None, within_s=within_s)
        late = [self._addresses[index] for index, arrival in enumerate(seen.arrivals) if arrival is None]
        if late:
            told = next(line.told for line, arrival in zip(self._lines, seen.arrivals, strict=True) if arrival is None)
            raise TargetError(
                "MP5302",
                f"{len(late)} of {len(self._addresses)} proxies did not take a configuration within {within_s:g} s: "
                f"{late[0]} answers {told or 'nothing'}, not {wanted}",
                hint="the logs of proxy and control plane say whether it was refused",
            )

    def watch(self, wanted: str, change: Callable[[], None], *, within_s: float) -> Watched:
        """Hand in a change while probing, and wait until every proxy answers `wanted`.

        Args:
            change: hands the change in; runs in a thread of its own, so that a slow control plane does not stop the
                probing. What it raises is raised here.
            within_s: after which proxies are given up [s].
        """
        for line in self._lines:
            line.first_wanted_s, line.longest_gap_s, line.last_other_s = None, 0.0, 0.0
        handing = _Handing(change)
        relapses = 0
        due = [
            (time.monotonic() + self._period_s * index / len(self._lines), index) for index in range(len(self._lines))
        ]
        heapq.heapify(due)
        # Every proxy was asked once before the change: else its first answer had no lower bound.
        # Not at a multiple of the period: a change that always met the probes at one moment would bias the bounds.
        self._watches += 1
        begin_s = time.monotonic() + (2 + self._watches * _GOLDEN % 1) * self._period_s
        deadline_s = begin_s + within_s
        while (now := time.monotonic()) < deadline_s:
            if not handing.begun and now >= begin_s:
                handing.start()
            while due and due[0][0] <= now:
                planned, index = heapq.heappop(due)
                self._send(index)
                heapq.heappush(due, (max(planned + self._period_s, now), index))
            wait = max(0.0, min(due[0][0] - time.monotonic(), STILL_S))
            for key, _ in self._selector.select(wait):
                relapses += self._receive(key.data, wanted)
            if handing.begun and all(line.first_wanted_s is not None for line in self._lines) and handing.done():
                break
        origin_s = handing.end(max(0.0, deadline_s - time.monotonic()))
        return Watched(
            arrivals=tuple(_arrival(line, origin_s) for line in self._lines),
            handed_in_s=handing.took_s,
            period_s=max((line.longest_gap_s for line in self._lines), default=0.0),
            relapses=relapses,
        )

    # One request ------------------------------------------------------------------------------------------------

    def _send(self, index: int) -> None:
        line, now = self._lines[index], time.monotonic()
        if line.waiting:
            return  # a slow reply is waited for: a second request could overtake nothing
        if line.sent_s:
            line.longest_gap_s = max(line.longest_gap_s, now - line.sent_s)
        line.sent_s, line.waiting = now, True
        try:
            line.socket.send(self._request)
        except OSError:
            self._reopen(index)

    def _receive(self, index: int, wanted: str) -> int:
        """Read what came; 1 when a proxy fell back to something else after it had the change."""
        line = self._lines[index]
        try:
            part = line.socket.recv(65_536)
        except BlockingIOError:
            return 0
        except OSError:
            part = b""
        if not part:
            self._reopen(index)
            return 0
        line.reply += part
        told = _told(line.reply, self._question)
        if told is None:
            return 0
        now = time.monotonic()
        line.reply.clear()
        line.waiting, line.told = False, told
        if told == wanted:
            if line.first_wanted_s is None:
                line.first_wanted_s = now
            return 0
        fell_back = line.first_wanted_s is not None
        line.last_other_s, line.first_wanted_s = line.sent_s, None
        return int(fell_back)

    def _open(self, index: int) -> socket.socket:
        try:
            found = connect(self._addresses[index], timeout_s=CONNECT_S)
        except OSError as failure:
            raise TargetError(
                "MP5301", f"the proxy at {self._addresses[index]} cannot be asked: {failure.strerror or failure}"
            ) from failure
        found.setblocking(False)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(found, selectors.EVENT_READ, index)
        return found

    def _reopen(self, index: int) -> None:
        """A proxy closed the connection (a drained listener does): ask over a new one."""
        line = self._lines[index]
        self._selector.unregister(line.socket)
        line.socket.close()
        line.reply.clear()
        line.waiting, line.last_other_s = False, line.sent_s
        line.socket = self._open(index)


class _Handing:
    """The handing in of a change, in a thread of its own."""

    def __init__(self, change: Callable[[], None]) -> None:
        self._change = change
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._failure: BaseException | None = None
        self.begun = False
        self.begin_s = 0.0
        self.took_s = 0.0

    def start(self) -> None:
        self.begun = True
        self.begin_s = time.monotonic()
        self._thread.start()

    def done(self) -> bool:
        return self.begun and not self._thread.is_alive()

    def end(self, within_s: float) -> float:
        """When the change was handed in; raises what it raised."""
        if self.begun:
            self._thread.join(within_s + 1.0)
        if self._failure is not None:
            raise self._failure
        return self.begin_s

    def _run(self) -> None:
        try:
            self.begin_s = time.monotonic()
            self._change()
            self.took_s = time.monotonic() - self.begin_s
        except BaseException as failure:  # handed to the thread that waits
            self._failure = failure


def _arrival(line: _Line, origin_s: float) -> Arrival | None:
    if line.first_wanted_s is None:
        return None
    return Arrival(low_s=max(0.0, line.last_other_s - origin_s), high_s=max(0.0, line.first_wanted_s - origin_s))


def _told(reply: bytearray, question: Question) -> str | None:
    """What a reply tells, or None while it is not complete. Both framings that a proxy uses."""
    end = reply.find(b"\r\n\r\n")
    if end < 0:
        return "no HTTP reply" if len(reply) > _MOST_HEAD else None
    status, *fields = bytes(reply[:end]).split(b"\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in fields)}
    rest = bytes(reply[end + 4 :])
    if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
        body = _chunks(rest)
    else:
        length = int(headers.get(b"content-length", b"0"))
        body = rest[:length] if len(rest) >= length else None
    if body is None:
        return None
    code = status.split(b" ")[1:2]
    return question.read(body) if code == [b"200"] else f"status {b''.join(code).decode(errors='replace')}"


def _chunks(rest: bytes) -> bytes | None:
    body = b""
    while True:
        line, end, after = rest.partition(b"\r\n")
        if not end:
            return None
        size = int(line.split(b";")[0] or b"0", 16)
        if len(after) < size + 2:
            return None
        if size == 0:
            return body
        body, rest = body + after[:size], after[size + 2 :]
