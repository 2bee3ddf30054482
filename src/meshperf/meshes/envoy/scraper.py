"""A program, not a module to import: asks sidecars for their metrics every second, as a monitoring system would.

It stands outside the data path, beside what it asks, in a process of its own, so that its cost is told apart from
theirs: what answering costs is in the sidecars' CPU time. Only the standard library, for a small process:

    python -I -S scraper.py COUNT_FILE IP:PORT…

After each turn the file holds how many turns there were and how many bytes the last one brought.
"""

import http.client
import sys
import time
from pathlib import Path

PERIOD_S = 1.0
PATH = "/stats/prometheus"


def scraped(address: str) -> int:
    """Bytes of one sidecar's metrics; 0 when it does not answer."""
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=PERIOD_S)
    try:
        connection.request("GET", PATH)
        reply = connection.getresponse()
        body = reply.read()
        return len(body) if reply.status == 200 else 0
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def main(count_file: Path, addresses: list[str]) -> None:
    """Scrape for ever; turns are due at whole periods from the start, whatever the one before took."""
    turns, due = 0, time.monotonic()
    while True:
        sizes = [scraped(address) for address in addresses]
        turns += all(sizes)
        new = count_file.with_suffix(".new")
        new.write_text(f"{turns} {sum(sizes)}\n", encoding="ascii")
        new.replace(count_file)  # whoever reads it sees a whole line
        due = max(due + PERIOD_S, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
