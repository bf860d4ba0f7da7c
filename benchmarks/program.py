"""The program: sets the scene, measures what was asked for, prints the table."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

import attrs

from benchmarks.alone import hash_rate, import_seconds, select_rate, view_seconds
from benchmarks.beside import beside_logins
from benchmarks.load import Sample
from benchmarks.measures import MEASURES, run_rounds
from benchmarks.results import OVER_HTTP, needed
from benchmarks.rows import Row, Verdict, table, write_json
from benchmarks.scene import Scene, running_scene
from benchmarks.screening import rules_rate, stored_rows
from benchmarks.servers import PRODUCT, Server, running_server

__all__ = ["main"]

GROUPS: Final = (
    "import", "view", "rules", "list", "get", "create", "update", "tails", "audit", "encryption", "pages", "clinics",
    "select", "screen", "login", "beside", "memory",
)  # fmt: skip
WITHOUT_SERVER: Final = {"import", "view", "rules"}
VIEW_BOUND_US: Final = 60.0
RULES_BOUND: Final = 50_000.0
WORKER_BOUND_MIB: Final = 120.0


@attrs.frozen(kw_only=True)
class Plan:
    """How much is measured."""

    groups: frozenset[str]
    patients: int
    seconds: float
    rounds: int


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/run", description="Ratios to bounds measured in the same run.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there as well")
    parser.add_argument("--patients", type=int, default=100_000, help="in the large clinic (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="of each measure in each round (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="whose median counts (default: %(default)s)")
    parser.add_argument("--only", action="append", choices=GROUPS, metavar="NAME", help=f"one of {', '.join(GROUPS)}")
    parser.add_argument("--quick", action="store_true", help="2,000 patients, one short round: shows that all runs")
    return parser.parse_args()


def _plan(arguments: argparse.Namespace) -> Plan:
    groups = frozenset(arguments.only or GROUPS)
    if arguments.quick:
        return Plan(groups=groups, patients=2_000, seconds=0.25, rounds=1)
    return Plan(groups=groups, patients=arguments.patients, seconds=arguments.seconds, rounds=arguments.rounds)


def _import_row(module: str, goal: float | None, plan: Plan) -> Row:
    core, two = import_seconds(module, 5 * plan.rounds)
    return Row(
        group="import",
        what=f"import {module}",
        figure=core * 1000,
        unit="ms",
        against="ms attrs and cattrs",
        bound=two * 1000,
        goal=goal,
        at_most=True,
    )


def _view_row(plan: Plan) -> Row:
    return Row(
        group="view",
        what="view one patient in memory, audited",
        figure=view_seconds(plan.seconds) * 1e6,
        unit="us",
        against="us",
        bound=VIEW_BOUND_US,
        goal=1.0,
        at_most=True,
    )


def _rules_row(plan: Plan) -> Row:
    return Row(
        group="rules",
        what="screen by rules, pure",
        figure=rules_rate(plan.seconds),
        unit="patients/s",
        against="patients/s",
        bound=RULES_BOUND,
        goal=1.0,
    )


@attrs.frozen(kw_only=True)
class _Stage:
    """The scene with its servers, and how they are driven."""

    plan: Plan
    scene: Scene
    servers: Mapping[str, Server]

    def rates(
        self, names: Sequence[str], *, seconds: float | None = None, rounds: int | None = None
    ) -> dict[str, Sample]:
        """Return the medians of the rounds."""
        lasting = self.plan.seconds if seconds is None else seconds
        return run_rounds(names, self.scene, self.servers, seconds=lasting, rounds=rounds or self.plan.rounds)

    def resident(self) -> float:
        """Return the memory of the product's largest worker in MiB."""
        return max(self.servers[PRODUCT].memory())


def _select_row(stage: _Stage) -> Row:
    listed = stage.rates(["list"], rounds=1)["list"].rate
    bound = select_rate(stage.scene, stage.plan.seconds).rate
    what = "list, beside its bare SELECT"
    return Row(group="select", what=what, figure=listed, unit="/s", against="/s on one connection", bound=bound)


