"""What a comparison of screenings looks like."""

from __future__ import annotations

from datetime import datetime

import msgspec

from mindbridge_core.screening import Drift, Figure, Measure, Source, Standing, Window

__all__ = ["DriftResource"]


class CountedResource(msgspec.Struct, frozen=True):
    """How many screenings had one value, in the reference and of late."""

    value: str
    reference: int
    recent: int


class WindowResource(msgspec.Struct, frozen=True):
    """From `since` on, before `until`: so many screenings of so many patients.

    Of `opened` screenings the rules that fired were counted.
    """

    since: datetime
    until: datetime
    screenings: int
    patients: int
    opened: int

    @classmethod
    def of(cls, drift: Drift, window: Window, side: int) -> WindowResource:
        """Show one side of `drift`."""
        return cls(window.since, window.until, drift.screenings[side], drift.patients[side], drift.opened[side])


class FigureResource(msgspec.Struct, frozen=True):
    """One thing that was counted on both sides; `psi`, the population stability index, is null for too few patients.

    `of` is the rule, field or guardrail whose share it is, `ages` the subgroup; null for what is of all.
    """

    measure: Measure
    of: str | None
    ages: str | None
    counts: list[CountedResource]
    reference_patients: int
    recent_patients: int
    psi: float | None
    standing: Standing

    @classmethod
    def shown(cls, figure: Figure) -> FigureResource:
        """Show `figure`."""
        reference_patients, recent_patients = figure.patients
        return cls(
            measure=figure.measure,
            of=figure.of,
            ages=figure.ages,
            counts=_counts(figure),
            reference_patients=reference_patients,
            recent_patients=recent_patients,
            psi=figure.psi,
            standing=figure.standing,
        )


class SourceResource(msgspec.Struct, frozen=True):
    """What screenings were made by: versions, models, wordings; `changed` unless one throughout."""

    measure: Measure
    changed: bool
    counts: list[CountedResource]

    @classmethod
    def of(cls, source: Source) -> SourceResource:
        """Show `source`."""
        return cls(source.measure, source.changed, _counts(source))


class DriftResource(msgspec.Struct, frozen=True):
    """The screenings of the last days beside those before. `found`: something drifted, or comes from something else."""

    found: bool
    reference: WindowResource
    recent: WindowResource
    figures: list[FigureResource]
    sources: list[SourceResource]

    @classmethod
    def of(cls, drift: Drift) -> DriftResource:
        """Show `drift`."""
        return cls(
            drift.found,
            WindowResource.of(drift, drift.reference, 0),
            WindowResource.of(drift, drift.recent, 1),
            [FigureResource.shown(figure) for figure in drift.figures],
            [SourceResource.of(source) for source in drift.sources],
        )


def _counts(counted: Figure | Source) -> list[CountedResource]:
    values = dict.fromkeys((*counted.reference, *counted.recent))
    return [CountedResource(one, counted.reference.get(one, 0), counted.recent.get(one, 0)) for one in values]
