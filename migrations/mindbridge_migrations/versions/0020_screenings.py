"""What a screening rests on, and its review by two clinicians where a high risk is lowered."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0030"
branch_labels = None
depends_on = None

LEVELS = "('high', 'medium', 'low')"
ORDER = "ARRAY['low', 'medium', 'high']"
CODE_WORD = "^[a-z][a-z0-9_]{0,49}$"

CHECKS = {
    "rules_level": f"rules_level IN {LEVELS}",
    "rules_version": "char_length(rules_version) BETWEEN 1 AND 100",
    "flags": "jsonb_typeof(flags) = 'array'",
    "missing": "jsonb_typeof(missing) = 'array'",
    "ai_failure": f"ai_failure ~ '{CODE_WORD}'",
    "provenance": "octet_length(provenance) BETWEEN 1 AND 1048576",
    "reviewed_level": f"reviewed_level IN {LEVELS}",
    "proposed_level": f"proposed_level IN {LEVELS}",
    "proposed_reason": "octet_length(proposed_reason) BETWEEN 1 AND 1048576",
    "never_below_rules": f"array_position({ORDER}, risk_level) >= array_position({ORDER}, rules_level)",
    "reviewed_level_of_override": "(review_status = 'overridden') = (reviewed_level IS NOT NULL)",
    "proposal": (
        "num_nonnulls(proposed_by, proposed_at, proposed_level, proposed_reason) IN (0, 4)"
        " AND (review_status <> 'confirmed' OR proposed_by IS NULL)"
    ),
    "high_lowered_by_two": (
        "NOT (risk_level = 'high' AND review_status = 'overridden')"
        " OR (proposed_by IS NOT NULL AND proposed_by <> reviewed_by)"
    ),
}
COLUMNS = (
    "rules_level",
    "rules_version",
    "flags",
    "missing",
    "ai_failure",
    "provenance",
    "reviewed_level",
    "proposed_by",
    "proposed_at",
    "proposed_level",
    "proposed_reason",
)


def upgrade() -> None:
    # No version before this one wrote a screening, so the columns that must be filled need no default.
    op.add_column("screenings", sa.Column("rules_level", sa.Text, nullable=False))
    op.add_column("screenings", sa.Column("rules_version", sa.Text, nullable=False))
    op.add_column("screenings", sa.Column("flags", postgresql.JSONB, nullable=False, server_default="[]"))
    op.add_column("screenings", sa.Column("missing", postgresql.JSONB, nullable=False, server_default="[]"))
    op.add_column("screenings", sa.Column("ai_failure", sa.Text))
    op.add_column("screenings", sa.Column("provenance", sa.LargeBinary, nullable=False))
    op.add_column("screenings", sa.Column("reviewed_level", sa.Text))
    op.add_column("screenings", sa.Column("proposed_by", sa.Uuid))
    op.add_column("screenings", sa.Column("proposed_at", sa.DateTime(timezone=True)))
    op.add_column("screenings", sa.Column("proposed_level", sa.Text))
    op.add_column("screenings", sa.Column("proposed_reason", sa.LargeBinary))
    for name, condition in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_screenings_{name}"), "screenings", condition)
    op.create_foreign_key(
        op.f("fk_screenings_clinic_id_proposed_by"),
        "screenings",
        "users",
        ["clinic_id", "proposed_by"],
        ["clinic_id", "id"],
    )
    _index("id")


def downgrade() -> None:
    _index("screened_at")
    for name in CHECKS:
        op.drop_constraint(op.f(f"ck_screenings_{name}"), "screenings", type_="check")
    for column in COLUMNS:
        op.drop_column("screenings", column)


def _index(last: str) -> None:
    op.drop_index(op.f("ix_screenings_patient"), "screenings")
    op.create_index(
        op.f("ix_screenings_patient"),
        "screenings",
        ["clinic_id", "patient_id", last],
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
