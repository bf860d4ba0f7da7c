"""What was asked of somebody who takes a day, in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import attrs

from mindbridge_core.errors import LostUpdate
from mindbridge_core.screening import BatchState, Enquiry, Question
from mindbridge_memory.tables import QuestionRow, Tables

__all__ = ["MemoryEnquiries"]


@attrs.frozen
class MemoryEnquiries:
    """`Enquiries` of the core."""

    tables: Tables
    clinic_id: UUID

    def add(self, enquiry: Enquiry, questions: Sequence[Question]) -> None:
        """Keep both."""
        self.tables.enquiries.put((self.clinic_id, enquiry.id), enquiry)
        for one in questions:
            self.tables.questions.put((self.clinic_id, one.id), QuestionRow(enquiry.id, enquiry.batch_id, one))

    def claim(self, now: datetime, until: datetime) -> Enquiry | None:
        """Keep the try."""
        rows = [one for one in self.tables.enquiries.rows() if one.clinic_id == self.clinic_id]
        due = [one for one in rows if one.ended_at is None and one.look_at <= now]
        if not due:
            return None
        oldest = min(due, key=lambda one: (one.look_at, one.id))
        taken = attrs.evolve(oldest, look_at=until, tries=oldest.tries + 1)
        self.tables.enquiries.put((self.clinic_id, taken.id), taken)
        return taken

    def save(self, enquiry: Enquiry) -> bool:
        """Keep it, if it is still the same try."""
        held = self.tables.enquiries.get((self.clinic_id, enquiry.id))
        if held is None or held.ended_at is not None or held.tries != enquiry.tries:
            return False
        self.tables.enquiries.put((self.clinic_id, enquiry.id), enquiry)
        return True

    def questions(self, enquiry_id: UUID) -> Sequence[Question]:
        """Return those without an outcome."""
        found = [row.question for row in self._rows() if row.enquiry_id == enquiry_id and row.outcome is None]
        return sorted(found, key=lambda one: one.patient_id)

    def ask(self, questions: Sequence[Question]) -> None:
        """Keep what is told."""
        for one in questions:
            row = self.tables.questions.get((self.clinic_id, one.id))
            assert row is not None  # noqa: S101 - questions are never deleted
            self.tables.questions.put((self.clinic_id, one.id), attrs.evolve(row, question=one))

    def settle(self, question_id: UUID, outcome: str, screening_id: UUID | None = None) -> None:
        """Keep the outcome."""
        row = self.tables.questions.get((self.clinic_id, question_id))
        if row is None or row.outcome is not None:
            raise LostUpdate
        settled = attrs.evolve(row, outcome=outcome, screening_id=screening_id)
        self.tables.questions.put((self.clinic_id, question_id), settled)

    def settle_rest(self, enquiry_id: UUID, outcome: str) -> int:
        """Keep the outcome of each that has none."""
        rest = self.questions(enquiry_id)
        for one in rest:
            self.settle(one.id, outcome)
        return len(rest)

    def outcomes(self, enquiry_id: UUID) -> Mapping[str, int]:
        """Count."""
        return Counter(row.outcome for row in self._rows() if row.enquiry_id == enquiry_id and row.outcome is not None)

    def wanted(self, batch_id: UUID) -> bool:
        """Look at the batch."""
        batch = self.tables.batches.get((self.clinic_id, batch_id))
        return batch is not None and batch.state is not BatchState.CANCELLED

    def waits(self, batch_id: UUID) -> bool:
        """Look for one without an outcome."""
        return any(row.batch_id == batch_id and row.outcome is None for row in self._rows())

    def _rows(self) -> list[QuestionRow]:
        return [row for (clinic_id, _), row in self.tables.questions.items() if clinic_id == self.clinic_id]
