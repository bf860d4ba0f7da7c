"""Emergency accesses and their reviews."""

import sqlalchemy as sa
from alembic import op

from mindbridge_postgres.tenancy import isolation_statements

revision = "0010"
down_revision = "0007"
branch_labels = None
depends_on = None

KEYS = (("user_id", "users"), ("patient_id", "patients"), ("reviewed_by", "users"))


def upgrade() -> None:
    _create_emergency_accesses()
    for statement in isolation_statements("emergency_accesses"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("emergency_accesses")


def _create_emergency_accesses() -> None:
    op.create_table(
        "emergency_accesses",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("patient_id", sa.Uuid, nullable=False),
        sa.Column("access_reason", sa.LargeBinary, nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reviewed_at", sa.DateTime(timezone=True)),
        sa.Column("reviewed_by", sa.Uuid),
        sa.Column("outcome", sa.Text),
        sa.Column("note", sa.LargeBinary),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_emergency_accesses")),
        *(sa.CheckConstraint(text, name=op.f(f"ck_emergency_accesses_{name}")) for name, text in _checks().items()),
        *(
            sa.ForeignKeyConstraint(
                ["clinic_id", column],
                [f"{parent}.clinic_id", f"{parent}.id"],
                name=op.f(f"fk_emergency_accesses_clinic_id_{column}"),
            )
            for column, parent in KEYS
        ),
    )
    op.create_index(
        op.f("ix_emergency_accesses_clinic_id_patient_id_user_id"),
        "emergency_accesses",
        ["clinic_id", "patient_id", "user_id"],
    )
    op.create_index(
        "ix_emergency_accesses_unreviewed",
        "emergency_accesses",
        ["clinic_id", "user_id"],
        postgresql_where=sa.text("reviewed_at IS NULL"),
    )


def _checks() -> dict[str, str]:
    return {
        "access_reason": "octet_length(access_reason) BETWEEN 1 AND 1048576",
        "outcome": "outcome IN ('justified', 'unjustified')",
        "note": "octet_length(note) BETWEEN 1 AND 1048576",
        "version": "version >= 1",
        "review": "num_nulls(reviewed_at, reviewed_by, outcome, note) IN (0, 4)",
        "reviewed_by_another": "reviewed_by <> user_id",
        "expires_after_granted": "expires_at >= granted_at",
    }
