"""What a price was measured under, and what of it was otherwise where a prediction made of it is held to.

What it decides: nothing about figures. A price of a hop holds for the load, sizes, machine, mesh and method that it was
measured with; the rules of comparability say which facts these are.

Why this way: a prediction is one small document and the price list may be gone when it is checked, so it carries the
facts that matter along.

What it assumes: a graph is another workload on purpose, so which graph it is and how many services it has are no
conditions; the workload's executable and the size of its replies are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meshperf.analysis.comparability import compare_facts
from meshperf.analysis.records import Violation
from meshperf.analysis.rules import packaged_rules
from meshperf.spec.records import Fact, FactValue, RunResult

__all__ = ["conditions_of", "other_conditions"]

_OF_THE_GRAPH = ("workload.graph", "workload.graph_digest", "workload.services", "workload.max_depth")


def conditions_of(runs: Sequence[RunResult], arm: str) -> dict[str, FactValue]:
    """Facts of an arm that a price holds for: known, judged by the rules, and the same in all of its runs.

    Args:
        runs: of one load point of the price list.
        arm: the one that has all that is foretold.
    """
    own = [run.facts for run in runs if run.arm == arm]
    if not own:
        return {}
    book = packaged_rules()
    first, *others = own
    return {
        path: fact.value
        for path, fact in sorted(first.items())
        if fact.known
        and path not in _OF_THE_GRAPH
        and book.rule(path).severity != "FREE"
        and all(path in facts and facts[path].value == fact.value for facts in others)
    }


def other_conditions(conditions: Mapping[str, FactValue], run: RunResult) -> tuple[Violation, ...]:
    """Conditions that were otherwise in `run`, or are not known of it; `a` is the price list's value.

    Args:
        run: of the arm that the prediction speaks of.
    """
    found = compare_facts(
        {path: Fact(value=value, source="prediction") for path, value in conditions.items()},
        run.facts,
        subject=(),
        against_baseline=False,
        arms=("price list", run.arm),
        only=frozenset(conditions),
    )
    return (*found.violations, *found.unknowns)
