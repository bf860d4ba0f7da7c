"""Screenings by time: for the trend of thirty days."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        op.f("ix_screenings_time"),
        "screenings",
        ["clinic_id", "screened_at"],
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_screenings_time"), "screenings")
