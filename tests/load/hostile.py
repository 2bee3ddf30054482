"""Servers that do what no server should, each by a name: for tests of what the engine counts and whether it ends.

A behaviour is a function of one connection that has just sent a request. `Hostile` puts behaviours into a server that
is well otherwise, because an engine that never heard its protocol from a target refuses the target, which is tested
elsewhere. Everything here ends when its socket is shut down: whoever runs it needs no other way to stop it.
"""

from __future__ import annotations

import itertools
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["HTTP1", "OK", "Behaviour", "Hostile", "Misdeed", "StopsListening", "StopsReading", "abort"]

Behaviour = Callable[[socket.socket], None]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
TRICKLE_S = 0.005
"""Between two pieces of what is sent slowly."""
TLS_ALERT = b"\x15\x03\x03\x00\x02\x02\x28"
HTTP2_SETTINGS = bytes(3) + b"\x04" + bytes(5)


def abort(connection: socket.socket) -> None:
    """Close with a reset instead of an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def wait_for_end(connection: socket.socket) -> None:
    """Say nothing until the other side ends the connection."""
    while connection.recv(65536):
        pass


def wait_without_reading(connection: socket.socket) -> None:
    """Leave what comes in the kernel until the connection ends, ours or the other side of it."""
    ended = select.poll()
    ended.register(connection, select.POLLRDHUP)
    ended.poll()


def closing(said: bytes) -> Behaviour:
    """Say this and close."""
    return lambda connection: connection.sendall(said)


def resetting(said: bytes) -> Behaviour:
    """Say this and reset the connection, once the other side had time to read it."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(said)
        # The reset destroys what lies unread; the engine reads at once.
        time.sleep(TRICKLE_S)
        abort(connection)

    return behave


def silent_after(said: bytes) -> Behaviour:
    """Say this and nothing more, with the connection open."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(said)
        wait_for_end(connection)

    return behave


def endless(begin: bytes, piece: bytes, pause_s: float = 0.0) -> Behaviour:
    """Say how it begins and then the piece again and again, slowly or as fast as it is read."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(begin)
        for _ in itertools.count():
            connection.sendall(piece)
            if pause_s:
                time.sleep(pause_s)

    return behave