def _login_row(stage: _Stage) -> Row:
    cores = len(os.sched_getaffinity(0))
    lasting = 2 * stage.plan.seconds
    logins = stage.rates(["login"], seconds=lasting)["login"].rate
    bound = hash_rate(lasting, cores)
    against = f"/s bare argon2id, {cores} at once"
    return Row(group="login", what="login", figure=logins, unit="/s", against=against, bound=bound, goal=0.85)


def _rest_row(at_rest: float) -> Row:
    what, bound = "a worker at rest", WORKER_BOUND_MIB
    return Row(
        group="memory", what=what, figure=at_rest, unit="MiB", against="MiB", bound=bound, goal=1.0, at_most=True
    )


def _growth_row(after: str, now: float, at_rest: float) -> Row:
    against = "MiB at rest"
    return Row(group="memory", what=f"a worker after {after}", figure=now, unit="MiB", against=against, bound=at_rest)


def _served(plan: Plan, folder: Path) -> Iterator[Row]:
    with ExitStack() as stack:
        scene = stack.enter_context(running_scene(folder, plan.patients))
        environment = {
            "MINDBRIDGE_DATABASE_URL": scene.application_url,
            "MINDBRIDGE_KEY_RING_FILE": str(scene.ring_path),
        }
        names = dict.fromkeys(measure.server for measure in MEASURES.values())
        servers = {
            name: stack.enter_context(running_server(name, environment, folder / f"{name}.log")) for name in names
        }
        yield from _on_stage(_Stage(plan=plan, scene=scene, servers=servers))


def _on_stage(stage: _Stage) -> Iterator[Row]:
    groups = stage.plan.groups
    stage.rates(["list", "get"], seconds=0.2, rounds=1)
    at_rest = stage.resident()
    makers = [maker for maker in OVER_HTTP if maker.group in groups]
    samples = stage.rates(needed(makers))
    yield from (maker.make(samples) for maker in makers)
    after_traffic = stage.resident()
    answers = sum(sample.answers for name, sample in samples.items() if MEASURES[name].server == PRODUCT)
    if "select" in groups:
        yield _select_row(stage)
    if "screen" in groups:
        yield from stored_rows(stage.scene, 2 * stage.plan.seconds)
    if "login" in groups:
        yield _login_row(stage)
    if "beside" in groups:
        yield beside_logins(stage.scene, stage.servers[PRODUCT], stage.plan.seconds)
    if "memory" in groups:
        yield _rest_row(at_rest)
        yield _growth_row(f"{answers:,} answers by both", after_traffic, at_rest)
        yield _growth_row("logins as well", stage.resident(), at_rest)


def _measure(plan: Plan) -> list[Row]:
    single: Sequence[tuple[str, Callable[[Plan], Row]]] = (
        ("import", partial(_import_row, "mindbridge_core", 1.5)),
        ("import", partial(_import_row, "mindbridge_core.app", None)),  # every use case, which is what a server loads
        ("view", _view_row),
        ("rules", _rules_row),
    )
    rows = [make(plan) for group, make in single if group in plan.groups]
    if plan.groups <= WITHOUT_SERVER:
        return rows
    folder = Path(tempfile.mkdtemp(prefix="mindbridge-benchmark-"))
    try:
        return rows + list(_served(plan, folder))
    finally:
        shutil.rmtree(folder)


def main() -> int:
    """Run; 0 whatever the figures say: they are for people, and for what compares runs."""
    arguments = _arguments()
    plan = _plan(arguments)
    started = time.monotonic()
    rows = _measure(plan)
    print(table(rows))
    missed = sum(row.verdict is Verdict.MISSED for row in rows)
    print(f"\n{len(rows)} rows, {missed} missed, {time.monotonic() - started:.0f} s; medians of {plan.rounds} round(s)")
    if arguments.json is not None:
        settings = attrs.asdict(plan) | {"groups": sorted(plan.groups), "python": platform.python_version()}
        write_json(arguments.json, rows, settings)
    return 0
