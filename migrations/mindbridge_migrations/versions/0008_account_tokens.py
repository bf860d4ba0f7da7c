"""One-time tokens of accounts: invitations and resets of passwords."""

import sqlalchemy as sa
from alembic import op

from mindbridge_postgres.tenancy import isolation_statements

revision = "0008"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account_tokens",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("clinic_id", "user_id", "purpose", name=op.f("pk_account_tokens")),
        sa.ForeignKeyConstraint(
            ["clinic_id", "user_id"],
            ["users.clinic_id", "users.id"],
            name=op.f("fk_account_tokens_clinic_id_user_id"),
        ),
        sa.UniqueConstraint("clinic_id", "token_hash", name=op.f("uq_account_tokens_clinic_id_token_hash")),
        sa.CheckConstraint("purpose IN ('invitation', 'reset')", name=op.f("ck_account_tokens_purpose")),
        sa.CheckConstraint("octet_length(token_hash) = 32", name=op.f("ck_account_tokens_token_hash")),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_account_tokens_expires_after_created")),
        comment="The one-time token of each account and purpose, hashed; a new one takes the old one's place.",
    )
    for statement in isolation_statements("account_tokens"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("account_tokens")
