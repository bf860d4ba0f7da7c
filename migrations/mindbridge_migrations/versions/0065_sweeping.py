"""Sessions that ended long ago are found, to be deleted; the application's role gets the right with this upgrade."""

from alembic import op

revision = "0065"
down_revision = "0061"
branch_labels = None
depends_on = None

INDEX = "ix_sessions_clinic_id_expires_at"


def upgrade() -> None:
    op.create_index(op.f(INDEX), "sessions", ["clinic_id", "expires_at"])


def downgrade() -> None:
    op.drop_index(op.f(INDEX), "sessions")
