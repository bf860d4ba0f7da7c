"""From what was measured to rows: each says which figures it needs, and what its ratio has to reach.

The first plan's speed was taken on another day, together with a bare Flask application on the same machine. What the
plan would do here and now is the bare application's speed of this run times the plan's share of it then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import attrs

from benchmarks.load import Sample
from benchmarks.measures import MEASURES
from benchmarks.rows import Row

__all__ = ["OVER_HTTP", "RowMaker", "needed"]

RATE: Final = "/s"

Samples = Mapping[str, Sample]


@attrs.frozen(kw_only=True)
class RowMaker:
    """A row over HTTP: the measures that it needs, and how it is made of them."""

    group: str
    needs: Sequence[str]
    make: Callable[[Samples], Row]


@attrs.frozen(kw_only=True)
class _Plan:
    """What the first plan did in requests per second: without and with its own audit, and bare Flask beside it."""

    bare: str
    bare_then: int
    alone: int
    audited: int


def _against_plan(name: str, plan: _Plan, alone: tuple[float, float], audited: tuple[float, float]) -> list[RowMaker]:
    """Return two rows, each with its goal and must."""
    return [
        _plan_row(name, plan, plan.alone, "the plan", alone),
        _plan_row(name, plan, plan.audited, "the plan with its audit", audited),
    ]


def _plan_row(name: str, plan: _Plan, then: int, which: str, limits: tuple[float, float]) -> RowMaker:
    return RowMaker(
        group=name,
        needs=(name, plan.bare),
        make=lambda samples: Row(
            group=name,
            what=f"{name}, 8 connections",
            figure=samples[name].rate,
            unit=RATE,
            against=f"{RATE} {which}: bare x {then}/{plan.bare_then}",
            bound=samples[plan.bare].rate * then / plan.bare_then,
            goal=limits[0],
            must=limits[1],
        ),
    )


def _share(what: str, *, group: str, figure: str, bound: str, against: str, goal: float | None = None) -> RowMaker:
    return RowMaker(
        group=group,
        needs=(figure, bound),
        make=lambda samples: Row(
            group=group,
            what=what,
            figure=samples[figure].rate,
            unit=RATE,
            against=f"{RATE} {against}",
            bound=samples[bound].rate,
            goal=goal,
        ),
    )


def _tail(name: str, goal: float | None) -> RowMaker:
    return RowMaker(
        group="tails",
        needs=(name,),
        make=lambda samples: Row(
            group="tails",
            what=f"p99 of {name}",
            figure=samples[name].p99 * 1000,
            unit="ms",
            against="ms p50",
            bound=samples[name].p50 * 1000,
            goal=goal,
            at_most=True,
        ),
    )


LIST: Final = _Plan(bare="rows", bare_then=2927, alone=665, audited=418)
GET: Final = _Plan(bare="hello", bare_then=5045, alone=1301, audited=606)
CREATE: Final = _Plan(bare="hello", bare_then=5045, alone=952, audited=522)
UPDATE: Final = _Plan(bare="hello", bare_then=5045, alone=1023, audited=530)

OVER_HTTP: Final[Sequence[RowMaker]] = (
    *_against_plan("list", LIST, (1.2, 0.9), (2.0, 1.4)),
    _share("list, beside bare Flask", group="list", figure="list", bound="rows", against="bare Flask, 50 rows"),
    _share(
        "bare Flask 50 rows, beside a greeting",
        group="list",
        figure="rows",
        bound="hello",
        against="bare Flask, greeting",
    ),
    *_against_plan("get", GET, (1.0, 0.75), (2.0, 1.6)),
    *_against_plan("create", CREATE, (0.9, 0.7), (1.6, 1.25)),
    *_against_plan("update", UPDATE, (0.9, 0.7), (1.6, 1.25)),
    _tail("list", 2.5),
    _tail("get", None),
    _share(
        "list, audited", group="audit", figure="list", bound="list unaudited", against="audit switched off", goal=0.7
    ),
    _share("get, audited", group="audit", figure="get", bound="get unaudited", against="audit switched off", goal=0.7),
    _share(
        "list, encrypted",
        group="encryption",
        figure="list",
        bound="list padded",
        against="encryption switched off",
        goal=0.95,
    ),
    _share(
        "get, encrypted",
        group="encryption",
        figure="get",
        bound="get padded",
        against="encryption switched off",
        goal=0.95,
    ),
    _share(
        "a page 90 % down the list", group="pages", figure="list deep", bound="list", against="page 1", goal=1 / 1.2
    ),
    _share("page 1 of a case manager's share", group="pages", figure="list own", bound="list", against="page 1 of all"),
    _share(
        "16 connections to one clinic",
        group="clinics",
        figure="one clinic",
        bound="many clinics",
        against="16 clinics",
        goal=0.9,
    ),
)


def needed(makers: Sequence[RowMaker]) -> list[str]:
    """Return the measures that these rows need, in an order in which what is compared is measured close together."""
    wanted = {name for maker in makers for name in maker.needs}
    return [name for name in MEASURES if name in wanted]
