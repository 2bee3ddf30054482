"""HTTP/2 servers made of frames, so that a test can send any frame at any moment, the wrong one too.

`Http2` is a behaviour for the `serve` fixture: it greets, then hands each whole request to a function, which writes
whatever frames it likes. It looks after what the test does not care about (acknowledging settings and pings, opening
windows), and notes what the client said.
"""

from __future__ import annotations

import itertools
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from .hostile_http2 import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE_LENGTH,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    frame,
    literal,
    read_exactly,
)

__all__ = ["GRPC_OK", "OK", "Http2", "Peer", "Request", "grpc_message", "header", "reply", "status"]

LARGEST_WINDOW = (1 << 31) - 1


def header(name: str, value: str) -> bytes:
    """One field, literal and without a table. Lengths below 127 bytes."""
    return literal(name.encode(), value.encode())


def status(code: int) -> bytes:
    return header(":status", str(code))


OK = status(200)
GRPC_OK = status(200) + header("content-type", "application/grpc")


def grpc_message(payload: bytes) -> bytes:
    return struct.pack(">BI", 0, len(payload)) + payload


@dataclass(frozen=True, kw_only=True)
class Frame:
    kind: int
    flags: int
    stream: int
    payload: bytes


@dataclass(kw_only=True)
class Request:
    """A whole request: which stream it came on and how long its body was."""

    stream: int
    body: int = 0
    head: bytes = b""


class Peer:
    """The server's end of one connection."""

    def __init__(self, connection: socket.socket, settings: Mapping[int, int], *, opens_windows: bool = True) -> None:
        self.connection = connection
        self.resets: list[int] = []
        """Streams that the client gave up."""
        self.most_open = 0
        """Streams that the client had open at a time, as far as this end had answered them."""
        self.open: dict[int, Request] = {}
        self._opens_windows = opens_windows
        read_exactly(connection, PREFACE_LENGTH)
        self.settings(settings)

    def send(self, kind: int, flags: int, stream: int, payload: bytes = b"") -> None:
        self.connection.sendall(frame(kind, flags, stream, payload))

    def settings(self, settings: Mapping[int, int]) -> None:
        self.send(SETTINGS, 0, 0, b"".join(struct.pack(">HI", name, value) for name, value in settings.items()))

    def goaway(self, last_stream: int, code: int = 0) -> None:
        self.send(GOAWAY, 0, 0, struct.pack(">II", last_stream, code))

    def reset(self, stream: int, code: int = 2) -> None:
        self.open.pop(stream, None)
        self.send(RST_STREAM, 0, stream, struct.pack(">I", code))

    def reply(self, request: Request, block: bytes = OK, body: bytes = b"", trailers: bytes = b"") -> None:
        self.open.pop(request.stream, None)
        self.connection.sendall(reply(request, block, body, trailers))

    def frames(self) -> Iterator[Frame]:
        while head := read_exactly(self.connection, 9):
            length = int.from_bytes(head[:3])
            stream = int.from_bytes(head[5:]) & LARGEST_WINDOW
            yield Frame(kind=head[3], flags=head[4], stream=stream, payload=read_exactly(self.connection, length))

    def requests(self) -> Iterator[Request]:
        """Whole requests as they come; everything else is dealt with on the way."""
        for came in self.frames():
            if came.kind == HEADERS:
                self.open[came.stream] = Request(stream=came.stream, head=came.payload)
                self.most_open = max(self.most_open, len(self.open))
            elif came.kind == DATA and came.stream in self.open:
                self.open[came.stream].body += len(came.payload)
                if self._opens_windows and came.payload:
                    window = struct.pack(">I", len(came.payload))
                    self.send(WINDOW_UPDATE, 0, 0, window)
                    if not came.flags & END_STREAM:
                        self.send(WINDOW_UPDATE, 0, came.stream, window)
            elif came.kind == SETTINGS and not came.flags & ACK:
                self.send(SETTINGS, ACK, 0)
            elif came.kind == PING and not came.flags & ACK:
                self.send(PING, ACK, 0, came.payload)
            elif came.kind == RST_STREAM:
                self.resets.append(came.stream)
                self.open.pop(came.stream, None)
            if came.kind in (HEADERS, DATA) and came.flags & END_STREAM and came.stream in self.open:
                yield self.open[came.stream]


def reply(request: Request, block: bytes = OK, body: bytes = b"", trailers: bytes = b"") -> bytes:
    """The frames of a reply: its head, its body in frames of 16 KiB, its trailers."""
    bare = not body and not trailers
    frames = [frame(HEADERS, END_HEADERS | (END_STREAM if bare else 0), request.stream, block)]
    pieces = [body[at : at + 16384] for at in range(0, len(body), 16384)]
    for number, piece in enumerate(pieces, 1):
        last = number == len(pieces) and not trailers
        frames.append(frame(DATA, END_STREAM if last else 0, request.stream, piece))
    if trailers:
        frames.append(frame(HEADERS, END_HEADERS | END_STREAM, request.stream, trailers))
    return b"".join(frames)


Handle = Callable[[Peer, Request, int], object]
"""Called with the connection, the request and its number over all connections, from 0."""


@dataclass(kw_only=True)
class Http2:
    """A behaviour: each whole request is handed to `handle`; when that returns False, the connection ends."""

    handle: Handle = field(default=lambda peer, request, number: peer.reply(request))
    settings: Mapping[int, int] = field(default_factory=dict)
    opens_windows: bool = True
    peers: list[Peer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = Peer(connection, self.settings, opens_windows=self.opens_windows)
        self.peers.append(peer)
        for request in peer.requests():
            with self._lock:
                self.requests.append(request)
                number = next(self._numbers)
            if self.handle(peer, request, number) is False:
                return
