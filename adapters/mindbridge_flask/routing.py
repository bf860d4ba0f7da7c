"""The declared route table: rules, the OpenAPI document and the catalogue test are all made from it.

A handler's signature is its declaration. Its first parameter says who may call: `Call` anyone,
`StaffCall` whoever has an access token. Beside it there may be `body` and `query` (input classes), `upload` (a file),
`version` (from If-Match), `once` (from Idempotency-Key), `since` (from Last-Event-ID), and the variables of the path,
which are UUIDs. What the good answer holds is the return annotation's.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from http import HTTPStatus
from types import UnionType
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import attrs
from flask import Response

from mindbridge_core import Action
from mindbridge_flask.calls import Answer, Call, NoQuery, StaffCall

__all__ = ["Route", "RouteTable"]

Handler = Callable[..., "Answer[Any] | Response"]
H = TypeVar("H", bound=Handler)

OK: Final = HTTPStatus.OK
_OWN_NAMES: Final = {"call", "body", "query", "version", "state", "once", "since", "upload"}


@attrs.frozen(kw_only=True)
class Route:
    """One method on one path.

    `action` is the operation that it performs; None where none is performed, as on a health check. `media` are the
    types of an answer that is no JSON, which a `negotiated` route gives to whoever asks for it. `throttled` routes
    count tries by address and e-mail. `refusals` are the statuses that this route gives beyond those that follow
    from its parts.
    """

    method: str
    path: str
    handler: Handler
    action: Action | None
    status: HTTPStatus
    refusals: frozenset[HTTPStatus]
    page: bool
    tagged: bool
    documented: bool
    staff: bool
    throttled: bool
    body: type[attrs.AttrsInstance] | None
    query: type[attrs.AttrsInstance]
    answer: type[Any]
    conditional: bool
    repeatable: bool
    variables: tuple[str, ...]
    takes: frozenset[str]
    media: tuple[str, ...]
    negotiated: bool

    @property
    def name(self) -> str:
        """The handler's name, in which route and operation are known."""
        return self.handler.__name__

    @property
    def statuses(self) -> frozenset[HTTPStatus]:
        """Every status that the route may give to its own method."""
        found = {self.status, HTTPStatus.INTERNAL_SERVER_ERROR} | self.refusals
        if not self.page:
            found |= {HTTPStatus.UNPROCESSABLE_ENTITY}
        if self.action is not None:
            found |= {HTTPStatus.SERVICE_UNAVAILABLE}
        if self.staff:
            found |= {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
        if self.body is not None or "upload" in self.takes:
            found |= {
                HTTPStatus.BAD_REQUEST,
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            }
        if self.tagged and self.method == "GET":
            found |= {HTTPStatus.NOT_MODIFIED}
        if self.variables:
            found |= {HTTPStatus.NOT_FOUND}
        if self.conditional:
            found |= {HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED, HTTPStatus.PRECONDITION_REQUIRED}
        return frozenset(found)


class RouteTable:
    """Routes in the order of their declaration."""

    def __init__(self) -> None:
        self._routes: list[Route] = []

    def __iter__(self) -> Iterator[Route]:
        """Yield every route."""
        return iter(self._routes)

    def route(
        self,
        method: str,
        path: str,
        action: Action | None,
        *,
        status: HTTPStatus = OK,
        refusals: tuple[HTTPStatus, ...] = (),
        page: bool = False,
        tagged: bool = False,
        documented: bool = True,
        throttled: bool = False,
        media: tuple[str, ...] = ("text/html",),
    ) -> Callable[[H], H]:
        """Declare the decorated handler for `method` on `path`; variables stand there as `{patient_id}`.

        A `page` is for people: it may bring its own content security policy and ignores query parameters.
        A `tagged` answer carries an ETag, and is compared with If-None-Match where the method is GET. What
        is not `documented` is part of a page. A `throttled` route counts tries: by address before anything is
        read, and by the body's `email` where there is one.

        `media` are the types of an answer that the handler makes itself.
        """

        def declare(handler: H) -> H:
            hints = get_type_hints(handler)
            names = list(inspect.signature(handler).parameters)
            results = _members(hints["return"])
            answer = next((get_args(one)[0] for one in results if get_origin(one) is Answer), Response)
            declared = Route(
                method=method,
                path=path,
                handler=handler,
                action=action,
                status=status,
                refusals=frozenset(refusals) | ({HTTPStatus.TOO_MANY_REQUESTS} if throttled else set()),
                page=page,
                tagged=tagged,
                documented=documented,
                staff=_is_staff(hints[names[0]]),
                throttled=throttled,
                body=hints.get("body"),
                query=hints.get("query", NoQuery),
                answer=answer,
                negotiated=len(results) > 1,
                conditional="version" in names,
                repeatable="once" in names,
                variables=_variables(names, hints, path),
                takes=frozenset(names),
                media=media,
            )
            self._routes.append(declared)
            return handler

        return declare


def _is_staff(call: type[Call]) -> bool:
    return issubclass(call, StaffCall)


def _members(annotation: Any) -> tuple[Any, ...]:  # noqa: ANN401 - any type
    return get_args(annotation) if get_origin(annotation) in {Union, UnionType} else (annotation,)


def _variables(names: list[str], hints: dict[str, Any], path: str) -> tuple[str, ...]:
    """Return the path's variables; a handler that does not fit its path is found when it is declared."""
    variables = tuple(name for name in names if name not in _OWN_NAMES)
    if any("{" + name + "}" not in path or hints[name] is not UUID for name in variables):
        message = f"a handler does not fit its path {path}"
        raise TypeError(message)
    return variables
