"""The count of tries per address and per e-mail."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "throttle_windows",
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("hits", sa.Integer, nullable=False, server_default="0"),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_throttle_windows")),
        sa.CheckConstraint("octet_length(key) = 16", name=op.f("ck_throttle_windows_key")),
        sa.CheckConstraint("hits >= 0", name=op.f("ck_throttle_windows_hits")),
        comment="Tries per address and per e-mail, counted before anything is known of who tries.",
    )
    op.create_index(op.f("ix_throttle_windows_ends_at"), "throttle_windows", ["ends_at"])


def downgrade() -> None:
    op.drop_table("throttle_windows")
