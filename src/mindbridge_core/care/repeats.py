"""Requests that make a record and may be sent twice: the first answer, kept and given again."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, TypeVar
from uuid import UUID

from cattrs.preconf.json import make_converter

from mindbridge_core.care.entities import Appointment, CrisisEvent, PatientMetric
from mindbridge_core.care.ports import CareUnit
from mindbridge_core.errors import IdempotencyKeyReused
from mindbridge_core.idempotency import IdempotencyKey
from mindbridge_core.work import Desk

__all__ = ["first_answer", "keep_answer"]

Record = TypeVar("Record", Appointment, CrisisEvent, PatientMetric)

_answers: Final = make_converter()
_answers.register_unstructure_hook(UUID, str)
_answers.register_structure_hook(UUID, lambda text, _: UUID(text))
_answers.register_unstructure_hook(Decimal, str)
_answers.register_structure_hook(Decimal, lambda text, _: Decimal(text))


def first_answer(
    desk: Desk[CareUnit], once: IdempotencyKey | None, kind: type[Record], patient_id: UUID
) -> Record | None:
    """Claim the key, if there is one, and return None; or return the record that its first request made.

    Raises IdempotencyKeyReused, for a key that was used for another patient as well.
    """
    answer = desk.unit.answers.first(desk.actor.user_id, once) if once else None
    if answer is None:
        return None
    first = _answers.loads(answer, kind)
    if first.patient_id != patient_id:
        raise IdempotencyKeyReused
    desk.changes({"repeated": True}, plain=frozenset({"repeated"}))
    return first


def keep_answer(desk: Desk[CareUnit], once: IdempotencyKey | None, record: Record) -> None:
    """Keep the record as the answer to whoever sends the key again."""
    if once:
        desk.unit.answers.keep(desk.actor.user_id, once, _answers.dumps(record))
