"""A server that notes when each request reached this machine's kernel, for judging a generator by its victim.

The times are the kernel's (SO_TIMESTAMPNS), so it does not matter how slowly this process reads them. It answers every
request with an empty 200, ends when its standard input does, and then writes the sorted times [s] to a file.

    python -m benchmarks.witness FILE
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.pinned import RunFailed, start

SO_TIMESTAMPNS = 35
"""Of the kernel's interface; `socket` has no name for it."""
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
DAY_S = 86_400


class Witness:
    """The process as its user sees it: an address, and the arrivals once it has ended."""

    def __init__(self, process: subprocess.Popen[str], file: Path) -> None:
        assert process.stdout is not None
        self.address = process.stdout.readline().strip()
        if not self.address:
            raise RunFailed(f"the witness ended at once with {process.wait(10)}")
        self._process, self._file = process, file

    def arrivals_s(self) -> npt.NDArray[np.float64]:
        """Ends the witness; when requests arrived, in rising order, modulo a day."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        if self._process.wait(20):
            raise RunFailed("the witness failed")
        return np.asarray(np.load(self._file), dtype=np.float64)


@contextlib.contextmanager
def watching(core: int | None) -> Iterator[Witness]:
    """Start a witness on a core."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "arrivals.npy"
        process = start(
            [sys.executable, "-m", "benchmarks.witness", file], core, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        try:
            yield Witness(process, file)
        finally:
            process.kill()
            process.wait(10)
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


def main() -> None:
    arrivals: list[tuple[int, int]] = []
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener, select.epoll() as ready:
        listener.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)  # connections inherit it
        print(f"127.0.0.1:{listener.getsockname()[1]}", flush=True)
        standard_input = sys.stdin.fileno()
        ready.register(listener, select.EPOLLIN)
        ready.register(standard_input, select.EPOLLIN | select.EPOLLHUP)
        peers: dict[int, socket.socket] = {}
        while True:
            for descriptor, _ in ready.poll():
                if descriptor == standard_input:
                    if not os.read(standard_input, 1):
                        times = np.array(arrivals, dtype=np.int64).reshape(-1, 2)
                        np.save(sys.argv[1], np.sort(times[:, 0] % DAY_S + times[:, 1] * 1e-9))
                        return
                elif descriptor == listener.fileno():
                    peer = listener.accept()[0]
                    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    peers[peer.fileno()] = peer
                    ready.register(peer, select.EPOLLIN)
                elif not _answered(peers[descriptor], arrivals):
                    ready.unregister(descriptor)
                    peers.pop(descriptor).close()


def _answered(peer: socket.socket, arrivals: list[tuple[int, int]]) -> bool:
    try:
        data, notes, _, _ = peer.recvmsg(4096, 64)
        if not data:
            return False
        if notes:  # the first datagrams after the option was set anywhere on the machine may carry no time
            arrivals.append(struct.unpack("qq", notes[0][2]))
        peer.send(REPLY)
    except ConnectionError:  # generators close with replies unread
        return False
    return True


if __name__ == "__main__":
    main()
