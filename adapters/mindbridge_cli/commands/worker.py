"""`mindbridge worker`."""

from __future__ import annotations

import gc
from datetime import time, timedelta

import click

from mindbridge_anthropic import AnthropicAssessor
from mindbridge_cli.compose import composed
from mindbridge_cli.ending import end_asked
from mindbridge_cli.logs import configure_logs
from mindbridge_cli.program import settings_of
from mindbridge_cli.working import work
from mindbridge_core.screening import JobLimits

__all__ = ["command"]

LEASES_PER_BUDGET = 3
"""A piece for which the model is asked is a worker's own for so many budgets of a question, or for its lease."""


@click.command("worker")
@click.option("--once", is_flag=True, help="End when nothing is left to do.")
@click.option("--poll", type=click.FloatRange(0.05, 60), default=2.0, show_default=True, help="Seconds between looks.")
@click.option(
    "--lease",
    type=click.FloatRange(0.1, 3600),
    default=120.0,
    show_default=True,
    help="Seconds after which other workers take over the patients that this one has.",
)
@click.option(
    "--chunk",
    type=click.IntRange(1, 2000),
    default=500,
    show_default=True,
    help="Patients in one transaction where nobody but the rules is asked.",
)
@click.option(
    "--look",
    type=click.FloatRange(0.05, 3600),
    default=60.0,
    show_default=True,
    help="Seconds until the first look at a provider's batch; each further pause is twice as long, up to 15 times.",
)
@click.pass_context
def command(ctx: click.Context, *, once: bool, poll: float, lease: float, chunk: int, look: float) -> None:
    """Run the batches of screenings that were ordered, until SIGTERM or SIGINT; any number of workers may run.

    A worker may be killed at any moment: each patient is screened once, and another worker goes on. At its own time, or
    else at MINDBRIDGE_SCREENING_TIME, each clinic has a batch every day, one however many workers there are.
    """
    settings = settings_of(ctx)
    configure_logs(settings.log_level)
    stop = end_asked()
    limits = JobLimits(
        lease=timedelta(seconds=lease),
        lease_asking=timedelta(seconds=LEASES_PER_BUDGET * settings.ai_budget_seconds),
        by_rules=chunk,
        at_once=min(settings.ai_at_once, settings.pool_max),
        look=timedelta(seconds=look),
        longest_look=timedelta(seconds=15 * look),
    )
    at = None if settings.screening_time == "never" else time.fromisoformat(settings.screening_time)
    with composed(settings) as product:
        assessor = product.core.ports.risk_assessor
        if isinstance(assessor, AnthropicAssessor):
            assessor.load()
        gc.freeze()  # what is there by now stays: looking through it again and again costs a tenth of the time
        work(product.core, stop, limits=limits, pause=poll, once=once, daily=at)
