"""What a consent says (42 CFR 2.31(a)), and the disclosures that were made on consents."""

import sqlalchemy as sa
from alembic import op

from mindbridge_postgres.tenancy import isolation_statements

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SHORT = ("discloser", "purpose", "expiry_event", "signed_name")
LONG = ("information", "recipients")
BY = ("recorded_by", "revoked_by")


def upgrade() -> None:
    _extend_patient_consents()
    _create_disclosures()
    for statement in isolation_statements("disclosures"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("disclosures")
    op.drop_constraint(op.f("ck_patient_consents_sud_elements"), "patient_consents", type_="check")
    for column in (*SHORT, *LONG, *BY, "expires_at", "right_to_revoke_stated", "signed_on"):
        op.drop_column("patient_consents", column)


def _extend_patient_consents() -> None:
    for column in BY:
        op.add_column("patient_consents", sa.Column(column, sa.Uuid))
        op.create_foreign_key(
            op.f(f"fk_patient_consents_clinic_id_{column}"),
            "patient_consents",
            "users",
            ["clinic_id", column],
            ["clinic_id", "id"],
        )
    for columns, octets in ((SHORT, 4096), (LONG, 1048576)):
        for column in columns:
            op.add_column("patient_consents", sa.Column(column, sa.LargeBinary))
            op.create_check_constraint(
                op.f(f"ck_patient_consents_{column}"),
                "patient_consents",
                f"octet_length({column}) BETWEEN 1 AND {octets}",
            )
    op.add_column("patient_consents", sa.Column("expires_at", sa.DateTime(timezone=True)))
    op.add_column(
        "patient_consents",
        sa.Column("right_to_revoke_stated", sa.Boolean, nullable=False, server_default=sa.text("false")),
    )
    op.add_column("patient_consents", sa.Column("signed_on", sa.Date))
    op.create_check_constraint(
        op.f("ck_patient_consents_sud_elements"),
        "patient_consents",
        "consent_type <> 'sud_disclosure' OR NOT granted OR (num_nulls(discloser, information, recipients, purpose,"
        " signed_name, signed_on) = 0 AND num_nonnulls(expires_at, expiry_event) > 0 AND right_to_revoke_stated)",
    )


def _create_disclosures() -> None:
    op.create_table(
        "disclosures",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("patient_id", sa.Uuid, nullable=False),
        sa.Column("consent_id", sa.Uuid, nullable=False),
        sa.Column("disclosed_by", sa.Uuid, nullable=False),
        sa.Column("disclosed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ground", sa.Text, nullable=False),
        sa.Column("part2", sa.Boolean, nullable=False),
        sa.Column("recipient", sa.LargeBinary, nullable=False),
        sa.Column("recipient_address", sa.LargeBinary),
        sa.Column("purpose", sa.LargeBinary, nullable=False),
        sa.Column("description", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_disclosures")),
        sa.CheckConstraint(
            "ground IN ('treatment', 'payment', 'operations', 'other')", name=op.f("ck_disclosures_ground")
        ),
        sa.CheckConstraint("octet_length(recipient) BETWEEN 1 AND 4096", name=op.f("ck_disclosures_recipient")),
        sa.CheckConstraint(
            "octet_length(recipient_address) BETWEEN 1 AND 4096", name=op.f("ck_disclosures_recipient_address")
        ),
        sa.CheckConstraint("octet_length(purpose) BETWEEN 1 AND 4096", name=op.f("ck_disclosures_purpose")),
        sa.CheckConstraint("octet_length(description) BETWEEN 1 AND 1048576", name=op.f("ck_disclosures_description")),
        *(
            sa.ForeignKeyConstraint(
                ["clinic_id", column],
                [f"{parent}.clinic_id", f"{parent}.id"],
                name=op.f(f"fk_disclosures_clinic_id_{column}"),
            )
            for column, parent in (
                ("patient_id", "patients"),
                ("consent_id", "patient_consents"),
                ("disclosed_by", "users"),
            )
        ),
    )
    op.create_index(
        op.f("ix_disclosures_clinic_id_patient_id_disclosed_at"),
        "disclosures",
        ["clinic_id", "patient_id", "disclosed_at"],
    )
