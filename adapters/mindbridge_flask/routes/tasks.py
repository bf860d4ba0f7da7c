"""Batches of screenings: ordering one, and how far it is."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import quote
from uuid import UUID

import attrs
from flask import Response, request

from mindbridge_core import Action
from mindbridge_core.idempotency import IdempotencyKey
from mindbridge_core.screening import AsideFilter, Batch, BatchRequest
from mindbridge_flask.calls import Answer, StaffCall
from mindbridge_flask.events import EVENT_STREAM, Told, event, follow
from mindbridge_flask.paging import PageQuery
from mindbridge_flask.resources import encode
from mindbridge_flask.routing import RouteTable
from mindbridge_flask.tasks import SetAsidePage, TaskAccepted, TaskResource

__all__ = ["TASKS"]

TASKS: Final = RouteTable()

PAUSE: Final = 1.0
LONGEST: Final = 60.0
"""Seconds that a stream of progress lasts at most."""


@TASKS.route(
    "POST",
    "/v1/screenings/batch",
    Action.SCREENING_BATCH,
    status=HTTPStatus.ACCEPTED,
    refusals=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
def order_batch(call: StaffCall, body: BatchRequest, once: IdempotencyKey | None) -> Answer[TaskAccepted]:
    """Order the screening of many patients: a case manager's active ones, those of a level, or all.

    To a case manager, of their own caseload. A worker screens them one after another. Of more than a thousand it finds
    the others first, as they are then; until all are found the task is `preparing`.
    404 for a `case_manager_id` who manages no cases here.
    """
    task = call.core.order_batch(call.claim, body, once=once)
    here = quote(request.script_root + request.path.rsplit("/v1/", 1)[0]) + f"/v1/tasks/{task.id}"
    return Answer(content=TaskAccepted(task.id, task.state, here, f"{here}/events"))


@TASKS.route("GET", "/v1/tasks/{task_id}", Action.TASK_VIEW)
def view_task(call: StaffCall, task_id: UUID) -> Answer[TaskResource]:
    """Show how far a batch is: to who ordered it, and to the clinic's admins. Its counts never go back."""
    return Answer(content=_shown(call, call.core.view_task(call.claim, task_id)))


@TASKS.route("GET", "/v1/tasks/{task_id}/set-aside", Action.TASK_SET_ASIDE)
def list_set_aside(call: StaffCall, task_id: UUID, query: PageQuery) -> Answer[SetAsidePage]:
    """List whom the batch could not screen, and why: to a case manager, those who are in their caseload now.

    Each of them has raised an alert (`not_screened`), and the next batch tries them again. `not_found` are those who
    had been removed, or handed over, when their turn came.
    """
    only = AsideFilter(batch_id=task_id, after=query.after, limit=query.limit)
    return Answer(content=SetAsidePage.of(call.core.list_set_aside(call.claim, only)))


@TASKS.route("POST", "/v1/tasks/{task_id}/cancel", Action.TASK_CANCEL)
def cancel_task(call: StaffCall, task_id: UUID) -> Answer[TaskResource]:
    """Cancel a batch: nobody is begun with any more, and what was stored stays. One that has ended stays as it is."""
    return Answer(content=_shown(call, call.core.cancel_task(call.claim, task_id)))


@TASKS.route("GET", "/v1/tasks/{task_id}/events", Action.TASK_VIEW, media=(EVENT_STREAM,))
def follow_task(call: StaffCall, task_id: UUID) -> Response:
    """Tell how far a batch is, as server-sent events: `progress` whenever it has changed, and a comment otherwise.

    The stream ends when the batch has ended, when the session has, or after a minute: then ask again. It does not keep
    a session from ending when it is idle. 503 with Retry-After when too many streams are open.
    """
    seconds = min(LONGEST, call.mount.settings.stream_seconds)
    return follow(call.mount.streams, call.claim.user_id, _Follower(call, task_id), pause=PAUSE, seconds=seconds)


def _shown(call: StaffCall, task: Batch) -> TaskResource:
    return TaskResource.of(task, call.core.ports.clock())


@attrs.define
class _Follower:
    """Looks how far the batch is, and tells what has changed."""

    call: StaffCall
    task_id: UUID
    before: TaskResource | None = None

    def __call__(self) -> Told:
        task = self.call.core.view_task(self.call.claim_again(), self.task_id)
        shown = _shown(self.call, task)
        changed, self.before = shown != self.before, shown
        data = encode(shown)
        return Told(events=event("progress", data) if changed else b"", over=task.ended)
