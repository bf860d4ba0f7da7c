"""The blind index by which patients are found by name."""

import sqlalchemy as sa
from alembic import op

from mindbridge_postgres.tenancy import isolation_statements

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "patient_search",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("token", sa.LargeBinary, nullable=False),
        sa.Column("patient_id", sa.Uuid, nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "token", "patient_id", name=op.f("pk_patient_search")),
        sa.CheckConstraint("octet_length(token) = 16", name=op.f("ck_patient_search_token")),
    )
    op.create_foreign_key(
        op.f("fk_patient_search_clinic_id_patient_id"),
        "patient_search",
        "patients",
        ["clinic_id", "patient_id"],
        ["clinic_id", "id"],
    )
    op.create_index(op.f("ix_patient_search_clinic_id_patient_id"), "patient_search", ["clinic_id", "patient_id"])
    for statement in isolation_statements("patient_search"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("patient_search")
