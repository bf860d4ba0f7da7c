"""Where the lanes of a trail begin whose older entries were dropped."""

import sqlalchemy as sa
from alembic import op

from mindbridge_postgres.tenancy import isolation_statements

revision = "0015"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_anchors",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("lane", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("entry_mac", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "lane", "seq", name=op.f("pk_audit_anchors")),
        sa.CheckConstraint("octet_length(entry_mac) = 32", name=op.f("ck_audit_anchors_entry_mac")),
        sa.CheckConstraint("octet_length(hash) = 32", name=op.f("ck_audit_anchors_hash")),
        sa.CheckConstraint("octet_length(mac) = 32", name=op.f("ck_audit_anchors_mac")),
        sa.CheckConstraint("lane BETWEEN 0 AND 63", name=op.f("ck_audit_anchors_lane")),
        sa.CheckConstraint("seq >= 1", name=op.f("ck_audit_anchors_seq")),
    )
    op.create_foreign_key(op.f("fk_audit_anchors_clinic_id"), "audit_anchors", "clinics", ["clinic_id"], ["id"])
    for statement in isolation_statements("audit_anchors"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("audit_anchors")
