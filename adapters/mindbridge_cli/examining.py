"""Going through long trails by lanes in several processes: each with its own connection and its own processor."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Final
from uuid import UUID

import attrs

from mindbridge_cli.compose import Composed, compose
from mindbridge_cli.settings import Settings
from mindbridge_core.compliance import LANES
from mindbridge_core.oversight import Checkpoint, Examination, Progress, examine, joined
from mindbridge_core.oversight.use_cases import Examiner

__all__ = ["examiner"]

WORTH_IT: Final = 100_000
"""Entries from which on it pays to start processes."""
PARTS: Final = 16
"""Parts of a trail: more than processes, so that one with long lanes is not waited for alone."""

_products: Final[list[Composed]] = []
"""What a process that examines is wired to; one at most."""


@contextmanager
def examiner(settings: Settings, product: Composed, processes: int) -> Iterator[Examiner]:
    """Yield what goes through a clinic's trail, short ones in this process."""
    if processes == 1:
        yield _Examining(product, None)
        return
    # Started anew instead of forked: neither connections nor locks of this process are shared.
    with ProcessPoolExecutor(
        processes, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(settings,)
    ) as pool:
        yield _Examining(product, pool)


@attrs.frozen
class _Examining:
    product: Composed
    pool: ProcessPoolExecutor | None

    def __call__(self, clinic_id: UUID, checkpoints: Sequence[Checkpoint], progress: Progress) -> Examination:
        trails = self.product.core.ports.trails
        if self.pool is None or trails.length(clinic_id) < WORTH_IT:
            key = self.product.keys.cipher(clinic_id).audit_key
            return examine(trails, key, clinic_id, checkpoints=checkpoints, progress=progress)
        own = [checkpoint for checkpoint in checkpoints if checkpoint.clinic_id == clinic_id]
        parts = [self.pool.submit(_examine, clinic_id, own, range(first, LANES, PARTS)) for first in range(PARTS)]
        found = list[Examination]()
        for part in as_completed(parts):
            found.append(part.result())
            progress(sum(one.entries for one in found))
        return joined(found)


def _begin(settings: Settings) -> None:
    _products[:] = [compose(settings)]


def _examine(clinic_id: UUID, checkpoints: Sequence[Checkpoint], lanes: Sequence[int]) -> Examination:
    (product,) = _products
    key = product.keys.cipher(clinic_id).audit_key
    return examine(product.core.ports.trails, key, clinic_id, checkpoints=checkpoints, lanes=lanes)
