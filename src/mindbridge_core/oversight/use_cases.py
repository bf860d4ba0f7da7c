"""Use cases on the audit trail. Each is entered in the trail itself before anything of it is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from uuid import UUID

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Caller
from mindbridge_core.clock import Clock
from mindbridge_core.errors import BrokenTrail
from mindbridge_core.oversight.checkpoints import Checkpoint, LaneMark
from mindbridge_core.oversight.entities import ChainPlace, Examination, Period, TrailFilter, TrailPage, TrailRecord
from mindbridge_core.oversight.formats import ExportFormat
from mindbridge_core.oversight.ports import OversightUnit, Trails
from mindbridge_core.oversight.verification import Progress, examine
from mindbridge_core.phi import ClinicKeys
from mindbridge_core.work import Work

__all__ = ["CheckpointTrail", "Examiner", "ExportTrail", "ReadTrail", "VerifyTrail"]

BATCH = 500
"""Records that an export reads at once."""


Examiner = Callable[[UUID, Sequence[Checkpoint], Progress], Examination]
"""Goes through a clinic's whole trail, as `examine` does."""


def _untold(_: int) -> None:
    """Tell nobody."""


@attrs.frozen(kw_only=True)
class ReadTrail:
    """Show a page of the clinic's trail."""

    work: Work[OversightUnit]

    def __call__(self, caller: Caller, only: TrailFilter) -> TrailPage:
        """Return the page, newest first. The entry says which filters were set."""
        with self.work(caller, Action.AUDIT_READ) as desk:
            page = desk.unit.trail.page(only)
            desk.changes(_set_in(only), plain=frozenset(attrs.fields_dict(TrailFilter)))
        return page


def _set_in(only: TrailFilter | Period) -> dict[str, object]:
    asked = attrs.asdict(only, recurse=False)
    return {name: value for name, value in asked.items() if value is not None and name not in {"before", "limit"}}


@attrs.frozen(kw_only=True)
class ExportTrail:
    """Give out all of the clinic's trail, or that of a period."""

    work: Work[OversightUnit]
    trails: Trails

    def __call__(self, caller: Caller, period: Period, form: ExportFormat) -> Iterator[TrailRecord]:
        """Return the records in the order of their places, read as they are asked for, in constant memory.

        The export's own entry is kept before the first one is read. Between batches no transaction is open.
        """
        with self.work(caller, Action.AUDIT_EXPORT) as desk:
            clinic_id = desk.principal.clinic_id
            asked = {**_set_in(period), "format": form}
            desk.changes(asked, plain=frozenset(asked))
        return self._records(clinic_id, period)

    def _records(self, clinic_id: UUID, period: Period) -> Iterator[TrailRecord]:
        after: ChainPlace | None = None
        while batch := self.trails.batch(clinic_id, period, after, BATCH):
            yield from batch
            after = ChainPlace(batch[-1].lane, batch[-1].seq, batch[-1].id)


@attrs.frozen(kw_only=True)
class VerifyTrail:
    """Find out whether the clinic's trail is what was written, and where not."""

    work: Work[OversightUnit]
    trails: Trails
    keys: ClinicKeys

    def __call__(
        self,
        caller: Caller,
        *,
        checkpoints: Sequence[Checkpoint] = (),
        most: int | None = None,
        progress: Progress = _untold,
        by: Examiner | None = None,
    ) -> Examination:
        """Return what was found, having examined at most `most` entries.

        `checkpoints` are ones whose signatures have been held; those of other clinics are passed over. `by` goes
        through the trail instead, in several processes for instance.
        """
        with self.work(caller, Action.AUDIT_VERIFY) as desk:
            clinic_id = desk.principal.clinic_id
        if by is not None:
            return by(clinic_id, checkpoints, progress)
        key = self.keys.cipher(clinic_id).audit_key
        return examine(self.trails, key, clinic_id, checkpoints=checkpoints, most=most, progress=progress)


@attrs.frozen(kw_only=True)
class CheckpointTrail:
    """State what the clinic's trail is now, to be signed and kept where the database's keeper cannot reach it."""

    work: Work[OversightUnit]
    trails: Trails
    keys: ClinicKeys
    clock: Clock

    def __call__(self, caller: Caller, *, progress: Progress = _untold) -> Checkpoint:
        """Return the checkpoint of a trail that verifies; raises BrokenTrail for one that does not."""
        with self.work(caller, Action.AUDIT_CHECKPOINT) as desk:
            clinic_id, now = desk.principal.clinic_id, self.clock()
        lanes = list[LaneMark]()
        reached: Callable[[LaneMark], None] = lanes.append
        key = self.keys.cipher(clinic_id).audit_key
        if not examine(self.trails, key, clinic_id, progress=progress, reached=reached).verified:
            raise BrokenTrail
        return Checkpoint(clinic_id=clinic_id, made_at=now, lanes=tuple(lanes))
