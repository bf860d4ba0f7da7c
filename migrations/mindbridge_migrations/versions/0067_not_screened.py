"""Alerts of patients who could not be screened, and when a worker last took up patients of a batch."""

import sqlalchemy as sa
from alembic import op

revision = "0067"
down_revision = "0068"
branch_labels = None
depends_on = None

KIND = "ck_alerts_kind"
CAUSE = "uq_alerts_clinic_id_kind_cause_id"
CAUSE_AND_PATIENT = "uq_alerts_clinic_id_kind_cause_id_patient_id"
BEFORE = "kind IN ('break_glass', 'high_risk', 'review_overdue')"
SINCE = "kind IN ('break_glass', 'high_risk', 'not_screened', 'review_overdue')"


def upgrade() -> None:
    op.drop_constraint(op.f(KIND), "alerts", type_="check")
    op.create_check_constraint(op.f(KIND), "alerts", SINCE)
    # One batch sets many patients aside, and is the cause of an alert for each.
    op.create_unique_constraint(op.f(CAUSE_AND_PATIENT), "alerts", ["clinic_id", "kind", "cause_id", "patient_id"])
    op.drop_constraint(op.f(CAUSE), "alerts", type_="unique")
    op.create_index(
        "ix_alerts_not_screened",
        "alerts",
        ["clinic_id", "patient_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'not_screened' AND acknowledged_at IS NULL"),
    )
    op.add_column("batches", sa.Column("taken_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("batches", "taken_at")
    op.drop_index("ix_alerts_not_screened", "alerts")
    # The owner is bound by the walls as well, and no clinic is set: the table is locked until this has ended.
    op.execute("ALTER TABLE alerts NO FORCE ROW LEVEL SECURITY")
    op.execute("DELETE FROM alerts WHERE kind = 'not_screened'")
    op.execute("ALTER TABLE alerts FORCE ROW LEVEL SECURITY")
    op.create_unique_constraint(op.f(CAUSE), "alerts", ["clinic_id", "kind", "cause_id"])
    op.drop_constraint(op.f(CAUSE_AND_PATIENT), "alerts", type_="unique")
    op.drop_constraint(op.f(KIND), "alerts", type_="check")
    op.create_check_constraint(op.f(KIND), "alerts", BEFORE)
