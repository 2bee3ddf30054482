"""Write the seed corpora: `python fuzz/seeds.py`. Each seed is one idea, so that a fuzzer has something to vary.

The files are checked in, because the Rust tests read them too; this program says what is in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 1, 1, 4, 8, 32


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def setting(identifier: int, value: int) -> bytes:
    return identifier.to_bytes(2, "big") + value.to_bytes(4, "big")


def message(payload: bytes, flag: int = 0) -> bytes:
    return bytes([flag]) + len(payload).to_bytes(4, "big") + payload


def blocks(*each: bytes) -> bytes:
    return b"".join(len(block).to_bytes(2, "big") + block for block in each)


def literal(name: bytes, value: bytes, first: int = 0x00) -> bytes:
    return bytes([first, len(name)]) + name + bytes([len(value)]) + value


OK_BLOCK = b"\x88" + literal(b"content-type", b"text/plain")
TRAILERS = literal(b"grpc-status", b"0") + literal(b"grpc-message", b"")
BEGIN = frame(SETTINGS, 0, 0) + frame(SETTINGS, ACK, 0)
HTTP1_HEAD = b"HTTP/1.1 200 OK\r\n"


def http2_reader() -> Mapping[str, bytes]:
    reply = frame(HEADERS, END_HEADERS, 1, OK_BLOCK)
    return {
        "reply": BEGIN + reply + frame(DATA, END_STREAM, 1, b"hello"),
        "settings": frame(SETTINGS, 0, 0, b"".join(setting(n, v) for n, v in ((1, 0), (3, 1), (4, 1), (5, 16384)))),
        "setting-out-of-range": frame(SETTINGS, 0, 0, setting(4, 1 << 31)),
        "no-settings": reply,
        "trailers": BEGIN + reply + frame(DATA, 0, 1, message(b"x")) + frame(HEADERS, 5, 1, TRAILERS),
        "padded": BEGIN
        + frame(HEADERS, END_HEADERS | PADDED | WITH_PRIORITY, 1, b"\x03" + bytes(5) + OK_BLOCK + bytes(3))
        + frame(DATA, END_STREAM | PADDED, 1, b"\x04" + b"data" + bytes(4)),
        "padding-too-long": BEGIN + frame(DATA, PADDED, 1, b"\x09" + b"data"),
        "continuation": BEGIN + frame(HEADERS, 0, 1, OK_BLOCK[:4]) + frame(CONTINUATION, END_HEADERS, 1, OK_BLOCK[4:]),
        "continuation-flood": BEGIN + frame(HEADERS, 0, 1, OK_BLOCK) + 40 * frame(CONTINUATION, 0, 1),
        "interrupted-block": BEGIN + frame(HEADERS, 0, 1, OK_BLOCK) + frame(PING, 0, 0, bytes(8)),
        "goaway": BEGIN + frame(GOAWAY, 0, 0, (1).to_bytes(4, "big") + (11).to_bytes(4, "big") + b"calm"),
        "reset": BEGIN + frame(RST_STREAM, 0, 1, (8).to_bytes(4, "big")),
        "push": BEGIN + frame(PUSH_PROMISE, END_HEADERS, 1, (2).to_bytes(4, "big") + OK_BLOCK),
        "ping-and-window": BEGIN + frame(PING, 0, 0, b"12345678") + frame(WINDOW_UPDATE, 0, 1, bytes([0, 0, 0, 9])),
        "empty-increment": BEGIN + frame(WINDOW_UPDATE, 0, 0, bytes(4)),
        "too-large": BEGIN + (16385).to_bytes(3, "big") + bytes([DATA, 0, 0, 0, 0, 1]),
        "unknown-kind": BEGIN + frame(PRIORITY, 0, 1, bytes(5)) + frame(77, 255, 3, b"unknown") + reply,
        "empty-data": BEGIN + reply + 3 * frame(DATA, 0, 1) + frame(DATA, END_STREAM, 1),
        "http1-instead": HTTP1_HEAD + b"content-length: 0\r\n\r\n",
    }


def http2_client() -> Mapping[str, bytes]:
    """Replies to requests in streams 1, 3, 5 and 7."""
    reply = frame(HEADERS, END_HEADERS, 1, OK_BLOCK) + frame(DATA, END_STREAM, 1, b"hello")
    call = frame(HEADERS, END_HEADERS, 3, OK_BLOCK) + frame(DATA, 0, 3, message(b"x")) + frame(HEADERS, 5, 3, TRAILERS)
    none = frame(HEADERS, END_HEADERS | END_STREAM, 5, b"\x89")
    early = frame(HEADERS, END_HEADERS, 1, literal(b":status", b"103") + literal(b"link", b"a"))
    moved = literal(b":status", b"302") + literal(b"location", b"/elsewhere")
    window = (1 << 30).to_bytes(4, "big")
    return {
        "reply": BEGIN + reply,
        "call": BEGIN + call,
        "failed-call": BEGIN + frame(HEADERS, 5, 3, b"\x88" + literal(b"grpc-status", b"14")),
        "four": BEGIN + none + reply + call + frame(HEADERS, END_HEADERS | END_STREAM, 7, b"\x8e"),
        "interim": BEGIN + early + reply,
        "redirect": BEGIN + frame(HEADERS, END_HEADERS | END_STREAM, 1, moved),
        "bodies-go-on": BEGIN
        + frame(WINDOW_UPDATE, 0, 0, window)
        + b"".join(frame(WINDOW_UPDATE, 0, stream, window) for stream in (1, 3, 5, 7))
        + reply,
        "window-overflow": BEGIN + 2 * frame(WINDOW_UPDATE, 0, 1, window),
        "other-initial-window": BEGIN
        + frame(SETTINGS, 0, 0, setting(4, 0))
        + frame(SETTINGS, 0, 0, setting(4, 1 << 20)),
        "few-streams": frame(SETTINGS, 0, 0, setting(3, 0) + setting(5, 1 << 20)) + reply,
        "reset-then-reply": BEGIN + frame(RST_STREAM, 0, 1, (7).to_bytes(4, "big")) + reply,
        "goaway-before-all": BEGIN + frame(GOAWAY, 0, 0, bytes(8)) + reply,
        "goaway-between": BEGIN + frame(GOAWAY, 0, 0, (3).to_bytes(4, "big") + bytes(4)) + reply + call,
        "body-before-head": BEGIN + frame(DATA, END_STREAM, 1, b"hello"),
        "interim-with-end": BEGIN + frame(HEADERS, END_HEADERS | END_STREAM, 1, literal(b":status", b"151")),
        "signed-status": BEGIN + frame(HEADERS, END_HEADERS | END_STREAM, 1, literal(b":status", b"+20")),
        "large-status": BEGIN + frame(HEADERS, END_HEADERS | END_STREAM, 1, literal(b":status", b"65535")),
        "no-status": BEGIN + frame(HEADERS, 5, 1, literal(b"a", b"b")),
        "never-opened": BEGIN + frame(HEADERS, END_HEADERS | END_STREAM, 9, OK_BLOCK),
        "pings": BEGIN + 20 * frame(PING, 0, 0, b"12345678") + reply,
        "compressed-message": BEGIN
        + frame(HEADERS, END_HEADERS, 1, OK_BLOCK)
        + frame(DATA, 0, 1, message(b"x", flag=1))
        + frame(HEADERS, 5, 1, TRAILERS),
        "bomb": BEGIN + frame(HEADERS, 5, 1, b"\x88" + literal(b"n" * 100, b"v" * 100, 0x40) + b"\xbe" * 1400),
    }


def hpack() -> Mapping[str, bytes]:
    # "www.example.com" in the code of RFC 7541, appendix B.
    huffman = bytes.fromhex("f1e3c2e5f23a6ba0ab90f4ff")
    return {
        "static": blocks(b"\x82\x86\x84\x88"),
        "indexed-literal": blocks(literal(b"custom-key", b"custom-header", 0x40), b"\xbe\xbe"),
        "huffman": blocks(b"\x41" + bytes([0x80 | len(huffman)]) + huffman, b"\xbe"),
        "huffman-padding": blocks(b"\x41\x81\x00", b"\x41\x84\xff\xff\xff\xff"),
        "never-indexed": blocks(literal(b"password", b"secret", 0x10)),
        "size-updates": blocks(b"\x20" + b"\x3f\xe1\x1f" + b"\x82", literal(b"a", b"b", 0x40), b"\x20", b"\xbe"),
        "late-size-update": blocks(b"\x82\x20"),
        "large-integer": blocks(b"\xff\xff\xff\xff\xff\x7f", b"\x7f\x80\x80\x80\x80\x80\x01"),
        "index-zero": blocks(b"\x80"),
        "index-beyond": blocks(b"\xff\x00"),
        "cut-string": blocks(b"\x40\x0acustom"),
        "bomb": blocks(literal(b"n" * 100, b"v" * 100, 0x40), b"\xbe" * 300),
        "evicting-own-name": blocks(literal(b"n" * 120, b"v" * 120, 0x40), b"\x7e\x7f\x01" + b"w" * 128),
        "trailers": blocks(OK_BLOCK, TRAILERS),
    }


def grpc_messages() -> Mapping[str, bytes]:
    return {
        "one": message(b"hello"),
        "empty": message(b"") + message(b"") + message(b"x"),
        "compressed": message(b"hello", flag=1),
        "too-long": bytes([0]) + (1 << 21).to_bytes(4, "big") + b"begins",
        "longest": bytes([0]) + (1 << 20).to_bytes(4, "big") + b"begins",
        "cut-prefix": message(b"a") + b"\x00\x00\x00",
        "cut-message": message(b"a") + message(b"hello")[:-2],
        "status": b"16",
    }


def http1_response() -> Mapping[str, bytes]:
    chunked = HTTP1_HEAD + b"transfer-encoding: chunked\r\n\r\n"
    return {
        "length": HTTP1_HEAD + b"content-length: 5\r\n\r\nhello",
        "no-length": HTTP1_HEAD + b"connection: close\r\n\r\nuntil the end",
        "chunked": chunked + b'5\r\nhello\r\n1;ext="a"\r\n!\r\n0\r\ntrailer: x\r\n\r\n',
        "chunk-too-long": chunked + b"fffffffffffffffff\r\n",
        "chunk-without-size": chunked + b"\r\n",
        "chunk-wrong-end": chunked + b"1\r\nab\r\n",
        "interim": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n" + HTTP1_HEAD + b"\r\n",
        "switching": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n\x00\x01",
        "not-modified": b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n",
        "redirect": b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n",
        "old": b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok",
        "two-lengths": HTTP1_HEAD + b"content-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "length-and-chunked": HTTP1_HEAD + b"content-length: 9\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "two-replies": 2 * (HTTP1_HEAD + b"content-length: 2\r\n\r\nok"),
        "status-out-of-range": b"HTTP/1.1 099 Low\r\n\r\n",
        "no-reason": b"HTTP/1.1 200\r\n\r\n",
        "bare-newlines": b"HTTP/1.1 200 OK\ncontent-length: 1\n\nx",
        "many-headers": HTTP1_HEAD + b"".join(b"h%d: v\r\n" % n for n in range(129)) + b"\r\n",
        "tls-alert": b"\x15\x03\x03\x00\x02\x02\x28",
        "http2-instead": frame(SETTINGS, 0, 0) + frame(GOAWAY, 0, 0, bytes(8)),
    }


def main() -> None:
    for corpus in (http1_response, http2_client, http2_reader, hpack, grpc_messages):
        folder = CORPUS / corpus.__name__
        folder.mkdir(parents=True, exist_ok=True)
        for name, seed in corpus().items():
            (folder / name).write_bytes(seed)


if __name__ == "__main__":
    main()
