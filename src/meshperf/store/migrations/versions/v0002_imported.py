"""Results of other tools, beside the experiments."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "imported",
        sa.Column("imported_id", sa.String(100), primary_key=True),
        sa.Column("saved", sa.DateTime, nullable=False),
        sa.Column("tool", sa.Text, nullable=False),
        sa.Column("tool_version", sa.Text),
        sa.Column("form", sa.Text, nullable=False),
        sa.Column("file", sa.Text),
        sa.Column("digest", sa.String(64)),
        sa.Column("place", sa.Text),
        sa.Column("name", sa.Text),
        sa.Column("mesh", sa.Text),
        sa.Column("start_time", sa.DateTime),
        sa.Column("end_time", sa.DateTime),
        sa.Column("offered_rps", sa.Float),
        sa.Column("achieved_rps", sa.Float),
        sa.Column("p50_s", sa.Float),
        sa.Column("p90_s", sa.Float),
        sa.Column("p99_s", sa.Float),
        sa.Column("mean_s", sa.Float),
        sa.Column("requests", sa.Integer),
        sa.Column("ok", sa.Integer),
        sa.Column("errors", sa.Integer),
        sa.Column("completeness", sa.Text, nullable=False),
        sa.Column("notes", sa.JSON, nullable=False),
        sa.Column("labels", sa.JSON, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.Column("meshperf", sa.Text, nullable=False),
    )
    op.create_index("ix_imported_saved", "imported", ["saved"])
