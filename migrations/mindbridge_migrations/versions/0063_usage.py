"""What each answer of a model cost, in tokens: sealed with its provenance until now, where nothing can be summed."""

import sqlalchemy as sa
from alembic import op

revision = "0063"
down_revision = "0065"
branch_labels = None
depends_on = None

COLUMNS = ("ai_input_tokens", "ai_output_tokens")


def upgrade() -> None:
    # Screenings made before stay without: their counts are sealed, and are told as not known.
    for name in COLUMNS:
        op.add_column("screenings", sa.Column(name, sa.Integer))
        op.create_check_constraint(op.f(f"ck_screenings_{name}"), "screenings", f"{name} >= 0")
    op.create_check_constraint(
        op.f("ck_screenings_usage"), "screenings", "(ai_input_tokens IS NULL) = (ai_output_tokens IS NULL)"
    )


def downgrade() -> None:
    for name in ("usage", *COLUMNS):
        op.drop_constraint(op.f(f"ck_screenings_{name}"), "screenings", type_="check")
    for name in COLUMNS:
        op.drop_column("screenings", name)
