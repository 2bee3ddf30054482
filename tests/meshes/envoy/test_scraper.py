"""The scraper as the program that it is, against a server that answers as a sidecar does."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from answering import answering

from meshperf.meshes.envoy import scraper
from meshperf.meshes.envoy.scraping import Scraping


def counted(path: Path, addresses: list[str]) -> tuple[int, int]:
    """What the program wrote after its first turn."""
    with subprocess.Popen([sys.executable, "-I", "-S", scraper.__file__, str(path), *addresses]) as process:
        try:
            until = time.monotonic() + 10
            while not path.exists() and time.monotonic() < until:
                time.sleep(0.01)
            turns, size = path.read_text().split()
        finally:
            process.terminate()
    return int(turns), int(size)


def test_a_turn_asks_every_sidecar(tmp_path: Path) -> None:
    reply = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nm 1\n\n"
    with answering(reply) as one, answering(reply) as other:
        assert counted(tmp_path / "count", [one, other]) == (1, 10)


def test_a_sidecar_that_does_not_answer_makes_no_turn(tmp_path: Path) -> None:
    with answering(b"HTTP/1.1 503 no\r\ncontent-length: 0\r\n\r\n") as address:
        assert counted(tmp_path / "count", [address]) == (0, 0)


def test_scrapes_that_stopped_while_load_ran_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "count"
    path.write_text("3 100\n")
    scraping = Scraping(files=[path])
    assert scraping.tried("begin")[1]
    scraping._since -= 10  # ten seconds of load
    _, held, told = scraping.tried("end")
    assert not held
    assert told.startswith("0 scrapes in 10 s")
    path.write_text("12 100\n")
    assert scraping.tried("end")[1]


def test_a_scraper_that_wrote_nothing_did_not_scrape(tmp_path: Path) -> None:
    assert not Scraping(files=[tmp_path / "none"]).tried("begin")[1]
