"""Making ready for old months of the trail to be dropped: never what is younger than the law wants it kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Caller
from mindbridge_core.clock import Clock
from mindbridge_core.compliance import make_anchor
from mindbridge_core.errors import BrokenTrail, Conflict, Finding, InvalidInput
from mindbridge_core.oversight.checkpoints import Checkpoint, LaneMark, marks_of
from mindbridge_core.oversight.ports import Cut, OversightUnit, Trails
from mindbridge_core.oversight.verification import examine
from mindbridge_core.phi import ClinicKeys
from mindbridge_core.work import Work

__all__ = ["YEARS_KEPT", "RetainTrail", "Retained", "youngest_end"]

YEARS_KEPT: Final = 6
"""45 CFR 164.316(b)(2)(i) and 164.530(j)(2)."""


def youngest_end(now: datetime) -> datetime:
    """Return the latest month's beginning before which every entry is older than six years."""
    return now.replace(year=now.year - YEARS_KEPT, day=1, hour=0, minute=0, second=0, microsecond=0)


@attrs.frozen(kw_only=True)
class Retained:
    """What may go of a clinic's trail, `entries` in all; where the rest begins, as a checkpoint to be signed."""

    entries: int
    anchors: Checkpoint


@attrs.frozen(kw_only=True)
class RetainTrail:
    """Make a clinic's trail ready for whole months to be dropped. The dropping itself is the database owner's."""

    work: Work[OversightUnit]
    trails: Trails
    keys: ClinicKeys
    clock: Clock

    def __call__(
        self, caller: Caller, before: datetime, *, checkpoints: Sequence[Checkpoint], dry_run: bool
    ) -> Retained:
        """Write the anchors that verifying will begin at; with `dry_run` find out whether it could be done.

        `before` is the beginning of a month, at least six years ago. `checkpoints` have had their signatures held. Both
        the intent and the act are entered.

        Raises InvalidInput for a time that is too young, BrokenTrail for a trail that does not verify against the
        checkpoints, and Conflict where they do not cover what would go, or it is not the beginning of every lane.
        """
        with self.work(caller, Action.AUDIT_RETAIN) as desk:
            clinic_id, now = desk.principal.clinic_id, self.clock()
            desk.changes({"before": before, "dry_run": dry_run}, plain=frozenset({"before", "dry_run"}))
            if before > youngest_end(now):
                raise InvalidInput([Finding("/before", "too_young", "Entries are kept for six years.")])
        cuts = self.trails.cuts(clinic_id, before)
        _check(cuts, checkpoints, clinic_id)
        marks = self._marks(clinic_id, cuts, checkpoints)
        retained = Retained(
            entries=sum(cut.entries for cut in cuts.values()),
            anchors=Checkpoint(clinic_id=clinic_id, made_at=now, lanes=marks),
        )
        if marks and not dry_run:
            self._anchor(caller, clinic_id, before, retained)
        return retained

    def _marks(
        self, clinic_id: UUID, cuts: Mapping[int, Cut], checkpoints: Sequence[Checkpoint]
    ) -> tuple[LaneMark, ...]:
        """Verify the whole trail; return where each lane that loses entries stood at the last of them."""
        if not cuts:
            return ()
        marks, stops = list[LaneMark](), {lane: cut.last for lane, cut in cuts.items()}
        key = self.keys.cipher(clinic_id).audit_key
        found = examine(self.trails, key, clinic_id, checkpoints=checkpoints, reached=marks.append, stops=stops)
        ends = tuple(mark for mark in marks if stops.get(mark.lane) == mark.seq)
        if not found.verified or len(ends) != len(cuts):
            raise BrokenTrail
        return ends

    def _anchor(self, caller: Caller, clinic_id: UUID, before: datetime, retained: Retained) -> None:
        key = self.keys.cipher(clinic_id).audit_key
        anchors = [
            make_anchor(key, clinic_id=clinic_id, lane=mark.lane, seq=mark.seq, entry_mac=mark.mac, running=mark.hash)
            for mark in retained.anchors.lanes
        ]
        with self.work(caller, Action.AUDIT_RETAIN) as desk:
            told = {"before": before, "entries": retained.entries}
            desk.changes(told, plain=frozenset(told))
            desk.unit.trail.keep_anchors(anchors, retained.anchors.made_at)


def _check(cuts: Mapping[int, Cut], checkpoints: Sequence[Checkpoint], clinic_id: UUID) -> None:
    marks = marks_of(checkpoints, clinic_id)
    for lane, cut in cuts.items():
        if cut.first_kept and cut.first_kept < cut.last:
            raise Conflict(f"Lane {lane} of clinic {clinic_id} crosses the month's end: choose another month.")
        if cut.last > max((mark.seq for mark in marks.get(lane, ())), default=0):
            raise Conflict(f"No checkpoint covers what would be dropped of lane {lane} of clinic {clinic_id}.")
