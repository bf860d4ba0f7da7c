"""How far each sink has been fed from the audit trail."""

import sqlalchemy as sa
from alembic import op

from mindbridge_postgres.tenancy import isolation_statements

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_positions",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("sink", sa.Text, nullable=False),
        sa.Column("lane", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "sink", "lane", name=op.f("pk_audit_positions")),
        sa.CheckConstraint("char_length(sink) BETWEEN 1 AND 64", name=op.f("ck_audit_positions_sink")),
        sa.CheckConstraint("lane BETWEEN 0 AND 63", name=op.f("ck_audit_positions_lane")),
        sa.CheckConstraint("seq >= 1", name=op.f("ck_audit_positions_seq")),
    )
    op.create_table(
        "audit_sinks",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("complete_until", sa.DateTime(timezone=True)),
        sa.Column("failing_since", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_audit_sinks")),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 64", name=op.f("ck_audit_sinks_name")),
        comment="How far each sink is over all clinics: times alone, so that it can be asked before a clinic is known.",
    )
    op.create_foreign_key(op.f("fk_audit_positions_clinic_id"), "audit_positions", "clinics", ["clinic_id"], ["id"])
    for statement in isolation_statements("audit_positions"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("audit_sinks")
    op.drop_table("audit_positions")