def trickled(reply: bytes) -> Behaviour:
    """A whole reply, three bytes at a time."""

    def behave(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for begin in range(0, len(reply), 3):
            connection.sendall(reply[begin : begin + 3])
            time.sleep(0.001)

    return behave


def half_closed(connection: socket.socket) -> None:
    """End our side without a reply, and keep reading."""
    connection.shutdown(socket.SHUT_WR)
    wait_for_end(connection)


@dataclass(frozen=True, kw_only=True)
class Misdeed:
    """One behaviour and what a client must count for each request that met it."""

    behave: Behaviour
    reason: str | None
    """Of the engine's words; None: the reply is whole and counts as one."""
    goes_on: bool = False
    """Whether the connection is good for another request."""


HTTP1: dict[str, Misdeed] = {
    "never answers": Misdeed(behave=wait_for_end, reason="timeout"),
    "resets before the reply": Misdeed(behave=abort, reason="reset"),
    "resets in the head": Misdeed(behave=resetting(OK[:20]), reason="reset"),
    "resets in the body": Misdeed(behave=resetting(OK[:-1]), reason="reset"),
    "closes before the reply": Misdeed(behave=closing(b""), reason="closed"),
    "closes in the head": Misdeed(behave=closing(OK[:20]), reason="closed"),
    "closes in the body": Misdeed(behave=closing(OK[:-1]), reason="closed"),
    "closes in a chunk": Misdeed(behave=closing(CHUNKED + b"5\r\nhel"), reason="closed"),
    "closes before the last chunk": Misdeed(behave=closing(CHUNKED + b"5\r\nhello\r\n"), reason="closed"),
    "ends its side without a reply": Misdeed(behave=half_closed, reason="closed"),
    "speaks nothing known": Misdeed(behave=silent_after(bytes(range(256))), reason="malformed"),
    "speaks SSH": Misdeed(behave=silent_after(b"SSH-2.0-OpenSSH_9.6\r\n"), reason="malformed"),
    "speaks TLS": Misdeed(behave=silent_after(TLS_ALERT), reason="malformed"),
    "speaks HTTP/2": Misdeed(behave=silent_after(HTTP2_SETTINGS), reason="malformed"),
    "sends a head without end": Misdeed(behave=endless(OK[:17], b"x: " + b"y" * 1000 + b"\r\n"), reason="malformed"),
    "sends a header line without end": Misdeed(behave=endless(OK[:17] + b"x: ", b"y" * 1000), reason="malformed"),
    "sends more headers than anybody reads": Misdeed(
        behave=silent_after(OK[:17] + b"x: y\r\n" * 1000 + b"\r\n"), reason="malformed"
    ),
    "gives two lengths": Misdeed(
        behave=silent_after(OK[:17] + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), reason="malformed"
    ),
    "gives a chunk no size": Misdeed(behave=silent_after(CHUNKED + b"zz\r\n"), reason="malformed"),
    "gives a chunk an absurd size": Misdeed(behave=silent_after(CHUNKED + b"f" * 20 + b"\r\n"), reason="malformed"),
    "extends a chunk's size without end": Misdeed(
        behave=endless(CHUNKED + b"5;", b"x" * 1000, TRICKLE_S), reason="malformed"
    ),
    "sends only interim replies": Misdeed(
        behave=endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", TRICKLE_S), reason="timeout"
    ),
    "trickles a body that never ends": Misdeed(
        behave=endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x", TRICKLE_S), reason="timeout"
    ),
    "trickles chunks that never end": Misdeed(behave=endless(CHUNKED, b"1\r\nx\r\n", TRICKLE_S), reason="timeout"),
    "pours a body that never ends": Misdeed(
        # 64 MB/s a connection: at full speed these threads would starve their own server's.
        behave=endless(CHUNKED, b"10000\r\n" + 65536 * b"x" + b"\r\n", 0.001),
        reason="timeout",
    ),
    "trickles trailers that never end": Misdeed(
        behave=endless(CHUNKED + b"0\r\n", b"trailer: x\r\n", TRICKLE_S), reason="timeout"
    ),
    "stops in the body": Misdeed(behave=silent_after(OK[:-1]), reason="timeout"),
    "trickles a whole reply": Misdeed(behave=trickled(OK), reason=None, goes_on=True),
    "answers twice": Misdeed(behave=silent_after(OK + OK), reason=None),
    "announces the end and is silent": Misdeed(
        behave=silent_after(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"), reason=None
    ),
}
"""What an HTTP/1.1 server can do to one request."""


class Hostile:
    """Answers well, but hands every `every`th request of the server to a misdeed; the first requests are answered."""

    def __init__(self, misdeed: Misdeed, every: int = 4) -> None:
        self.met = 0
        """Requests that met the misdeed."""
        self.answered = 0
        self._misdeed = misdeed
        self._every = every
        self._seen = 0
        self._lock = threading.Lock()

    def __call__(self, connection: socket.socket) -> None:
        while self._read_request(connection):
            with self._lock:
                self._seen += 1
                meets = self._seen % self._every == 0
                self.met += meets
                self.answered += not meets
            if not meets:
                connection.sendall(OK)
                continue
            self._misdeed.behave(connection)
            if not self._misdeed.goes_on:
                return

    @staticmethod
    def _read_request(connection: socket.socket) -> bool:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return False
            data += piece
        return True


class StopsReading:
    """Reads and answers the server's first requests, of a known length, and from then on reads nothing."""

    def __init__(self, *, request_bytes: int, replies: int) -> None:
        self._request_bytes = request_bytes
        self._left = replies
        self._lock = threading.Lock()

    def __call__(self, connection: socket.socket) -> None:
        while True:
            with self._lock:
                if self._left == 0:
                    break
                self._left -= 1
            missing = self._request_bytes
            while missing > 0:
                piece = connection.recv(min(missing, 1 << 20))
                if not piece:
                    return
                missing -= len(piece)
            connection.sendall(OK)
        wait_without_reading(connection)


class StopsListening:
    """A listener that is gone after its first connections, which it answers `replies` times in all and then resets."""

    def __init__(self, *, connections: int, replies: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=connections)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._connections = connections
        self._left = replies
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        open_ones = [self._listener.accept()[0] for _ in range(self._connections)]
        self._listener.close()
        for connection in open_ones:
            connection.settimeout(0.01)
        while self._left:
            for connection in open_ones:
                try:
                    if not connection.recv(65536):
                        self._left = 0
                        break
                except TimeoutError:
                    continue
                connection.sendall(OK)
                self._left -= 1
                if not self._left:
                    break
        for connection in open_ones:
            abort(connection)

    def close(self) -> None:
        self._thread.join(10)
