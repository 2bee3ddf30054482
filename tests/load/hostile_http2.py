"""What an HTTP/2 server can do to a stream or a connection, each by a name; frames by hand: no library would send them.

A behaviour gets the connection and the number of the stream whose request it is to answer. Everything here ends when
its socket is shut down.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .hostile import abort, wait_for_end

__all__ = ["HTTP2", "HostileHttp2", "Misdeed", "frame", "reply", "setting"]

StreamBehaviour = Callable[[socket.socket, int], None]

PREFACE_LENGTH = 24
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 1, 1, 4
MAX_STREAMS, INITIAL_WINDOW = 3, 4
REFUSED_STREAM, CANCEL, CALM = 7, 8, 11
OK_BLOCK = b"\x88"
"""`:status: 200`, an entry of HPACK's static table."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def setting(identifier: int, value: int) -> bytes:
    return identifier.to_bytes(2, "big") + value.to_bytes(4, "big")


def literal(name: bytes, value: bytes, first: int = 0x00) -> bytes:
    return bytes([first, len(name)]) + name + bytes([len(value)]) + value


def status(text: bytes) -> bytes:
    return literal(b":status", text)


def reply(stream: int, body: bytes = b"ok") -> bytes:
    return frame(HEADERS, END_HEADERS, stream, OK_BLOCK) + frame(DATA, END_STREAM, stream, body)


def saying(*parts: Callable[[int], bytes]) -> StreamBehaviour:
    """Say this about the stream, and go on with the connection."""
    return lambda connection, stream: connection.sendall(b"".join(part(stream) for part in parts))


def headers(block: bytes, *, end: bool = False) -> Callable[[int], bytes]:
    return lambda stream: frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block)


def data(payload: bytes, *, end: bool = False) -> Callable[[int], bytes]:
    return lambda stream: frame(DATA, END_STREAM if end else 0, stream, payload)


def reset(code: int) -> Callable[[int], bytes]:
    return lambda stream: frame(RST_STREAM, 0, stream, code.to_bytes(4, "big"))


def goaway(last: Callable[[int], int], code: int = 0) -> Callable[[int], bytes]:
    return lambda stream: frame(GOAWAY, 0, 0, last(stream).to_bytes(4, "big") + code.to_bytes(4, "big"))


def of_the_connection(payload: bytes) -> Callable[[int], bytes]:
    return lambda _: payload


def nothing(_connection: socket.socket, _stream: int) -> None:
    """Leave the stream alone for ever."""


def then_close(behave: StreamBehaviour) -> StreamBehaviour:
    def behave_and_close(connection: socket.socket, stream: int) -> None:
        behave(connection, stream)
        connection.shutdown(socket.SHUT_WR)
        wait_for_end(connection)

    return behave_and_close


def continued_without_end(connection: socket.socket, stream: int) -> None:
    """A header block of empty CONTINUATION frames."""
    connection.sendall(frame(HEADERS, 0, stream, OK_BLOCK))
    while True:
        connection.sendall(100 * frame(CONTINUATION, 0, stream))


def trickles(connection: socket.socket, stream: int) -> None:
    """A body in single bytes that stops before its end; the other streams wait meanwhile."""
    connection.sendall(headers(OK_BLOCK)(stream))
    for _ in range(15):
        connection.sendall(data(b"x")(stream))
        time.sleep(0.005)


@dataclass(frozen=True, kw_only=True)
class Misdeed:
    """One behaviour and what a client must count for each request that met it."""

    behave: StreamBehaviour
    reason: str | None
    """Of the engine's words; None: the reply is whole and counts as one."""
    goes_on: bool = True
    """Whether the connection is good for other streams."""


BOMB = literal(b"n" * 100, b"v" * 100, 0x40) + b"\xbe" * 2000
"""Two kilobytes of indexes of one large field: 400 kB of headers."""

