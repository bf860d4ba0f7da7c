"""What the records say of a patient's numbers, beside those that were given; who closed and who resolved."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0030"
down_revision = "0008"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
MOMENTS = (
    "adherence_given_at",
    "missed_given_at",
    "calls_given_at",
    "recorded_adherence_at",
    "last_visit_at",
    "visits_since",
    "calls_since",
)
LISTS = ("missed_at", "calls_at")
BY = (("appointments", "closed_by"), ("crisis_events", "resolved_by"))


def upgrade() -> None:
    _extend_patients()
    op.add_column("appointments", sa.Column("closed_at", MOMENT))
    for table, column in BY:
        op.add_column(table, sa.Column(column, sa.Uuid))
        op.create_foreign_key(
            op.f(f"fk_{table}_clinic_id_{column}"), table, "users", ["clinic_id", column], ["clinic_id", "id"]
        )
    op.create_check_constraint(
        op.f("ck_appointments_closed"), "appointments", "(status = 'scheduled') = (closed_at IS NULL)"
    )
    op.create_index(
        op.f("ix_patient_metrics_history"),
        "patient_metrics",
        ["clinic_id", "patient_id", "recorded_at"],
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_patient_metrics_history"), "patient_metrics")
    op.drop_constraint(op.f("ck_appointments_closed"), "appointments", type_="check")
    for table, column in BY:
        op.drop_column(table, column)
    op.drop_column("appointments", "closed_at")
    for column in (*MOMENTS, *LISTS, "recorded_adherence"):
        op.drop_column("patients", column)


def _extend_patients() -> None:
    for column in MOMENTS:
        op.add_column("patients", sa.Column(column, MOMENT))
    for column in LISTS:
        op.add_column("patients", sa.Column(column, postgresql.ARRAY(MOMENT)))
    op.add_column("patients", sa.Column("recorded_adherence", sa.Numeric(5, 2)))
    op.create_check_constraint(
        op.f("ck_patients_recorded_adherence"), "patients", "recorded_adherence BETWEEN 0 AND 100"
    )
    op.create_check_constraint(
        op.f("ck_patients_adherence_recorded"),
        "patients",
        "(recorded_adherence IS NULL) = (recorded_adherence_at IS NULL)",
    )
