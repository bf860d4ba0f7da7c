"""Batches of screenings."""

import sqlalchemy as sa
from alembic import op

from mindbridge_postgres.tenancy import isolation_statements

revision = "0050"
down_revision = "0060"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _batches()
    _patients()
    for table in ("batches", "batch_patients"):
        for statement in isolation_statements(table):
            op.execute(statement)


def downgrade() -> None:
    op.drop_table("batch_patients")
    op.drop_table("batches")


def _within(table: str, column: str, parent: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_clinic_id_{column}")
    return sa.ForeignKeyConstraint(["clinic_id", column], [f"{parent}.clinic_id", f"{parent}.id"], name=name)


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def _batches() -> None:
    op.create_table(
        "batches",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("ordered_by", sa.Uuid),
        sa.Column("case_manager_id", sa.Uuid),
        sa.Column("risk_level", sa.Text),
        sa.Column("screening_type", sa.Text, nullable=False),
        sa.Column("day", sa.Date),
        sa.Column("state", sa.Text, nullable=False, server_default="queued"),
        sa.Column("reason", sa.Text),
        sa.Column("total", sa.Integer, nullable=False, server_default="0"),
        sa.Column("worker", sa.Uuid),
        sa.Column("leased_until", MOMENT),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_batches")),
        sa.UniqueConstraint("clinic_id", "day", name=op.f("uq_batches_clinic_id_day")),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_batches_clinic_id")),
        _within("batches", "ordered_by", "users"),
        _within("batches", "case_manager_id", "users"),
        _check("batches", "risk_level", "risk_level IN ('high', 'medium', 'low')"),
        _check("batches", "screening_type", "screening_type ~ '^[a-z][a-z0-9_]{0,49}$'"),
        _check("batches", "state", "state IN ('queued', 'running', 'done', 'cancelled')"),
        _check("batches", "reason", "char_length(reason) BETWEEN 1 AND 100"),
        _check("batches", "total", "total >= 0"),
        _check("batches", "ended", "(ended_at IS NOT NULL) = (state IN ('done', 'cancelled'))"),
        _check("batches", "cancelled_says_why", "(reason IS NOT NULL) = (state = 'cancelled')"),
        _check("batches", "lease", "(worker IS NULL) = (leased_until IS NULL)"),
    )
    op.create_index(
        op.f("ix_batches_open"), "batches", ["clinic_id", "id"], postgresql_where=sa.text("ended_at IS NULL")
    )


def _patients() -> None:
    op.create_table(
        "batch_patients",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("batch_id", sa.Uuid, nullable=False),
        sa.Column("patient_id", sa.Uuid, nullable=False),
        sa.Column("screening_id", sa.Uuid),
        sa.Column("failure", sa.Text),
        sa.PrimaryKeyConstraint("clinic_id", "batch_id", "patient_id", name=op.f("pk_batch_patients")),
        _within("batch_patients", "batch_id", "batches"),
        _within("batch_patients", "patient_id", "patients"),
        _within("batch_patients", "screening_id", "screenings"),
        _check("batch_patients", "failure", "char_length(failure) BETWEEN 1 AND 100"),
        _check("batch_patients", "settled_once", "screening_id IS NULL OR failure IS NULL"),
    )
    op.create_index(op.f("ix_batch_patients_clinic_id_patient_id"), "batch_patients", ["clinic_id", "patient_id"])
    op.create_index(
        op.f("ix_batch_patients_waiting"),
        "batch_patients",
        ["clinic_id", "batch_id", "patient_id"],
        postgresql_where=sa.text("screening_id IS NULL AND failure IS NULL"),
    )
