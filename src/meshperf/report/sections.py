"""The order of a report: the answer, whether it may be compared, the evidence, the circumstances."""

from __future__ import annotations

from collections.abc import Sequence

from meshperf.analysis.records import Comparison
from meshperf.report import behind, context, evidence, generator, matrix, over_time, prose, usage, verdicts, wording
from meshperf.report.planned import planned_sentences
from meshperf.report.tables import Exhibit, Section
from meshperf.spec.records import Facts, RunResult

__all__ = ["circumstances", "in_short", "of_load_point"]

_READING = (
    "A ratio of ×2 means twice as much as the baseline; added is candidate minus baseline.",
    "The interval comes from rounds, each a fresh deployment of every arm. "
    "Of a hundred such 95 % intervals about 95 hold the true ratio of that machine, workload and load.",
    "Worse and better: the difference is certain at 5 % (primary metrics corrected together), a second estimator "
    "agrees, and it exceeds the noise floor where one was measured. "
    "Equivalent: the 90 % interval lies inside the margin. "
    "Anything else is inconclusive, which is not the same as equal.",
    "Response times start at the moment a request was due, so waiting for a slow reply counts; "
    "requests that were never answered are counted apart, not dropped.",
    "An interval labelled “this deployment only” says nothing about the next deployment.",
    "The noise floor is what two copies of the same arm differ by: read no meaning into less.",
)


def of_load_point(
    comparison: Comparison,
    runs: Sequence[RunResult],
    *after_verdicts: Section,
    in_short: str = "",
    pairs: Sequence[matrix.PairClass] = (),
) -> tuple[Section, ...]:
    """All sections of one comparison.

    Args:
        runs: those of its load point.
        after_verdicts: made elsewhere.
        in_short: the headline, where it does not stand above all load points already.
        pairs: of a matrix of comparability, the same.
    """
    in_time = over_time.stretches(runs)
    related = any(prose.related(comparison, metric) for metric in comparison.metrics)
    ratio_note = () if related else ("No ratio plot: these classes of comparability state no ratios with intervals.",)
    comparability = comparison.comparability
    return tuple(
        section
        for section in (
            Section(
                key="answer",
                title="The answer",
                points=prose.answer(comparison),
                sentences=(
                    *([in_short] if in_short else []),
                    prose.comparability(comparability),
                    _measured(comparison, runs),
                    *planned_sentences(comparison),
                ),
            ),
            Section(
                key="verdicts",
                title="Verdicts",
                exhibits=tuple(Exhibit(table=table) for table in verdicts.verdicts(comparison)),
            ),
            *after_verdicts,
            Section(
                key="comparability",
                title="Is it comparable?",
                sentences=(prose.comparability(comparability), _equal(comparison)),
                exhibits=_present(
                    Exhibit(table=context.obstacles(comparison)),
                    Exhibit(table=context.brings(comparison)),
                    Exhibit(table=context.differences(comparison), folded=True),
                    Exhibit(table=context.noted(comparison), folded=True),
                    Exhibit(table=evidence.claims(runs)),
                ),
            ),
            *((matrix.section(pairs),) if pairs else ()),
            Section(
                key="percentiles",
                title="Response times",
                sentences=(
                    "A thin line is one run, a thick line all runs of an arm together. "
                    "Lines end where fewer than ten requests remain beyond them.",
                ),
                exhibits=(Exhibit(table=evidence.quantiles(runs), chart="percentiles"),),
            ),
            Section(
                key="ratios",
                title="Ratios and margins",
                sentences=("The shaded band is the margin inside which arms count as equivalent.",)
                if related
                else ratio_note,
                exhibits=_present(
                    Exhibit(table=behind.intervals(comparison), chart="ratios"),
                    Exhibit(table=behind.spread(comparison), folded=True),
                ),
            ),
            Section(
                key="rounds",
                title="Every round",
                sentences=(
                    "Every dot is one arm in one round, in order; a line joins the arms of a round. "
                    "Rounds that were left out are hollow.",
                ),
                exhibits=_present(
                    Exhibit(table=evidence.rounds(comparison), chart="rounds"),
                    Exhibit(table=verdicts.arms(comparison)),
                    Exhibit(table=evidence.runs(runs), folded=True),
                ),
            ),
            *((over_time.section(in_time),) if in_time else ()),
            Section(
                key="usage",
                title="CPU and memory by component",
                sentences=(
                    "The generator is no part of an arm: it is shown apart and is in no sum. "
                    "Parts of a bar follow the order of the legend.",
                ),
                exhibits=_present(
                    Exhibit(table=usage.cpu(comparison), chart="cpu"),
                    Exhibit(table=usage.memory(comparison), chart="memory"),
                ),
            ),
            Section(
                key="noise",
                title="Noise floor",
                sentences=("Each arm below was deployed twice and compared with its own copy.",)
                if comparison.noise_floors
                else ("No arm was deployed twice, so the noise floor of this machine was not measured.",),
                exhibits=_present(Exhibit(table=verdicts.noise_floors(comparison), chart="noise")),
            ),
            Section(
                key="objectives",
                title="Objectives",
                sentences=() if comparison.objectives else ("The experiment states no objectives.",),
                exhibits=_present(Exhibit(table=verdicts.objectives(comparison))),
            ),
            Section(
                key="warnings",
                title="Warnings",
                points=prose.warnings(comparison.warnings),
                sentences=() if comparison.warnings else ("None.",),
                exhibits=_present(Exhibit(table=evidence.guards(runs), folded=True)),
            ),
            Section(
                key="generator",
                title="The load generator",
                sentences=("What it says of itself, over all runs of an arm but those of its twin.",),
                exhibits=_present(
                    Exhibit(table=generator.health(runs)),
                    Exhibit(table=generator.connections(runs), folded=True),
                ),
            ),
            Section(key="method", title="Method", exhibits=(Exhibit(table=context.method(comparison, runs)),)),
        )
    )


