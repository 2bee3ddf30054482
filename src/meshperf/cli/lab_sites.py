"""The phases of `meshperf lab status` and `lab down`: what state files speak of, what of it runs, ending it.

A lab is ended by asking its own process to end: pid and start time are those it recorded, and the signal goes through a
handle on exactly that process, so nobody else is ever hit. Only one that does not end in time is killed, and swept.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from meshperf.cli.lab_note import read_note
from meshperf.cli.output import consoles, state_dir
from meshperf.environments import sweep
from meshperf.environments.processes import boot_and_namespace, runs
from meshperf.environments.site_state import SiteState
from meshperf.errors import CaptureError, ExitCode

__all__ = ["run_down", "run_status"]

_ENDS_WITHIN_S = 15.0
_POLL_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class _Site:
    """One state file and what is true of it now."""

    file: Path
    state: SiteState
    note: dict[str, Any] | None
    """What a lab says of itself; None: a round of an experiment."""
    alive: bool
    """Whether the meshperf that owns it runs."""

    def document(self) -> dict[str, Any]:
        note = self.note or {}
        running = [name for name, identity in self.state.processes.items() if self._here() and runs(*identity)]
        return {
            "name": self.state.experiment_id,
            "kind": "lab" if self.note is not None else "experiment",
            "state": self._state(note),
            "pid": self.state.owner[0],
            "begun_at": note.get("begun_at"),
            "environment": note.get("environment"),
            "mesh": note.get("mesh"),
            "url": note.get("url"),
            "network_namespace": note.get("network_namespace"),
            "try": note.get("try", []),
            "processes_running": running,
            "namespaces": dict(self.state.namespaces),
        }

    def _state(self, note: dict[str, Any]) -> str:
        if self.alive:
            return str(note.get("state", "running"))
        boot = self.state.where.split()[0]
        # Another pid namespace of this boot: whether its meshperf runs cannot be seen from here.
        return "left behind" if self._here() or boot != boot_and_namespace().split()[0] else "elsewhere"

    def _here(self) -> bool:
        return self.state.where == boot_and_namespace()


def _sites() -> tuple[_Site, ...]:
    here = boot_and_namespace()
    found = []
    for file in sorted(state_dir().glob("site-*.json")) if state_dir().is_dir() else ():
        state = SiteState.read(file)
        if state is not None:
            alive = state.where == here and runs(*state.owner)
            found.append(_Site(file=file, state=state, note=read_note(state), alive=alive))
    return tuple(found)


def run_status(*, as_json: bool) -> int:
    """Show every site that a state file speaks of. Returns 0."""
    to_show, to_tell = consoles()
    documents = [site.document() for site in _sites()]
    if as_json:
        sys.stdout.write(json.dumps(documents, indent=2) + "\n")
        return ExitCode.OK
    if not documents:
        to_show.print("nothing runs, and nothing was left behind")
        return ExitCode.OK
    table = Table(box=None, header_style="bold")
    for column in ("name", "kind", "state", "pid", "processes", "send requests to"):
        table.add_column(column, overflow="fold")
    for each in documents:
        inside = f" inside {each['network_namespace']}" if each["network_namespace"] else ""
        count = str(len(each["processes_running"]))
        where = f"{each['url']}{inside}" if each["url"] else ""
        table.add_row(each["name"], each["kind"], each["state"], str(each["pid"]), count, where)
    to_show.print(table)
    if any(each["state"] == "left behind" for each in documents):
        to_tell.print("`meshperf lab down` removes what was left behind")
    return ExitCode.OK


def run_down(*, as_json: bool) -> int:
    """End every lab, then sweep. Returns 0.

    Raises:
        CaptureError: MP5202, something could not be ended or removed.
    """
    to_show, _ = consoles()
    labs = [site for site in _sites() if site.alive and site.note is not None]
    for lab in labs:
        _signal(lab.state, signal.SIGTERM)
    killed = [lab for lab in labs if not _gone(lab, time.monotonic() + _ENDS_WITHIN_S)]
    for lab in killed:
        _signal(lab.state, signal.SIGKILL)
        _gone(lab, time.monotonic() + _ENDS_WITHIN_S)
    swept = sweep(state_dir())
    ended = [{"name": lab.state.experiment_id, "pid": lab.state.owner[0], "killed": lab in killed} for lab in labs]
    if as_json:
        sys.stdout.write(json.dumps({"ended": ended, "swept": list(swept)}, indent=2) + "\n")
    else:
        for each in ended:
            how = "killed" if each["killed"] else "ended"
            to_show.print(f"{how} {each['name']} (pid {each['pid']})", markup=False)
        for line in swept:
            to_show.print(line, markup=False)
        if not ended and not swept:
            to_show.print("no lab runs, and nothing was left behind")
    _require_gone(labs, swept)
    return ExitCode.OK


def _signal(state: SiteState, number: signal.Signals) -> None:
    """Send a signal to exactly the process that the state speaks of; nothing where it is gone."""
    pid, ticks = state.owner
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if runs(pid, ticks):  # asked after the handle was taken: it cannot be another process by now
            signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return
    finally:
        os.close(handle)


def _gone(site: _Site, deadline: float) -> bool:
    """Wait until the lab's process is gone."""
    while runs(*site.state.owner):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _require_gone(labs: Sequence[_Site], swept: Sequence[str]) -> None:
    stuck = [f"{lab.state.experiment_id} (pid {lab.state.owner[0]})" for lab in labs if runs(*lab.state.owner)]
    stuck += [line for line in swept if line.startswith("could not")]
    if stuck:
        raise CaptureError("MP5202", f"not everything could be ended: {'; '.join(stuck)}")
