"""Alerts: raised once for each cause, acknowledged by somebody."""

import sqlalchemy as sa
from alembic import op

from mindbridge_postgres.tenancy import isolation_statements

revision = "0060"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("patient_id", sa.Uuid, nullable=False),
        sa.Column("cause_id", sa.Uuid, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True)),
        sa.Column("acknowledged_by", sa.Uuid),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_alerts")),
        sa.UniqueConstraint("clinic_id", "kind", "cause_id", name=op.f("uq_alerts_clinic_id_kind_cause_id")),
        sa.ForeignKeyConstraint(
            ["clinic_id", "patient_id"],
            ["patients.clinic_id", "patients.id"],
            name=op.f("fk_alerts_clinic_id_patient_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "acknowledged_by"],
            ["users.clinic_id", "users.id"],
            name=op.f("fk_alerts_clinic_id_acknowledged_by"),
        ),
        sa.CheckConstraint("kind IN ('break_glass', 'high_risk', 'review_overdue')", name=op.f("ck_alerts_kind")),
        sa.CheckConstraint(
            "(acknowledged_at IS NULL) = (acknowledged_by IS NULL)", name=op.f("ck_alerts_acknowledgement")
        ),
    )
    op.create_index(op.f("ix_alerts_clinic_id_patient_id"), "alerts", ["clinic_id", "patient_id"])
    op.create_index(
        "ix_alerts_unacknowledged", "alerts", ["clinic_id", "id"], postgresql_where=sa.text("acknowledged_at IS NULL")
    )
    for statement in isolation_statements("alerts"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("alerts")
