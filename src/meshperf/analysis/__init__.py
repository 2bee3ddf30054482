"""Judgement: comparability, intervals, verdicts. Results in, comparisons out; it starts nothing and opens no files."""

from meshperf.analysis.calibration import calibrated_rules, calibration_from_document
from meshperf.analysis.comparability import compare_facts, grade_of
from meshperf.analysis.compare import compare
from meshperf.analysis.cost import arm_costs
from meshperf.analysis.cross import Side, compare_sides, shown_runs
from meshperf.analysis.cross_imported import run_of_imported
from meshperf.analysis.cross_records import RecordGrade, record_grade
from meshperf.analysis.documents import comparison_from_document, comparison_to_document, floor_from_document, plain
from meshperf.analysis.efficiency import cpu_line, objective_rate, own_runs, use_of
from meshperf.analysis.energy import arm_energies, why_no_energy
from meshperf.analysis.equivalence import holm, rounds_for_margin, rounds_to_decide, tost_p
from meshperf.analysis.figures import METRICS, PRIMARY_FAMILY, TAIL_REQUESTS, UNITS, figure, slices_add_up
from meshperf.analysis.fleet import fleet_cost
from meshperf.analysis.history import History, HistoryEntry, history
from meshperf.analysis.intervals import (
    COMPANION_ROUNDS,
    geometric_mean,
    hodges_lehmann,
    mean_amount,
    ratio_estimate,
)
from meshperf.analysis.joint_planning import Asked, JointPlan, RoundLength, plan_together
from meshperf.analysis.ladder import Ladder, LadderSum, StepPrice, price_ladder
from meshperf.analysis.ladder_order import LadderOrder, LadderStep, ladder_orders, steps_making, unlike_settings
from meshperf.analysis.load_family import main_ladder
from meshperf.analysis.meshmark import CLASSES, Weights
from meshperf.analysis.meshmark_contrast import MarkContrast, compare_marks
from meshperf.analysis.meshmark_score import MeshMark, mark
from meshperf.analysis.noise_floor import noise_floors
from meshperf.analysis.non_inferiority import BROKEN, HELD, NonInferiority, non_inferiority
from meshperf.analysis.objectives import objective_readings, try_objectives
from meshperf.analysis.pair_judgement import (
    JudgedMetric,
    Terms,
    judge_paired,
    judge_series,
    judge_unpaired,
)
from meshperf.analysis.pairing import arm_fault, excluded_runs, in_order, set_aside
from meshperf.analysis.planning import Pilot, ResolutionPlan, pilot_of, rounds_for
from meshperf.analysis.power import detectable_difference
from meshperf.analysis.prediction import Prediction, predict
from meshperf.analysis.prediction_check import MetricCheck, check_prediction
from meshperf.analysis.prediction_conditions import conditions_of, other_conditions
from meshperf.analysis.prediction_document import is_prediction, prediction_from_document, prediction_to_document
from meshperf.analysis.propagation import convergences, plane_costs
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
from meshperf.analysis.rules import Rules, packaged_rules
from meshperf.analysis.rules_user import is_rules, laid_over
from meshperf.analysis.run_statistics import STATISTICS_METRICS, RunStatistics, judge_statistics
from meshperf.analysis.stopping import StoppingPlan, may_stop, plan_stopping
from meshperf.analysis.unpaired import UnpairedSeries, unpaired_series
from meshperf.analysis.verdicts import FEWEST_ROUNDS
from meshperf.analysis.within_round import within_round

__all__ = [
    "BROKEN",
    "CLASSES",
    "COMPANION_ROUNDS",
    "FEWEST_ROUNDS",
    "HELD",
    "METRICS",
    "PRIMARY_FAMILY",
    "STATISTICS_METRICS",
    "TAIL_REQUESTS",
    "UNITS",
    "ArmSummary",
    "Asked",
    "Comparability",
    "Comparison",
    "ComponentCost",
    "Estimate",
    "History",
    "HistoryEntry",
    "JointPlan",
    "JudgedMetric",
    "Ladder",
    "LadderOrder",
    "LadderStep",
    "LadderSum",
    "MarkContrast",
    "MeshMark",
    "MetricCheck",
    "MetricComparison",
    "NoiseFloor",
    "NonInferiority",
    "ObjectiveOutcome",
    "Pilot",
    "PlannedEnd",
    "Prediction",
    "Reading",
    "RecordGrade",
    "ResolutionPlan",
    "RoundFigure",
    "RoundLength",
    "Rules",
    "RunStatistics",
    "SecondVerdict",
    "Side",
    "StepPrice",
    "StoppingPlan",
    "Terms",
    "UnpairedSeries",
    "Verdict",
    "Violation",
    "Weights",
    "arm_costs",
    "arm_energies",
    "arm_fault",
    "calibrated_rules",
    "calibration_from_document",
    "check_prediction",
    "compare",
    "compare_facts",
    "compare_marks",
    "compare_sides",
    "comparison_from_document",
    "comparison_to_document",
    "conditions_of",
    "convergences",
    "cpu_line",
    "detectable_difference",
    "excluded_runs",
    "figure",
    "fleet_cost",
    "floor_from_document",
    "geometric_mean",
    "grade_of",
    "history",
    "hodges_lehmann",
    "holm",
    "imported_reading",
    "in_order",
    "is_prediction",
    "is_rules",
    "judge_paired",
    "judge_series",
    "judge_statistics",
    "judge_unpaired",
    "ladder_orders",
    "laid_over",
    "main_ladder",
    "mark",
    "may_stop",
    "mean_amount",
    "noise_floors",
    "non_inferiority",
    "objective_rate",
    "objective_readings",
    "other_conditions",
    "own_runs",
    "packaged_rules",
    "pilot_of",
    "plain",
    "plan_stopping",
    "plan_together",
    "plane_costs",
    "predict",
    "prediction_from_document",
    "prediction_to_document",
    "price_ladder",
    "ratio_estimate",
    "reading",
    "record_grade",
    "rounds_for",
    "rounds_for_margin",
    "rounds_to_decide",
    "run_of_imported",
    "set_aside",
    "shown_runs",
    "slices_add_up",
    "steps_making",
    "tost_p",
    "try_objectives",
    "unlike_settings",
    "unpaired_series",
    "use_of",
    "why_no_energy",
    "within_round",
]