def in_short(told: Sequence[tuple[str, str]], power: Sequence[str] = ()) -> Section:
    """The headlines of several comparisons, each after the name of its load point.

    Args:
        power: which arm is more powerful, as far as the load points tell it together.
    """
    more = power or ("Which is more powerful (the highest rate that holds the objectives) was not measured.",)
    return Section(key="headline", title="In plain words", points=(*(f"{name}. {text}" for name, text in told), *more))


def circumstances(facts: Facts, *, experiment_text: str, command: str, files: Sequence[str]) -> tuple[Section, ...]:
    """The sections that hold for all load points: environment, how to read, how to repeat."""
    known = sum(fact.known for fact in facts.values())
    table = context.facts(facts, caption="Facts of the environment")
    data = (
        f"The data of this report: {wording.listing(list(files))}; report.html carries data.json and data.csv inside."
        if files
        else ""
    )
    return (
        Section(
            key="environment",
            title="Environment",
            sentences=(f"{known} of {len(facts)} facts are known; each of the others says why it is not.",)
            if facts
            else ("No facts of the environment were recorded.",),
            exhibits=_present(Exhibit(table=table)),
        ),
        Section(key="reading", title="How to read this", points=_READING),
        Section(
            key="repeat",
            title="Data, and how to repeat it",
            sentences=(data,) if data else (),
            verbatim=(("Command", command), ("Experiment", experiment_text)),
        ),
    )


def _present(*exhibits: Exhibit) -> tuple[Exhibit, ...]:
    """Only exhibits whose table has rows: an empty table says nothing that a sentence does not say better."""
    return tuple(exhibit for exhibit in exhibits if exhibit.table.rows)


def _measured(comparison: Comparison, runs: Sequence[RunResult]) -> str:
    excluded = len(comparison.rounds_excluded)
    rounds = f"{comparison.rounds} {'round' if comparison.rounds == 1 else 'rounds'}"
    rounds += f" ({excluded} more excluded)" if excluded else ""
    subject = wording.listing(list(comparison.subject)) if comparison.subject else "not declared"
    baseline = wording.clean(comparison.baseline)
    return f"Load: {context.load_point(runs)}. {rounds}. Subject: {subject}. Baseline: {baseline}."


def _equal(comparison: Comparison) -> str:
    of = comparison.comparability
    return (
        f"Facts: {len(of.equal)} equal, {len(of.violations)} differing outside the subject, {len(of.unknowns)} unknown "
        f"(unknown is never equal). Rules: {wording.clean(of.rules) or wording.UNKNOWN}."
    )
