"""Begin: experiments, runs, comparisons.

A step is written out and never imports `tables`: it must do the same thing when `tables` has moved on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "experiments",
        sa.Column("experiment_id", sa.String(64), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("bundle", sa.Text, nullable=False),
        sa.Column("saved", sa.DateTime, nullable=False),
        sa.Column("start_time", sa.DateTime),
        sa.Column("end_time", sa.DateTime),
        sa.Column("rounds", sa.Integer, nullable=False),
        sa.Column("arms", sa.JSON, nullable=False),
        sa.Column("command", sa.Text),
        sa.Column("experiment_text", sa.Text),
        sa.Column("facts", sa.JSON),
        sa.Column("meshperf", sa.Text, nullable=False),
    )
    op.create_index("ix_experiments_saved", "experiments", ["saved"])
    op.create_table(
        "runs",
        sa.Column("experiment_id", sa.String(64), nullable=False),
        sa.Column("run_id", sa.String(200), nullable=False),
        sa.Column("arm", sa.Text, nullable=False),
        sa.Column("twin", sa.Integer, nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("group", sa.Integer, nullable=False),
        sa.Column("load_point", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("start_time", sa.DateTime, nullable=False),
        sa.Column("end_time", sa.DateTime, nullable=False),
        sa.Column("measured_s", sa.Float, nullable=False),
        sa.Column("offered_rps", sa.Float),
        sa.Column("achieved_rps", sa.Float),
        sa.Column("p50_s", sa.Float),
        sa.Column("p90_s", sa.Float),
        sa.Column("p99_s", sa.Float),
        sa.Column("mean_s", sa.Float),
        sa.Column("offered", sa.Integer, nullable=False),
        sa.Column("ok", sa.Integer, nullable=False),
        sa.Column("errors", sa.Integer, nullable=False),
        sa.Column("timeouts", sa.Integer, nullable=False),
        sa.Column("unanswered", sa.Integer, nullable=False),
        sa.Column("not_sent", sa.Integer, nullable=False),
        sa.Column("validity", sa.Text, nullable=False),
        sa.Column("validity_reasons", sa.JSON, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("experiment_id", "run_id"),
        sa.ForeignKeyConstraint(["experiment_id"], ["experiments.experiment_id"], ondelete="CASCADE"),
    )
    op.create_table(
        "comparisons",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("experiment_id", sa.String(64), nullable=False),
        sa.Column("load_point", sa.Integer, nullable=False),
        sa.Column("document", sa.JSON, nullable=False),
        sa.UniqueConstraint("experiment_id", "load_point"),
        sa.ForeignKeyConstraint(["experiment_id"], ["experiments.experiment_id"], ondelete="CASCADE"),
    )
