"""Batches of screenings: ordering one, and how far it is."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from time import monotonic, sleep
from typing import Final
from urllib.parse import quote
from uuid import UUID

from flask import Response, request

from mindbridge_core import Action
from mindbridge_core.errors import MindBridgeError
from mindbridge_core.idempotency import IdempotencyKey
from mindbridge_core.screening import Batch, BatchRequest
from mindbridge_flask.calls import Answer, StaffCall
from mindbridge_flask.resources import encode
from mindbridge_flask.routing import RouteTable
from mindbridge_flask.tasks import TaskAccepted, TaskResource

__all__ = ["TASKS"]

TASKS: Final = RouteTable()

PAUSE: Final = 1.0
LONGEST: Final = 60.0
"""Seconds that a stream of events lasts at most: each one takes a thread of the server."""


@TASKS.route(
    "POST",
    "/v1/screenings/batch",
    Action.SCREENING_BATCH,
    status=HTTPStatus.ACCEPTED,
    refusals=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
def order_batch(call: StaffCall, body: BatchRequest, once: IdempotencyKey | None) -> Answer[TaskAccepted]:
    """Order the screening of many patients: a case manager's active ones, those of a level, or all.

    To a case manager, of their own caseload. Who is covered is settled now; a worker screens them one after another.
    404 for a `case_manager_id` who manages no cases here.
    """
    task = call.core.order_batch(call.claim, body, once=once)
    here = quote(request.script_root + request.path.rsplit("/v1/", 1)[0]) + f"/v1/tasks/{task.id}"
    return Answer(content=TaskAccepted(task.id, task.state, here, f"{here}/events"))


@TASKS.route("GET", "/v1/tasks/{task_id}", Action.TASK_VIEW)
def view_task(call: StaffCall, task_id: UUID) -> Answer[TaskResource]:
    """Show how far a batch is: to who ordered it, and to the clinic's admins. Its counts never go back."""
    return Answer(content=TaskResource.of(call.core.view_task(call.claim, task_id)))


@TASKS.route("POST", "/v1/tasks/{task_id}/cancel", Action.TASK_CANCEL)
def cancel_task(call: StaffCall, task_id: UUID) -> Answer[TaskResource]:
    """Cancel a batch: nobody is begun with any more, and what was stored stays. One that has ended stays as it is."""
    return Answer(content=TaskResource.of(call.core.cancel_task(call.claim, task_id)))


@TASKS.route("GET", "/v1/tasks/{task_id}/events", Action.TASK_VIEW, media=("text/event-stream",))
def follow_task(call: StaffCall, task_id: UUID) -> Response:
    """Tell how far a batch is, as server-sent events: `progress` whenever it has changed, and a comment otherwise.

    The stream ends when the batch has ended, when the session has, or after a minute: then ask again.
    """
    task = call.core.view_task(call.claim, task_id)
    answer = Response(_events(call, task), status=HTTPStatus.OK)
    answer.headers["Content-Type"] = "text/event-stream"
    answer.headers["X-Accel-Buffering"] = "no"
    return answer


def _events(call: StaffCall, task: Batch) -> Iterator[bytes]:
    """Yield the events; no transaction is open while it waits."""
    until, told = monotonic() + LONGEST, None
    while True:
        told, before = task, told
        yield (
            b": waiting\n\n" if task == before else b"event: progress\ndata: " + encode(TaskResource.of(task)) + b"\n\n"
        )
        if task.ended or monotonic() >= until:
            return
        sleep(PAUSE)
        try:
            task = call.core.view_task(call.claim, task.id)
        except MindBridgeError:
            return
