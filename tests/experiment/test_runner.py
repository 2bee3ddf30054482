"""When a round counts, when it is redone, and when the experiment gives up. Deployment and load are simulated here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import kept_sample
from meshperf.errors import ComparisonError, DeploymentError, DocumentError, TargetError
from meshperf.experiment import runner
from meshperf.experiment.bundle import Bundle
from meshperf.experiment.events import Event
from meshperf.experiment.kept_templates import with_kept_templates
from meshperf.experiment.rounds import RoundTask
from meshperf.spec.records import Claim, Fact, GuardReading, RunResult, Validity, ValidityState

Change = Callable[[RunResult, int], RunResult]


@pytest.fixture
def told() -> list[Event]:
    return []


class Machine:
    """Stands in for deployment and load: simulated runs, changed or broken as a test says, one call a round."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []
        self.environments: list[str] = []
        self.fail: dict[int, Exception] = {}
        self.change: Change = lambda run, call: run

    def run_round(self, site: object, task: RoundTask) -> tuple[RunResult, ...]:
        self.calls.append((task.plan.round, task.attempt))
        call = len(self.calls)
        if call in self.fail:
            raise self.fail[call]
        runs = kept_sample.round_of(task.plan.round, experiment_id=task.experiment_id, attempt=task.attempt)
        return tuple(self.change(run, call) for run in runs)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    stand_in = Machine()

    @contextmanager
    def opened(*_: object, environment: str) -> Iterator[SimpleNamespace]:
        stand_in.environments.append(environment)
        yield SimpleNamespace(cpus=None, facts=dict)

    monkeypatch.setattr(runner, "LocalSite", SimpleNamespace(open=opened))
    monkeypatch.setattr(runner, "round_facts", lambda site, experiment: kept_sample.facts())
    monkeypatch.setattr(runner, "run_round", stand_in.run_round)
    return stand_in


def execute(folder: Path, told: list[Event], *, resume: bool = False) -> Path:
    experiment = kept_sample.experiment(folder)
    out = folder / "out"
    opened = Bundle.resume(out, experiment) if resume else Bundle.create(out, experiment, command="meshperf run x")
    with opened as bundle:
        runner.execute(experiment, bundle, state_dir=folder, listener=told.append)
    return out


def reasons(out: Path) -> set[str]:
    return {json.loads(path.read_text())["reason"] for path in (out / "excluded").glob("*.json")}


def test_every_round_is_run_once_and_kept(tmp_path: Path, machine: Machine, told: list[Event]) -> None:
    out = execute(tmp_path, told)
    assert machine.calls == [(1, 0), (2, 0), (3, 0)]
    assert len((out / "rounds.jsonl").read_text().splitlines()) == 3
    assert [event.stage for event in told].count("saved") == 3


@pytest.mark.parametrize("environment", ["local", "netns"])
def test_every_group_is_deployed_in_the_environment_of_the_experiment(
    tmp_path: Path, machine: Machine, told: list[Event], environment: str
) -> None:
    experiment = replace(kept_sample.experiment(tmp_path), environment=environment)
    with Bundle.create(tmp_path / "out", experiment, command="meshperf run x") as bundle:
        runner.execute(experiment, bundle, state_dir=tmp_path, listener=told.append)
    assert machine.environments == [environment] * 3


@pytest.mark.parametrize(
    "broken",
    [
        DeploymentError("MP5104", "envoy-client ended"),
        DeploymentError("MP5102", "envoy-client ended before it was ready (killed by SIGKILL)"),
        TargetError("MP5301", "nobody answers at the app"),
    ],
)
def test_a_round_that_breaks_is_kept_as_a_record_and_redone(
    tmp_path: Path, machine: Machine, told: list[Event], broken: Exception
) -> None:
    machine.fail = {2: broken}
    out = execute(tmp_path, told)
    assert machine.calls == [(1, 0), (2, 0), (2, 1), (3, 0)]
    assert any("broken: " in reason for reason in reasons(out))


def test_what_breaks_every_attempt_is_the_error_that_ends_the_experiment(
    tmp_path: Path, machine: Machine, told: list[Event]
) -> None:
    died = DeploymentError("MP5104", "envoy-client ended", log=["out of memory"])
    machine.fail = dict.fromkeys(range(1, 10), died)
    with pytest.raises(DeploymentError) as caught:
        execute(tmp_path, told)
    assert caught.value is died, "not MP4002, which is about a machine that is not quiet"
    assert [call for call in machine.calls if call[0] > 1] == []


def test_a_process_killed_while_it_starts_is_a_broken_round_of_the_first_round_too(
    tmp_path: Path, machine: Machine, told: list[Event]
) -> None:
    machine.fail = {1: DeploymentError("MP5102", "envoy-client ended before it was ready (killed by SIGKILL)")}
    out = execute(tmp_path, told)
    assert machine.calls == [(1, 0), (1, 1), (2, 0), (3, 0)]
    assert reasons(out) == {"broken: envoy-client ended before it was ready (killed by SIGKILL)"}