HTTP2: dict[str, Misdeed] = {
    "never answers": Misdeed(behave=nothing, reason="timeout"),
    "resets the stream": Misdeed(behave=saying(reset(CANCEL)), reason="reset"),
    "refuses the stream": Misdeed(behave=saying(reset(REFUSED_STREAM)), reason="reset"),
    "resets the stream in its body": Misdeed(
        behave=saying(headers(OK_BLOCK), data(b"x"), reset(CANCEL)), reason="reset"
    ),
    "stops in the body": Misdeed(behave=saying(headers(OK_BLOCK), data(b"x")), reason="timeout"),
    "trickles a body": Misdeed(behave=trickles, reason="timeout"),
    "sends only interim heads": Misdeed(behave=saying(*20 * [headers(status(b"103"))]), reason="timeout"),
    "goes away after the stream": Misdeed(
        behave=then_close(saying(goaway(lambda stream: stream), reply)), reason=None, goes_on=False
    ),
    "goes away before the stream": Misdeed(
        behave=then_close(saying(goaway(lambda stream: stream - 1, CALM))), reason="reset", goes_on=False
    ),
    "closes the connection": Misdeed(behave=then_close(nothing), reason="closed", goes_on=False),
    "closes in a frame": Misdeed(
        behave=then_close(saying(lambda stream: reply(stream)[:-1])), reason="closed", goes_on=False
    ),
    "resets the connection": Misdeed(behave=lambda connection, _: abort(connection), reason="reset", goes_on=False),
    "sends a frame above the limit": Misdeed(
        behave=saying(headers(OK_BLOCK), data(bytes(16_385))), reason="malformed", goes_on=False
    ),
    "sends a block without end": Misdeed(behave=continued_without_end, reason="malformed", goes_on=False),
    "sends a header bomb": Misdeed(behave=saying(headers(OK_BLOCK + BOMB)), reason="malformed", goes_on=False),
    "names an index of no table": Misdeed(behave=saying(headers(b"\xff\x00")), reason="malformed", goes_on=False),
    "interrupts a block": Misdeed(
        behave=saying(
            lambda stream: frame(HEADERS, 0, stream, OK_BLOCK), of_the_connection(frame(PING, 0, 0, bytes(8)))
        ),
        reason="malformed",
        goes_on=False,
    ),
    "promises a push": Misdeed(
        behave=saying(lambda stream: frame(PUSH_PROMISE, END_HEADERS, stream, bytes(4) + OK_BLOCK)),
        reason="malformed",
        goes_on=False,
    ),
    "opens a window by nothing": Misdeed(
        behave=saying(of_the_connection(frame(WINDOW_UPDATE, 0, 0, bytes(4)))), reason="malformed", goes_on=False
    ),
    "opens a window too far": Misdeed(
        behave=saying(of_the_connection(frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"))),
        reason="malformed",
        goes_on=False,
    ),
    "sets what cannot be set": Misdeed(
        behave=saying(of_the_connection(frame(SETTINGS, 0, 0, setting(INITIAL_WINDOW, 1 << 31)))),
        reason="malformed",
        goes_on=False,
    ),
    "sends a body before its head": Misdeed(behave=saying(data(b"x", end=True)), reason="malformed", goes_on=False),
    "gives no status": Misdeed(
        behave=saying(headers(literal(b"a", b"b"), end=True)), reason="malformed", goes_on=False
    ),
    "ends with an interim head": Misdeed(behave=saying(headers(status(b"103"), end=True)), reason="malformed"),
    "gives a status with a sign": Misdeed(
        behave=saying(headers(status(b"+20"), end=True)), reason="malformed", goes_on=False
    ),
    "gives a status of five digits": Misdeed(
        behave=saying(headers(status(b"65535"), end=True)), reason="malformed", goes_on=False
    ),
    "speaks HTTP/1": Misdeed(
        behave=saying(of_the_connection(b"HTTP/1.1 400 Bad Request\r\n\r\n")), reason="malformed", goes_on=False
    ),
    "pings without end": Misdeed(
        behave=saying(of_the_connection(2000 * frame(PING, 0, 0, bytes(8))), reply), reason=None
    ),
    "settles without end": Misdeed(behave=saying(of_the_connection(2000 * frame(SETTINGS, 0, 0)), reply), reason=None),
    "sends frames of no known kind": Misdeed(
        behave=saying(of_the_connection(frame(200, 255, 0, bytes(100))), reply), reason=None
    ),
    "answers a stream that was never opened": Misdeed(
        behave=saying(lambda stream: reply(stream + 200), reply), reason=None
    ),
    "answers twice": Misdeed(behave=saying(reply, reply), reason=None),
}
"""What an HTTP/2 server can do to one request."""


class HostileHttp2:
    """Answers every stream well, but hands every `every`th request of the server to a misdeed."""

    def __init__(self, misdeed: Misdeed | None = None, *, every: int = 4, settings: Sequence[bytes] = ()) -> None:
        self.met = 0
        """Requests that met the misdeed."""
        self.answered = 0
        self.most_open = 0
        """Requests that were whole and unanswered at a time, while answers are held back."""
        self._misdeed = misdeed
        self._every = every
        self._settings = b"".join(settings)
        self._seen = 0
        self._lock = threading.Lock()

    def __call__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not read_exactly(connection, PREFACE_LENGTH):
            return
        connection.sendall(frame(SETTINGS, 0, 0, self._settings))
        while head := read_exactly(connection, 9):
            length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            stream = int.from_bytes(head[5:], "big")
            payload = read_exactly(connection, length) if length else b""
            if kind == SETTINGS and not flags & ACK:
                connection.sendall(frame(SETTINGS, ACK, 0))
            if kind == DATA and payload:
                self.received(connection, stream, len(payload))
            if kind in (HEADERS, DATA) and flags & END_STREAM and not self._answer(connection, stream):
                wait_for_end(connection)
                return

    def received(self, connection: socket.socket, stream: int, length: int) -> None:
        """Let the client send as much again."""
        for window in (0, stream):
            connection.sendall(frame(WINDOW_UPDATE, 0, window, length.to_bytes(4, "big")))

    def _answer(self, connection: socket.socket, stream: int) -> bool:
        with self._lock:
            self._seen += 1
            meets = self._misdeed is not None and self._seen % self._every == 0
            self.met += meets
            self.answered += not meets
        if self._misdeed is None or not meets:
            connection.sendall(reply(stream))
            return True
        self._misdeed.behave(connection, stream)
        return self._misdeed.goes_on


def read_exactly(connection: socket.socket, count: int) -> bytes:
    """So many bytes; none when the connection ends before."""
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            return b""
        data += piece
    return data
