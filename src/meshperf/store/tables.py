"""The tables, in SI units; a figure that is unknown is NULL, never 0.

This is how the newest version of the store looks. How older ones get there is in `migrations/versions`; a test builds
the store both ways and compares.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

__all__ = ["HEAD", "KNOWN", "METADATA", "comparisons", "experiments", "imported", "runs"]

KNOWN = ("0001", "0002")
"""Every version of the store, oldest first. Kept here so that opening a current store needs no Alembic."""
HEAD = KNOWN[-1]

METADATA = MetaData()

experiments = Table(
    "experiments",
    METADATA,
    Column("experiment_id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("bundle", Text, nullable=False),  # empty where there was none
    Column("saved", DateTime, nullable=False, index=True),
    Column("start_time", DateTime),
    Column("end_time", DateTime),
    Column("rounds", Integer, nullable=False),
    Column("arms", JSON, nullable=False),
    Column("command", Text),
    Column("experiment_text", Text),
    Column("facts", JSON(none_as_null=True)),
    Column("meshperf", Text, nullable=False),
)

runs = Table(
    "runs",
    METADATA,
    Column("experiment_id", ForeignKey("experiments.experiment_id", ondelete="CASCADE"), nullable=False),
    Column("run_id", String(200), nullable=False),
    Column("arm", Text, nullable=False),
    Column("twin", Integer, nullable=False),
    Column("round", Integer, nullable=False),
    Column("group", Integer, nullable=False),
    Column("load_point", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("start_time", DateTime, nullable=False),
    Column("end_time", DateTime, nullable=False),
    Column("measured_s", Float, nullable=False),
    Column("offered_rps", Float),
    Column("achieved_rps", Float),
    Column("p50_s", Float),
    Column("p90_s", Float),
    Column("p99_s", Float),
    Column("mean_s", Float),
    Column("offered", Integer, nullable=False),
    Column("ok", Integer, nullable=False),
    Column("errors", Integer, nullable=False),
    Column("timeouts", Integer, nullable=False),
    Column("unanswered", Integer, nullable=False),
    Column("not_sent", Integer, nullable=False),
    Column("validity", Text, nullable=False),
    Column("validity_reasons", JSON, nullable=False),
    Column("document", LargeBinary, nullable=False),
    PrimaryKeyConstraint("experiment_id", "run_id"),
)

comparisons = Table(
    "comparisons",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("experiment_id", ForeignKey("experiments.experiment_id", ondelete="CASCADE"), nullable=False),
    Column("load_point", Integer, nullable=False),
    Column("document", JSON, nullable=False),
    UniqueConstraint("experiment_id", "load_point"),
)

imported = Table(
    "imported",
    METADATA,
    Column("imported_id", String(100), primary_key=True),
    Column("saved", DateTime, nullable=False, index=True),
    Column("tool", Text, nullable=False),
    Column("tool_version", Text),
    Column("form", Text, nullable=False),
    Column("file", Text),
    Column("digest", String(64)),
    Column("place", Text),
    Column("name", Text),
    Column("mesh", Text),
    Column("start_time", DateTime),
    Column("end_time", DateTime),
    Column("offered_rps", Float),
    Column("achieved_rps", Float),
    Column("p50_s", Float),
    Column("p90_s", Float),
    Column("p99_s", Float),
    Column("mean_s", Float),
    Column("requests", Integer),
    Column("ok", Integer),
    Column("errors", Integer),
    Column("completeness", Text, nullable=False),
    Column("notes", JSON, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("meshperf", Text, nullable=False),
)
"""Results of other tools: an index of SMP documents, which hold everything."""
