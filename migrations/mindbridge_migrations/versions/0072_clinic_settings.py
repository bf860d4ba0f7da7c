"""What a clinic changes of itself: its time zone, and when its patients are screened every day.

The version before goes on meanwhile and afterwards: it knows the zone with which a clinic was opened, and one time for
all clinics.
"""

import sqlalchemy as sa
from alembic import op

from mindbridge_postgres.tenancy import isolation_statements

revision = "0072"
down_revision = "0067"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "clinic_settings",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("timezone", sa.Text, nullable=False),
        sa.Column("screening_time", sa.Text),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", name=op.f("pk_clinic_settings")),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_clinic_settings_clinic_id")),
        sa.CheckConstraint("char_length(timezone) BETWEEN 1 AND 64", name=op.f("ck_clinic_settings_timezone")),
        sa.CheckConstraint(
            "screening_time ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'", name=op.f("ck_clinic_settings_screening_time")
        ),
        sa.CheckConstraint("version >= 1", name=op.f("ck_clinic_settings_version")),
        comment="What a clinic has changed of itself since it was opened; `clinics` says the rest. No row: nothing.",
    )
    for statement in isolation_statements("clinic_settings"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("clinic_settings")