def test_a_deployment_that_never_came_up_is_not_tried_a_third_time(
    tmp_path: Path, machine: Machine, told: list[Event]
) -> None:
    refused = DeploymentError("MP5102", "envoy-client ended before it was ready (exit code 1)")
    machine.fail = dict.fromkeys(range(1, 10), refused)
    experiment = replace(kept_sample.experiment(tmp_path), rounds=12)  # four spare attempts
    with Bundle.create(tmp_path / "out", experiment, command="x") as bundle, pytest.raises(DeploymentError) as caught:
        runner.execute(experiment, bundle, state_dir=tmp_path, listener=told.append)
    assert caught.value is refused
    assert machine.calls == [(1, 0), (1, 1)]


def test_a_deployment_that_came_up_before_is_tried_as_often_as_any_broken_round(
    tmp_path: Path, machine: Machine, told: list[Event]
) -> None:
    died = DeploymentError("MP5102", "envoy-client ended before it was ready (killed by SIGKILL)")
    machine.fail = {2: died, 3: died}
    execute(tmp_path, told)
    assert machine.calls == [(1, 0), (2, 0), (2, 1), (2, 2), (3, 0)]


def test_a_guard_on_the_machine_excludes_the_whole_round(tmp_path: Path, machine: Machine, told: list[Event]) -> None:
    steal = GuardReading(
        guard="steal", value=0.2, unit="1", warn_above=0.01, invalid_above=0.05, outcome="invalid"
    )  # fmt: skip
    machine.change = lambda run, call: replace(run, guards=(steal,)) if call == 1 and run.arm == "envoy" else run
    out = execute(tmp_path, told)
    assert machine.calls[:2] == [(1, 0), (1, 1)]
    assert reasons(out) == {"the machine was not quiet: steal 20.0%, more than 5.0%"}
    first = list((out / "excluded").glob("*.json"))
    assert len(first) == len(kept_sample.RESIDENTS), "not only the arm whose guard it was"


def test_a_claim_that_breaks_during_the_round_excludes_it(tmp_path: Path, machine: Machine, told: list[Event]) -> None:
    gone = Claim(claim="mtls: plaintext is refused", held=False, evidence="answered with status 200", when="end")
    machine.change = lambda run, call: replace(run, claims=(gone,)) if call == 1 else run
    assert any("claim broken at the end" in reason for reason in reasons(execute(tmp_path, told)))


def test_what_an_arm_measured_never_excludes_a_round(tmp_path: Path, machine: Machine, told: list[Event]) -> None:
    slow = Validity(state=ValidityState.NOT_SUSTAINED, reasons=("only 80 % were answered",))
    machine.change = lambda run, call: replace(run, validity=slow) if run.arm == "envoy" else run
    execute(tmp_path, told)
    assert machine.calls == [(1, 0), (2, 0), (3, 0)]


def test_a_generator_that_is_always_late_ends_with_4_and_keeps_the_records(
    tmp_path: Path, machine: Machine, told: list[Event]
) -> None:
    late = Validity(state=ValidityState.CLIENT_LIMITED, reasons=("30 ms late at p99",))
    machine.change = lambda run, call: replace(run, validity=late)
    with pytest.raises(ComparisonError, match="no spare attempts are left") as given_up:
        execute(tmp_path, told)
    assert given_up.value.code == "MP4002"
    assert given_up.value.exit_code == 4
    assert any("client-limited" in reason for reason in reasons(tmp_path / "out"))


def test_going_on_runs_only_what_is_missing_and_says_so(tmp_path: Path, machine: Machine, told: list[Event]) -> None:
    machine.fail = {3: KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        execute(tmp_path, told)
    machine.fail = {}
    machine.calls.clear()
    execute(tmp_path, told, resume=True)
    assert [number for number, _ in machine.calls] == [3]
    assert any(event.stage == "resumed" and "2 of 3" in event.note for event in told)


def test_going_on_with_another_proxy_is_refused(tmp_path: Path, machine: Machine, told: list[Event]) -> None:
    machine.fail = {3: KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        execute(tmp_path, told)
    machine.fail = {}
    other = {"proxy.version": Fact(value="9.9.9")}
    machine.change = lambda run, call: replace(run, facts={**run.facts, **other}) if run.arm == "envoy" else run
    with pytest.raises(ComparisonError, match=r"proxy\.version: '1\.38\.0' then, '9\.9\.9' now") as refused:
        execute(tmp_path, told, resume=True)
    assert refused.value.code == "MP4004"


def test_a_template_that_changed_since_is_refused(tmp_path: Path, machine: Machine, told: list[Event]) -> None:
    (tmp_path / "server.yaml").write_text("first")
    text = kept_sample.TEXT.replace("mesh: envoy", "mesh: envoy, server_bootstrap: server.yaml", 1)
    assert text != kept_sample.TEXT
    experiment = kept_sample.experiment(tmp_path, text)
    with Bundle.create(tmp_path / "out", experiment, command="x") as bundle:
        kept = with_kept_templates(experiment, bundle.path)
        assert kept.arms["envoy"].server_bootstrap.read_text() == "first"
        assert kept.arms["envoy"].server_bootstrap.is_relative_to(tmp_path / "out")
    (tmp_path / "server.yaml").write_text("second")
    with Bundle.resume(tmp_path / "out", experiment) as bundle, pytest.raises(DocumentError) as changed:
        with_kept_templates(experiment, bundle.path)
    assert changed.value.code == "MP2304"
