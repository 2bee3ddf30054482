"""`meshperf predict`: foretold from a price list whose prices are known, and held against chains that are."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import kept_sample
import prediction_sample
from meshperf.analysis.ladder_order import order_of_arms
from meshperf.cli import main
from meshperf.cli.predict_steps import named_steps
from meshperf.errors import UsageError
from meshperf.spec.experiment import Arm, Functions
from meshperf.spec.records import Fact
from prediction_sample import CPU_SHARE, HOP_S, HOPS

EXPERIMENT = str(Path(__file__).parents[2] / "examples" / "prediction-chain.yaml")


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(prediction_sample.price_list(tmp_path_factory.mktemp("prices")))


@pytest.fixture
def prediction(prices: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Made now, of the chain with an arm of `mtls: strict`."""
    path = tmp_path / "prediction.json"
    assert main(["predict", prices, "--graph", EXPERIMENT, "--out", str(path)]) == 0
    capsys.readouterr()
    return path


def checked(prediction: Path, bundle: Path, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    assert main(["predict", "--check", str(prediction), str(bundle), "--json", *more]) == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_the_prediction_is_told_with_its_steps_path_and_what_to_do_next(
    prices: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "chain.json"
    assert main(["predict", prices, "--graph", EXPERIMENT, "--out", str(out)]) == 0
    said = capsys.readouterr()
    for part in ("What tcp, http and mtls will add to the graph chain", "client > front > middle > back",
                 "price of a hop", "prices", "load point 1", "6 ends and the graph 4 sidecars"):  # fmt: skip
        assert part in said.out
    document = json.loads(out.read_text())
    assert document["sha256"] in said.err
    assert f"meshperf run {EXPERIMENT} --out results/chain" in said.err
    assert f"meshperf predict --check {out} results/chain --arm envoy --digest {document['sha256']}" in said.err
    assert "sets" not in said.out and "load.rate" not in said.out


def test_the_document_has_the_sum_of_the_steps_times_the_hops(prediction: Path) -> None:
    document = json.loads(prediction.read_text())
    assert document["steps"] == ["tcp", "http", "mtls"] and document["path"] == ["front", "middle", "back"]
    added = {one["metric"]: one["added"] for one in document["metrics"]}
    assert added["mean"]["value"] == pytest.approx(HOPS * HOP_S, rel=0.03)
    assert added["cpu_per_request"]["value"] == pytest.approx(HOPS * HOP_S * CPU_SHARE, rel=0.03)
    assert added["mean"]["low"] < HOPS * HOP_S < added["mean"]["high"]
    assert document["settings"]["mesh"] == "envoy" and document["settings"]["mtls"] == "strict"
    assert document["conditions"]["load.rate"] == 300.0 and document["sidecars"] == 4
    assert datetime.now(UTC) - datetime.fromisoformat(document["made_at"]) < timedelta(minutes=1)


def test_a_graph_alone_needs_the_steps_and_is_told_which_there_are(
    prices: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "chain.json")
    assert main(["predict", prices, "--graph", "chain", "--out", out]) == 2
    said = capsys.readouterr().err
    assert "error[MP1001]" in said and "tcp, http, mtls, log" in said and not Path(out).exists()
    assert main(["predict", prices, "--graph", "chain", "--steps", "mtls,tcp,http", "--out", out, "--json"]) == 0
    said_as_json = json.loads(capsys.readouterr().out)
    assert said_as_json == json.loads(Path(out).read_text()) and said_as_json["steps"] == ["tcp", "http", "mtls"]


def test_a_step_brings_those_along_that_lead_to_it(
    prices: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["predict", prices, "--graph", "chain", "--json", "--steps", "mtls", "--out", str(tmp_path / "p.json")]
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == ["tcp", "http", "mtls"]


def test_another_load_point_has_prices_of_its_own_and_the_difference_is_told(
    prices: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "second.json"
    assert main(["predict", prices, "--graph", EXPERIMENT, "--load-point", "2", "--out", str(out)]) == 0
    assert "the prices were measured at load.rate 150.0, the experiment has 300.0" in capsys.readouterr().out
    mean = next(one for one in json.loads(out.read_text())["metrics"] if one["metric"] == "mean")
    assert mean["added"]["value"] == pytest.approx(2 * HOPS * HOP_S, rel=0.03)


def test_a_chain_that_costs_three_hops_agrees(
    prediction: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = prediction_sample.chain(tmp_path)
    found = checked(prediction, graph, capsys)
    assert [one["metric"] for one in found["metrics"]] == ["mean", "p50", "cpu_per_request"]
    assert all(one["agrees"] for one in found["metrics"]) and found["differences"] == []
    assert found["arm"] == "envoy" and found["prediction"]["sha256"] == json.loads(prediction.read_text())["sha256"]
    assert main(["predict", "--check", str(prediction), str(graph)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "they agree" in said and "they do not agree" not in said and "measured less foretold" in said
    assert "says little" not in said


def test_a_chain_that_costs_more_does_not_agree_and_keeps_the_sign(
    prediction: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for more_s in (-300e-6, 300e-6):
        graph = prediction_sample.chain(tmp_path, name="more" if more_s > 0 else "less", more_s=more_s)
        mean = checked(prediction, graph, capsys)["metrics"][0]
        assert mean["agrees"] is False
        assert mean["difference"]["value"] == pytest.approx(more_s, rel=0.1)
        assert mean["difference"]["low"] < more_s < mean["difference"]["high"]
    assert main(["predict", "--check", str(prediction), str(tmp_path / "less")]) == 0
    assert "they do not agree" in " ".join(capsys.readouterr().out.split())


def test_an_agreement_of_wide_intervals_is_said_to_say_little(
    prediction: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = prediction_sample.chain(tmp_path, sd_s=2e-3)
    assert checked(prediction, graph, capsys)["metrics"][0]["agrees"]
    assert main(["predict", "--check", str(prediction), str(graph)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "they agree, which says little: the interval is wider than what was measured" in said


def test_what_was_measured_before_the_prediction_is_refused(
    prediction: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    early = prediction_sample.chain(tmp_path, begin=datetime.now(UTC) - timedelta(hours=1))
    assert main(["predict", "--check", str(prediction), str(early)]) == 4
    said = capsys.readouterr()
    assert "error[MP4001]" in said.err and "before the prediction was made" in said.err and said.out == ""


def test_another_graph_is_refused(prediction: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = prediction_sample.chain(tmp_path, text=prediction_sample.CHAIN.replace("graph: chain", "graph: tree"))
    assert main(["predict", "--check", str(prediction), str(tree)]) == 4
    assert "another one was measured" in capsys.readouterr().err


def test_arms_that_may_not_be_compared_are_refused(
    prediction: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unknown = {"load.protocol": Fact(source="sample", unavailable="nobody looked")}
    graph = prediction_sample.chain(tmp_path, other=unknown)
    assert main(["predict", "--check", str(prediction), str(graph)]) == 4
    assert "error[MP400" in capsys.readouterr().err


def test_conditions_that_were_otherwise_are_told_before_the_figures(
    prediction: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = {"load.rate": Fact(value=200.0, source="sample"), "host.kernel": Fact(value="7.0.0", source="sample")}
    graph = prediction_sample.chain(tmp_path, other=other)
    told = checked(prediction, graph, capsys)["differences"]
    assert any("load.rate" in one and "300" in one and "200" in one for one in told)
    assert any("host.kernel" in one for one in told) and len(told) == 2
    assert main(["predict", "--check", str(prediction), str(graph)]) == 0
    said = capsys.readouterr().out
    assert said.index("load.rate") < said.index("Foretold and measured")


def test_an_arm_that_sets_more_than_was_foretold_is_told(
    prices: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = prediction_sample.CHAIN.replace("mtls: strict}", "mtls: strict, access_log: true}")
    file = tmp_path / "logged.yaml"
    file.write_text(text)
    out = tmp_path / "p.json"
    plain = ["predict", prices, "--graph", str(file), "--out", str(out)]
    assert main([*plain, "--steps", "tcp,http,mtls"]) == 0
    assert "sets access_log: true, which is not among what is foretold" in " ".join(capsys.readouterr().out.split())
    found = checked(out, prediction_sample.chain(tmp_path, text=text), capsys)
    assert any("access_log: true" in one for one in found["differences"])
    assert main([*plain[:-1], str(tmp_path / "q.json")]) == 0
    assert "What tcp, http, mtls and log will add" in capsys.readouterr().out


def test_a_setting_without_a_price_is_named_and_nothing_is_written(
    prices: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "traced.yaml"
    file.write_text(prediction_sample.CHAIN.replace("mtls: strict}", "mtls: strict, functions: {tracing: true}}"))
    out = tmp_path / "p.json"
    assert main(["predict", prices, "--graph", str(file), "--out", str(out)]) == 2
    assert "no step prices functions.tracing: true of the arm envoy" in capsys.readouterr().err and not out.exists()


def test_a_prediction_is_never_written_over_another(
    prices: str, prediction: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = prediction.read_bytes()
    assert main(["predict", prices, "--graph", EXPERIMENT, "--out", str(prediction)]) == 2
    assert "is there already" in capsys.readouterr().err and prediction.read_bytes() == before


def test_a_prediction_does_not_go_into_a_bundle(prices: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", prices, "--graph", EXPERIMENT, "--out", f"{prices}/prediction.json"]) == 2
    assert "error[MP1002]" in capsys.readouterr().err and not Path(prices, "prediction.json").exists()


def test_a_touched_prediction_and_another_digest_are_refused(
    prediction: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = prediction_sample.chain(tmp_path)
    kept = json.loads(prediction.read_text())
    assert checked(prediction, graph, capsys, "--digest", kept["sha256"])["metrics"][0]["agrees"]
    assert main(["predict", "--check", str(prediction), str(graph), "--digest", "0" * 64]) == 2
    assert "error[MP2301]" in capsys.readouterr().err
    kept["metrics"][0]["added"]["value"] *= 2
    prediction.write_text(json.dumps(kept))
    assert main(["predict", "--check", str(prediction), str(graph)]) == 2
    said = capsys.readouterr().err
    assert "error[MP2301]" in said and "prediction.json" in said


def test_the_arm_that_is_set_as_foretold_is_found_among_several(
    prediction: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = prediction_sample.CHAIN.replace("  envoy: ", "  plain:    {mesh: envoy}\n  envoy: ")
    graph = prediction_sample.chain(tmp_path, text=text)
    assert checked(prediction, graph, capsys)["arm"] == "envoy"
    assert any("mtls: off" in one for one in checked(prediction, graph, capsys, "--arm", "plain")["differences"])
    assert main(["predict", "--check", str(prediction), str(graph), "--arm", "istio"]) == 2
    assert "candidate arms: envoy, plain" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ([], "MP1001", "which graph"),
        (["--graph", "nowhere"], "MP1001", "the package has chain"),
        (["--graph", "chain", "--steps", "tcp,taste"], "MP1001", "no step 'taste'"),
        (["--graph", "chain", "--steps", ","], "MP1001", "no steps named"),
        (["--graph", "chain", "--arm", "envoy"], "MP1002", "a graph alone has no arms"),
        (["--graph", "chain", "--steps", "tcp", "--load-point", "7"], "MP1001", "no load point 7"),
        (["--graph", "chain", "--steps", "tcp", "--digest", "ab"], "MP1002", "belongs to `--check`"),
        (["--graph", "chain", "--check", "p.json"], "MP1002", "nothing is written"),
        (["--graph", str(Path(EXPERIMENT).with_name("quickstart.yaml"))], "MP1001", "measures no call graph"),
        (["--graph", EXPERIMENT, "--arm", "istio"], "MP1001", "no candidate arm 'istio'"),
    ],
)
def test_options_that_make_no_sense_are_told(
    prices: str,
    options: list[str],
    code: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["predict", prices, *options]) == 2
    told = capsys.readouterr().err
    assert f"error[{code}]" in told and said in told and "hint:" in told
    assert list(tmp_path.iterdir()) == []


def test_an_experiment_that_is_no_price_list_foretells_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = str(kept_sample.bundle(tmp_path))
    assert main(["predict", sample, "--graph", EXPERIMENT, "--out", str(tmp_path / "p.json")]) == 2
    assert "is no price list" in capsys.readouterr().err


def test_a_file_that_is_no_prediction_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in (("a.json", "[1]"), ("b.json", '{"kind": "meshperf-gate", "version": 1}')):
        (tmp_path / name).write_text(text)
        assert main(["predict", "--check", str(tmp_path / name), "anything"]) == 2
        assert "error[MP2201]" in capsys.readouterr().err


def test_validate_and_verify_know_a_prediction_and_its_digest(
    prediction: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for verb in ("validate", "verify"):
        assert main([verb, str(prediction)]) == 0
        said = capsys.readouterr().out
        assert "prediction for the graph `chain`" in said and json.loads(prediction.read_text())["sha256"] in said
    prediction.write_text(prediction.read_text().replace('"chain"', '"chaos"'))
    for verb in ("validate", "verify"):
        assert main([verb, str(prediction)]) == 2
        assert "MP2301" in capsys.readouterr().err


def test_a_pilot_foretells_without_intervals_and_decides_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "pilot.json"
    bundle = str(prediction_sample.price_list(tmp_path, pilot=True))
    assert main(["predict", bundle, "--graph", EXPERIMENT, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "The price list is a pilot" in said and "no interval" in said
    found = checked(out, prediction_sample.chain(tmp_path), capsys)
    assert {one["agrees"] for one in found["metrics"]} == {None}
    assert main(["predict", "--check", str(out), str(tmp_path / "chain")]) == 0
    assert "without an interval nothing is decided" in " ".join(capsys.readouterr().out.split())


def test_a_report_has_the_same_tables_and_its_data(
    prices: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, first, second = tmp_path / "p.json", tmp_path / "foretold", tmp_path / "checked"
    assert main(["predict", prices, "--graph", EXPERIMENT, "--out", str(out), "--report", str(first)]) == 0
    assert "the report is" in capsys.readouterr().err
    assert json.loads((first / "data.json").read_text()) == json.loads(out.read_text())
    graph = str(prediction_sample.chain(tmp_path))
    assert main(["predict", "--check", str(out), graph, "--report", str(second), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert json.loads((second / "data.json").read_text()) == shown and "--load-point 1" in shown["command"]
    for folder, words in ((first, "What it will add"), (second, "Foretold and measured")):
        page = (folder / "report.html").read_text()
        assert words in page and "meshperf predict" in page and words in (folder / "report.md").read_text()
    assert main(["predict", "--check", str(out), graph, "--report", graph]) == 2
    assert "error[MP1002]" in capsys.readouterr().err


def test_two_steps_that_set_the_same_are_not_added_up() -> None:
    arms = [
        Arm(name="baseline", mesh="none"),
        Arm(name="http", mesh="envoy"),
        Arm(name="one", mesh="envoy", functions=Functions(authorization_rules=1)),
        Arm(name="ten", mesh="envoy", functions=Functions(authorization_rules=10)),
        Arm(name="log", mesh="envoy", access_log=True),
    ]
    order = order_of_arms(arms)
    assert order is not None
    assert named_steps(order, "log, ten") == ("http", "ten", "log")
    with pytest.raises(UsageError, match="`one` and `ten` both set functions") as caught:
        named_steps(order, "one,ten")
    assert caught.value.code == "MP1002"
