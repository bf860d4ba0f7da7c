"""Pieces of batches, which several workers have at once, and counts of how far a batch is."""

import sqlalchemy as sa
from alembic import op

from mindbridge_postgres.tenancy import isolation_statements

revision = "0061"
down_revision = "0050"
branch_labels = None
depends_on = None

COUNTED = """
UPDATE batches SET screened = counted.screened, failed = counted.failed FROM (
    SELECT clinic_id, batch_id, count(screening_id) AS screened, count(failure) AS failed FROM batch_patients
    GROUP BY clinic_id, batch_id
) AS counted WHERE batches.clinic_id = counted.clinic_id AND batches.id = counted.batch_id
"""


def upgrade() -> None:
    for table, name in (("batches", "screened"), ("batches", "failed"), ("batch_patients", "deaths")):
        op.add_column(table, sa.Column(name, sa.Integer, nullable=False, server_default="0"))
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, f"{name} >= 0")
    op.add_column("batches", sa.Column("reached", sa.Uuid))
    # The owner is bound as well, and no clinic is set: both tables are locked until this has ended.
    for table in ("batches", "batch_patients"):
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(COUNTED)
    for table in ("batches", "batch_patients"):
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.create_check_constraint(op.f("ck_batches_progress"), "batches", "screened + failed <= total")
    op.drop_constraint(op.f("ck_batches_lease"), "batches", type_="check")
    op.drop_column("batches", "worker")
    op.drop_column("batches", "leased_until")
    _pieces()


def _pieces() -> None:
    op.create_table(
        "batch_pieces",
        sa.Column("clinic_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("batch_id", sa.Uuid, nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("patients", sa.ARRAY(sa.Uuid), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_batch_pieces")),
        sa.ForeignKeyConstraint(
            ["clinic_id", "batch_id"],
            ["batches.clinic_id", "batches.id"],
            name=op.f("fk_batch_pieces_clinic_id_batch_id"),
        ),
    )
    op.create_index(op.f("ix_batch_pieces_clinic_id_batch_id"), "batch_pieces", ["clinic_id", "batch_id"])
    for statement in isolation_statements("batch_pieces"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("batch_pieces")
    op.add_column("batches", sa.Column("worker", sa.Uuid))
    op.add_column("batches", sa.Column("leased_until", sa.DateTime(timezone=True)))
    op.create_check_constraint(op.f("ck_batches_lease"), "batches", "(worker IS NULL) = (leased_until IS NULL)")
    for name in ("screened", "failed", "reached"):
        op.drop_column("batches", name)
    op.drop_column("batch_patients", "deaths")
