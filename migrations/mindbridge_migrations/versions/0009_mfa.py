"""The clinic's rule on second factors, and what an admin's reset leaves owing."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from mindbridge_postgres.tenancy import isolation_statements

revision = "0009"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("mfa_owed", sa.Boolean, nullable=False, server_default=sa.text("false")))
    op.create_check_constraint(op.f("ck_users_mfa_owed"), "users", "NOT (mfa_enabled AND mfa_owed)")
    op.create_table(
        "clinic_policies",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("mfa_roles", ARRAY(sa.Text), nullable=False),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Uuid),
        sa.PrimaryKeyConstraint("clinic_id", name=op.f("pk_clinic_policies")),
        sa.CheckConstraint(
            "mfa_roles <@ ARRAY['case_manager', 'admin', 'compliance_officer', 'readonly']::text[]",
            name=op.f("ck_clinic_policies_mfa_roles"),
        ),
        sa.CheckConstraint("version >= 1", name=op.f("ck_clinic_policies_version")),
        comment="What a clinic demands of its staff. Apart from `clinics`, which the application may only add to.",
    )
    op.create_foreign_key(op.f("fk_clinic_policies_clinic_id"), "clinic_policies", "clinics", ["clinic_id"], ["id"])
    op.create_foreign_key(
        op.f("fk_clinic_policies_clinic_id_updated_by"),
        "clinic_policies",
        "users",
        ["clinic_id", "updated_by"],
        ["clinic_id", "id"],
    )
    for statement in isolation_statements("clinic_policies"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("clinic_policies")
    op.drop_constraint(op.f("ck_users_mfa_owed"), "users", type_="check")
    op.drop_column("users", "mfa_owed")
