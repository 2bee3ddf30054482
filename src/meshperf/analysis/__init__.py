"""Judgement: comparability, intervals, verdicts. Results in, comparisons out; it starts nothing and opens no files."""

from meshperf.analysis.comparability import compare_facts, grade_of
from meshperf.analysis.compare import compare
from meshperf.analysis.documents import comparison_from_document, comparison_to_document
from meshperf.analysis.equivalence import holm, rounds_for_margin, rounds_to_decide, tost_p
from meshperf.analysis.figures import METRICS, PRIMARY_FAMILY, TAIL_REQUESTS, UNITS, figure, slices_add_up
from meshperf.analysis.intervals import (
    COMPANION_ROUNDS,
    geometric_mean,
    hodges_lehmann,
    mean_amount,
    ratio_estimate,
)
from meshperf.analysis.joint_planning import Asked, JointPlan, RoundLength, plan_together
from meshperf.analysis.ladder import Ladder, LadderSum, StepPrice, price_ladder
from meshperf.analysis.ladder_order import LadderOrder, LadderStep, ladder_orders
from meshperf.analysis.noise_floor import noise_floors
from meshperf.analysis.non_inferiority import NonInferiority, non_inferiority
from meshperf.analysis.objectives import objective_readings, try_objectives
from meshperf.analysis.pair_judgement import (
    JudgedMetric,
    Terms,
    judge_paired,
    judge_series,
    judge_unpaired,
)
from meshperf.analysis.planning import Pilot, ResolutionPlan, pilot_of, rounds_for
from meshperf.analysis.power import detectable_difference
from meshperf.analysis.prediction import Prediction, predict
from meshperf.analysis.prediction_check import MetricCheck, check_prediction
from meshperf.analysis.prediction_document import prediction_from_document, prediction_to_document
from meshperf.analysis.readings import Reading, imported_reading, reading
from meshperf.analysis.records import (
    ArmSummary,
    Comparability,
    Comparison,
    ComponentCost,
    Estimate,
    MetricComparison,
    NoiseFloor,
    ObjectiveOutcome,
    PlannedEnd,
    RoundFigure,
    SecondVerdict,
    Verdict,
    Violation,
)
from meshperf.analysis.rules import packaged_rules
from meshperf.analysis.stopping import StoppingPlan, may_stop, plan_stopping
from meshperf.analysis.unpaired import UnpairedSeries, unpaired_series
from meshperf.analysis.verdicts import FEWEST_ROUNDS
from meshperf.analysis.within_round import within_round

__all__ = [
    "COMPANION_ROUNDS",
    "FEWEST_ROUNDS",
    "METRICS",
    "PRIMARY_FAMILY",
    "TAIL_REQUESTS",
    "UNITS",
    "ArmSummary",
    "Asked",
    "Comparability",
    "Comparison",
    "ComponentCost",
    "Estimate",
    "JointPlan",
    "JudgedMetric",
    "Ladder",
    "LadderOrder",
    "LadderStep",
    "LadderSum",
    "MetricCheck",
    "MetricComparison",
    "NoiseFloor",
    "NonInferiority",
    "ObjectiveOutcome",
    "Pilot",
    "PlannedEnd",
    "Prediction",
    "Reading",
    "ResolutionPlan",
    "RoundFigure",
    "RoundLength",
    "SecondVerdict",
    "StepPrice",
    "StoppingPlan",
    "Terms",
    "UnpairedSeries",
    "Verdict",
    "Violation",
    "check_prediction",
    "compare",
    "compare_facts",
    "comparison_from_document",
    "comparison_to_document",
    "detectable_difference",
    "figure",
    "geometric_mean",
    "grade_of",
    "hodges_lehmann",
    "holm",
    "imported_reading",
    "judge_paired",
    "judge_series",
    "judge_unpaired",
    "ladder_orders",
    "may_stop",
    "mean_amount",
    "noise_floors",
    "non_inferiority",
    "objective_readings",
    "packaged_rules",
    "pilot_of",
    "plan_stopping",
    "plan_together",
    "predict",
    "prediction_from_document",
    "prediction_to_document",
    "price_ladder",
    "ratio_estimate",
    "reading",
    "rounds_for",
    "rounds_for_margin",
    "rounds_to_decide",
    "slices_add_up",
    "tost_p",
    "try_objectives",
    "unpaired_series",
    "within_round",
]
