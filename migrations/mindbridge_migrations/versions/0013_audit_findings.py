"""Findings of unusual access."""

import sqlalchemy as sa
from alembic import op

from mindbridge_postgres.tenancy import isolation_statements

revision = "0013"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_findings",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("observed", sa.Integer, nullable=False),
        sa.Column("threshold", sa.Integer, nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_audit_findings")),
        sa.UniqueConstraint(
            "clinic_id",
            "user_id",
            "rule",
            "window_start",
            name=op.f("uq_audit_findings_clinic_id_user_id_rule_window_start"),
        ),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_audit_findings_clinic_id")),
        sa.CheckConstraint("char_length(rule) BETWEEN 1 AND 64", name=op.f("ck_audit_findings_rule")),
        sa.CheckConstraint("window_end > window_start", name=op.f("ck_audit_findings_window")),
        sa.CheckConstraint("threshold >= 0", name=op.f("ck_audit_findings_threshold")),
        sa.CheckConstraint("observed > threshold", name=op.f("ck_audit_findings_observed")),
    )
    for statement in isolation_statements("audit_findings"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("audit_findings")
