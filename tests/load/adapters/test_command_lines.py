"""Command lines as pure functions: what each tool is told, and where secrets go."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from plans import CALL, CLOSED, PHASE, RICH, SECRET, TARGET, TLS, asked

from meshperf.load.adapters.base import Adapter
from meshperf.load.adapters.registry import adapter, adapters
from meshperf.load.plan import Protocol
from meshperf.spec.generators import GENERATORS, OWN
from meshperf.spec.imported import LatencyOrigin, LoopModel

HTTP = [one for one in adapters() if Protocol.HTTP1 in one.abilities.protocols]


def after(arguments: list[str], flag: str) -> str:
    return arguments[arguments.index(flag) + 1]


def told(name: str, **changes: object) -> list[str]:
    return list(adapter(name).command(asked(**changes)).arguments)  # type: ignore[arg-type]


def test_every_name_that_a_file_may_have_has_an_adapter_and_no_other() -> None:
    assert [one.name for one in adapters()] == [name for name in GENERATORS if name != OWN]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("fortio", {"-qps": "100", "-c": "4", "-t": "5s", "-timeout": "3s", "-gomaxprocs": "2"}),
        ("wrk", {"-c": "4", "-d": "5s", "--timeout": "3s", "-t": "2"}),
        ("wrk2", {"-R": "100", "-c": "4", "-d": "5s", "--timeout": "3s"}),
        ("h2load", {"--rps": "25.000000", "-c": "4", "-D": "5s"}),
        ("oha", {"-q": "100", "-c": "4", "-z": "5s", "-t": "3s", "--worker-threads": "2"}),
        ("vegeta", {"-rate": "100/1s", "-connections": "4", "-max-connections": "4", "-duration": "5s"}),
        (
            "nighthawk",
            {"--rps": "100", "--connections": "4", "--duration": "5", "--concurrency": "1"},
        ),
    ],
)
def test_rate_connections_duration_and_timeout_reach_the_tool(name: str, expected: dict[str, str]) -> None:
    line = told(name)
    assert {flag: after(line, flag) for flag in expected} == expected


def test_k6_is_told_by_its_script() -> None:
    script = adapter("k6").command(asked(RICH)).files["script.js"].decode()
    options = json.loads(script.split("options = ")[1].split(";\n")[0])
    only = options["scenarios"]["only"]
    assert (only["executor"], only["rate"], only["maxVUs"]) == ("constant-arrival-rate", 100, 4)
    assert options["maxRedirects"] == 0
    assert '"timeout": "3000ms"' in script
    assert '"PUT"' in script


@pytest.mark.parametrize("name", ["wrk", "wrk2", "k6", "vegeta"])
def test_headers_and_body_are_in_files_and_not_in_the_process_list(name: str) -> None:
    command = adapter(name).command(asked(RICH))
    assert SECRET not in " ".join(command.arguments)
    assert any(SECRET.encode() in content for content in command.files.values())
    assert adapter(name).abilities.hidden_headers


@pytest.mark.parametrize("name", ["fortio", "h2load", "oha", "nighthawk"])
def test_a_tool_that_takes_headers_as_arguments_only_says_so(name: str) -> None:
    target = replace(RICH, body=b"", method="GET")
    assert SECRET in " ".join(adapter(name).command(asked(target)).arguments)
    assert not adapter(name).abilities.hidden_headers


@pytest.mark.parametrize("one", HTTP, ids=lambda one: one.name)
def test_no_body_and_no_key_is_ever_an_argument(one: Adapter) -> None:
    target = replace(RICH, tls=TLS) if one.abilities.client_certificate else RICH
    if not one.abilities.body:
        target = replace(target, body=b"")
    command = one.command(asked(target))
    line = " ".join(command.arguments)
    assert "KEY" not in line
    assert "s3ntinel" not in line


def test_ghz_gets_message_metadata_and_a_schema_of_the_method_as_files() -> None:
    command = adapter("ghz").command(asked(CALL))
    line = list(command.arguments)
    assert (after(line, "--call"), after(line, "-c"), after(line, "--connections")) == ("shop.v1.Cart.Add", "8", "4")
    assert command.files["message"] == b"\x0a\x01x"
    assert json.loads(command.files["metadata.json"]) == {"token": SECRET}
    assert SECRET not in " ".join(line)
    assert b"package shop.v1;" in command.files["schema.proto"]
    assert b"service Cart { rpc Add " in command.files["schema.proto"]


def test_an_empty_message_is_no_empty_file_because_ghz_divides_by_zero() -> None:
    assert CALL.grpc is not None
    command = adapter("ghz").command(asked(replace(CALL, grpc=replace(CALL.grpc, messages=(b"",)))))
    assert "-B" not in command.arguments
    assert after(list(command.arguments), "-d") == "{}"


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("fortio", {"-cacert": "/scratch/ca.pem", "-cert": "/scratch/cert.pem", "-resolve": "127.0.0.1"}),
        ("oha", {"--cacert": "/scratch/ca.pem", "--connect-to": "app.local:8080:127.0.0.1:8080"}),
        ("vegeta", {"-root-certs": "/scratch/ca.pem", "-connect-to": "app.local:8080:127.0.0.1:8080"}),
    ],
)
def test_tls_is_verified_by_name_whatever_the_address(name: str, flags: dict[str, str]) -> None:
    command = adapter(name).command(asked(replace(TARGET, tls=TLS)))
    line = list(command.arguments)
    assert {flag: after(line, flag) for flag in flags} == flags
    assert command.files["key.pem"] == b"KEY"
    assert "https://app.local:8080/a?b=c" in line or b"https://app.local:8080/a" in command.files["targets.json"]


def test_a_host_that_is_not_the_address_is_sent() -> None:
    named = replace(TARGET, host="shop.local")
    assert "Host: shop.local" in told("fortio", target=named)
    assert after(told("oha", target=named), "--host") == "shop.local"
    assert ":authority: shop.local" in told("h2load", target=named)
    assert 'wrk.headers["Host"] = "shop.local"' in adapter("wrk").command(asked(named)).files["request.lua"].decode()


def test_a_closed_loop_has_no_rate() -> None:
    assert after(told("fortio", phase=CLOSED), "-qps") == "0"
    assert not {"-q", "--latency-correction"} & set(told("oha", phase=CLOSED))
    assert "--rps" not in told("h2load", phase=CLOSED)
    assert (after(told("vegeta", phase=CLOSED), "-rate"), after(told("vegeta", phase=CLOSED), "-max-workers")) == (
        "0",
        "4",
    )


@pytest.mark.parametrize(
    ("name", "origin", "loop"),
    [
        ("fortio", LatencyOrigin.ACTUAL, LoopModel.SCHEDULED_CLOSED),
        ("h2load", LatencyOrigin.ACTUAL, LoopModel.SCHEDULED_CLOSED),
        ("ghz", LatencyOrigin.ACTUAL, LoopModel.SCHEDULED_CLOSED),
        ("oha", LatencyOrigin.INTENDED, LoopModel.OPEN),
        ("wrk2", LatencyOrigin.INTENDED, LoopModel.OPEN),
        ("nighthawk", LatencyOrigin.ACTUAL, LoopModel.SCHEDULED_CLOSED),
    ],
)
def test_where_a_tool_counts_from_at_a_rate_and_in_a_closed_loop(
    name: str, origin: LatencyOrigin, loop: LoopModel
) -> None:
    one = adapter(name)
    assert (one.origin(asked()), one.loop(asked())) == (origin, loop)
    assert one.loop(asked(phase=CLOSED)) is LoopModel.CLOSED


def test_oha_is_corrected_only_where_there_is_a_rate_to_correct_for() -> None:
    assert "--latency-correction" in told("oha")
    assert adapter("oha").origin(asked(phase=CLOSED)) is LatencyOrigin.ACTUAL


def test_whatever_a_header_holds_stays_one_string_of_lua() -> None:
    evil = replace(TARGET, headers=(("x", '"]=os.execute("id")--\\'),))
    script = adapter("wrk").command(asked(evil)).files["request.lua"].decode()
    assert 'wrk.headers["x"] = "\\034]=os.execute(\\034id\\034)--\\092"' in script


def test_a_broken_rate_is_rounded_and_told() -> None:
    phase = replace(PHASE, rate=2.5)
    assert any("2.5" in note for note in adapter("wrk2").command(asked(phase=phase)).notes)
    assert after(told("vegeta", phase=phase), "-rate") == "2500/1000s"
    assert after(told("fortio", phase=phase), "-qps") == "2.5"
