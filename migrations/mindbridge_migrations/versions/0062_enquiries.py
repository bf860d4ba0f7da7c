"""Enquiries of a provider who answers within a day."""

import sqlalchemy as sa
from alembic import op

from mindbridge_postgres.tenancy import isolation_statements

revision = "0062"
down_revision = "0063"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _enquiries()
    _questions()
    for table in ("enquiries", "questions"):
        for statement in isolation_statements(table):
            op.execute(statement)


def downgrade() -> None:
    op.drop_table("questions")
    op.drop_table("enquiries")


def _within(table: str, column: str, parent: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_clinic_id_{column}")
    return sa.ForeignKeyConstraint(["clinic_id", column], [f"{parent}.clinic_id", f"{parent}.id"], name=name)


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def _enquiries() -> None:
    op.create_table(
        "enquiries",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("batch_id", sa.Uuid, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("look_at", MOMENT, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("handle", sa.Text),
        sa.Column("model", sa.Text),
        sa.Column("prompt_hash", sa.Text),
        sa.Column("submitted_at", MOMENT),
        sa.Column("stopped", sa.Text),
        sa.Column("ended_at", MOMENT),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_enquiries")),
        _within("enquiries", "batch_id", "batches"),
        _check("enquiries", "tries", "tries >= 0"),
        _check("enquiries", "handle", "handle ~ '^[A-Za-z0-9_-]{1,100}$'"),
        _check("enquiries", "model", "char_length(model) BETWEEN 1 AND 100"),
        _check("enquiries", "prompt_hash", "prompt_hash ~ '^[0-9a-f]{64}$'"),
        _check("enquiries", "stopped", "char_length(stopped) BETWEEN 1 AND 100"),
        _check("enquiries", "submission", "num_nulls(handle, model, prompt_hash, submitted_at) IN (0, 4)"),
    )
    op.create_index(
        op.f("ix_enquiries_due"), "enquiries", ["clinic_id", "look_at"], postgresql_where=sa.text("ended_at IS NULL")
    )


def _questions() -> None:
    op.create_table(
        "questions",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("enquiry_id", sa.Uuid, nullable=False),
        sa.Column("batch_id", sa.Uuid, nullable=False),
        sa.Column("patient_id", sa.Uuid, nullable=False),
        sa.Column("custom_id", sa.Text, nullable=False),
        sa.Column("asked", sa.LargeBinary),
        sa.Column("outcome", sa.Text),
        sa.Column("screening_id", sa.Uuid),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_questions")),
        sa.UniqueConstraint("clinic_id", "custom_id", name=op.f("uq_questions_clinic_id_custom_id")),
        sa.UniqueConstraint(
            "clinic_id", "batch_id", "patient_id", name=op.f("uq_questions_clinic_id_batch_id_patient_id")
        ),
        _within("questions", "enquiry_id", "enquiries"),
        _within("questions", "batch_id", "batches"),
        _within("questions", "patient_id", "patients"),
        _within("questions", "screening_id", "screenings"),
        _check("questions", "custom_id", "custom_id ~ '^[A-Za-z0-9_-]{1,64}$'"),
        _check("questions", "asked", "octet_length(asked) BETWEEN 1 AND 4096"),
        _check("questions", "outcome", "char_length(outcome) BETWEEN 1 AND 100"),
        _check("questions", "settled_with_it", "screening_id IS NULL OR outcome IS NOT NULL"),
    )
    op.create_index(op.f("ix_questions_clinic_id_enquiry_id"), "questions", ["clinic_id", "enquiry_id"])
    op.create_index(op.f("ix_questions_clinic_id_patient_id"), "questions", ["clinic_id", "patient_id"])
    op.create_index(
        op.f("ix_questions_open"), "questions", ["clinic_id", "batch_id"], postgresql_where=sa.text("outcome IS NULL")
    )
