"""`mindbridge evaluate`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import attrs
import click

from mindbridge_cli.assessors import cost_of, open_assessor
from mindbridge_cli.output import as_json, check_found, result
from mindbridge_cli.program import settings_of
from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening import (
    CURRENT_RULES,
    Evaluation,
    GoldenSet,
    Rates,
    RiskAssessor,
    RulesOnly,
    assess_cases,
    evaluate,
    read_golden_set,
)

__all__ = ["command"]

LEAST_SENSITIVITY: Final = 0.95


@click.command("evaluate")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("--assessor", type=click.Choice(["rules", "model"]), default="rules", show_default=True)
@click.option(
    "--least-sensitivity",
    type=click.FloatRange(0, 1),
    default=LEAST_SENSITIVITY,
    show_default=True,
    help="Which share of the high must be found, or the command ends with 3.",
)
@as_json
@click.pass_context
def command(ctx: click.Context, file: Path | None, *, assessor: str, least_sensitivity: float, json_: bool) -> None:
    """Hold an assessor against the cases of FILE, by default the synthetic set that comes along.

    `rules` asks nobody; `model` asks the language model of the settings, guardrails included. Ends with 3 when too few
    of the high are found, or any result is lower than the rules'.
    """
    golden = _golden_set(file)
    with _asked(ctx, model=assessor == "model") as asked:
        found = evaluate(asked.name, CURRENT_RULES, list(_cases(asked, golden)))
    passed = found.passes(least_sensitivity)
    cost = cost_of(settings_of(ctx), found.input_tokens, found.output_tokens) if found.input_tokens else None
    content = _content(golden, found) | {"passed": passed, "least_sensitivity": least_sensitivity}
    content |= {"cost": None if cost is None else str(cost)}
    result(content, _lines(golden, found, least_sensitivity, cost), json_=json_)
    if not passed:
        check_found()


def _golden_set(file: Path | None) -> GoldenSet:
    text = (file or files("mindbridge_cli").joinpath("data/vignettes.json")).read_text("utf-8")
    try:
        content = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise click.UsageError("the file must be JSON") from None
    return read_golden_set(content)


@contextmanager
def _asked(ctx: click.Context, *, model: bool) -> Iterator[RiskAssessor]:
    if not model:
        yield RulesOnly()
        return
    with open_assessor(settings_of(ctx)) as found:
        if not found.asks:
            raise click.UsageError("no model is to be asked: set MINDBRIDGE_AI_API_KEY, and take the kill switch away")
        yield found


def _cases(assessor: RiskAssessor, golden: GoldenSet) -> Iterator[Any]:
    cases = assess_cases(assessor, CURRENT_RULES, golden.vignettes)
    length = len(golden.vignettes)
    with click.progressbar(cases, length=length, label="Assessing", file=sys.stderr) as shown:
        yield from shown


def _content(golden: GoldenSet, found: Evaluation) -> dict[str, object]:
    return {
        "about": golden.about,
        "assessor": found.assessor,
        "rules_version": found.rules_version,
        **_rates(found.rates),
        "confusion": {f"{truth} as {given}": count for (truth, given), count in sorted(found.confusion.items())},
        "calibration": [attrs.asdict(one) for one in found.bins],
        "brier": found.brier,
        "subgroups": {group.name: _rates(group.rates) for group in found.subgroups},
        "largest_gap": found.gap,
        "failures": found.failures,
        "input_tokens": found.input_tokens,
        "output_tokens": found.output_tokens,
        "below_rules": found.below_rules,
        "missed": list(found.missed),
    }


def _rates(rates: Rates) -> dict[str, object]:
    return {
        "cases": rates.cases,
        "sensitivity": rates.sensitivity,
        "specificity": rates.specificity,
        "ppv": rates.ppv,
    }


def _lines(golden: GoldenSet, found: Evaluation, least: float, cost: Decimal | None) -> Iterator[str]:
    rates = found.rates
    yield click.wrap_text(golden.about, 100)
    yield ""
    yield f"{rates.cases} cases, assessor {found.assessor}, rules {found.rules_version}"
    yield f"  sensitivity for high  {_per_cent(rates.sensitivity)}  ({rates.missed_high} missed)"
    yield f"  specificity           {_per_cent(rates.specificity)}  ({rates.false_high} called high and are not)"
    yield f"  predictive value      {_per_cent(rates.ppv)}"
    yield f"  Brier score           {found.brier:8.3f}  (0 is best, 0.25 a guess)"
    yield f"  largest subgroup gap  {_per_cent(found.gap)}"
    yield f"  answers that failed   {found.failures:6}"
    yield f"  below the rules       {found.below_rules:6}"
    if found.input_tokens:
        priced = "no prices are set" if cost is None else f"{cost:.2f} at the prices set now"
        yield f"  tokens sent, written  {found.input_tokens:6}, {found.output_tokens}  ({priced})"
    yield ""
    yield from _table(found.confusion)
    yield ""
    yield "  score     cases  mean score  truly high"
    for one in found.bins:
        yield f"  {one.least:3}-{one.most:<3}  {one.cases:7}  {one.mean_score:10.1f}  {one.share_high:8.1f} %"
    yield ""
    yield "  subgroup            cases  sensitivity  specificity"
    for group in found.subgroups:
        told = group.rates
        yield f"  {group.name:18}  {told.cases:5}  {_per_cent(told.sensitivity):>11}  {_per_cent(told.specificity):>11}"
    yield ""
    verdict = "held" if found.passes(least) else f"NOT HELD: missed {', '.join(found.missed) or 'none'}"
    yield f"At least {least:.0%} of the high found, nothing below the rules: {verdict}"


def _table(confusion: Mapping[tuple[RiskLevel, RiskLevel], int]) -> Iterator[str]:
    yield "  truly \\ given " + "".join(f"{level:>8}" for level in RiskLevel)
    for truth in RiskLevel:
        yield f"  {truth:13} " + "".join(f"{confusion.get((truth, given), 0):8}" for given in RiskLevel)


def _per_cent(share: float | None) -> str:
    return "  none  " if share is None else f"{100 * share:6.1f} %"
